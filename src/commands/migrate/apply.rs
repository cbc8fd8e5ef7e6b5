//! Runs the statements of a migration, each with its record.
//!
//! How a statement and its record stay together depends on who commits:
//! - rows of a transactional table: one transaction holds the statement and its record;
//! - a statement that commits on its own (DDL), or whose table has no transactions: the intent before, the
//!   record after, and the schema decides if the run dies in between;
//! - inside START TRANSACTION … COMMIT of the file: the records are part of that transaction, so a run that
//!   dies resumes at its START TRANSACTION;
//! - everything else changes nothing that lasts: the record after.

use std::time::{Duration, Instant};

use rand::RngExt;

use super::history::{History, Intent, Record, Start, State};
use super::resume::Snapshot;
use super::rows::RowPrinter;
use super::session_state::Restore;
use super::{lock, plan};
use crate::context::Context;
use crate::db::{DbError, Done, ErrorKind, Query, Server, Session};
use crate::exit::{Exit, Failure};
use crate::migrations::{
    Direction, Migration, Position, ScriptStatement, StatementReader, changed, to_savepoint,
};
use crate::report::{duration, plural};
use crate::sql::{Class, Classification, Effect, Options, classify, summary};

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
    pub options: Options,
    /// How long one statement may run.
    pub timeout: Option<Duration>,
    /// How often a statement is tried when a lock is in its way.
    pub attempts: u32,
    /// Rows the last statement returned, if it returned any result set.
    pub returned: Option<u64>,
}

/// What was done to one migration.
#[derive(Debug, Clone)]
pub struct Applied {
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

/// How a statement is kept together with its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bond {
    /// Statement and record in a transaction of ours.
    Together,
    /// Intent, statement, record.
    Intent,
    /// Statement, then record.
    After,
    /// Record, then statement: the file's own COMMIT.
    Before,
}

/// Progress through one migration.
struct Progress<'a> {
    migration: &'a Migration,
    path: String,
    reader: StatementReader,
    /// The next statement.
    current: ScriptStatement,
    /// Statements there are.
    total: u32,
    /// Where the file's own open transaction began, and the statements before it.
    transaction: Option<(Position, u32)>,
    attempts: u32,
    rows: u64,
    ran: u32,
}

