//! Plain writes that follow each other share one transaction and one record.
//!
//! Each would be committed alone otherwise: four round trips for one. Only those share that nobody can tell from
//! single ones ([`plain_write`], on a transactional table without triggers), for a moment at most; and when one
//! fails, those before it are kept and recorded, as if each had been alone.

use std::time::{Duration, Instant};

use super::{COMMIT, SAVEPOINT, StatementRun, StepStatement, part};
use crate::db::{DbError, Query};
use crate::migrate::apply::{MigrationStop, Progress, Runner};
use crate::sql::classify;
use crate::sql::session::plain_write;

/// So long, at most, statements that are done stay uncommitted, and their rows locked.
const MAX_TIME: Duration = Duration::from_millis(100);
/// So many bytes of statements at most: they stay in memory until they are committed.
const MAX_BYTES: usize = 256 << 10;
/// So many statements at most: with what is known of each, a thousand take more than a megabyte.
const MAX_STATEMENTS: usize = 250;

impl Runner<'_> {
    /// Whether the current statement and the one behind it can share a transaction.
    pub(super) async fn shares(&mut self, progress: &mut Progress<'_>) -> Result<bool, MigrationStop> {
        Ok(progress.script.number() >= progress.single_until
            && self.plain(progress, 0).await?
            && self.plain(progress, 1).await?)
    }

    async fn plain(&mut self, progress: &mut Progress<'_>, index: usize) -> Result<bool, MigrationStop> {
        let Some(statement) = progress.script.ahead(index)? else {
            return Ok(false);
        };
        if statement.text.len() >= MAX_BYTES || progress.asks(index + 1) {
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
        // Triggers could tell, and one that cannot be seen could do what no ROLLBACK undoes.
        Ok(effects.undoable() && effects.bodies.is_empty())
    }

    /// Runs the current statement and those behind it that can share its transaction.
    pub(super) async fn together_with_next(
        &mut self,
        progress: &mut Progress<'_>,
    ) -> Result<(), MigrationStop> {
        let begun = Instant::now();
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
            let spent = begun.elapsed() >= MAX_TIME || bytes >= MAX_BYTES || parts.len() >= MAX_STATEMENTS;
            if spent || !self.plain(progress, parts.len()).await? {
                break;
            }
        }
        let Some(error) = failed else {
            return self.keep(progress, &parts, &ran, begun).await;
        };
        // The failed statement is undone by itself; the others are there if their transaction is.
        match self.release_mark().await {
            Ok(true) => {
                self.keep(progress, &parts, &ran, begun).await?;
                progress.undone = true;
                Err(error.into())
            }
            Ok(false) => {
                let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
                progress.single_until = progress.script.number().saturating_add(count + 1);
                self.undo(progress, false, &state).await;
                match error.is_lock_conflict() {
                    true => Err(error.into()),
                    // Each alone, as far as this one, which then fails for itself.
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
        begun: Instant,
    ) -> Result<(), MigrationStop> {
        if parts.is_empty() {
            self.session
                .execute(Query::new("ROLLBACK AND NO CHAIN NO RELEASE").shielded())
                .await?;
            return Ok(());
        }
        let mark = progress.script.mark_after(parts.len());
        progress.state.look(self.session, &progress.watch).await?;
        self.record(progress, &mark, begun).await?;
        self.session.execute(Query::new(COMMIT).shielded()).await?;
        self.committed(progress);
        self.go_on(progress, parts, ran, mark);
        Ok(())
    }
}
