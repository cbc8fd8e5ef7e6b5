//! Keeps a statement and its record together.
//!
//! It depends on how the statement commits:
//! - if a ROLLBACK undoes it: one transaction has the statement and its record;
//! - if it commits implicitly (DDL): the intent before, the record after, and the schema decides if the run
//!   is killed in between;
//! - if it cannot be undone or predicted (a table without transactions, a procedure that may commit): the
//!   intent before, statement and record in one transaction, and a person decides if the run is killed in
//!   between;
//! - if it has no lasting effect: the record after.
//!
//! A statement that reads results of the previous one (ROW_COUNT(), SHOW WARNINGS) forms one step with it:
//! dbtool runs no statement between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::apply::{MigrationStop, Progress, Runner, StatementLocation, UncertainStatement};
use super::history::{Claim, Intent, ProgressPoint};
use super::lock;
use super::object_snapshot::ObjectSnapshot;
use super::result_set_printer::ResultSetPrinter;
use super::saved_session::SavedSession;
use super::script_cursor::Bookmark;
use super::statement_watch::{Watched, watched};
use super::write_effects::WriteEffects;
use crate::connections::candidates;
use crate::db::codes::ER_WARNING_NOT_COMPLETE_ROLLBACK;
use crate::db::row::get;
use crate::db::{DbError, Done, ErrorKind, Query, Row};
use crate::migrate::files::ScriptStatement;
use crate::online_change::OnlineRequest;
use crate::report::{duration, plural, visible};
use crate::sql::session::{
    has_query, may_call, sets_for_next_statement, sets_next_transaction, user_variables,
};
use crate::sql::{
    Classification, StatementClass, TransactionStatement, assigns_first, classify, summary, transaction,
};

/// Commits a transaction of dbtool, whatever `completion_type` a file has set.
pub(super) const COMMIT: &str = "COMMIT AND NO CHAIN NO RELEASE";
/// Rolls back a transaction of dbtool.
const ROLLBACK: &str = "ROLLBACK AND NO CHAIN NO RELEASE";
/// Its release shows whether the transaction in which it was set is still open.
pub(super) const SAVEPOINT: &str = "SAVEPOINT dbtool_mark";
/// See [`SAVEPOINT`].
pub(super) const RELEASE_SAVEPOINT: &str = "RELEASE SAVEPOINT dbtool_mark";
/// Maximum number of warnings shown for one statement.
const MAX_WARNINGS: usize = 3;
/// Maximum number of statements in one step.
const MAX_STEP: usize = 100;

/// One statement of a step.
pub(super) struct StepStatement {
    pub statement: Arc<ScriptStatement>,
    /// Its classification; for an EXECUTE, of the text that it runs.
    pub found: Classification,
    /// The text that an EXECUTE runs, if it is known.
    pub executed: Option<String>,
    /// The database of its unqualified names, if that is not the current one: see [`SavedSession::executed_in`].
    prepared_in: Option<Option<String>>,
}

impl StepStatement {
    /// The statement's text.
    pub fn text(&self) -> &str {
        &self.statement.text
    }

    /// The text that runs, as far as it is known.
    fn effective_text(&self) -> &str {
        self.executed.as_deref().unwrap_or(self.text())
    }

    /// The database of its unqualified names; `own` is that of the run.
    fn database<'a>(&'a self, state: &'a SavedSession, own: &'a str) -> &'a str {
        let database = self.prepared_in.as_ref().unwrap_or(&state.database);
        database.as_deref().unwrap_or(own)
    }

    fn commits(&self) -> bool {
        self.found.implicit_commit && self.found.class != StatementClass::Transaction
    }
}

/// The result of a statement of a step.
struct StatementRun {
    done: Done,
    returned: Option<u64>,
    took: Duration,
    warnings: Vec<String>,
}

/// Classifies a statement; an EXECUTE by the text that it runs, if it is known.
pub(super) fn part(statement: Arc<ScriptStatement>, state: &SavedSession) -> StepStatement {
    let executed = state.executed(&statement.text);
    StepStatement {
        found: classify(executed.as_deref().unwrap_or(&statement.text)),
        prepared_in: state.executed_in(&statement.text),
        executed,
        statement,
    }
}

