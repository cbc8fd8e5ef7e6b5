//! Runs the statements of a migration and records each.
//!
//! This file runs a migration from start to end; `step` keeps a statement and its record together,
//! `step::transactions` tracks the file's own transactions, `resume` finds where an earlier run stopped,
//! `stop_report` reports why this one did.

use std::time::{Duration, Instant};

use super::effects_cache::EffectsCache;
use super::failure::MigrateFailure;
use super::history::{Claim, History, Intent, Record, RecordState, Start, TABLE, WriteError};
use super::saved_session::{SavedSession, SessionWatch};
use super::script_cursor::{Bookmark, ScriptCursor};
use super::session_vars::SessionOpener;
use super::step::online::OnlineStatements;
use crate::context::Context;
use crate::db::{DbError, Server, Session};
use crate::migrate::files::{Direction, FileFailure, Migration, ScriptOutline, TakenAway};
use crate::sql::{SessionLeftovers, SplitOptions};

/// Everything a run needs besides the migrations.
pub struct Runner<'a> {
    /// The context of the command.
    pub ctx: &'a Context,
    /// The connection that does the work and holds the lock.
    pub session: &'a mut Session,
    /// The server.
    pub server: &'a Server,
    /// The history table.
    pub history: &'a History,
    /// The database.
    pub database: &'a str,
    /// How the server reads strings.
    pub options: SplitOptions,
    /// Time limit of one statement.
    pub timeout: Option<Duration>,
    /// Attempts at a statement that waits for a lock.
    pub attempts: u32,
    /// Opens a new session.
    pub opening: SessionOpener,
    /// Whether the history was empty before this run.
    pub first_ever: bool,
    /// The statements to run as online changes.
    pub online: &'a OnlineStatements,
}

/// The result of running one migration.
#[derive(Debug, Clone)]
pub struct AppliedMigration {
    /// Version as the file writes it.
    pub label: String,
    /// The file's name without ending.
    pub name: String,
    /// Statements that this run executed.
    pub statements: u32,
    /// Rows they changed.
    pub rows: u64,
    /// Duration of the run of this migration.
    pub took: Duration,
    /// Whether an earlier run had started it.
    pub resumed: bool,
}

/// The reason why a run stops.
#[derive(Debug)]
pub(super) enum MigrationStop {
    /// A statement failed, or the connection.
    Db(DbError),
    /// The record is not as this run left it.
    Overtaken,
    /// Another connection, described here, holds the lock.
    LockLost(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<DbError> for MigrationStop {
    fn from(error: DbError) -> MigrationStop {
        MigrationStop::Db(error)
    }
}

impl From<FileFailure> for MigrationStop {
    fn from(failure: FileFailure) -> MigrationStop {
        MigrationStop::Other(failure.into())
    }
}

impl From<WriteError> for MigrationStop {
    fn from(error: WriteError) -> MigrationStop {
        match error {
            WriteError::Db(error) => MigrationStop::Db(error),
            WriteError::Overtaken => MigrationStop::Overtaken,
        }
    }
}

/// A transaction of the file that is open.
pub(super) struct OpenTransaction {
    /// Its start, where a run that lost the transaction starts again.
    pub start: Bookmark,
    /// The session's state there.
    pub state: SavedSession,
    /// Whether it can be started again: not if a procedure has left it open.
    pub again: bool,
    /// Whether AND CHAIN started it instead of a statement.
    pub chained: bool,
}

/// A statement that may have taken effect in part.
pub(super) struct UncertainStatement {
    /// Why.
    pub why: &'static str,
    /// The intent to record for it.
    pub intent: Intent,
}

/// The statement that runs, or ran last, for messages.
#[derive(Debug, Clone, Default)]
pub(super) struct StatementLocation {
    /// Its number in the file, from 1.
    pub number: u32,
    /// `path:line:column`.
    pub place: String,
    /// The statement in one line.
    pub what: String,
}

/// Progress through one migration.
pub(super) struct Progress<'a> {
    pub migration: &'a Migration,
    pub direction: Direction,
    pub script: ScriptCursor,
    /// The record as this connection has written it, including its open transaction.
    pub claim: Claim,
    /// The record as it is committed.
    pub committed: Claim,
    pub state: SavedSession,
    pub watch: SessionWatch,
    /// What stored programs that ran may have left in the session.
    pub leaves: SessionLeftovers,
    /// Numbers of the statements that read results of the previous one, ascending.
    pub asking: Vec<u32>,
    pub tables: EffectsCache,
    pub open: Option<OpenTransaction>,
    /// Whether the committed record has an intent.
    pub intended: bool,
    /// Set when the last statement failed and may have taken effect in part.
    pub doubt: Option<UncertainStatement>,
    /// Whether the failed statement was undone completely and may be tried again.
    pub undone: bool,
    /// What the last statement waited for and who held it up, where that was seen.
    pub held_up: Option<String>,
    pub spot: StatementLocation,
    /// Statements before this number run each in its own transaction.
    pub single_until: u32,
    pub attempts: u32,
    pub rows: u64,
    pub ran: u32,
}

impl Progress<'_> {
    /// Whether the statement `ahead` of the current one reads results of the previous one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn asks(&mut self, ahead: usize) -> Result<bool, FileFailure> {
        let after = u32::try_from(ahead).unwrap_or(u32::MAX);
        let number = self.script.number().saturating_add(after);
        if self.asking.binary_search(&number).is_ok() {
            return Ok(true);
        }
        if !self.watch.has_asking_programs() {
            return Ok(false);
        }
        let next = self.script.ahead(ahead)?;
        Ok(next.is_some_and(|next| self.watch.asks_by_program(&next.text)))
    }
}

