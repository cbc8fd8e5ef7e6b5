//! Consecutive plain writes share one transaction and one record.
//!
//! Otherwise each needs four round trips. Only writes without a visible difference share a transaction
//! ([`plain_write`], on a transactional table without triggers), and only for a moment; when one fails, those
//! before it are committed and recorded as if each had been alone.

use std::time::{Duration, Instant};

use super::{COMMIT, SAVEPOINT, StatementRun, StepStatement, part};
use crate::db::{DbError, Query};
use crate::migrate::apply::{MigrationStop, Progress, Runner};
use crate::sql::classify;
use crate::sql::session::plain_write;

/// Maximum time for which completed statements stay uncommitted and their rows locked.
const MAX_TIME: Duration = Duration::from_millis(100);
/// Maximum bytes of the statements, which stay in memory until they are committed.
const MAX_BYTES: usize = 256 << 10;
/// Maximum number of statements: a thousand with their data take more than a megabyte.
const MAX_STATEMENTS: usize = 250;

impl Runner<'_> {
    /// Whether the current statement and the next one can share a transaction.
    pub(super) async fn shares(&mut self, progress: &mut Progress<'_>) -> Result<bool, MigrationStop> {
        Ok(progress.script.number() >= progress.single_until
            && self.plain(progress, 0).await?
            && self.plain(progress, 1).await?)
    }

    async fn plain(&mut self, progress: &mut Progress<'_>, index: usize) -> Result<bool, MigrationStop> {
        let Some(statement) = progress.script.ahead(index)? else {
            return Ok(false);
        };
        if statement.text.len() >= MAX_BYTES || progress.asks(index + 1)? {
            return Ok(false);
        }
        let Some(name) = plain_write(&statement.text) else {
            return Ok(false);
        };
        if progress.state.is_temporary(&name.name) {
            return Ok(false);
        }
        let found = classify(&statement.text);
        let database = progress.state.database.as_deref().unwrap_or(self.database);
        let effects = progress
            .tables
            .write_effects(self.session, database, &statement.text, &found, |_| false)
            .await?;
        // Triggers could make a difference, and a hidden one could have effects that no ROLLBACK undoes.
        Ok(effects.undoable() && effects.bodies.is_empty())
    }

    /// Runs the current statement and the following ones that can share its transaction.
    pub(super) async fn together_with_next(
        &mut self,
        progress: &mut Progress<'_>,
    ) -> Result<(), MigrationStop> {
        let started = Instant::now();
        let state = progress.state.clone();
        self.session.execute("START TRANSACTION").await?;
        self.session.execute(SAVEPOINT).await?;
        let (mut parts, mut ran): (Vec<StepStatement>, Vec<StatementRun>) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut failed: Option<DbError> = None;
        while let Some(statement) = progress.script.ahead(parts.len())? {
            bytes += statement.text.len();
            let next = part(statement, &progress.state);
            match self.run_part(progress, parts.len(), &next, false).await {
                Ok(mut done) => {
                    if done.done.warnings > 0 {
                        done.warnings = self.warnings().await?;
                    }
                    ran.push(done);
                    parts.push(next);
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
            let spent = started.elapsed() >= MAX_TIME || bytes >= MAX_BYTES || parts.len() >= MAX_STATEMENTS;
            if spent || !self.plain(progress, parts.len()).await? {
                break;
            }
        }
        let Some(error) = failed else {
            return self.keep(progress, &parts, &ran, started).await;
        };
        // The server undoes the failed statement; the others remain if their transaction is still open.
        match self.release_mark().await {
            Ok(true) => {
                self.keep(progress, &parts, &ran, started).await?;
                progress.undone = true;
                Err(error.into())
            }
            Ok(false) => {
                let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
                progress.single_until = progress.script.number().saturating_add(count + 1);
                self.undo(progress, false, &state).await;
                match error.is_lock_conflict() {
                    true => Err(error.into()),
                    // Run each alone up to this one, which then fails by itself.
                    false => Ok(()),
                }
            }
            Err(_) => Err(error.into()),
        }
    }

    /// Records and commits the statements of a shared transaction.
    async fn keep(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        ran: &[StatementRun],
        started: Instant,
    ) -> Result<(), MigrationStop> {
        if parts.is_empty() {
            self.session
                .execute(Query::new("ROLLBACK AND NO CHAIN NO RELEASE").shielded())
                .await?;
            return Ok(());
        }
        let mark = progress.script.mark_after(parts.len());
        progress.state.look(self.session, &progress.watch).await?;
        self.record(progress, &mark, started).await?;
        self.session.execute(Query::new(COMMIT).shielded()).await?;
        self.committed(progress);
        self.advance(progress, parts, ran, mark);
        Ok(())
    }
}
