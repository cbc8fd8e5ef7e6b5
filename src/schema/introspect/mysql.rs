//! The statements of the introspection for MySQL; [`super::mariadb`] has the same names.

/// The columns of tables and views in order (MySQL, with SRID).
pub(super) const COLUMNS: &str = "\
    SELECT table_name, column_name, column_default, is_nullable, column_type, collation_name, extra, \
           generation_expression, column_comment, srs_id \
      FROM information_schema.columns WHERE table_schema = ? \
     ORDER BY CAST(table_name AS BINARY), ordinal_position";

/// The indexes (MySQL from 8.0.13, with functional parts).
pub(super) const INDEXES: &str = "\
    SELECT table_name, index_name, non_unique, column_name, collation, sub_part, index_type, index_comment, \
           IF(is_visible = 'YES', 'NO', 'YES'), expression \
      FROM information_schema.statistics WHERE table_schema = ? \
     ORDER BY CAST(table_name AS BINARY), index_name, seq_in_index";

/// The checks (MySQL has the table in another view).
pub(super) const CHECKS: &str = "\
    SELECT t.table_name, c.constraint_name, c.check_clause, t.enforced \
      FROM information_schema.table_constraints AS t \
      JOIN information_schema.check_constraints AS c \
        ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name \
     WHERE t.constraint_schema = ? AND t.constraint_type = 'CHECK'";
