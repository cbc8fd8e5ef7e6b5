//! The table `dbtool_migrations`: what was applied, and how far an unfinished migration got.
//!
//! One row a migration. A statement is recorded by its number: `statements_done` counts those that
//! took effect, `intent` is the one that was begun before its effect can be recorded in the same
//! transaction (DDL commits on its own), together with what its objects looked like just before.

use mysql_async::prelude::FromValue;

use crate::db::{DbError, Query, Row, Session, Value, quote_name};

/// The table's name; it lives in the database it describes.
pub const TABLE: &str = "dbtool_migrations";

/// Makes the table. The collation is binary and named so that both server families and all their
/// versions make the same table; times are UTC whatever the session's time zone.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS {history} (
  version BIGINT UNSIGNED NOT NULL COMMENT 'number the file name begins with',
  name VARCHAR(255) NOT NULL COMMENT 'file name without ending',
  checksum CHAR(64) NOT NULL COMMENT 'SHA-256 of the file, without byte order mark and CR',
  state VARCHAR(16) NOT NULL COMMENT 'running, failed, applied, baseline, reverting',
  statements_done INT UNSIGNED NOT NULL COMMENT 'statements that took effect',
  statements_total INT UNSIGNED NOT NULL,
  done_hash CHAR(64) NOT NULL COMMENT 'SHA-256 of the statements done',
  intent INT UNSIGNED NULL COMMENT 'statement begun and not recorded as done',
  intent_hash CHAR(64) NULL COMMENT 'SHA-256 of the statements up to and with that one',
  intent_before TEXT NULL COMMENT 'fingerprints of its objects before it',
  error TEXT NULL COMMENT 'why the last statement failed',
  out_of_order TINYINT NOT NULL DEFAULT 0 COMMENT 'applied after a later version',
  applied_by VARCHAR(255) NOT NULL COMMENT 'account and operating-system user',
  tool_version VARCHAR(32) NOT NULL,
  started_at DATETIME(6) NOT NULL COMMENT 'UTC',
  finished_at DATETIME(6) NULL COMMENT 'UTC',
  duration_ms BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'time spent in its statements',
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='migrations applied by dbtool'";

/// Every migration that is, or was begun to be, in the database.
const ALL: &str = "SELECT version, name, checksum, state, statements_done, statements_total, done_hash, intent, \
  intent_hash, intent_before, error, out_of_order, applied_by, CAST(started_at AS CHAR), \
  CAST(finished_at AS CHAR), duration_ms FROM {history} ORDER BY version";

/// Begins a migration, or takes an unfinished one up again.
const BEGIN: &str = "INSERT INTO {history} (version, name, checksum, state, statements_done, statements_total, done_hash, \
  out_of_order, applied_by, tool_version, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6)) \
  ON DUPLICATE KEY UPDATE name = VALUES(name), checksum = VALUES(checksum), state = VALUES(state), \
  statements_done = VALUES(statements_done), statements_total = VALUES(statements_total), \
  done_hash = VALUES(done_hash), intent = NULL, intent_hash = NULL, intent_before = NULL, error = NULL, \
  applied_by = VALUES(applied_by), tool_version = VALUES(tool_version), finished_at = NULL";

/// Says which statement is about to run, before it does.
const INTEND: &str = "UPDATE {history} SET intent = ?, intent_hash = ?, intent_before = ? WHERE version = ?";

/// Counts a statement as done.
const DONE: &str = "UPDATE {history} SET statements_done = ?, done_hash = ?, intent = NULL, intent_hash = NULL, \
  intent_before = NULL, duration_ms = duration_ms + ? WHERE version = ?";

/// Ends a migration.
const FINISH: &str = "UPDATE {history} SET state = 'applied', finished_at = UTC_TIMESTAMP(6), error = NULL, intent = NULL, \
  intent_hash = NULL, intent_before = NULL WHERE version = ?";

/// Notes why a migration stopped. The statement that failed took no effect, so nothing is begun.
const FAIL: &str = "UPDATE {history} SET state = 'failed', error = ?, intent = NULL, intent_hash = NULL, \
  intent_before = NULL, finished_at = UTC_TIMESTAMP(6) WHERE version = ?";

/// Forgets a migration that was taken back.
const FORGET: &str = "DELETE FROM {history} WHERE version = ?";

/// Takes another checksum for the file's right one.
const ACCEPT: &str = "UPDATE {history} SET checksum = ?, name = ? WHERE version = ?";

