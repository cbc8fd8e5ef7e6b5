//! Statements and limits of MySQL; [`super::mariadb`] has the same names.

/// The server that is assumed where none is asked: the oldest release of MySQL with long-term support.
pub fn typical() -> super::Server {
    super::Server {
        flavor: super::Flavor::MySql,
        version: (8, 4, 0),
        ..super::Server::default()
    }
}

/// Replication of this server from its source; needs REPLICATION CLIENT.
pub const REPLICA_STATUS: &str = "SHOW REPLICA STATUS";

/// The ids of a table and its partitions; needs PROCESS.
pub const TABLE_IDS: &str = "SELECT NAME, TABLE_ID FROM information_schema.INNODB_TABLES \
  WHERE LOWER(SUBSTRING_INDEX(NAME, '#', 1)) = LOWER(?)";

/// The other default collation of utf8mb4.
pub const DEFAULT_COLLATIONS: &str = "SELECT @@default_collation_for_utf8mb4";

/// The error of an ALTER TABLE that makes a column with NULL in it NOT NULL, under a strict sql_mode.
pub const NULL_UNDER_NOT_NULL: u16 = crate::db::codes::ER_INVALID_USE_OF_NULL;

/// The error of a DROP VIEW without such a view.
pub const MISSING_VIEW: u16 = crate::db::codes::ER_BAD_TABLE_ERROR;

/// The maximum number of instant column changes of a table (manual, "Column Operations"), since which
/// version.
pub(super) const MAX_ROW_VERSIONS: &[(super::Version, u64)] = &[((9, 1, 0), 255), ((0, 0, 0), 64)];

/// One connection as the processlist shows it, and the number of its statement, which MySQL does not have.
pub(super) const ONE_CONNECTION: &str = "SELECT id, user, host, db, command, time, state, LEFT(info, 200), 0 \
  FROM information_schema.processlist WHERE id = ";

/// How far a connection's statement is: state, work done, all of it. The first that answers is to be believed; the id is
/// to be appended. The stages need SELECT on performance_schema and the consumer events_stages_current (manual,
/// "Monitoring ALTER TABLE Progress for InnoDB Tables Using Performance Schema").
pub(super) const PROGRESS_OF_CONNECTION: &[&str] = &[
    "SELECT SUBSTRING_INDEX(s.event_name, '/', -1), s.work_completed, s.work_estimated \
     FROM performance_schema.events_stages_current AS s JOIN performance_schema.threads AS t USING (thread_id) \
     WHERE s.work_estimated > 0 AND t.processlist_id = ",
    "SELECT state, NULL, NULL FROM information_schema.processlist WHERE id = ",
];

/// Ends a connection.
pub(super) fn kill_connection(id: u64) -> String {
    format!("KILL CONNECTION {id}")
}

/// Ends the statement of a connection.
pub(super) fn kill_query(id: u64, _statement: u64) -> String {
    format!("KILL QUERY {id}")
}

/// The plan of the statement that a connection is running (manual, "Obtaining Execution Plan Information for a Named Connection"); its id is to be appended.
pub(super) const PLAN_OF_CONNECTION: &str = "EXPLAIN FORMAT = TRADITIONAL FOR CONNECTION ";

/// Who waits for whose row locks, and the table; needs SELECT on performance_schema.
pub(super) const ROW_LOCK_WAITS: &str = "SELECT r.processlist_id, b.processlist_id, \
  CONCAT(l.object_schema, '.', l.object_name) FROM performance_schema.data_lock_waits AS w \
  JOIN performance_schema.threads AS r ON r.thread_id = w.requesting_thread_id \
  JOIN performance_schema.threads AS b ON b.thread_id = w.blocking_thread_id \
  LEFT JOIN performance_schema.data_locks AS l ON l.engine_lock_id = w.requesting_engine_lock_id \
  ORDER BY r.processlist_time DESC LIMIT 1000";

/// Who waits for whose metadata locks, and of what.
pub(super) const METADATA_LOCK_WAITS: &[&str] = &[METADATA_LOCKS_OF_PERFORMANCE_SCHEMA];

/// The same from performance_schema; needs SELECT on it. A lock on everything has no
/// name, one on a schema no object.
pub(super) const METADATA_LOCKS_OF_PERFORMANCE_SCHEMA: &str = "SELECT r.processlist_id, b.processlist_id, \
  CONCAT_WS('.', p.object_schema, p.object_name) FROM performance_schema.metadata_locks AS p \
  JOIN performance_schema.metadata_locks AS g ON g.object_type = p.object_type \
  AND g.object_schema <=> p.object_schema AND g.object_name <=> p.object_name AND g.lock_status = 'GRANTED' \
  AND g.owner_thread_id <> p.owner_thread_id \
  JOIN performance_schema.threads AS r ON r.thread_id = p.owner_thread_id \
  JOIN performance_schema.threads AS b ON b.thread_id = g.owner_thread_id \
  WHERE p.lock_status = 'PENDING' AND p.object_type <> 'USER LEVEL LOCK' ORDER BY r.processlist_time DESC LIMIT 1000";
