//! The table `dbtool_migrations`: the applied migrations, and the progress of unfinished ones.
//!
//! One row per migration. A statement is recorded by its number: `statements_done` counts those that
//! took effect; `intent` is a statement that was started and whose effect cannot be recorded in the same
//! transaction (DDL commits implicitly), together with a fingerprint of its objects just before it.

use rand::RngExt;

use super::failure::MigrateFailure;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_qualified};
use crate::hex;
use crate::migrate::files::Version;

/// The table's name; it lives in the database it describes.
pub const TABLE: &str = "dbtool_migrations";

/// Creates the table. The collation is binary and explicit so that both server families and all their
/// versions create the same table; times are UTC whatever the session's time zone.
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
  {newer},
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='migrations applied by dbtool'";

/// The columns that the table of the first versions of dbtool lacks.
const NEWER_COLUMNS: [&str; 5] = [
    "run_id CHAR(32) NULL COMMENT 'the run that wrote last'",
    "revision BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'counts the writes'",
    "connection_id BIGINT UNSIGNED NULL COMMENT 'connection of that run'",
    "heartbeat_at DATETIME(6) NULL COMMENT 'UTC, of the last write'",
    "session MEDIUMTEXT NULL COMMENT 'variables of an unfinished migration, for the run that goes on'",
];

/// Checks that the table exists (else error 1146) and has the columns of this version (else error 1054).
const PROBE: &str = "SELECT run_id, revision, connection_id, heartbeat_at, session FROM {history} LIMIT 0";

/// All recorded migrations, finished or not.
const ALL: &str = "SELECT version, name, checksum, state, statements_done, statements_total, done_hash, intent, \
  intent_hash, intent_before, error, out_of_order, applied_by, CAST(started_at AS CHAR), \
  CAST(finished_at AS CHAR), duration_ms{newer} FROM {history} ORDER BY version";
const ALL_NEWER: &str = ", run_id, revision, connection_id, session";

/// Records the start of a migration without record. A record created by another run meanwhile is an error (1062).
const BEGIN: &str = "INSERT INTO {history} (version, name, checksum, state, statements_done, statements_total, done_hash, \
  out_of_order, applied_by, tool_version, session, run_id, connection_id, revision, started_at, heartbeat_at) \
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";

/// Takes over a record of an unfinished run, or for a rollback. Expects the record as it was read.
const TAKE_OVER: &str = "UPDATE {history} SET name = ?, checksum = ?, state = ?, statements_done = ?, statements_total = ?, \
  done_hash = ?, applied_by = ?, tool_version = ?, session = ?, run_id = ?, connection_id = ?, \
  intent = NULL, intent_hash = NULL, intent_before = NULL, error = NULL, finished_at = NULL, {written} \
  WHERE version = ? AND run_id <=> ? AND revision = ? AND state = ? AND statements_done = ? AND intent <=> ?";

/// Part of every write of a run. The counter makes each write change the row, so that the number of changed
/// rows (the driver does not request matched ones) shows whether the row was as expected.
const WRITTEN: &str = "revision = revision + 1, heartbeat_at = UTC_TIMESTAMP(6)";

/// The row as this run left it. If it differs, the record no longer belongs to this run.
const MINE: &str = "version = ? AND run_id = ? AND revision = ? AND state = ? AND statements_done = ?";

/// Records which statement is about to run.
const INTEND: &str = "UPDATE {history} SET statements_done = ?, done_hash = ?, session = ?, intent = ?, intent_hash = ?, \
  intent_before = ?, {written} WHERE {mine}";

/// Records statements as done.
const DONE: &str = "UPDATE {history} SET statements_done = ?, done_hash = ?, session = ?, intent = NULL, intent_hash = NULL, \
  intent_before = NULL, duration_ms = duration_ms + ?, {written} WHERE {mine}";

/// Records the end of a migration.
const FINISH: &str = "UPDATE {history} SET state = 'applied', finished_at = UTC_TIMESTAMP(6), error = NULL, intent = NULL, \
  intent_hash = NULL, intent_before = NULL, session = NULL, {written} WHERE {mine}";

/// Records why a migration stopped. Without an intent the failed statement took no effect.
const FAIL: &str = "UPDATE {history} SET state = ?, error = ?, intent = ?, intent_hash = ?, intent_before = ?, \
  finished_at = UTC_TIMESTAMP(6), {written} WHERE {mine}";

/// Removes a migration that was rolled back.
const FORGET: &str = "DELETE FROM {history} WHERE {mine}";

