//! Statements and limits of MariaDB; [`super::mysql`] has the same names.

/// Replication of this server from each of its named sources; needs SLAVE MONITOR.
pub const REPLICA_STATUS: &str = "SHOW ALL REPLICAS STATUS";

/// Sessions that hold a metadata lock on a table of a database, where the metadata_lock_info plugin is installed.
pub const LOCK_HOLDERS: &str = "SELECT p.ID, p.USER, p.HOST, p.TIME, COALESCE(LEFT(p.INFO, 60), p.COMMAND) \
  FROM information_schema.METADATA_LOCK_INFO AS l JOIN information_schema.PROCESSLIST AS p ON p.ID = l.THREAD_ID \
  WHERE l.TABLE_SCHEMA = ? AND p.ID <> CONNECTION_ID() ORDER BY p.TIME DESC LIMIT 3";

/// The ids of a table and its partitions; needs PROCESS.
pub const TABLE_IDS: &str = "SELECT NAME, TABLE_ID FROM information_schema.INNODB_SYS_TABLES \
  WHERE LOWER(SUBSTRING_INDEX(NAME, '#', 1)) = LOWER(?)";

/// The default collations that differ from the character sets' own: `utf8mb4=utf8mb4_uca1400_ai_ci`.
pub const DEFAULT_COLLATIONS: &str = "SELECT @@character_set_collations";

/// The error of a DROP VIEW without such a view.
pub const MISSING_VIEW: u16 = crate::db::codes::ER_UNKNOWN_VIEW;

/// The maximum number of instant column changes of a table: MariaDB has no limit.
pub(super) const MAX_ROW_VERSIONS: &[(super::Version, u64)] = &[];

/// One connection as the processlist shows it, and the number of its statement.
pub(super) const ONE_CONNECTION: &str = "SELECT id, user, host, db, command, time, state, LEFT(info, 200), query_id \
  FROM information_schema.processlist WHERE id = ";

/// Ends a connection; SOFT leaves a repair or an index of a crash-unsafe engine whole (manual, "KILL").
pub(super) fn kill_connection(id: u64) -> String {
    format!("KILL SOFT CONNECTION {id}")
}

/// Ends this statement, and no other that the connection may have begun meanwhile.
pub(super) fn kill_query(_id: u64, statement: u64) -> String {
    format!("KILL SOFT QUERY ID {statement}")
}

/// Who waits for whose row locks, and the table; needs PROCESS.
pub(super) const ROW_LOCK_WAITS: &str = "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id, \
  REPLACE(l.lock_table, '`', '') FROM information_schema.innodb_lock_waits AS w \
  JOIN information_schema.innodb_trx AS r ON r.trx_id = w.requesting_trx_id \
  JOIN information_schema.innodb_trx AS b ON b.trx_id = w.blocking_trx_id \
  LEFT JOIN information_schema.innodb_locks AS l ON l.lock_id = w.requested_lock_id \
  ORDER BY r.trx_wait_started LIMIT 1000";

/// Who waits for whose metadata locks, and the table, where the plugin metadata_lock_info is installed. It knows
/// holders only: waiting is who says so and names the table.
pub(super) const METADATA_LOCK_WAITS: &str = "SELECT p.id, l.thread_id, CONCAT(l.table_schema, '.', l.table_name) \
  FROM information_schema.processlist AS p JOIN information_schema.metadata_lock_info AS l \
  ON l.thread_id <> p.id AND l.lock_type = 'Table metadata lock' AND LOCATE(l.table_name, p.info) > 0 \
  WHERE p.state = 'Waiting for table metadata lock' ORDER BY p.time DESC LIMIT 1000";
