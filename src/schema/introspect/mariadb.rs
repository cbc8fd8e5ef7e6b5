//! The statements of the introspection that are MariaDB's own; [`super::mysql`] has the same names.

/// Which columns do they have, in order (MariaDB)?
pub(super) const COLUMNS: &str = "\
    SELECT table_name, column_name, column_default, is_nullable, column_type, collation_name, extra, \
           generation_expression, column_comment, NULL \
      FROM information_schema.columns WHERE table_schema = ? \
     ORDER BY CAST(table_name AS BINARY), ordinal_position";

/// Which indexes (MariaDB from 10.6, which can ignore one)?
pub(super) const INDEXES: &str = "\
    SELECT table_name, index_name, non_unique, column_name, collation, sub_part, index_type, index_comment, \
           ignored, NULL \
      FROM information_schema.statistics WHERE table_schema = ? \
     ORDER BY CAST(table_name AS BINARY), index_name, seq_in_index";

/// Which checks (MariaDB names the table itself)?
pub(super) const CHECKS: &str = "\
    SELECT table_name, constraint_name, check_clause, level \
      FROM information_schema.check_constraints WHERE constraint_schema = ?";
