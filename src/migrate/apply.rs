//! Runs the statements of a migration, each with its record.
//!
//! This file goes through a migration from its begin to its end; `step` says how a statement and its record
//! stay together, `transaction` follows the file's own transactions, `resume` finds out where an earlier run
//! stopped, `stopped` says why this one did.

use std::time::{Duration, Instant};

use super::effects_cache::EffectsCache;
use super::history::{Claim, History, Intent, Record, RecordState, Start, TABLE, WriteError};
use super::saved_session::{SavedSession, SessionWatch};
use super::script_cursor::{Bookmark, ScriptCursor};
use super::session_vars::SessionOpener;
use crate::context::Context;
use crate::db::{DbError, Server, Session};
use crate::exit::Failure;
use crate::migrate::files::{Direction, Migration, ScriptOutline, TakenAway};
use crate::sql::SplitOptions;

/// What a run needs to know besides the migrations.
pub struct Runner<'a> {
    /// The context of the command.
    pub ctx: &'a Context,
    /// The connection that does the work and holds the lock.
    pub session: &'a mut Session,
    /// What the server can do.
    pub server: &'a Server,
    /// The history table.
    pub history: &'a History,
    /// The database.
    pub database: &'a str,
    /// How the server reads strings.
    pub options: SplitOptions,
    /// How long one statement may run.
    pub timeout: Option<Duration>,
    /// How often a statement is tried when a lock is in its way.
    pub attempts: u32,
    /// How the session is opened anew.
    pub opening: SessionOpener,
    /// Whether the history was empty before this run.
    pub first_ever: bool,
}

/// What was done to one migration.
#[derive(Debug, Clone)]
pub struct AppliedMigration {
    /// Version as the file writes it.
    pub label: String,
    /// The file's name without ending.
    pub name: String,
    /// Statements this run did.
    pub statements: u32,
    /// Rows they changed.
    pub rows: u64,
    /// How long they took.
    pub took: Duration,
    /// Whether an earlier run had begun it.
    pub resumed: bool,
}

/// Why a run cannot go on.
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

impl From<Failure> for MigrationStop {
    fn from(failure: Failure) -> MigrationStop {
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
    /// Where it begins: there a run that has lost it begins again.
    pub start: Bookmark,
    /// What the session held there.
    pub state: SavedSession,
    /// Whether it can be begun again: not one that a procedure has left open.
    pub again: bool,
    /// Whether AND CHAIN began it, and no statement of its own.
    pub chained: bool,
}

/// A statement that may have taken effect in part.
pub(super) struct UncertainStatement {
    /// Why.
    pub why: &'static str,
    /// As it is recorded, for the question to ask.
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
    /// The record as this connection has written it, its open transaction included.
    pub claim: Claim,
    /// The record as it is committed.
    pub committed: Claim,
    pub state: SavedSession,
    pub watch: SessionWatch,
    /// Numbers of the statements that ask about the one before them, ascending.
    pub asking: Vec<u32>,
    pub tables: EffectsCache,
    pub open: Option<OpenTransaction>,
    /// Whether the committed record names a statement as begun.
    pub intended: bool,
    /// Set when the last statement failed and may have taken effect in part.
    pub doubt: Option<UncertainStatement>,
    /// Whether all that the failed statement did is undone, and it may be tried again.
    pub undone: bool,
    pub spot: StatementLocation,
    /// Statements before this number run each in its own transaction.
    pub single_until: u32,
    pub attempts: u32,
    pub rows: u64,
    pub ran: u32,
}

impl Progress<'_> {
    /// Whether the statement `ahead` of the current one asks about the one before it; it is not read for that.
    pub fn asks(&self, ahead: usize) -> bool {
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let number = self.script.number().saturating_add(ahead);
        self.asking.binary_search(&number).is_ok()
    }
}

impl Runner<'_> {
    /// Applies a migration (or takes it back), going on where an earlier run stopped.
    ///
    /// # Errors
    /// A statement failed, the run was interrupted, or it cannot be told how far an earlier one got. What has
    /// been done is recorded in each case.
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
        let begun = Instant::now();
        self.keeps_the_record(&outline)?;
        if outline.largest.number > record.map_or(0, |record| record.done) {
            self.takes(&outline)?;
        }
        let watch = SessionWatch::from_outline(&outline);
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
            asking: outline.asking,
            tables: EffectsCache::default(),
            open: None,
            intended: false,
            doubt: None,
            undone: false,
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
            took: begun.elapsed(),
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
            // A refusal of the first write is most often a server that is read-only.
            Err(WriteError::Db(error)) => Err(anyhow::Error::new(error)
                .context("the record of progress cannot be written, so nothing was run")),
            Err(WriteError::Overtaken) => Err(WriteError::Overtaken.into()),
        }
    }

    /// Refuses a file with a statement that the server will not take for its size.
    fn takes(&self, outline: &ScriptOutline) -> Result<(), Failure> {
        let ScriptOutline { largest, .. } = outline;
        DbError::refuse_too_large(largest.bytes, self.server.max_allowed_packet).map_err(|error| {
            Failure::usage(
                format!("{}: {}; nothing of the file was run", largest.place, error.what()),
                error.next(),
            )
        })
    }

    /// Refuses a file that would take away the table in which its own progress is kept.
    fn keeps_the_record(&self, outline: &ScriptOutline) -> Result<(), Failure> {
        let own = |taken: &&TakenAway| {
            let database = taken.database.as_deref().unwrap_or(self.database);
            let table = taken.table.as_deref().unwrap_or(TABLE);
            database.eq_ignore_ascii_case(self.database) && table.eq_ignore_ascii_case(TABLE)
        };
        match outline.taken_away.iter().find(own) {
            None => Ok(()),
            Some(taken) => Err(Failure::usage(
                format!(
                    "{}: this would take away the table {TABLE}, in which the progress of {} is \
                     recorded; nothing of the file was run",
                    taken.place, self.database
                ),
                "do it by hand, outside the migrations",
            )),
        }
    }
}
