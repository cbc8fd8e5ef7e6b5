//! Changes a large table while it is in use: a second table with the new definition (the shadow) is filled, compared
//! and put in the first one's place.
//!
//! - Three triggers write the keys of changed rows to a log; they never touch the shadow, so that they are short and
//!   no row of the application can fail because of the new definition.
//! - Ranges of rows are copied with reads that lock nothing (READ COMMITTED; with foreign keys that change rows by
//!   themselves, which run no trigger, under shared locks). Rows whose keys are in the log are copied again. An
//!   entry is removed in the transaction that has copied its row, after the entry was read: a later change of the
//!   row has an entry of its own.
//! - At any moment each row of the table is, for its key, equal in the shadow, or in the log, or not yet reached.
//! - When all is copied, every range is compared in both tables (`verify`), the rest of the log is copied under a
//!   lock, and one RENAME puts the shadow in the table's place (`swap`).
//! - The position is recorded with each range (`record`); a later run goes on there.

mod apply;
mod cleanup;
mod copy;
mod failure;
mod foreign_keys;
mod key;
mod mapping;
mod names;
mod pace;
mod precheck;
mod prepare;
pub mod record;
mod replicas;
pub mod room;
mod swap;
mod table;
mod verify;

use std::time::{Duration, Instant, SystemTime};

pub use failure::{Interruption, Refusal};
pub use names::{ObjectNames, is_table_of_change, is_trigger_of_change};

use crate::batch::{BatchSizer, MaxLoad, Throttle};
use crate::context::Context;
use crate::db::{DbError, Server, Session, quote_qualified};
use crate::exit::Failure;
use crate::sql::{Classification, TableDef, classify};
use key::{CopyKey, KeyValue};
use mapping::Mapping;
use record::{ChangeRecord, Phase, Records};
use replicas::Replicas;

/// How a change goes about.
#[derive(Debug, Clone)]
pub struct OnlineSettings {
    /// The time that one transaction should take at most.
    pub target: Duration,
    /// The most rows of one transaction.
    pub max_rows: u64,
    /// Pause above these.
    pub max_load: MaxLoad,
    /// Pause above this lag of replication, in seconds.
    pub max_lag: Option<u64>,
    /// Servers that must not lag so much either, as HOST or HOST:PORT.
    pub replicas: Vec<String>,
    /// Not to swap before this moment.
    pub swap_at: Option<SystemTime>,
    /// How long a statement may wait for the table's lock, in seconds.
    pub lock_wait: u64,
    /// Attempts at a statement that waits for the table's lock.
    pub attempts: u32,
    /// Whether the former table is kept.
    pub keep_old: bool,
    /// Whether the swap waits for a person.
    pub hold: bool,
}

impl Default for OnlineSettings {
    fn default() -> Self {
        OnlineSettings {
            target: Duration::from_millis(100),
            max_rows: 20_000,
            max_load: MaxLoad::default(),
            max_lag: None,
            replicas: Vec::new(),
            swap_at: None,
            lock_wait: 1,
            attempts: 30,
            keep_old: false,
            hold: false,
        }
    }
}

/// What is to be changed.
#[derive(Debug, Clone)]
pub struct OnlineRequest {
    /// The database of the table.
    pub database: String,
    /// The table.
    pub table: String,
    /// The statement.
    pub statement: String,
    /// What asks for it, for the record: a migration and the number of its statement.
    pub owner: String,
}

/// What a change did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnlineReport {
    /// Rows copied, those of earlier runs included.
    pub rows: u64,
    /// Rows copied again because they were changed meanwhile.
    pub changed: u64,
    /// Rows whose copy was found to differ, and copied again.
    pub repaired: u64,
    /// The longest time that the table was locked.
    pub locked: Duration,
    /// The name of the former table, if it was kept.
    pub old: Option<String>,
}

/// The run that a change is part of.
pub trait Owner {
    /// The run's own connection.
    fn session(&mut self) -> &mut Session;

