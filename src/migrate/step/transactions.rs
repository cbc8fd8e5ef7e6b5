//! The file's own transactions: tracked by the server's status, and recorded where they commit.
//!
//! Inside one, dbtool runs no statement of its own: after a killed run the next one starts again at its START.
//! The record is written just before the COMMIT, in the transaction itself.

use std::sync::Arc;
use std::time::Instant;

use super::{StatementRun, StepStatement, part};
use crate::migrate::apply::{MigrationStop, OpenTransaction, Progress, Runner};
use crate::migrate::files::ScriptStatement;
use crate::migrate::saved_session::SavedSession;
use crate::sql::session::may_call;
use crate::sql::{StatementClass, TransactionEnd, TransactionStatement, classify, transaction};

/// Maximum number of examined statements of a transaction: writes to different tables.
const MAX_SUSPECTS: usize = 200;
/// Maximum bytes kept of each.
const MAX_HEAD: usize = 8 << 10;

/// The beginning of a statement, which shows the table it writes.
fn head(statement: &ScriptStatement) -> ScriptStatement {
    let mut end = statement.text.len().min(MAX_HEAD);
    while !statement.text.is_char_boundary(end) {
        end -= 1;
    }
    ScriptStatement {
        text: Arc::new(statement.text[..end].to_owned()),
        ..statement.clone()
    }
}