/// How a step and its record are kept together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordBinding {
    /// In one transaction of dbtool.
    Together,
    /// Intent, the statement that commits, record.
    Commits,
    /// Intent, then statement and record in a transaction.
    Guarded,
    /// Statement, then record.
    After,
}

/// A user variable that stored programs set and later statements of the file may read: it is lost with the
/// session, and a run that resumes without it could produce other data.
fn later_reads(progress: &mut Progress<'_>, bodies: &[String]) -> Result<Option<String>, MigrationStop> {
    let mut set: Vec<String> = bodies.iter().flat_map(|body| user_variables(body)).collect();
    set.retain(|name| progress.watch.mentions(name));
    if let Some(name) = set.iter().find(|name| {
        !bodies
            .iter()
            .all(|body| !user_variables(body).contains(name) || assigns_first(body, name))
    }) {
        return Ok(Some(name.clone()));
    }
    later_mentions(progress, &set, |statement, name| {
        let program = matches!(
            classify(statement).verb.as_str(),
            "CREATE PROCEDURE" | "CREATE FUNCTION" | "CREATE TRIGGER" | "CREATE EVENT"
        );
        program && assigns_first(statement, name)
    })
}

/// The first of these user variables that a later statement of the file mentions, unless `but` excepts it.
fn later_mentions(
    progress: &mut Progress<'_>,
    names: &[String],
    but: impl Fn(&str, &str) -> bool,
) -> Result<Option<String>, MigrationStop> {
    let mut read = None;
    if !names.is_empty() {
        progress.script.scan(1, |statement| {
            let mentioned = user_variables(&statement.text);
            read = names
                .iter()
                .find(|name| mentioned.contains(name) && !but(&statement.text, name))
                .cloned();
            read.is_none()
        })?;
    }
    Ok(read)
}

