//! One run at a time in a cluster, where a named lock is each server's own: a row that says which run is at work, and
//! that the run keeps writing. The cluster agrees on each write of it, whatever server it goes through.
//!
//! No clock is compared: who waits for a run sees the row change, or sees it unchanged for so many answers in a row
//! that the run must have died. A change of the schema that stops the cluster keeps answers from arriving, and so does
//! not count against the run that makes it. Whatever is judged wrongly here (a run that was paused for long), the
//! records of the work are written only as they were read, and a statement is undone together with its record.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::context::Context;
use crate::db::cluster::Cluster;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_qualified};
use crate::hex;

/// The table; it lives in the database that the runs work on.
pub const TABLE: &str = "dbtool_runs";

const CREATE: &str = "CREATE TABLE IF NOT EXISTS {runs} (
  name VARCHAR(64) NOT NULL COMMENT 'the work of which one run is done at a time',
  run_id CHAR(32) NULL COMMENT 'the run at work',
  revision BIGINT UNSIGNED NOT NULL COMMENT 'counts the writes',
  server TEXT NOT NULL COMMENT 'where that run works',
  server_name VARCHAR(512) NOT NULL,
  connection_id BIGINT UNSIGNED NOT NULL COMMENT 'its connection there',
  held_by VARCHAR(255) NOT NULL COMMENT 'account and operating-system user',
  heartbeat_at DATETIME(6) NOT NULL COMMENT 'UTC, of the last write',
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='runs of dbtool in a cluster'";

const READ: &str =
    "SELECT run_id, revision, server, server_name, connection_id, held_by FROM {runs} WHERE name = ?";

const INSERT: &str = "INSERT INTO {runs} (name, run_id, revision, server, server_name, connection_id, held_by, heartbeat_at) \
  VALUES (?, ?, 1, ?, ?, ?, ?, UTC_TIMESTAMP(6))";

const TAKE: &str = "UPDATE {runs} SET run_id = ?, revision = revision + 1, server = ?, server_name = ?, \
  connection_id = ?, held_by = ?, heartbeat_at = UTC_TIMESTAMP(6) WHERE name = ? AND run_id <=> ? AND revision = ?";

const BEAT: &str = "UPDATE {runs} SET revision = revision + 1, heartbeat_at = UTC_TIMESTAMP(6) \
  WHERE name = ? AND run_id = ?";

const RELEASE: &str = "UPDATE {runs} SET run_id = NULL, revision = revision + 1, heartbeat_at = UTC_TIMESTAMP(6) \
  WHERE name = ? AND run_id = ?";

const GIVE_BACK: &str = "UPDATE {runs} SET run_id = ?, server = ?, server_name = ?, connection_id = ?, held_by = ?, \
  revision = revision + 1, heartbeat_at = UTC_TIMESTAMP(6) WHERE name = ? AND run_id = ?";

/// Written in each transaction of work that several runs may do at once: of two transactions that write it on
/// different servers at the same time, the cluster refuses one.
const GUARD: &str = "INSERT INTO {runs} (name, revision, server, server_name, connection_id, held_by, heartbeat_at) \
  VALUES (?, 1, '', '', 0, '', UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE revision = revision + 1, \
  heartbeat_at = UTC_TIMESTAMP(6)";

/// How often a run at work writes its row.
pub const BEAT_EVERY: Duration = Duration::from_secs(2);
/// How often who waits reads it.
const READ_EVERY: Duration = Duration::from_secs(1);
/// After so many answers with an unchanged row the run that holds it counts as dead.
const QUIET_READS: u32 = 12;

/// The row of another run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    run_id: Option<String>,
    revision: u64,
    server: String,
    server_name: String,
    connection: u64,
    held_by: String,
}

impl Holder {
    fn describe(&self) -> String {
        format!(
            "connection {} on {}, of {}",
            self.connection, self.server_name, self.held_by
        )
    }
}

/// The row of the present run.
#[derive(Debug)]
pub struct RunLease {
    table: String,
    name: &'static str,
    run_id: String,
    held_by: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cluster: Cluster,
    beaten: Option<Instant>,
    /// The interrupted run before this one, if it worked on another server.
    interrupted_elsewhere: Option<Holder>,
    /// Whether the row goes back to that run at the end.
    gives_back: bool,
}