/// The row's write counter, as this connection sees it.
const REVISION: &str = "SELECT revision FROM {history} WHERE version = ? AND run_id = ?";

/// Records a person's decision about a migration; expects the record as it was read.
const SETTLE: &str = "UPDATE {history} SET state = ?, name = ?, checksum = ?, statements_done = ?, statements_total = ?, \
  done_hash = ?, error = NULL, intent = NULL, intent_hash = NULL, intent_before = NULL, \
  finished_at = IF(?, UTC_TIMESTAMP(6), finished_at), session = ?, {written} \
  WHERE version = ? AND run_id <=> ? AND revision = ? AND state = ? AND statements_done = ?";

/// Removes a migration without completed statements; expects the record as it was read.
const UNDO: &str = "DELETE FROM {history} \
  WHERE version = ? AND run_id <=> ? AND revision = ? AND state = ? AND statements_done = ?";

/// Records a migration whose changes the database already has.
const BASELINE: &str = "INSERT INTO {history} (version, name, checksum, state, statements_done, statements_total, done_hash, \
  applied_by, tool_version, started_at, finished_at) \
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";

/// The recorded state of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordState {
    /// Started; interrupted, unless another run is working on it.
    Running,
    /// A statement failed.
    Failed,
    /// Completed.
    Applied,
    /// Declared by a person to be in the database without being run.
    Baseline,
    /// Rollback in progress.
    Reverting,
}

impl RecordState {
    /// The state's name in the table and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordState::Running => "running",
            RecordState::Failed => "failed",
            RecordState::Applied => "applied",
            RecordState::Baseline => "baseline",
            RecordState::Reverting => "reverting",
        }
    }

    fn from_str(word: &str) -> RecordState {
        match word {
            "failed" => RecordState::Failed,
            "applied" => RecordState::Applied,
            "baseline" => RecordState::Baseline,
            "reverting" => RecordState::Reverting,
            // An unknown state of a later version of dbtool counts as unfinished.
            _ => RecordState::Running,
        }
    }

    /// Whether the migration is applied completely.
    pub fn complete(self) -> bool {
        matches!(self, RecordState::Applied | RecordState::Baseline)
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The migration's version.
    pub version: Version,
    /// Its file's name without ending.
    pub name: String,
    /// SHA-256 of its file when it was started.
    pub checksum: String,
    /// The recorded state.
    pub state: RecordState,
    /// Statements that took effect.
    pub done: u32,
    /// Number of its statements.
    pub total: u32,
    /// SHA-256 of the statements done.
    pub done_hash: String,
    /// The statement that was started and whose end is not recorded.
    pub intent: Option<Intent>,
    /// The error that stopped it.
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
    /// The run that wrote it last.
    pub run_id: Option<String>,
    /// The number of writes.
    pub revision: u64,
    /// The connection of the run that wrote it last.
    pub connection_id: Option<u64>,
    /// The session's state of an unfinished migration ([`super::saved_session::SavedSession`]).
    pub session: Option<String>,
}

/// A statement that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its number, from 1.
    pub number: u32,
    /// SHA-256 of the statements up to and with it.
    pub hash: String,
    /// Fingerprints of its objects just before it ([`super::object_snapshot::ObjectSnapshot`]).
    pub before: String,
}

/// The fields that a run writes when it starts a migration.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// The migration's version.
    pub version: Version,
    /// Its file's name.
    pub name: &'a str,
    /// Its file's checksum.
    pub checksum: &'a str,
    /// `Running` or `Reverting`.
    pub state: RecordState,
    /// Statements done by an earlier run.
    pub done: u32,
    /// SHA-256 of these.
    pub done_hash: &'a str,
    /// Number of its statements.
    pub total: u32,
    /// Whether a later version is applied already.
    pub out_of_order: bool,
    /// The session's state.
    pub session: Option<&'a str>,
}

/// The record as this run left it: each write expects it so, and advances it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    version: Version,
    state: RecordState,
    done: u32,
    revision: u64,
}

impl Claim {
    /// Statements that the record counts as done.
    pub fn done(&self) -> u32 {
        self.done
    }
}

/// The progress to write.
#[derive(Debug, Clone, Copy)]
pub struct ProgressPoint<'a> {
    /// Statements done.
    pub done: u32,
    /// SHA-256 of these.
    pub hash: &'a str,
    /// The session's state.
    pub session: Option<&'a str>,
}