impl Runner<'_> {
    /// Runs the next step; after a lock conflict, goes back to where it can be tried again.
    pub(super) async fn step(&mut self, progress: &mut Progress<'_>) -> Result<(), MigrationStop> {
        self.ctx.cancel.check().map_err(DbError::from)?;
        let parts = self.next_parts(progress)?;
        progress.doubt = None;
        progress.undone = false;
        let ctx = self.ctx;
        let label = progress.migration.label.as_str();
        let online = match progress.open {
            Some(_) => None,
            None => self.online_request(progress, &parts),
        };
        let lease = self.opening.lease.clone();
        let watch = Watched {
            label,
            id: self.session.id(),
            // An online change shows its own progress.
            shown: online.is_none().then_some(parts[0].text()),
            lease: lease.as_ref(),
        };
        let work = async {
            match (progress.open.is_some(), transaction(parts[0].text())) {
                (true, kind) => self.inside(progress, &parts, kind).await,
                (false, kind) => self.outside(progress, &parts, kind, online).await,
            }
        };
        let (result, held_up) = watched(ctx, watch, work).await;
        progress.held_up = held_up;
        match result {
            Ok(()) => {
                if progress.open.is_none() {
                    progress.attempts = 0;
                }
                Ok(())
            }
            Err(MigrationStop::Db(error))
                if error.is_lock_conflict() && progress.undone && progress.attempts + 1 < self.attempts =>
            {
                self.wait_for_locks(progress, &error)
                    .await
                    .map_err(MigrationStop::Db)
            }
            Err(stop) => Err(stop),
        }
    }

    fn next_parts(&mut self, progress: &mut Progress<'_>) -> Result<Vec<StepStatement>, MigrationStop> {
        let mut parts: Vec<StepStatement> = Vec::new();
        loop {
            let always = parts.last().is_none_or(|last| sets_next_transaction(last.text()));
            let may = parts.len() < MAX_STEP
                && (progress.asks(parts.len())?
                    || parts
                        .last()
                        .is_some_and(|last| sets_for_next_statement(last.text())));
            // An independent statement is not read before its turn: it may be large.
            if !always && !may {
                return Ok(parts);
            }
            match progress.script.ahead(parts.len())? {
                Some(statement) if always || transaction(&statement.text).is_none() => {
                    parts.push(part(statement, &progress.state));
                }
                _ => return Ok(parts),
            }
        }
    }

    async fn outside(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        kind: Option<TransactionStatement>,
        online: Option<OnlineRequest>,
    ) -> Result<(), MigrationStop> {
        if let Some(holder) = lock::keep(
            self.ctx,
            self.session,
            self.database,
            self.opening.lease.as_deref(),
        )
        .await?
        {
            return Err(MigrationStop::LockLost(holder));
        }
        let begins = |part: &StepStatement| transaction(part.text()) == Some(TransactionStatement::Begin);
        if kind.is_some() || parts.get(1).is_some_and(begins) {
            return self.begin_transaction(progress, parts).await;
        }
        if let Some(request) = online {
            return self.online(progress, parts, &request).await;
        }
        if parts.len() == 1 && self.shares(progress).await? {
            return self.together_with_next(progress).await;
        }
        let started = Instant::now();
        let mut before = None;
        if sets_next_transaction(parts[0].text()) {
            // It affects the next transaction, which must be that of the following statement.
            self.spot(progress, 0, &parts[0]);
            self.session.execute(parts[0].text()).await?;
            before = Some(());
        }
        let own = if before.is_some() { &parts[1..] } else { parts };
        let skipped = parts.len() - own.len();
        if own.is_empty() {
            return self.after(progress, parts, skipped, started).await;
        }
        match self.bond(progress, own).await? {
            RecordBinding::Together => self.together(progress, parts, skipped, started).await,
            RecordBinding::Guarded => self.guarded(progress, parts, skipped, started).await,
            RecordBinding::Commits => self.commits(progress, parts, skipped, started).await,
            RecordBinding::After => self.after(progress, parts, skipped, started).await,
        }
    }

    async fn bond(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
    ) -> Result<RecordBinding, DbError> {
        if parts[0].commits() {
            return Ok(RecordBinding::Commits);
        }
        if parts.iter().any(StepStatement::commits) {
            return Ok(RecordBinding::Guarded);
        }
        let mut bond = RecordBinding::After;
        for part in parts {
            let lasting = match part.found.class {
                StatementClass::Dml => true,
                _ if part.found.opaque => true,
                StatementClass::Query => part.found.verb == "SELECT" || part.found.verb == "TABLE",
                StatementClass::Session | StatementClass::Other => may_call(part.text()),
                _ => false,
            };
            if lasting {
                // Blocks and SET STATEMENT are not parsed completely.
                let unread = part.found.opaque && part.found.verb != "CALL";
                if unread || !self.undoable(progress, part).await? {
                    return Ok(RecordBinding::Guarded);
                }
                bond = RecordBinding::Together;
            }
        }
        Ok(bond)
    }

    /// Whether a ROLLBACK undoes all effects of a statement that does not commit implicitly.
    pub(super) async fn undoable(
        &mut self,
        progress: &mut Progress<'_>,
        part: &StepStatement,
    ) -> Result<bool, DbError> {
        Ok(self.write_effects(progress, part).await?.undoable())
    }

    /// The write effects of a statement, including views, triggers and stored programs.
    async fn write_effects(
        &mut self,
        progress: &mut Progress<'_>,
        part: &StepStatement,
    ) -> Result<WriteEffects, DbError> {
        let state = &progress.state;
        let database = part.database(state, self.database);
        let temporary = |name: &str| state.is_temporary(name);
        let effects = progress
            .tables
            .write_effects(
                self.session,
                database,
                part.effective_text(),
                &part.found,
                temporary,
            )
            .await?;
        if !effects.leaves.is_empty() {
            progress.leaves.extend(effects.leaves.clone());
        }
        Ok(effects)
    }

    async fn together(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        skip: usize,
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let before = progress.state.clone();
        self.session.execute("START TRANSACTION").await?;
        let ran = match self.run_parts(progress, parts, skip).await {
            Ok(ran) => ran,
            Err(error) => {
                self.undo(progress, false, &before).await;
                return Err(error.into());
            }
        };
        let mark = progress.script.mark_after(parts.len());
        let recorded = async {
            self.learn(progress, parts).await?;
            self.record(progress, &mark, started).await?;
            self.commit(progress).await
        }
        .await;
        if let Err(stop) = recorded {
            self.undo(progress, false, &before).await;
            return Err(stop);
        }
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    /// Records the intent, runs a statement that commits implicitly, then records it as done.
    async fn commits(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        skip: usize,
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let part = &parts[skip];
        let mut before = self.look(progress, part, true).await?;
        // CREATE TABLE … SELECT may call a function that writes.
        if part.found.verb == "CREATE TABLE" && has_query(part.effective_text()) {
            let effects = self.write_effects(progress, part).await?;
            before.why = match self.lost_with_the_session(progress, part, &effects)? {
                Some(why) => Some(why),
                None => effects.why,
            };
        }
        let head = progress.script.mark_after(skip + 1);
        self.intend(progress, 0, &head, before.to_text()).await?;
        // A statement that reads results of one that has committed needs a transaction that no statement of
        // dbtool starts: none may come between.
        let several = parts.len() > skip + 1;
        if several {
            self.session.execute("SET autocommit = 0").await?;
        }
        let result = self.run_parts(progress, &parts[..=skip], skip).await;
        let mut ran = match result {
            Ok(ran) => ran,
            Err(error) => {
                if several {
                    self.autocommit_again().await;
                }
                self.judge(progress, part, &before, &error).await;
                return Err(error.into());
            }
        };
        progress.tables.forget();
        if several {
            match self.run_parts(progress, parts, skip + 1).await {
                Ok(rest) => ran.extend(rest),
                Err(error) => {
                    let _ = self.session.execute(Query::new(ROLLBACK).shielded()).await;
                    self.autocommit_again().await;
                    self.record(progress, &head, started).await?;
                    self.committed(progress);
                    progress.script.go_to(head);
                    return Err(error.into());
                }
            }
        }
        self.learn(progress, parts).await?;
        let mark = progress.script.mark_after(parts.len());
        self.record(progress, &mark, started).await?;
        if several {
            self.session.execute(Query::new(COMMIT).shielded()).await?;
            self.session
                .execute(Query::new("SET autocommit = 1").shielded())
                .await?;
        }
        self.committed(progress);
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    async fn autocommit_again(&mut self) {
        let _ = self
            .session
            .execute(Query::new("SET autocommit = 1").shielded())
            .await;
    }

    /// Takes a snapshot of a statement's objects.
    async fn look(
        &mut self,
        progress: &Progress<'_>,
        part: &StepStatement,
        before: bool,
    ) -> Result<ObjectSnapshot, DbError> {
        let database = part.database(&progress.state, self.database);
        let text = part.effective_text();
        let mut snapshot =
            ObjectSnapshot::take(self.session, self.server, text, &part.found, database, before).await?;
        snapshot.ran.clone_from(&part.executed);
        Ok(snapshot)
    }

    /// Checks whether a failed statement that commits implicitly had an effect.
    async fn judge(
        &mut self,
        progress: &mut Progress<'_>,
        part: &StepStatement,
        before: &ObjectSnapshot,
        error: &DbError,
    ) {
        // An interrupted one is judged by the next run, like one of a killed process.
        if error.code().is_none() && !matches!(error.kind(), ErrorKind::Timeout { .. }) {
            return;
        }
        match self.look(progress, part, false).await {
            Ok(now) if now.looks_as(before) => progress.undone = true,
            Ok(_) => self.doubt(progress, "its objects have changed", before.to_text()),
            Err(_) => {}
        }
    }

    /// Records the intent, then runs a statement that a ROLLBACK may not undo, together with its record.
    async fn guarded(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        skip: usize,
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let state = progress.state.clone();
        let mark = progress.script.mark_after(parts.len());
        let mut before = self.snapshot_before(progress, &parts[skip]).await?;
        self.intend(progress, 0, &mark, before.to_text()).await?;
        let may_end = parts.iter().any(|part| part.found.opaque || part.commits());
        self.session.execute("START TRANSACTION").await?;
        let watches = before.watched.is_some();
        if watches {
            // Written in the transaction: it is visible later exactly if something has committed it.
            before.committed = true;
            let committed = progress.committed.clone();
            self.intend(progress, 0, &mark, before.to_text()).await?;
            progress.committed = committed;
        }
        if may_end {
            self.session.execute(SAVEPOINT).await?;
        }
        let ran = match self.run_parts(progress, parts, skip).await {
            Ok(ran) => ran,
            Err(error) => {
                let claim = progress.claim.clone();
                self.undo(progress, may_end, &state).await;
                if watches && progress.doubt.is_some() {
                    self.follow(progress, claim).await?;
                }
                return Err(error.into());
            }
        };
        if may_end {
            progress.tables.forget();
        }
        let lasts = self.session.in_transaction();
        if watches && !lasts {
            let claim = progress.claim.clone();
            self.follow(progress, claim).await?;
        }
        if may_end && lasts && !self.release_mark().await? {
            // It has left its own transaction open; the file has to end it, as with the client.
            self.left_open(progress);
            self.advance(progress, parts, &ran, mark);
            return Ok(());
        }
        self.learn(progress, parts).await?;
        self.record(progress, &mark, started).await?;
        if lasts {
            self.session.execute(Query::new(COMMIT).shielded()).await?;
        }
        self.committed(progress);
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    /// Determines the current claim of the record: the one that a transaction wrote, if it was committed, or
    /// the one before it.
    async fn follow(&mut self, progress: &mut Progress<'_>, claim: Claim) -> Result<(), DbError> {
        let revision = self.history.revision(self.session, &claim).await?;
        if claim.is_at(revision) {
            progress.committed = claim;
        }
        progress.claim = progress.committed.clone();
        Ok(())
    }

    /// Takes a snapshot of the objects that a statement may change and no ROLLBACK undoes, as far as they are known.
    async fn snapshot_before(
        &mut self,
        progress: &mut Progress<'_>,
        part: &StepStatement,
    ) -> Result<ObjectSnapshot, MigrationStop> {
        let effects = self.write_effects(progress, part).await?;
        let mut before = self.look(progress, part, true).await?;
        if part.found.opaque && part.found.verb != "CALL" {
            return Ok(before);
        }
        if let Some(why) = self.lost_with_the_session(progress, part, &effects)? {
            before.why = Some(why);
        } else if let Some((text, database)) = effects.only_change() {
            let found = classify(text);
            if found.class == StatementClass::Ddl && !found.objects.is_empty() {
                before =
                    ObjectSnapshot::take(self.session, self.server, text, &found, database, true).await?;
                before.ran = Some(text.clone());
            }
        } else if effects.only_text() && !progress.tables.any_plain(self.session).await? {
            let database = before.database.clone();
            let text = part.executed.as_deref().unwrap_or(part.text());
            before = ObjectSnapshot::watch(self.session, text, &effects.bodies, &database).await?;
        } else {
            before.why = effects.why;
        }
        Ok(before)
    }

    /// What a statement whose effect the schema shows may leave in the session besides: lost with a killed run.
    fn lost_with_the_session(
        &self,
        progress: &mut Progress<'_>,
        part: &StepStatement,
        effects: &WriteEffects,
    ) -> Result<Option<String>, MigrationStop> {
        let mut name = later_reads(progress, &effects.bodies)?;
        let text = part.effective_text();
        if name.is_none() && (effects.returns || part.found.verb != "CALL" && text.contains(":=")) {
            name = later_mentions(progress, &user_variables(text), |_, _| false)?;
        }
        if let Some(name) = name {
            return Ok(Some(format!(
                "it may set @{name}, which other statements of the file read"
            )));
        }
        let leaves = &effects.leaves;
        let what = if !leaves.variables.is_empty() {
            "it may set variables of the session"
        } else if !leaves.temporary.is_empty() {
            "it may leave a temporary table in the session"
        } else {
            return Ok(None);
        };
        Ok(Some(what.to_owned()))
    }

    async fn after(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        skip: usize,
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let ran = self.run_parts(progress, parts, skip).await?;
        let mark = progress.script.mark_after(parts.len());
        self.learn(progress, parts).await?;
        self.record(progress, &mark, started).await?;
        self.committed(progress);
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    /// Whether the transaction of [`SAVEPOINT`] is still the open one.
    pub(super) async fn release_mark(&mut self) -> Result<bool, DbError> {
        match self
            .session
            .execute(Query::new(RELEASE_SAVEPOINT).shielded())
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing_savepoint() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Rolls back an open transaction after a failure, and determines whether all of it was undone.
    /// Errors are not reported: the error that led here is the cause.
    pub(super) async fn undo(&mut self, progress: &mut Progress<'_>, marked: bool, state: &SavedSession) {
        progress.claim = progress.committed.clone();
        let mut why = None;
        if marked {
            match self.release_mark().await {
                Ok(true) => {}
                Ok(false) => why = Some("it ended the transaction it ran in"),
                Err(_) => return,
            }
        }
        let Ok(done) = self.session.execute(Query::new(ROLLBACK).shielded()).await else {
            return;
        };
        if done.warnings > 0 && self.not_all_rolled_back().await {
            why = Some("it changed a table without transactions");
        }
        if state.put_back(self.session, &progress.watch).await.is_err() {
            return;
        }
        progress.state = state.clone();
        match why {
            Some(why) => self.doubt(progress, why, String::new()),
            None => progress.undone = true,
        }
        if progress.undone && progress.intended {
            self.withdraw(progress).await;
        }
    }

    async fn not_all_rolled_back(&mut self) -> bool {
        let rows = self
            .session
            .rows::<Row>(Query::new("SHOW WARNINGS").shielded())
            .await
            .unwrap_or_default();
        rows.iter()
            .any(|row| get(row, 1) == Some(ER_WARNING_NOT_COMPLETE_ROLLBACK))
    }

    pub(super) fn doubt(&self, progress: &mut Progress<'_>, why: &'static str, before: String) {
        let ahead = progress.spot.number.saturating_sub(progress.script.number()) as usize;
        let mark = progress.script.mark_after(ahead + 1);
        progress.doubt = Some(UncertainStatement {
            why,
            intent: Intent {
                number: mark.done(),
                hash: mark.hash(),
                before,
            },
        });
    }

    /// Removes a recorded intent: the statement has no effect.
    async fn withdraw(&mut self, progress: &mut Progress<'_>) {
        let mark = progress.script.mark();
        let text = progress.state.to_text();
        let reached = ProgressPoint {
            done: mark.done(),
            hash: &mark.hash(),
            session: text.as_deref(),
        };
        if mark.done() == progress.committed.done()
            && let Ok(claim) = self
                .history
                .done(self.session, &progress.committed, reached, 0)
                .await
        {
            progress.claim = claim;
            self.committed(progress);
        }
    }

    /// Records that the statement before `mark` is about to run, and that all up to `ahead` are done.
    pub(super) async fn intend(
        &mut self,
        progress: &mut Progress<'_>,
        ahead: usize,
        mark: &Bookmark,
        before: String,
    ) -> Result<(), MigrationStop> {
        let done = progress.script.mark_after(ahead);
        let text = progress.state.to_text();
        let reached = ProgressPoint {
            done: done.done(),
            hash: &done.hash(),
            session: text.as_deref(),
        };
        let intent = Intent {
            number: mark.done(),
            hash: mark.hash(),
            before,
        };
        progress.claim = self
            .history
            .intend(self.session, &progress.claim, reached, &intent)
            .await?;
        if progress.open.is_none() {
            progress.committed = progress.claim.clone();
            progress.intended = true;
        }
        Ok(())
    }

    /// Records the statements up to `mark`.
    pub(super) async fn record(
        &mut self,
        progress: &mut Progress<'_>,
        mark: &Bookmark,
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let text = progress.state.to_text();
        let hash = mark.hash();
        let reached = ProgressPoint {
            done: mark.done(),
            hash: &hash,
            session: text.as_deref(),
        };
        let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let written = self
            .history
            .done(self.session, &progress.claim, reached, took)
            .await;
        progress.claim = match written {
            // A read-only transaction: commit it and write the record in another one.
            Err(super::history::WriteError::Db(error)) if error.is_read_only_transaction() => {
                self.session.execute(Query::new(COMMIT).shielded()).await?;
                self.session
                    .execute(Query::new("START TRANSACTION READ WRITE").shielded())
                    .await?;
                let claim = self
                    .history
                    .done(self.session, &progress.claim, reached, took)
                    .await?;
                self.session.execute(Query::new(COMMIT).shielded()).await?;
                claim
            }
            other => other?,
        };
        Ok(())
    }

    /// Commits a statement with its record. Cancellation must not interrupt it once it is sent.
    pub(super) async fn commit(&mut self, progress: &mut Progress<'_>) -> Result<(), MigrationStop> {
        self.session.execute(Query::new(COMMIT).shielded()).await?;
        self.committed(progress);
        Ok(())
    }

    pub(super) fn committed(&self, progress: &mut Progress<'_>) {
        progress.committed = progress.claim.clone();
        progress.intended = false;
    }

    /// Saves the session state left by statements.
    pub(super) async fn learn(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
    ) -> Result<(), MigrationStop> {
        for (number, part) in (progress.script.number()..).zip(parts) {
            progress
                .state
                .learn(self.session, part.effective_text(), &part.found, number)
                .await?;
        }
        self.learn_leftovers(progress).await?;
        progress.state.look(self.session, &progress.watch).await?;
        Ok(())
    }

    /// Saves what stored programs that ran may have left in the session.
    pub(super) async fn learn_leftovers(&mut self, progress: &mut Progress<'_>) -> Result<(), DbError> {
        if progress.leaves.is_empty() {
            return Ok(());
        }
        let number = progress.script.number();
        let Progress { state, leaves, .. } = progress;
        state.learn_leftovers(self.session, leaves, number).await
    }

    /// Counts and reports the completed statements, and advances.
    fn advance(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        ran: &[StatementRun],
        mark: Bookmark,
    ) {
        let first = parts.len() - ran.len();
        for (number, (index, part)) in (progress.script.number()..).zip(parts.iter().enumerate()) {
            if let Some(ran) = index.checked_sub(first).and_then(|index| ran.get(index)) {
                if part.found.class == StatementClass::Dml {
                    progress.rows += ran.done.affected;
                }
                self.report_statement(progress, number, part, ran);
            }
            progress.ran += 1;
        }
        progress.script.go_to(mark);
    }

    fn report_statement(
        &self,
        progress: &Progress<'_>,
        number: u32,
        part: &StepStatement,
        ran: &StatementRun,
    ) {
        let what = summary(part.text(), 60);
        let number = format!("{}.{number}", progress.migration.label);
        let rows = match (ran.returned, part.found.class) {
            (Some(returned), _) => plural(returned, "row"),
            (None, StatementClass::Dml) => plural(ran.done.affected, "row"),
            // An ALTER that copies counts the rows it copied.
            (None, StatementClass::Ddl) if ran.done.affected > 0 => plural(ran.done.affected, "row"),
            _ => String::new(),
        };
        let warnings = match ran.done.warnings {
            0 => String::new(),
            count => format!("  {}", plural(count.into(), "warning")),
        };
        let took = duration(ran.took);
        self.ctx.report.status(format!(
            "  {number:<7} {what:<60}  {rows:>10}  {took:>8}{warnings}"
        ));
        for warning in &ran.warnings {
            self.ctx.report.status(format!("          {warning}"));
        }
    }

    /// Runs the statements of a step from index `from` on.
    async fn run_parts(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        from: usize,
    ) -> Result<Vec<StatementRun>, DbError> {
        let mut ran = Vec::new();
        for (index, part) in parts.iter().enumerate().skip(from) {
            ran.push(self.run_part(progress, index, part, false).await?);
        }
        // Read only if no later statement of the step reads the warnings or the row count.
        if let Some(last) = ran.last_mut()
            && last.done.warnings > 0
            && !progress.asks(parts.len()).unwrap_or(true)
        {
            last.warnings = self.warnings().await?;
        }
        Ok(ran)
    }

    fn spot(&self, progress: &mut Progress<'_>, index: usize, part: &StepStatement) {
        let statement = &part.statement;
        progress.spot = StatementLocation {
            number: progress.script.number() + u32::try_from(index).unwrap_or(u32::MAX),
            place: statement.place(),
            what: summary(&statement.text, 80),
        };
    }

    /// Runs the statement `index` after the current one.
    async fn run_part(
        &mut self,
        progress: &mut Progress<'_>,
        index: usize,
        part: &StepStatement,
        shielded: bool,
    ) -> Result<StatementRun, DbError> {
        self.spot(progress, index, part);
        let started = Instant::now();
        let mut printer = ResultSetPrinter::new(&self.ctx.report);
        let mut query = Query::shared(&part.statement.text).timeout(self.timeout);
        if shielded {
            query = query.shielded();
        }
        let result = self.session.run(query, |event| printer.event(event)).await;
        printer.finish();
        let done = match result {
            Err(error) if error.kind() == (ErrorKind::Timeout { completed: true }) => {
                self.ctx.report.warn(format!("{}: {error}", progress.spot.place));
                Done::default()
            }
            other => other?,
        };
        Ok(StatementRun {
            done,
            returned: printer.total(),
            took: started.elapsed(),
            warnings: Vec::new(),
        })
    }

    /// The texts of the last statement's first warnings.
    async fn warnings(&mut self) -> Result<Vec<String>, DbError> {
        let query = Query::new(format!("SHOW WARNINGS LIMIT {MAX_WARNINGS}")).shielded();
        let rows = self.session.rows::<Row>(query).await?;
        Ok(rows
            .iter()
            .map(|row| {
                let level: String = get(row, 0).unwrap_or_default();
                let code: u16 = get(row, 1).unwrap_or_default();
                let text: String = get(row, 2).unwrap_or_default();
                let text: String = text.chars().take(200).collect();
                format!("{} {code}: {}", level.to_lowercase(), visible(&text))
            })
            .collect())
    }

    /// Who held up the statement that has failed, as seen while it waited or, failing that, who may have.
    pub(super) async fn blockers(&mut self, progress: &Progress<'_>) -> String {
        match &progress.held_up {
            Some(held_up) => format!("it waited for {held_up}"),
            None => candidates(self.ctx, self.server, self.session, self.database).await,
        }
    }

    /// Waits a moment before the statement, or the file's whole transaction, is tried again.
    async fn wait_for_locks(&mut self, progress: &mut Progress<'_>, error: &DbError) -> Result<(), DbError> {
        progress.attempts += 1;
        let blockers = self.blockers(progress).await;
        self.ctx.report.status(format!(
            "  {}: waiting for a lock ({}); {blockers}; attempt {} of {}",
            progress.spot.place,
            error.code().unwrap_or_default(),
            progress.attempts + 1,
            self.attempts
        ));
        let base = 250_u64 << progress.attempts.min(4);
        let pause = rand::rng().random_range(base / 2..=base);
        self.ctx.cancel.sleep(Duration::from_millis(pause)).await?;
        if progress.open.is_some() {
            // Started by AND CHAIN: no statement of the file starts it again.
            self.session.execute("START TRANSACTION").await?;
        }
        Ok(())
    }
}

mod batch;
pub(super) mod online;
mod tool;
mod transactions;