    /// Checks that the run may go on, and keeps its connection alive.
    fn check(&mut self) -> impl Future<Output = anyhow::Result<()>>;
}

/// A change under way.
struct Change<'a, O> {
    ctx: &'a Context,
    server: &'a Server,
    settings: &'a OnlineSettings,
    request: &'a OnlineRequest,
    found: Classification,
    names: ObjectNames,
    records: Records,
    owner: &'a mut O,
    /// The connection that copies.
    worker: Session,
    replicas: Replicas,
    /// Whether the server's SQL layer does what foreign keys do by themselves.
    sql_cascades: bool,
    /// Whether the shadow has no foreign keys until the swap.
    detaches: bool,
    report: OnlineReport,
    /// Rows compared.
    compared: u64,
    asked: Instant,
    /// When the last event was written.
    told: Option<Instant>,
}

/// How rows get from the table to the shadow.
struct Route {
    key: CopyKey,
    mapping: Mapping,
    /// Whether rows must be locked while they are copied.
    locks: bool,
    /// The table, the shadow, the log and the probe, with their database, quoted.
    table: String,
    shadow: String,
    log: String,
    probe: String,
    old_def: TableDef,
    new_def: TableDef,
}

/// Changes a table, or goes on with a change that an earlier run began. The record of the change stays until
/// [`settle`], so that the caller can record first that the change is done.
///
/// # Errors
/// A [`Refusal`], before anything was created; an [`Interruption`], after which the table is as it was; the
/// connection failed, or the run was cancelled: a later run goes on.
pub async fn run<O: Owner>(
    ctx: &Context,
    server: &Server,
    settings: &OnlineSettings,
    request: &OnlineRequest,
    owner: &mut O,
) -> anyhow::Result<OnlineReport> {
    let records = Records::new(&request.database);
    let found = classify(&request.statement);
    prepare::refuse_statement(&found).map_err(|refusal| refusal.failure(&request.table))?;
    let mut record = records.find(owner.session(), &request.table).await?;
    if let Some(other) = record.take_if(|record| record.owner != request.owner) {
        if !is_settled(owner.session(), request, &other).await? {
            return Err(Refusal::OtherChange(other.owner).failure(&request.table).into());
        }
        records.forget(owner.session(), &request.table).await?;
    }
    let replicas = Replicas::open(ctx, settings)
        .await
        .map_err(|error| error.context(format!("{} was not changed", request.table)))?;
    let Some(worker) = ctx.db.try_session().await? else {
        return Err(Refusal::NoConnection.failure(&request.table).into());
    };
    let mut change = Change {
        ctx,
        server,
        settings,
        request,
        found,
        names: ObjectNames::new(&request.database, &request.table),
        records,
        owner,
        worker,
        replicas,
        sql_cascades: false,
        detaches: false,
        report: OnlineReport::default(),
        compared: 0,
        asked: Instant::now(),
        told: None,
    };
    change.set_up_worker().await?;
    change.run(record).await?;
    Ok(change.report)
}

/// Whether a change of another owner is done to its last step. That its record is still there means that the run
/// died after it had recorded the change as done.
async fn is_settled(
    session: &mut Session,
    request: &OnlineRequest,
    record: &ChangeRecord,
) -> Result<bool, DbError> {
    let names = ObjectNames::new(&request.database, &request.table);
    Ok(record.phase == Phase::Swapping
        && swap::has_happened(session, &request.database, &request.table, &names).await?
        && table::definition(session, &request.database, &names.log)
            .await?
            .is_none())
}

/// Whether a change for this owner has begun and is not settled.
///
/// # Errors
/// The connection failed.
pub async fn has_begun(session: &mut Session, request: &OnlineRequest) -> Result<bool, DbError> {
    let record = Records::new(&request.database)
        .find(session, &request.table)
        .await?;
    Ok(record.is_some_and(|record| record.owner == request.owner))
}