/// The reason why a record was not written.
#[derive(Debug)]
pub enum WriteError {
    /// The server refused or failed it.
    Db(DbError),
    /// The record is not as this run left it: another run or a person has changed it.
    Overtaken,
}

impl From<DbError> for WriteError {
    fn from(error: DbError) -> WriteError {
        WriteError::Db(error)
    }
}

impl From<WriteError> for anyhow::Error {
    fn from(error: WriteError) -> anyhow::Error {
        match error {
            WriteError::Db(error) => error.into(),
            WriteError::Overtaken => MigrateFailure::Overtaken.into(),
        }
    }
}

/// The table of one database.
#[derive(Debug, Clone)]
pub struct History {
    table: String,
    applied_by: String,
    run_id: String,
}

impl History {
    /// The history of `database`, written in the name of `applied_by`, as a run of its own.
    pub fn new(database: &str, applied_by: &str) -> History {
        History {
            table: quote_qualified(database, TABLE),
            applied_by: applied_by.chars().take(255).collect(),
            run_id: hex::encode(&rand::rng().random::<[u8; 16]>()),
        }
    }

    fn sql(&self, statement: &str) -> Query {
        Query::new(
            statement
                .replace("{written}", WRITTEN)
                .replace("{mine}", MINE)
                .replace("{history}", &self.table),
        )
    }