/// Records a migration that the database already has.
const BASELINE: &str = "INSERT INTO {history} (version, name, checksum, state, statements_done, statements_total, done_hash, \
  applied_by, tool_version, started_at, finished_at) \
  VALUES (?, ?, ?, 'baseline', ?, ?, '', ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Begun; interrupted, unless another run is at it.
    Running,
    /// A statement failed.
    Failed,
    /// Done.
    Applied,
    /// Said to be in the database before dbtool came.
    Baseline,
    /// Being taken back.
    Reverting,
}

impl State {
    /// The word in the table and in results.
    pub fn word(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Failed => "failed",
            State::Applied => "applied",
            State::Baseline => "baseline",
            State::Reverting => "reverting",
        }
    }

    fn of(word: &str) -> State {
        match word {
            "failed" => State::Failed,
            "applied" => State::Applied,
            "baseline" => State::Baseline,
            "reverting" => State::Reverting,
            // What a later version of dbtool may write is at least not finished for this one.
            _ => State::Running,
        }
    }

    /// Whether the migration is in the database for good.
    pub fn complete(self) -> bool {
        matches!(self, State::Applied | State::Baseline)
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The migration's number.
    pub version: u64,
    /// Its file's name without ending.
    pub name: String,
    /// SHA-256 of its file when it was begun.
    pub checksum: String,
    /// How it stands.
    pub state: State,
    /// Statements that took effect.
    pub done: u32,
    /// Statements it has.
    pub total: u32,
    /// SHA-256 of the statements done.
    pub done_hash: String,
    /// The statement that was begun, if its end is not recorded.
    pub intent: Option<Intent>,
    /// Why it failed.
    pub error: Option<String>,
    /// Applied after a later version.
    pub out_of_order: bool,
    /// Account and operating-system user.
    pub applied_by: String,
    /// UTC.
    pub started_at: String,
    /// UTC.
    pub finished_at: Option<String>,
    /// Milliseconds spent in its statements.
    pub duration_ms: u64,
}

/// A statement that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its number, from 1.
    pub number: u32,
    /// SHA-256 of the statements up to and with it.
    pub hash: String,
    /// Fingerprints of its objects just before it ([`super::resume::Snapshot`]).
    pub before: String,
}

/// What a run writes about a migration when it begins with it.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// The migration's number.
    pub version: u64,
    /// Its file's name.
    pub name: &'a str,
    /// Its file's checksum.
    pub checksum: &'a str,
    /// `Running` or `Reverting`.
    pub state: State,
    /// Statements done by an earlier run.
    pub done: u32,
    /// SHA-256 of these.
    pub done_hash: &'a str,
    /// Statements it has.
    pub total: u32,
    /// Whether a later version is applied already.
    pub out_of_order: bool,
}

/// The table of one database.
#[derive(Debug, Clone)]
pub struct History {
    table: String,
    applied_by: String,
}

impl History {
    /// The history of `database`, written in the name of `applied_by`.
    pub fn new(database: &str, applied_by: &str) -> History {
        History {
            table: format!("{}.{}", quote_name(database), quote_name(TABLE)),
            applied_by: applied_by.chars().take(255).collect(),
        }
    }

    fn sql(&self, statement: &str) -> Query {
        Query::new(statement.replace("{history}", &self.table))
    }

