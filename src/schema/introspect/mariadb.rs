//! The statements of the introspection for MariaDB; [`super::mysql`] has the same names.

/// The columns of tables and views in order (MariaDB).
pub(super) const COLUMNS: &str = "\
    SELECT table_name, column_name, column_default, is_nullable, column_type, collation_name, extra, \
           generation_expression, column_comment, NULL \
      FROM information_schema.columns WHERE table_schema = ? \
     ORDER BY CAST(table_name AS BINARY), ordinal_position";

/// The indexes (MariaDB from 10.6, with IGNORED).
pub(super) const INDEXES: &str = "\
    SELECT table_name, index_name, non_unique, column_name, collation, sub_part, index_type, index_comment, \
           ignored, NULL \
      FROM information_schema.statistics WHERE table_schema = ? \
     ORDER BY CAST(table_name AS BINARY), index_name, seq_in_index";

/// The checks (MariaDB includes the table).
pub(super) const CHECKS: &str = "\
    SELECT table_name, constraint_name, check_clause, level \
      FROM information_schema.check_constraints WHERE constraint_schema = ?";