impl Runner<'_> {
    /// Runs a transaction statement while no transaction is open; `parts` may start with a SET TRANSACTION.
    pub(super) async fn begin_transaction(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
    ) -> Result<(), MigrationStop> {
        let started = Instant::now();
        let start = progress.script.mark();
        let state = progress.state.clone();
        if let Some(mark) = self.not_undoable(progress, parts.len()).await? {
            self.intend(progress, 0, &mark, String::new()).await?;
        }
        let (_, release) = self.ends(progress, parts[parts.len() - 1].text());
        let ran = match release {
            true => {
                self.renew(progress).await?;
                Vec::new()
            }
            false => self.run_parts(progress, parts, 0).await?,
        };
        let mark = progress.script.mark_after(parts.len());
        if self.session.in_transaction() {
            progress.open = Some(OpenTransaction {
                start,
                state,
                again: true,
                chained: false,
            });
        } else {
            self.record(progress, &mark, started).await?;
            self.committed(progress);
        }
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    /// The end of the transaction that starts `ahead`, if part of it cannot be undone: then a person must decide
    /// after a killed run, so the intent must be recorded before it starts.
    async fn not_undoable(
        &mut self,
        progress: &mut Progress<'_>,
        ahead: usize,
    ) -> Result<Option<crate::migrate::script_cursor::Bookmark>, MigrationStop> {
        // First collect the statements, then check which of them can be undone.
        let mut count = ahead;
        let mut suspects: Vec<StepStatement> = Vec::new();
        let state = &progress.state;
        progress.script.scan(ahead, |statement| {
            let found = classify(&statement.text);
            if found.implicit_commit && found.class != StatementClass::Transaction {
                return false;
            }
            count += 1;
            match transaction(&statement.text) {
                Some(TransactionStatement::Savepoint) => {}
                Some(_) => return false,
                None if !found.opaque
                    && (found.class == StatementClass::Dml || may_call(&statement.text)) =>
                {
                    let calls = may_call(&statement.text);
                    let known = |suspect: &StepStatement| !calls && suspect.found.objects == found.objects;
                    if suspects.len() < MAX_SUSPECTS && !suspects.iter().any(known) {
                        suspects.push(part(Arc::new(head(statement)), state));
                    }
                }
                None => {}
            }
            true
        })?;
        for suspect in suspects {
            if !self.undoable(progress, &suspect).await? {
                return Ok(Some(progress.script.mark_far(count)?));
            }
        }
        Ok(None)
    }

    /// Runs the next statement of an open transaction.
    pub(super) async fn inside(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        kind: Option<TransactionStatement>,
    ) -> Result<(), MigrationStop> {
        let started = Instant::now();
        match kind {
            Some(TransactionStatement::Commit(_)) => self.commit_own(progress, parts, started).await,
            Some(TransactionStatement::Rollback(_)) => self.roll_back_own(progress, parts, started).await,
            Some(TransactionStatement::Begin) => self.close(progress, started).await,
            Some(TransactionStatement::Savepoint) => {
                self.bare(progress, parts).await?;
                // The record of a procedure's start may have been rolled back too.
                let revision = self.history.revision(self.session, &progress.claim).await?;
                if progress.committed.is_at(revision) {
                    progress.claim = progress.committed.clone();
                }
                Ok(())
            }
            None if parts[0].commits() => self.close(progress, started).await,
            None if parts.iter().any(|part| part.found.opaque || part.commits()) => {
                self.opaque_inside(progress, parts, started).await
            }
            None => self.bare(progress, parts).await,
        }
    }

    /// Commits the open transaction, as the server would at the next statement, which then runs outside it.
    async fn close(&mut self, progress: &mut Progress<'_>, started: Instant) -> Result<(), MigrationStop> {
        let mark = progress.script.mark();
        let result = async {
            self.learn_leftovers(progress).await?;
            progress.state.look(self.session, &progress.watch).await?;
            self.record(progress, &mark, started).await?;
            self.commit(progress).await
        }
        .await;
        match result {
            Ok(()) => {
                progress.open = None;
                Ok(())
            }
            Err(stop) => self.give_up(progress, stop).await,
        }
    }

    async fn bare(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
    ) -> Result<(), MigrationStop> {
        let ran = match self.run_parts(progress, parts, 0).await {
            Ok(ran) => ran,
            Err(error) => return self.give_up(progress, error.into()).await,
        };
        for (number, part) in (progress.script.number()..).zip(parts) {
            progress
                .state
                .learn(self.session, part.effective_text(), &part.found, number)
                .await?;
        }
        self.learn_leftovers(progress).await?;
        let mark = progress.script.mark_after(parts.len());
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    /// Rolls back the open transaction after a failure, and goes back to its start.
    async fn give_up(
        &mut self,
        progress: &mut Progress<'_>,
        stop: MigrationStop,
    ) -> Result<(), MigrationStop> {
        let Some(open) = progress.open.take() else {
            return Err(stop);
        };
        self.undo_own(progress, &open, false).await;
        if open.chained {
            progress.open = Some(open);
        }
        Err(stop)
    }

    async fn undo_own(&mut self, progress: &mut Progress<'_>, open: &OpenTransaction, marked: bool) {
        let intended = std::mem::take(&mut progress.intended);
        self.undo(progress, marked, &open.state).await;
        progress.intended = intended;
        if !open.again {
            progress.undone = false;
            if progress.doubt.is_none() {
                self.doubt(
                    progress,
                    "a procedure before it left the transaction open",
                    String::new(),
                );
            }
        }
        progress.script.go_to(open.start.clone());
        if progress.undone && progress.intended {
            self.withdraw(progress).await;
        }
    }

    async fn commit_own(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let (chain, release) = self.ends(progress, parts[0].text());
        let mark = progress.script.mark_after(parts.len());
        let result: Result<Vec<StatementRun>, MigrationStop> = async {
            self.learn_leftovers(progress).await?;
            progress.state.look(self.session, &progress.watch).await?;
            if release {
                // The client has a new session after RELEASE.
                progress.state = SavedSession::default();
            }
            progress.state.chained = chain;
            self.record(progress, &mark, started).await?;
            if release {
                self.commit(progress).await?;
                return Ok(Vec::new());
            }
            let ran = self.run_part(progress, 0, &parts[0], true).await?;
            self.committed(progress);
            Ok(vec![ran])
        }
        .await;
        let ran = match result {
            Ok(ran) => ran,
            Err(stop) => return self.give_up(progress, stop).await,
        };
        progress.open = None;
        if release {
            self.renew(progress).await?;
        } else if self.session.in_transaction() {
            progress.open = Some(OpenTransaction {
                start: mark.clone(),
                state: progress.state.clone(),
                again: true,
                chained: true,
            });
        }
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    async fn roll_back_own(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let (_, release) = self.ends(progress, parts[0].text());
        let mark = progress.script.mark_after(parts.len());
        let ran = match release {
            true => {
                self.session.execute("ROLLBACK AND NO CHAIN NO RELEASE").await?;
                Vec::new()
            }
            false => self.run_parts(progress, parts, 0).await?,
        };
        progress.claim = progress.committed.clone();
        if self.session.in_transaction() {
            // AND CHAIN: after a killed run in the next transaction, the next run starts again with this one, which
            // had no effect.
            self.advance(progress, parts, &ran, mark);
            return Ok(());
        }
        progress.open = None;
        if release {
            self.renew(progress).await?;
        }
        progress.state.look(self.session, &progress.watch).await?;
        progress.state.chained = false;
        self.record(progress, &mark, started).await?;
        self.committed(progress);
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    /// Runs a procedure inside the file's transaction, which it may commit. Its start is recorded in the
    /// transaction, so the record is visible exactly if the transaction was committed.
    async fn opaque_inside(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        started: Instant,
    ) -> Result<(), MigrationStop> {
        let mark = progress.script.mark_after(parts.len());
        for part in parts.iter().filter(|part| part.found.opaque) {
            self.write_effects(progress, part).await?;
        }
        let before = progress.committed.clone();
        if let Err(stop) = self.intend(progress, 0, &mark, String::new()).await {
            return self.give_up(progress, stop).await;
        }
        let start_claim = progress.claim.clone();
        self.session.execute(super::SAVEPOINT).await?;
        let result = self.run_parts(progress, parts, 0).await;
        progress.tables.forget();
        let ran = match result {
            Ok(ran) => ran,
            Err(error) => {
                let Some(open) = progress.open.take() else {
                    return Err(error.into());
                };
                let start = progress.script.mark();
                self.undo_own(progress, &open, true).await;
                if progress.doubt.is_some()
                    && start_claim.is_at(self.history.revision(self.session, &start_claim).await?)
                {
                    // The procedure has committed everything before it.
                    progress.committed = start_claim;
                    progress.script.go_to(start);
                }
                return Err(error.into());
            }
        };
        if self.session.in_transaction() && self.release_mark().await? {
            self.advance(progress, parts, &ran, mark);
            return Ok(());
        }
        // The file's transaction has ended: committed or rolled back.
        let revision = self.history.revision(self.session, &start_claim).await?;
        progress.claim = if start_claim.is_at(revision) {
            start_claim
        } else {
            before
        };
        progress.committed = progress.claim.clone();
        if self.session.in_transaction() {
            self.left_open(progress);
        } else {
            progress.open = None;
            self.learn(progress, parts).await?;
            self.record(progress, &mark, started).await?;
            self.committed(progress);
        }
        self.advance(progress, parts, &ran, mark);
        Ok(())
    }

    /// Tracks a transaction that a procedure has left open.
    pub(super) fn left_open(&self, progress: &mut Progress<'_>) {
        progress.open = Some(OpenTransaction {
            start: progress.script.mark(),
            state: progress.state.clone(),
            again: false,
            chained: false,
        });
    }

    /// Whether a COMMIT or ROLLBACK starts another transaction, and whether it ends the connection.
    fn ends(&self, progress: &Progress<'_>, text: &str) -> (bool, bool) {
        let TransactionEnd { chain, release } = match transaction(text) {
            Some(TransactionStatement::Commit(end) | TransactionStatement::Rollback(end)) => end,
            _ => return (false, false),
        };
        let default = progress.state.completion_type();
        let chains = chain.unwrap_or(default == Some(1) && release != Some(true));
        let releases = release.unwrap_or(default == Some(2) && chain != Some(true));
        (chains, releases)
    }

    /// Opens a new session, as the client does after RELEASE.
    async fn renew(&mut self, progress: &mut Progress<'_>) -> Result<(), MigrationStop> {
        progress.state = SavedSession::default();
        self.opening
            .renew(self.ctx, self.session, self.database)
            .await
            .map_err(MigrationStop::Other)
    }
}
