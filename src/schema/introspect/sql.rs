//! The statements of the introspection. Every `?` is the database's name. Columns in a UNION are cast,
//! because the servers give them different collations. Tables are ordered by the bytes of their names,
//! because MariaDB's own collation mixes the rows of tables whose names differ only in case.

/// The server's version, sql_mode and default collations.
pub(super) const VARIABLES: &str = "SHOW VARIABLES WHERE Variable_name IN \
    ('version', 'version_comment', 'sql_mode', 'default_collation_for_utf8mb4', 'character_set_collations')";

/// The default collation of each character set, and (without a name) of the database.
pub(super) const CHARSETS: &str = "\
    SELECT CAST(character_set_name AS CHAR), CAST(default_collate_name AS CHAR) \
      FROM information_schema.character_sets \
    UNION ALL \
    SELECT '', CAST(default_collation_name AS CHAR) \
      FROM information_schema.schemata WHERE schema_name = ?";

/// The privileges of the account.
pub(super) const GRANTS: &str = "SHOW GRANTS";

/// The tables with their options and sizes.
pub(super) const TABLES: &str = "\
    SELECT table_name, table_type, engine, row_format, table_collation, create_options, table_comment, \
           table_rows, data_length, index_length, auto_increment \
      FROM information_schema.tables WHERE table_schema = ? ORDER BY CAST(table_name AS BINARY)";

/// The foreign keys with their rules, one row per column.
pub(super) const FOREIGN_KEYS: &str = "\
    SELECT CAST(table_name AS BINARY), CAST(constraint_name AS CHAR), 'key', ordinal_position AS place, \
           CAST(column_name AS CHAR), CAST(referenced_table_schema AS CHAR), CAST(referenced_table_name AS CHAR), \
           CAST(referenced_column_name AS CHAR) \
      FROM information_schema.key_column_usage WHERE table_schema = ? AND referenced_table_name IS NOT NULL \
    UNION ALL \
    SELECT CAST(table_name AS BINARY), CAST(constraint_name AS CHAR), 'rule', 0, CAST(update_rule AS CHAR), \
           CAST(delete_rule AS CHAR), NULL, NULL \
      FROM information_schema.referential_constraints WHERE constraint_schema = ? \
    ORDER BY 1, 2, place";

/// The views, triggers, routines, parameters and events, with common columns: kind, name, table or
/// state, body, six columns specific to the kind, position, `sql_mode`, and the start, creation and last
/// change of an event in its own time zone.
pub(super) const PROGRAMS: &str = "\
    SELECT 'view' AS kind, CAST(table_name AS CHAR) AS name, NULL AS part, CAST(view_definition AS CHAR), \
           CAST(check_option AS CHAR), CAST(security_type AS CHAR), NULL, NULL, NULL, NULL, 0 AS place, NULL, NULL \
      FROM information_schema.views WHERE table_schema = ? \
    UNION ALL \
    SELECT 'trigger', CAST(trigger_name AS CHAR), CAST(event_object_table AS CHAR), CAST(action_statement AS CHAR), \
           CAST(action_timing AS CHAR), CAST(event_manipulation AS CHAR), CAST(action_order AS CHAR), NULL, NULL, \
           NULL, 1, CAST(sql_mode AS CHAR), NULL \
      FROM information_schema.triggers WHERE trigger_schema = ? \
    UNION ALL \
    SELECT 'routine', CAST(routine_name AS CHAR), CAST(routine_type AS CHAR), CAST(routine_definition AS CHAR), \
           CAST(is_deterministic AS CHAR), CAST(sql_data_access AS CHAR), CAST(security_type AS CHAR), \
           CAST(routine_comment AS CHAR), CAST(collation_name AS CHAR), CAST(dtd_identifier AS CHAR), 2, \
           CAST(sql_mode AS CHAR), CAST(database_collation AS CHAR) \
      FROM information_schema.routines WHERE routine_schema = ? \
    UNION ALL \
    SELECT 'parameter', CAST(specific_name AS CHAR), CAST(routine_type AS CHAR), NULL, \
           CAST(parameter_mode AS CHAR), CAST(parameter_name AS CHAR), CAST(dtd_identifier AS CHAR), \
           NULL, CAST(collation_name AS CHAR), NULL, 2 + ordinal_position, NULL, NULL \
      FROM information_schema.parameters WHERE specific_schema = ? AND ordinal_position > 0 \
    UNION ALL \
    SELECT 'event', CAST(event_name AS CHAR), CAST(status AS CHAR), CAST(event_definition AS CHAR), \
           CAST(execute_at AS CHAR), CAST(interval_value AS CHAR), CAST(interval_field AS CHAR), \
           CAST(event_comment AS CHAR), CAST(on_completion AS CHAR), CAST(ends AS CHAR), 1, \
           CAST(sql_mode AS CHAR), CONCAT_WS('|', COALESCE(CAST(starts AS CHAR), ''), \
               COALESCE(CONVERT_TZ(created, @@session.time_zone, time_zone), CAST(created AS CHAR)), \
               COALESCE(CONVERT_TZ(last_altered, @@session.time_zone, time_zone), CAST(last_altered AS CHAR))) \
      FROM information_schema.events WHERE event_schema = ? \
    ORDER BY place, name";

/// The partitions in order.
pub(super) const PARTITIONS: &str = "\
    SELECT table_name, partition_name, partition_method, partition_expression, partition_description, \
           subpartition_method, subpartition_expression, subpartition_ordinal_position \
      FROM information_schema.partitions WHERE table_schema = ? AND partition_name IS NOT NULL \
     ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position";