/// Removes the record of a change of which the caller has recorded that it is done.
///
/// # Errors
/// The connection failed.
pub async fn settle(session: &mut Session, request: &OnlineRequest) -> Result<(), DbError> {
    Records::new(&request.database)
        .forget(session, &request.table)
        .await
}

/// Removes what an unfinished change has created. Nothing of the table itself changes. False if there is none, or if
/// the tables have changed places already.
///
/// # Errors
/// A statement fails.
pub async fn abandon(session: &mut Session, database: &str, table: &str) -> Result<bool, DbError> {
    let records = Records::new(database);
    let names = ObjectNames::new(database, table);
    let Some(record) = records.find(session, table).await? else {
        return Ok(false);
    };
    if record.phase == Phase::Swapping && swap::has_happened(session, database, table, &names).await? {
        return Ok(false);
    }
    prepare::remove_objects(session, database, &names).await?;
    records.forget(session, table).await?;
    Ok(true)
}

impl<O: Owner> Change<'_, O> {
    async fn run(&mut self, record: Option<ChangeRecord>) -> anyhow::Result<()> {
        let database = &self.request.database;
        let began = match record {
            Some(record) => record,
            None => self.begin().await?,
        };
        if began.phase == Phase::Swapping
            && swap::has_happened(&mut self.worker, database, &self.request.table, &self.names).await?
        {
            self.report.rows = began.rows_copied;
            return self.clean_up(&began).await;
        }
        let (record, route) = self.ready(began).await?;
        self.report.rows = record.rows_copied;
        if record.phase <= Phase::Copying {
            let progress = self.progress(record.rows_estimated, "rows of");
            self.event(Phase::Copying, &record);
            self.copy_all(&route, record.position.clone(), &progress).await?;
            self.enter(Phase::Verifying).await?;
        }
        if record.phase <= Phase::Verifying {
            let position = record
                .position
                .clone()
                .filter(|_| record.phase == Phase::Verifying);
            let progress = self.progress(self.report.rows, "compared of");
            self.event(Phase::Verifying, &record);
            self.verify_all(&route, position, &progress).await?;
        }
        self.event(Phase::Swapping, &record);
        self.enter(Phase::Swapping).await?;
        self.swap(&route, &record).await?;
        self.clean_up(&record).await
    }

    /// The table as written in statements.
    fn qualified(&self, name: &str) -> String {
        quote_qualified(&self.request.database, name)
    }

    fn failure(&self, interruption: &Interruption) -> Failure {
        interruption.failure(&self.request.table)
    }

    async fn enter(&mut self, phase: Phase) -> Result<(), DbError> {
        self.records
            .enter(&mut self.worker, &self.request.table, &self.request.owner, phase)
            .await
    }

    /// Records a position in the open transaction.
    async fn advance(&mut self, position: Option<&KeyValue>, rows: u64) -> anyhow::Result<()> {
        let (table, owner) = (&self.request.table, &self.request.owner);
        let written = self
            .records
            .advance(&mut self.worker, table, owner, position.map(Vec::as_slice), rows)
            .await?;
        if written {
            Ok(())
        } else {
            Err(self.failure(&Interruption::RecordLost).into())
        }
    }

    /// The record as it is now: a person may have set its flags.
    async fn own_record(&mut self) -> anyhow::Result<ChangeRecord> {
        let (table, owner) = (&self.request.table, &self.request.owner);
        let record = self.records.find(&mut self.worker, table).await?;
        record
            .filter(|record| record.owner == *owner)
            .ok_or_else(|| self.failure(&Interruption::RecordLost).into())
    }

    fn sizer(&self) -> BatchSizer {
        BatchSizer::new(self.settings.target, self.settings.max_rows)
    }

    fn throttle(&self) -> Throttle {
        Throttle::new(self.settings.max_load.clone(), self.settings.max_lag)
    }
}
