//! Statements and limits of MariaDB; [`super::mysql`] has the same names.

/// The server that is assumed where none is asked: the oldest release of MariaDB with long-term support.
pub fn typical() -> super::Server {
    super::Server {
        flavor: super::Flavor::MariaDb,
        version: (10, 11, 6),
        ..super::Server::default()
    }
}

/// Replication of this server from each of its named sources; needs SLAVE MONITOR.
pub const REPLICA_STATUS: &str = "SHOW ALL REPLICAS STATUS";

/// The ids of a table and its partitions; needs PROCESS.
pub const TABLE_IDS: &str = "SELECT NAME, TABLE_ID FROM information_schema.INNODB_SYS_TABLES \
  WHERE LOWER(SUBSTRING_INDEX(NAME, '#', 1)) = LOWER(?)";

/// The default collations that differ from the character sets' own: `utf8mb4=utf8mb4_uca1400_ai_ci`.
pub const DEFAULT_COLLATIONS: &str = "SELECT @@character_set_collations";

/// The error of an ALTER TABLE that makes a column with NULL in it NOT NULL, under a strict sql_mode.
pub const NULL_UNDER_NOT_NULL: u16 = crate::db::codes::WARN_DATA_TRUNCATED;

/// The error of a DROP VIEW without such a view.
pub const MISSING_VIEW: u16 = crate::db::codes::ER_UNKNOWN_VIEW;

/// The maximum number of instant column changes of a table: MariaDB has no limit.
pub(super) const MAX_ROW_VERSIONS: &[(super::Version, u64)] = &[];

/// One connection as the processlist shows it, and the number of its statement.
pub(super) const ONE_CONNECTION: &str = "SELECT id, user, host, db, command, time, state, LEFT(info, 200), query_id \
  FROM information_schema.processlist WHERE id = ";

/// How far a connection's statement is: state, hundredths of a percent done, all of them; the id is to be appended. A
/// table that is copied reports by itself (manual, "Progress Reporting"); what InnoDB changes in place is seen in a status
/// variable that the server has once, for the change that reported last.
pub(super) const PROGRESS_OF_CONNECTION: &[&str] = &["SELECT p.state, CASE WHEN p.max_stage > 0 \
  THEN CAST(ROUND(p.progress * 100) AS UNSIGNED) WHEN p.state = 'altering table' THEN (SELECT CAST(variable_value AS UNSIGNED) \
  FROM information_schema.global_status WHERE variable_name = 'INNODB_ONLINEDDL_PCT_PROGRESS') END, 10000 \
  FROM information_schema.processlist AS p WHERE p.id = "];

/// Ends a connection; SOFT leaves a repair or an index of a crash-unsafe engine whole (manual, "KILL").
pub(super) fn kill_connection(id: u64) -> String {
    format!("KILL SOFT CONNECTION {id}")
}

/// Ends this statement, and no other that the connection may have begun meanwhile.
pub(super) fn kill_query(_id: u64, statement: u64) -> String {
    format!("KILL SOFT QUERY ID {statement}")
}

/// The plan of the statement that a connection is running (manual, "SHOW EXPLAIN"); its id is to be appended.
/// One that waits for a lock answers when it goes on, or never: the server would wait for it for 30 s.
pub(super) const PLAN_OF_CONNECTION: &str = "SET STATEMENT max_statement_time = 1 FOR SHOW EXPLAIN FOR ";

/// Who waits for whose row locks, and the table; needs PROCESS.
pub(super) const ROW_LOCK_WAITS: &str = "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id, \
  REPLACE(l.lock_table, '`', '') FROM information_schema.innodb_lock_waits AS w \
  JOIN information_schema.innodb_trx AS r ON r.trx_id = w.requesting_trx_id \
  JOIN information_schema.innodb_trx AS b ON b.trx_id = w.blocking_trx_id \
  LEFT JOIN information_schema.innodb_locks AS l ON l.lock_id = w.requested_lock_id \
  ORDER BY r.trx_wait_started LIMIT 1000";

/// Who waits for whose metadata locks, and of what. The first needs the plugin metadata_lock_info, which knows holders
/// only: what is waited for is a table of which the waiter has a weaker lock already, as ALTER TABLE has, or one that its
/// statement names as a word. The second needs performance_schema and its instrument wait/lock/metadata/sql/mdl.
pub(super) const METADATA_LOCK_WAITS: &[&str] = &[
    "SELECT p.id, l.thread_id, CONCAT(l.table_schema, '.', l.table_name) \
     FROM (SELECT id, db, time, CONCAT(' ', LOWER(REGEXP_REPLACE(info, '[^0-9A-Za-z_$]+', ' ')), ' ') AS words \
     FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%') AS p \
     JOIN (SELECT thread_id, lock_type, table_schema, table_name, \
     CONCAT(' ', LOWER(REGEXP_REPLACE(table_schema, '[^0-9A-Za-z_$]+', ' ')), ' ') AS schema_words, \
     CONCAT(' ', LOWER(REGEXP_REPLACE(table_name, '[^0-9A-Za-z_$]+', ' ')), ' ') AS table_words \
     FROM information_schema.metadata_lock_info WHERE lock_type = 'Table metadata lock') AS l ON l.thread_id <> p.id \
     LEFT JOIN information_schema.metadata_lock_info AS o ON o.thread_id = p.id AND o.lock_type = l.lock_type \
     AND o.table_schema = l.table_schema AND o.table_name = l.table_name \
     WHERE o.thread_id IS NOT NULL OR LOCATE(l.table_words, p.words) > 0 \
     AND (l.table_schema = p.db OR LOCATE(l.schema_words, p.words) > 0) \
     ORDER BY p.time DESC LIMIT 1000",
    super::mysql::METADATA_LOCKS_OF_PERFORMANCE_SCHEMA,
];