impl RunLease {
    /// A run of the work `name` on `database`, which holds nothing yet.
    pub fn new(cluster: Cluster, database: &str, name: &'static str, held_by: &str) -> RunLease {
        RunLease {
            table: quote_qualified(database, TABLE),
            name,
            run_id: hex::encode(&rand::rng().random::<[u8; 16]>()),
            held_by: held_by.chars().take(255).collect(),
            state: Mutex::new(State {
                cluster,
                beaten: None,
                interrupted_elsewhere: None,
                gives_back: false,
            }),
        }
    }

    /// The cluster, as seen from the server of the last session that was set up.
    pub fn cluster(&self) -> Cluster {
        self.state().cluster.clone()
    }

    /// Where the interrupted run before this one worked, if that was on another server.
    pub fn interrupted_elsewhere(&self) -> Option<String> {
        let state = self.state();
        state
            .interrupted_elsewhere
            .as_ref()
            .map(|holder| holder.server_name.clone())
    }

    /// Leaves the row to the interrupted run at the end: only through its server it may be taken over.
    pub fn give_back(&self) {
        self.state().gives_back = true;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sql(&self, statement: &str) -> Query {
        Query::new(statement.replace("{runs}", &self.table)).timeout(None)
    }

    /// Sets a new session up, which a proxy may have led to another server.
    ///
    /// # Errors
    /// The connection failed, or the server refuses a setting.
    pub async fn prepare(&self, session: &mut Session) -> Result<(), DbError> {
        if let Some(cluster) = Cluster::of(session).await? {
            cluster.prepare(session).await?;
            self.state().cluster = cluster;
        }
        Ok(())
    }

    /// Takes the row. A living run is waited for at most `wait`. The caller holds the named lock of the session's
    /// server: a run that worked there has lost its connection.
    ///
    /// # Errors
    /// The connection failed; `Ok(Some(holder))` when another run is at work.
    pub async fn take(
        &self,
        ctx: &Context,
        session: &mut Session,
        wait: Duration,
    ) -> Result<Option<String>, DbError> {
        let started = Instant::now();
        let mut seen: Option<Holder> = None;
        let mut quiet = 0;
        let mut lives = false;
        let mut told = false;
        loop {
            let holder = match self.read(session).await {
                Ok(holder) => holder,
                Err(error) if error.is_missing_table() => {
                    session.execute(self.sql(CREATE)).await?;
                    continue;
                }
                // The cluster has not caught up, as while a change of the schema holds it up: no answer.
                Err(error) if error.is_lock_conflict() => {
                    ctx.cancel.sleep(READ_EVERY).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let here = self.cluster().server;
            let free = match &holder {
                None => true,
                Some(row) => row.run_id.is_none() || self.is_own(row) || row.server == here,
            };
            if free || quiet >= QUIET_READS {
                if self.write(session, holder.as_ref()).await? {
                    let other = holder.filter(|row| row.run_id.is_some() && row.server != here);
                    if let Some(other) = other.filter(|row| !self.is_own(row)) {
                        self.state().interrupted_elsewhere = Some(other);
                    }
                    return Ok(None);
                }
                (seen, quiet) = (None, 0);
                continue;
            }
            let Some(row) = holder else { continue };
            if seen.as_ref() == Some(&row) {
                quiet += 1;
            } else {
                lives = seen.is_some();
                quiet = 0;
            }
            if lives && started.elapsed() >= wait {
                return Ok(Some(row.describe()));
            }
            if !told {
                told = true;
                ctx.report.status(format!(
                    "waiting up to {} s for {}",
                    wait.as_secs().max(QUIET_READS.into()),
                    crate::escape::visible(&row.describe())
                ));
            }
            seen = Some(row);
            ctx.cancel.sleep(READ_EVERY).await?;
        }
    }

    fn is_own(&self, row: &Holder) -> bool {
        row.run_id.as_ref() == Some(&self.run_id)
    }

    async fn read(&self, session: &mut Session) -> Result<Option<Holder>, DbError> {
        let row: Option<Row> = session.first(self.sql(READ).bind(self.name)).await?;
        Ok(row.map(|row| Holder {
            run_id: get(&row, 0),
            revision: get(&row, 1).unwrap_or_default(),
            server: get(&row, 2).unwrap_or_default(),
            server_name: get(&row, 3).unwrap_or_default(),
            connection: get(&row, 4).unwrap_or_default(),
            held_by: get(&row, 5).unwrap_or_default(),
        }))
    }

    /// Writes the row in the name of this run, if it is still as it was read.
    async fn write(&self, session: &mut Session, expected: Option<&Holder>) -> Result<bool, DbError> {
        let Cluster {
            server, server_name, ..
        } = self.cluster();
        let connection = session.id();
        let query = match expected {
            None => self
                .sql(INSERT)
                .bind(self.name)
                .bind(&self.run_id)
                .bind(server)
                .bind(server_name)
                .bind(connection)
                .bind(&self.held_by),
            Some(row) => self
                .sql(TAKE)
                .bind(&self.run_id)
                .bind(server)
                .bind(server_name)
                .bind(connection)
                .bind(&self.held_by)
                .bind(self.name)
                .bind(row.run_id.as_deref())
                .bind(row.revision),
        };
        match session.execute(query).await {
            Ok(done) if done.affected == 1 => {
                self.state().beaten = Some(Instant::now());
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(error) if error.is_duplicate_row() || error.is_lock_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the row again if that is due. Returns the run that has taken it meanwhile, if one has.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn keep(&self, session: &mut Session) -> Result<Option<String>, DbError> {
        let due = self
            .state()
            .beaten
            .is_none_or(|last| last.elapsed() >= BEAT_EVERY);
        if !due || self.beat(session).await? {
            return Ok(None);
        }
        Ok(Some(match self.read(session).await? {
            Some(row) => row.describe(),
            None => "a run that has ended".to_owned(),
        }))
    }

    /// Writes the row; false if it is another run's.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn beat(&self, session: &mut Session) -> Result<bool, DbError> {
        loop {
            match session
                .execute(self.sql(BEAT).bind(self.name).bind(&self.run_id))
                .await
            {
                Ok(done) => {
                    if done.affected == 1 {
                        self.state().beaten = Some(Instant::now());
                    }
                    return Ok(done.affected == 1);
                }
                Err(error) if error.is_lock_conflict() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves the row to the next run. Errors are not reported: the next run then waits a little longer.
    pub async fn release(&self, session: &mut Session) {
        let previous = {
            let state = self.state();
            if state.beaten.is_none() {
                return;
            }
            state.interrupted_elsewhere.clone().filter(|_| state.gives_back)
        };
        let query = match previous {
            None => self.sql(RELEASE),
            Some(previous) => self
                .sql(GIVE_BACK)
                .bind(previous.run_id)
                .bind(previous.server)
                .bind(previous.server_name)
                .bind(previous.connection)
                .bind(previous.held_by),
        };
        let _ = session
            .execute(query.bind(self.name).bind(&self.run_id).shielded())
            .await;
    }
}

/// Keeps two transactions of the same work apart that go through different servers of a cluster.
#[derive(Debug, Clone)]
pub struct Guard {
    cluster: Cluster,
    table: String,
    name: &'static str,
}

impl Guard {
    /// The guard of the work `name` on `database`; `None` where one server's row locks are enough. Makes its table.
    ///
    /// # Errors
    /// The table is not there and may not be made.
    pub async fn of(
        session: &mut Session,
        database: &str,
        name: &'static str,
    ) -> Result<Option<Guard>, DbError> {
        let Some(cluster) = Cluster::of(session).await? else {
            return Ok(None);
        };
        let table = quote_qualified(database, TABLE);
        let probe = session.execute(format!("SELECT 1 FROM {table} LIMIT 0")).await;
        match probe {
            Err(error) if error.is_missing_table() => {
                session.execute(CREATE.replace("{runs}", &table)).await?;
            }
            other => drop(other?),
        }
        Ok(Some(Guard { cluster, table, name }))
    }

    /// Sets a new session up.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn prepare(&self, session: &mut Session) -> Result<(), DbError> {
        self.cluster.prepare(session).await
    }

    /// Writes the row in the open transaction, before anything is read in it.
    ///
    /// # Errors
    /// Another transaction keeps it: to be tried again from its start.
    pub async fn write(&self, session: &mut Session) -> Result<(), DbError> {
        let query = Query::new(GUARD.replace("{runs}", &self.table)).bind(self.name);
        session.execute(query.timeout(None)).await.map(drop)
    }
}