impl Progress<'_> {
    /// Of the statements up to and with the next one.
    fn hash_after(&self) -> String {
        self.current.after.hex()
    }

    fn place(&self) -> String {
        format!("{}:{}:{}", self.path, self.current.line, self.current.column)
    }

    /// Statements whose effect and record are committed.
    fn settled(&self) -> u32 {
        let done = self.current.number.saturating_sub(1);
        self.transaction.as_ref().map_or(done, |(_, before)| *before)
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
    ) -> anyhow::Result<Applied> {
        let script = migration.script(direction, self.options);
        let outline = match &migration.outline {
            Some(outline) if direction == Direction::Up => outline.clone(),
            _ => script.outline(&self.ctx.cancel)?,
        };
        let mut reader = script.open()?;
        if reader.stamp() != outline.stamp {
            return Err(changed(script.path()).into());
        }
        let begun = Instant::now();
        let first = self
            .resume_at(migration, &mut reader, outline.statements, record, direction)
            .await?;
        let checksum = match record {
            Some(record) if direction == Direction::Down => &record.checksum,
            _ => &migration.checksum,
        };
        let start = Start {
            version: migration.version,
            name: &migration.name,
            checksum,
            state: if direction == Direction::Up {
                State::Running
            } else {
                State::Reverting
            },
            done: first.done,
            done_hash: &first.hash,
            total: outline.statements,
            out_of_order,
        };
        self.history
            .begin(self.session, &start)
            .await
            .map_err(|error| self.read_only(error))?;
        let restore = Restore::prepare(self.session, self.database, &outline).await?;
        self.replay(&script, &first.session).await?;
        let (mut ran, mut rows) = (0, 0);
        if let Some(current) = reader.next()? {
            let mut progress = Progress {
                migration,
                path: script.path().display().to_string(),
                reader,
                current,
                total: outline.statements,
                transaction: None,
                attempts: 0,
                rows: 0,
                ran: 0,
            };
            loop {
                if let Err(error) = self.step(&mut progress).await {
                    return Err(self.stopped(&progress, error).await);
                }
                match progress.reader.next()? {
                    Some(next) => progress.current = next,
                    None => break,
                }
            }
            (ran, rows) = (progress.ran, progress.rows);
        }
        match direction {
            Direction::Up => self.history.finish(self.session, migration.version).await?,
            Direction::Down => self.history.forget(self.session, migration.version).await?,
        }
        restore.run(self.session).await?;
        Ok(Applied {
            label: migration.label.clone(),
            name: migration.name.clone(),
            statements: ran,
            rows,
            took: begun.elapsed(),
            resumed: first.done > 0,
        })
    }

    /// Runs the next statement, or goes back to the start of a transaction that a deadlock ended.
    async fn step(&mut self, progress: &mut Progress<'_>) -> Result<(), DbError> {
        self.ctx.cancel.check()?;
        let found = classify(&progress.current.text);
        let bond = self.bond(progress, &found).await?;
        let begun = Instant::now();
        let ran = self.bonded(progress, &found, bond, begun).await;
        let done = match ran {
            Ok(done) => done,
            Err(error) if error.is_lock_conflict() && progress.attempts + 1 < self.attempts => {
                return self.wait_for_locks(progress, &error).await;
            }
            Err(error) => return Err(error),
        };
        progress.attempts = 0;
        match (found.class, found.verb.as_str()) {
            (Class::Transaction, "BEGIN" | "START TRANSACTION") => {
                let before = progress.current.number.saturating_sub(1);
                progress.transaction = Some((progress.current.start.clone(), before));
            }
            (Class::Transaction, "COMMIT") => {
                let chained = progress.current.text.to_ascii_uppercase().contains("CHAIN");
                progress.transaction = chained.then(|| (progress.reader.position(), progress.current.number));
            }
            (Class::Transaction, "ROLLBACK") if !to_savepoint(&progress.current.text) => {
                progress.transaction = None
            }
            _ if found.implicit_commit => progress.transaction = None,
            _ => {}
        }
        let changed = if found.class == Class::Dml {
            done.affected
        } else {
            0
        };
        progress.rows += changed;
        progress.ran += 1;
        self.say(progress, &found, &done, begun.elapsed());
        Ok(())
    }

    fn say(&self, progress: &Progress<'_>, found: &Classification, done: &Done, took: Duration) {
        let what = summary(&progress.current.text, 60);
        let number = format!("{}.{}", progress.migration.label, progress.current.number);
        let rows = match (self.returned, found.class) {
            (Some(returned), _) => plural(returned, "row"),
            (None, Class::Dml) => plural(done.affected, "row"),
            // An ALTER that copies counts the rows it copied.
            (None, Class::Ddl) if done.affected > 0 => plural(done.affected, "row"),
            _ => String::new(),
        };
        let warnings = match done.warnings {
            0 => String::new(),
            count => format!("  {}", plural(count.into(), "warning")),
        };
        let took = duration(took);
        self.ctx.report.status(format!(
            "  {number:<7} {what:<60}  {rows:>10}  {took:>8}{warnings}"
        ));
    }

    async fn bond(&mut self, progress: &Progress<'_>, found: &Classification) -> Result<Bond, DbError> {
        let committing = found.implicit_commit && found.class != Class::Transaction;
        Ok(match found.class {
            Class::Transaction if found.verb == "COMMIT" && progress.transaction.is_some() => Bond::Before,
            Class::Transaction => Bond::After,
            _ if committing || found.opaque && progress.transaction.is_none() => Bond::Intent,
            Class::Dml if progress.transaction.is_none() => {
                let table = found.objects.iter().find(|object| object.effect == Effect::Write);
                let database = self.current_database().await?;
                let transactional = match table {
                    Some(table) => plan::transactional(self.session, &database, &table.name).await?,
                    None => None,
                };
                if transactional == Some(false) {
                    Bond::Intent
                } else {
                    Bond::Together
                }
            }
            _ => Bond::After,
        })
    }

    async fn bonded(
        &mut self,
        progress: &mut Progress<'_>,
        found: &Classification,
        bond: Bond,
        begun: Instant,
    ) -> Result<Done, DbError> {
        let number = progress.current.number;
        match bond {
            Bond::Together => {
                self.session.execute("START TRANSACTION").await?;
                let done = self.execute(progress).await?;
                self.record(progress, begun).await?;
                // Undone or done as a whole; once it is sent, cancellation must not cut it short.
                self.session.execute(Query::new("COMMIT").shielded()).await?;
                Ok(done)
            }
            Bond::Intent => {
                let text = &progress.current.text;
                let database = self.current_database().await?;
                let mariadb = self.server.is_mariadb();
                let before = Snapshot::take(self.session, text, found, &database, mariadb, true).await?;
                let before = before.to_text();
                let hash = progress.hash_after();
                let intent = Intent { number, hash, before };
                self.history
                    .intend(self.session, progress.migration.version, &intent)
                    .await?;
                // The server would commit the file's open transaction now; done here, it is known to be.
                if progress.transaction.take().is_some() {
                    self.session.execute(Query::new("COMMIT").shielded()).await?;
                }
                if !found.implicit_commit {
                    self.session.execute("START TRANSACTION").await?;
                }
                let done = self.execute(progress).await?;
                self.record(progress, begun).await?;
                self.session.execute(Query::new("COMMIT").shielded()).await?;
                Ok(done)
            }
            Bond::After => {
                let done = self.execute(progress).await?;
                self.record(progress, begun).await?;
                Ok(done)
            }
            Bond::Before => {
                self.record(progress, begun).await?;
                self.session
                    .execute(Query::new(progress.current.text.as_str()).shielded())
                    .await
            }
        }
    }

    /// The database that names without one are of, where the file has got to.
    async fn current_database(&mut self) -> Result<String, DbError> {
        let current = self.session.first::<Option<String>>("SELECT DATABASE()").await?;
        Ok(current.flatten().unwrap_or_default())
    }

    async fn record(&mut self, progress: &Progress<'_>, begun: Instant) -> Result<(), DbError> {
        let hash = progress.hash_after();
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let version = progress.migration.version;
        self.history
            .done(self.session, version, progress.current.number, &hash, took)
            .await
    }

    async fn execute(&mut self, progress: &Progress<'_>) -> Result<Done, DbError> {
        let mut printer = RowPrinter::new(&self.ctx.report);
        let query = Query::new(progress.current.text.as_str()).timeout(self.timeout);
        let result = self.session.run(query, |event| printer.event(event)).await;
        printer.finish();
        self.returned = printer.total();
        match result {
            Err(error) if error.kind() == (ErrorKind::Timeout { completed: true }) => {
                self.ctx.report.warn(format!("{}: {error}", progress.place()));
                Ok(Done::default())
            }
            other => other,
        }
    }

    /// Lets go of what the statement held, waits a moment, and has it tried again.
    async fn wait_for_locks(&mut self, progress: &mut Progress<'_>, error: &DbError) -> Result<(), DbError> {
        progress.attempts += 1;
        // A lock wait in the file's own transaction could leave the rest of it: begin it anew.
        self.session.execute("ROLLBACK").await?;
        let again = match progress.transaction.take() {
            Some((start, _)) => start,
            None => progress.current.start.clone(),
        };
        progress
            .reader
            .seek(&again)
            .map_err(|failure| DbError::new(ErrorKind::Statement, failure.what, failure.next))?;
        let blockers = lock::blockers(self.session, self.database, self.server.is_mariadb()).await;
        self.ctx.report.status(format!(
            "  {}: a lock is in the way ({}); {blockers}; trying again, {} of {}",
            progress.place(),
            error.code().unwrap_or_default(),
            progress.attempts + 1,
            self.attempts
        ));
        let base = 250_u64 << progress.attempts.min(4);
        let pause = rand::rng().random_range(base / 2..=base);
        self.ctx.cancel.sleep(Duration::from_millis(pause)).await?;
        Ok(())
    }

    /// Records why the migration stopped, as far as that is possible, and says it.
    async fn stopped(&mut self, progress: &Progress<'_>, error: DbError) -> anyhow::Error {
        let number = progress.current.number;
        let total = progress.total;
        let label = &progress.migration.label;
        let settled = progress.settled();
        let kept = match settled {
            0 => "nothing of it is done".to_owned(),
            done => format!("{done} of {total} statements are done and recorded"),
        };
        let again = format!(
            "run `dbtool migrate {label}` again: it goes on with statement {}",
            settled + 1
        );
        let place = progress.place();
        let what = summary(&progress.current.text, 80);
        let failure = match error.kind() {
            ErrorKind::Cancelled(signal) => Failure::new(
                Exit::Interrupted(signal),
                format!("interrupted by {signal} at {place}, statement {number} of {total} ({what}); {kept}"),
                again,
            ),
            ErrorKind::Lost { .. } => Failure::statement(
                format!("{place}: statement {number} of {total} ({what}): {error}; {kept}"),
                format!(
                    "check that the server is up, then {again}; whether this statement took effect is then decided from the schema"
                ),
            ),
            _ => {
                let mut words =
                    format!("{place}: statement {number} of {total} ({what}) failed: {error}; {kept}");
                if error.is_lock_conflict() {
                    let blockers =
                        lock::blockers(self.session, self.database, self.server.is_mariadb()).await;
                    words = format!("{words}; {blockers}");
                }
                self.note_failure(progress, &format!("statement {number}: {error}"))
                    .await;
                let advice = if error.next().is_empty() {
                    "correct the statement"
                } else {
                    error.next()
                };
                Failure::statement(words, format!("{advice}; then {again}"))
            }
        };
        failure.into()
    }

    async fn note_failure(&mut self, progress: &Progress<'_>, error: &str) {
        let _ = self.session.execute(Query::new("ROLLBACK").shielded()).await;
        if let Err(error) = self
            .history
            .fail(self.session, progress.migration.version, error)
            .await
        {
            self.ctx
                .report
                .warn(format!("the failure could not be recorded: {error}"));
        }
    }

    /// A refusal of the first write is most often a server that is read-only.
    fn read_only(&self, error: DbError) -> anyhow::Error {
        anyhow::Error::new(error).context("the record of progress cannot be written, so nothing was run")
    }
}