    /// All records; none if there is no table yet. Reads the table of an earlier version of dbtool too.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn load(&self, session: &mut Session) -> Result<Vec<Record>, DbError> {
        let mut rows = session
            .rows::<Row>(self.sql(&ALL.replace("{newer}", ALL_NEWER)))
            .await;
        if rows.as_ref().is_err_and(DbError::is_missing_column) {
            rows = session.rows::<Row>(self.sql(&ALL.replace("{newer}", ""))).await;
        }
        match rows {
            Ok(rows) => Ok(rows.iter().map(record).collect()),
            Err(error) if error.is_missing_table() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Whether the table exists.
    ///
    /// # Errors
    /// The account may not read it.
    pub async fn is_there(&self, session: &mut Session) -> Result<bool, DbError> {
        match session.execute(self.sql("SELECT 1 FROM {history} LIMIT 0")).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing_table() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates the table unless it exists, and adds missing columns to one of an earlier version.
    /// To be called under the lock.
    ///
    /// # Errors
    /// No privilege, a read-only server.
    pub async fn create(&self, session: &mut Session) -> Result<(), DbError> {
        // CREATE … IF NOT EXISTS needs the privilege CREATE even if the table exists, so check first.
        let probe = session.execute(self.sql(PROBE)).await;
        match probe {
            Err(error) if error.is_missing_table() => {
                let create = CREATE.replace("{newer}", &NEWER_COLUMNS.join(",\n  "));
                session.execute(self.sql(&create)).await.map(drop)
            }
            Err(error) if error.is_missing_column() => self.upgrade(session).await,
            other => other.map(drop),
        }
    }

    /// Adds the missing columns in one statement: after a crash all of them exist or none.
    async fn upgrade(&self, session: &mut Session) -> Result<(), DbError> {
        let mut lacking = Vec::new();
        for definition in NEWER_COLUMNS {
            let name = definition.split(' ').next().unwrap_or_default();
            let probe = format!("SELECT {name} FROM {{history}} LIMIT 0");
            match session.execute(self.sql(&probe)).await {
                Err(error) if error.is_missing_column() => lacking.push(format!("ADD COLUMN {definition}")),
                other => drop(other?),
            }
        }
        let alter = format!("ALTER TABLE {{history}} {}", lacking.join(", "));
        session.execute(self.sql(&alter)).await.map(drop)
    }

    /// Records the start of a migration, or takes `record` over. From here on only this run may write it.
    ///
    /// # Errors
    /// The record could not be written; nothing has run.
    pub async fn begin(
        &self,
        session: &mut Session,
        start: &Start<'_>,
        record: Option<&Record>,
    ) -> Result<Claim, WriteError> {
        let connection = session.id();
        let Some(record) = record else {
            let query = self
                .sql(BEGIN)
                .bind(start.version.key())
                .bind(start.name)
                .bind(start.checksum)
                .bind(start.state.as_str())
                .bind(start.done)
                .bind(start.total)
                .bind(start.done_hash)
                .bind(start.out_of_order)
                .bind(&self.applied_by)
                .bind(env!("CARGO_PKG_VERSION"))
                .bind(start.session)
                .bind(&self.run_id)
                .bind(connection);
            return match session.execute(query).await {
                Err(error) if error.is_duplicate_row() || error.is_lock_conflict() => {
                    Err(WriteError::Overtaken)
                }
                other => other.map(|_| Claim::new(start, 1)).map_err(WriteError::Db),
            };
        };
        let query = self
            .sql(TAKE_OVER)
            .bind(start.name)
            .bind(start.checksum)
            .bind(start.state.as_str())
            .bind(start.done)
            .bind(start.total)
            .bind(start.done_hash)
            .bind(&self.applied_by)
            .bind(env!("CARGO_PKG_VERSION"))
            .bind(start.session)
            .bind(&self.run_id)
            .bind(connection);
        let query = bind_expected(query, record).bind(record.intent.as_ref().map(|intent| intent.number));
        expect_one_row(session, query).await?;
        Ok(Claim::new(start, record.revision + 1))
    }

    /// Records which statement is about to run, and that all before it are done.
    ///
    /// # Errors
    /// The record could not be written, or is not this run's; the statement must not run.
    pub async fn intend(
        &self,
        session: &mut Session,
        claim: &Claim,
        reached: ProgressPoint<'_>,
        intent: &Intent,
    ) -> Result<Claim, WriteError> {
        let query = self
            .sql(INTEND)
            .bind(reached.done)
            .bind(reached.hash)
            .bind(reached.session)
            .bind(intent.number)
            .bind(&intent.hash)
            .bind(&intent.before);
        expect_one_row(session, self.mine(query, claim)).await?;
        Ok(claim.advanced(reached.done))
    }

    /// Records statements as done. Runs even after cancellation: they have happened.
    ///
    /// # Errors
    /// The record could not be written, or is not this run's.
    pub async fn done(
        &self,
        session: &mut Session,
        claim: &Claim,
        reached: ProgressPoint<'_>,
        took_ms: u64,
    ) -> Result<Claim, WriteError> {
        let query = self
            .sql(DONE)
            .bind(reached.done)
            .bind(reached.hash)
            .bind(reached.session)
            .bind(took_ms);
        expect_one_row(session, self.mine(query, claim).shielded()).await?;
        Ok(claim.advanced(reached.done))
    }

    /// Records that all statements are done.
    ///
    /// # Errors
    /// The record could not be written (the next run will), or is not this run's.
    pub async fn finish(&self, session: &mut Session, claim: &Claim) -> Result<(), WriteError> {
        expect_one_row(session, self.mine(self.sql(FINISH), claim).shielded()).await
    }

    /// Records why a migration stopped. `intent` is the statement that may have taken effect in part.
    ///
    /// # Errors
    /// The record could not be written; the migration is then taken for interrupted.
    pub async fn fail(
        &self,
        session: &mut Session,
        claim: &Claim,
        error: &str,
        intent: Option<&Intent>,
    ) -> Result<(), WriteError> {
        let error: String = error.chars().take(4000).collect();
        let state = match claim.state {
            RecordState::Reverting => RecordState::Reverting,
            _ => RecordState::Failed,
        };
        let query = self
            .sql(FAIL)
            .bind(state.as_str())
            .bind(error)
            .bind(intent.map(|intent| intent.number))
            .bind(intent.map(|intent| &intent.hash))
            .bind(intent.map(|intent| &intent.before));
        expect_one_row(session, self.mine(query, claim).shielded()).await
    }

    /// Removes a migration that was rolled back.
    ///
    /// # Errors
    /// The record could not be removed, or is not this run's.
    pub async fn forget(&self, session: &mut Session, claim: &Claim) -> Result<(), WriteError> {
        expect_one_row(session, self.mine(self.sql(FORGET), claim).shielded()).await
    }

    /// The record's write counter as this connection sees it, including its own open transaction;
    /// `None` if the record does not belong to this run.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn revision(&self, session: &mut Session, claim: &Claim) -> Result<Option<u64>, DbError> {
        let query = self.sql(REVISION).bind(claim.version.key()).bind(&self.run_id);
        session.first::<u64>(query.shielded()).await
    }

    /// Replaces `record` by `settled`, a person's decision.
    ///
    /// # Errors
    /// The record could not be written, or has changed since it was read.
    pub async fn settle(
        &self,
        session: &mut Session,
        record: &Record,
        settled: &Record,
    ) -> Result<(), WriteError> {
        let query = self
            .sql(SETTLE)
            .bind(settled.state.as_str())
            .bind(&settled.name)
            .bind(&settled.checksum)
            .bind(settled.done)
            .bind(settled.total)
            .bind(&settled.done_hash)
            .bind(settled.state.complete() && !record.state.complete())
            .bind(settled.session.as_deref());
        expect_one_row(session, bind_expected(query, record)).await
    }

    /// Removes a migration without completed statements.
    ///
    /// # Errors
    /// The record could not be removed, or has changed since it was read.
    pub async fn undo(&self, session: &mut Session, record: &Record) -> Result<(), WriteError> {
        expect_one_row(session, bind_expected(self.sql(UNDO), record)).await
    }

    /// Records a migration whose changes the database already has.
    ///
    /// # Errors
    /// The record could not be written.
    pub async fn baseline(
        &self,
        session: &mut Session,
        migration: &crate::migrate::files::Migration,
    ) -> Result<(), DbError> {
        let query = self
            .sql(BASELINE)
            .bind(migration.version.key())
            .bind(&migration.name)
            .bind(&migration.checksum)
            .bind(RecordState::Baseline.as_str())
            .bind(migration.statements())
            .bind(migration.statements())
            .bind("")
            .bind(&self.applied_by)
            .bind(env!("CARGO_PKG_VERSION"));
        session.execute(query).await.map(drop)
    }

    /// Records a migration that another tool has applied, with its number of statements.
    ///
    /// # Errors
    /// The record could not be written, or was written by another run meanwhile.
    pub async fn adopted(
        &self,
        session: &mut Session,
        migration: &crate::migrate::files::Migration,
        state: RecordState,
        statements: u32,
    ) -> Result<(), WriteError> {
        let query = self
            .sql(BASELINE)
            .bind(migration.version.key())
            .bind(&migration.name)
            .bind(&migration.checksum)
            .bind(state.as_str())
            .bind(statements)
            .bind(statements)
            .bind("")
            .bind(&self.applied_by)
            .bind(env!("CARGO_PKG_VERSION"));
        match session.execute(query).await {
            Err(error) if error.is_duplicate_row() => Err(WriteError::Overtaken),
            other => other.map(drop).map_err(WriteError::Db),
        }
    }

    fn mine(&self, query: Query, claim: &Claim) -> Query {
        query
            .bind(claim.version.key())
            .bind(&self.run_id)
            .bind(claim.revision)
            .bind(claim.state.as_str())
            .bind(claim.done)
    }
}

impl Claim {
    fn new(start: &Start<'_>, revision: u64) -> Claim {
        Claim {
            version: start.version,
            state: start.state,
            done: start.done,
            revision,
        }
    }