    /// Everything in the table; nothing when there is no table yet.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn load(&self, session: &mut Session) -> Result<Vec<Record>, DbError> {
        match session.rows::<Row>(self.sql(ALL)).await {
            Ok(rows) => Ok(rows.iter().map(record).collect()),
            // 1146: no such table, on both families.
            Err(error) if error.code() == Some(1146) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Makes the table unless it is there.
    ///
    /// # Errors
    /// No privilege, a read-only server.
    pub async fn create(&self, session: &mut Session) -> Result<(), DbError> {
        // A missing table is found by asking for it: CREATE … IF NOT EXISTS needs CREATE even when it is there.
        let probe = session.execute(self.sql("SELECT 1 FROM {history} LIMIT 0")).await;
        match probe {
            Err(error) if error.code() == Some(1146) => session.execute(self.sql(CREATE)).await.map(drop),
            other => other.map(drop),
        }
    }

    /// Records that a migration begins, or is taken up again.
    ///
    /// # Errors
    /// The record could not be written; nothing has run.
    pub async fn begin(&self, session: &mut Session, start: &Start<'_>) -> Result<(), DbError> {
        let query = self
            .sql(BEGIN)
            .bind(start.version)
            .bind(start.name)
            .bind(start.checksum)
            .bind(start.state.word())
            .bind(start.done)
            .bind(start.total)
            .bind(start.done_hash)
            .bind(start.out_of_order)
            .bind(&self.applied_by)
            .bind(env!("CARGO_PKG_VERSION"));
        session.execute(query).await.map(drop)
    }

    /// Records what is about to run.
    ///
    /// # Errors
    /// The record could not be written; the statement must not run.
    pub async fn intend(&self, session: &mut Session, version: u64, intent: &Intent) -> Result<(), DbError> {
        let query = self
            .sql(INTEND)
            .bind(intent.number)
            .bind(&intent.hash)
            .bind(&intent.before)
            .bind(version);
        session.execute(query).await.map(drop)
    }

    /// Counts `done` statements as done. Runs even after cancellation: the statement has happened.
    ///
    /// # Errors
    /// The record could not be written.
    pub async fn done(
        &self,
        session: &mut Session,
        version: u64,
        done: u32,
        hash: &str,
        took_ms: u64,
    ) -> Result<(), DbError> {
        let query = self.sql(DONE).bind(done).bind(hash).bind(took_ms).bind(version);
        session.execute(query.shielded()).await.map(drop)
    }

    /// Records that all statements are done.
    ///
    /// # Errors
    /// The record could not be written; the next run will.
    pub async fn finish(&self, session: &mut Session, version: u64) -> Result<(), DbError> {
        session
            .execute(self.sql(FINISH).bind(version).shielded())
            .await
            .map(drop)
    }

    /// Records why a migration stopped.
    ///
    /// # Errors
    /// The record could not be written; the migration is then taken for interrupted.
    pub async fn fail(&self, session: &mut Session, version: u64, error: &str) -> Result<(), DbError> {
        let error: String = error.chars().take(4000).collect();
        session
            .execute(self.sql(FAIL).bind(error).bind(version).shielded())
            .await
            .map(drop)
    }

    /// Removes a migration that was taken back.
    ///
    /// # Errors
    /// The record could not be removed.
    pub async fn forget(&self, session: &mut Session, version: u64) -> Result<(), DbError> {
        session
            .execute(self.sql(FORGET).bind(version).shielded())
            .await
            .map(drop)
    }

    /// Records another checksum and name of a migration's file.
    ///
    /// # Errors
    /// The record could not be written.
    pub async fn accept(
        &self,
        session: &mut Session,
        version: u64,
        checksum: &str,
        name: &str,
    ) -> Result<(), DbError> {
        session
            .execute(self.sql(ACCEPT).bind(checksum).bind(name).bind(version))
            .await
            .map(drop)
    }

    /// Records a migration as in the database already.
    ///
    /// # Errors
    /// The record could not be written.
    pub async fn baseline(
        &self,
        session: &mut Session,
        migration: &crate::migrations::Migration,
    ) -> Result<(), DbError> {
        let query = self
            .sql(BASELINE)
            .bind(migration.version)
            .bind(&migration.name)
            .bind(&migration.checksum)
            .bind(migration.statements())
            .bind(migration.statements())
            .bind(&self.applied_by)
            .bind(env!("CARGO_PKG_VERSION"));
        session.execute(query).await.map(drop)
    }
}

fn record(row: &Row) -> Record {
    let intent = match (get(row, 7), get(row, 8), get(row, 9)) {
        (Some(number), Some(hash), before) => Some(Intent {
            number,
            hash,
            before: before.unwrap_or_default(),
        }),
        _ => None,
    };
    Record {
        version: get(row, 0).unwrap_or_default(),
        name: get(row, 1).unwrap_or_default(),
        checksum: get(row, 2).unwrap_or_default(),
        state: State::of(&get::<String>(row, 3).unwrap_or_default()),
        done: get(row, 4).unwrap_or_default(),
        total: get(row, 5).unwrap_or_default(),
        done_hash: get(row, 6).unwrap_or_default(),
        intent,
        error: get(row, 10),
        out_of_order: get(row, 11).unwrap_or_default(),
        applied_by: get(row, 12).unwrap_or_default(),
        started_at: get(row, 13).unwrap_or_default(),
        finished_at: get(row, 14),
        duration_ms: get(row, 15).unwrap_or_default(),
    }
}

/// A column's value; `None` for NULL and for what does not convert.
pub(super) fn get<T: FromValue>(row: &Row, index: usize) -> Option<T> {
    match row.as_ref(index) {
        None | Some(Value::NULL) => None,
        Some(_) => row.get_opt(index)?.ok(),
    }
}