impl Runner<'_> {
    /// Applies a migration or rolls it back, resuming where an earlier run stopped.
    ///
    /// # Errors
    /// A statement failed, the run was interrupted, or the progress of an earlier run is unknown. The progress
    /// is recorded in each case.
    pub async fn run(
        &mut self,
        migration: &Migration,
        direction: Direction,
        record: Option<&Record>,
        out_of_order: bool,
    ) -> anyhow::Result<AppliedMigration> {
        let file = migration.script(direction, self.options);
        let outline = match &migration.outline {
            Some(outline) if direction == Direction::Up => outline.clone(),
            _ => file.outline(&self.ctx.cancel)?,
        };
        let reader = file.open_known(&outline.files)?;
        let started = Instant::now();
        self.refuse_loss_of_record(&outline)?;
        if outline.largest.number > record.map_or(0, |record| record.done) {
            self.refuse_too_large(&outline)?;
        }
        let mut watch = SessionWatch::from_outline(&outline);
        watch.look_at_programs(self.session, self.database).await?;
        let (mut script, state) = self
            .resume_at(migration, reader, outline.statements, record, direction, &watch)
            .await?;
        let first = script.number() - 1;
        let claim = self
            .begin(migration, direction, record, out_of_order, &mut script, &state)
            .await?;
        let mut progress = Progress {
            migration,
            direction,
            script,
            committed: claim.clone(),
            claim,
            state,
            watch,
            leaves: SessionLeftovers::default(),
            asking: outline.asking,
            tables: EffectsCache::default(),
            open: None,
            intended: false,
            doubt: None,
            undone: false,
            held_up: None,
            spot: StatementLocation::default(),
            single_until: 0,
            attempts: 0,
            rows: 0,
            ran: 0,
        };
        if let Err(stop) = self.all(&mut progress).await {
            return Err(self.stopped(&progress, stop).await);
        }
        match direction {
            Direction::Up => self.history.finish(self.session, &progress.claim).await?,
            Direction::Down => self.history.forget(self.session, &progress.claim).await?,
        }
        Ok(AppliedMigration {
            label: migration.label.clone(),
            name: migration.name.clone(),
            statements: progress.ran,
            rows: progress.rows,
            took: started.elapsed(),
            resumed: first > 0,
        })
    }

    async fn all(&mut self, progress: &mut Progress<'_>) -> Result<(), MigrationStop> {
        if progress.state.chained {
            self.session.execute("START TRANSACTION").await?;
            progress.open = Some(OpenTransaction {
                start: progress.script.mark(),
                state: progress.state.clone(),
                again: true,
                chained: true,
            });
        }
        while progress.script.ahead(0)?.is_some() {
            self.step(progress).await?;
        }
        Ok(())
    }

    async fn begin(
        &mut self,
        migration: &Migration,
        direction: Direction,
        record: Option<&Record>,
        out_of_order: bool,
        script: &mut ScriptCursor,
        state: &SavedSession,
    ) -> anyhow::Result<Claim> {
        let checksum = match record {
            Some(record) if direction == Direction::Down => &record.checksum,
            _ => &migration.checksum,
        };
        let mark = script.mark();
        let session = state.to_text();
        let start = Start {
            version: migration.version,
            name: &migration.name,
            checksum,
            state: match direction {
                Direction::Up => RecordState::Running,
                Direction::Down => RecordState::Reverting,
            },
            done: mark.done(),
            done_hash: &mark.hash(),
            total: script.total(),
            out_of_order,
            session: session.as_deref(),
        };
        match self.history.begin(self.session, &start, record).await {
            Ok(claim) => Ok(claim),
            // The usual reason for a refused first write is a read-only server.
            Err(WriteError::Db(error)) => Err(anyhow::Error::new(error)
                .context("the record of progress cannot be written, so nothing was run")),
            Err(WriteError::Overtaken) => Err(WriteError::Overtaken.into()),
        }
    }

    /// Refuses a file with a statement larger than the server accepts.
    fn refuse_too_large(&self, outline: &ScriptOutline) -> Result<(), MigrateFailure> {
        let largest = &outline.largest;
        DbError::refuse_too_large(largest.bytes, self.server.max_allowed_packet).map_err(|error| {
            let place = largest.place.clone();
            MigrateFailure::TooLarge { place, error }
        })
    }

    /// Refuses a file that would drop or empty the table in which its own progress is recorded.
    fn refuse_loss_of_record(&self, outline: &ScriptOutline) -> Result<(), MigrateFailure> {
        let own = |taken: &&TakenAway| {
            let database = taken.database.as_deref().unwrap_or(self.database);
            let table = taken.table.as_deref().unwrap_or(TABLE);
            database.eq_ignore_ascii_case(self.database) && table.eq_ignore_ascii_case(TABLE)
        };
        match outline.taken_away.iter().find(own) {
            None => Ok(()),
            Some(taken) => Err(MigrateFailure::RemovesHistory {
                place: taken.place.clone(),
                database: self.database.to_owned(),
            }),
        }
    }
}