    fn advanced(&self, done: u32) -> Claim {
        Claim {
            done,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Whether the record was written as often as this claim expects.
    pub fn is_at(&self, revision: Option<u64>) -> bool {
        revision == Some(self.revision)
    }
}

/// The record as it was read.
fn bind_expected(query: Query, record: &Record) -> Query {
    query
        .bind(record.version.key())
        .bind(record.run_id.as_deref())
        .bind(record.revision)
        .bind(record.state.as_str())
        .bind(record.done)
}

async fn expect_one_row(session: &mut Session, query: Query) -> Result<(), WriteError> {
    let done = match session.execute(query.clone()).await {
        // The file has made the session read-only.
        Err(error) if error.is_read_only_transaction() && !session.in_transaction() => {
            session
                .execute(Query::new("START TRANSACTION READ WRITE").shielded())
                .await?;
            let done = session.execute(query).await;
            let end = match &done {
                Ok(_) => "COMMIT AND NO CHAIN NO RELEASE",
                Err(_) => "ROLLBACK AND NO CHAIN NO RELEASE",
            };
            session.execute(Query::new(end).shielded()).await?;
            done?
        }
        done => done?,
    };
    match done.affected {
        1 => Ok(()),
        _ => Err(WriteError::Overtaken),
    }
}

impl Record {
    /// Whether the migration was started and none of its statements took effect.
    pub fn is_untouched(&self) -> bool {
        matches!(self.state, RecordState::Running | RecordState::Failed)
            && self.done == 0
            && self.intent.is_none()
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
    let name: String = get(row, 1).unwrap_or_default();
    Record {
        version: Version::recorded(get(row, 0).unwrap_or_default(), &name),
        name,
        checksum: get(row, 2).unwrap_or_default(),
        state: RecordState::from_str(&get::<String>(row, 3).unwrap_or_default()),
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
        run_id: get(row, 16),
        revision: get(row, 17).unwrap_or_default(),
        connection_id: get(row, 18),
        session: get(row, 19),
    }
}
