//! Reports and records why a migration stopped.

use super::apply::{MigrationStop, Progress, Runner};
use super::failure::{MigrateFailure, StoppedAt};
use super::history::WriteError;
use crate::db::{DbError, ErrorKind, Query};
use crate::migrate::files::Direction;

impl Runner<'_> {
    /// Records why the migration stopped, if possible, and returns the error to report.
    pub(super) async fn stopped(&mut self, progress: &Progress<'_>, stop: MigrationStop) -> anyhow::Error {
        match stop {
            MigrationStop::Db(error) => self.failed(progress, error).await.into(),
            MigrationStop::Overtaken => {
                self.roll_back().await;
                MigrateFailure::Overtaken.into()
            }
            MigrationStop::LockLost(holder) => {
                self.roll_back().await;
                MigrateFailure::LockLost { holder }.into()
            }
            MigrationStop::Other(error) => {
                self.roll_back().await;
                error
            }
        }
    }

    async fn roll_back(&mut self) {
        let _ = self.session.execute(Query::new("ROLLBACK").shielded()).await;
    }

    async fn failed(&mut self, progress: &Progress<'_>, error: DbError) -> MigrateFailure {
        let spot = &progress.spot;
        let stop = Box::new(StoppedAt {
            label: progress.migration.label.clone(),
            direction: progress.direction,
            place: spot.place.clone(),
            number: spot.number,
            total: progress.script.total(),
            statement: spot.what.clone(),
            done: progress.committed.done(),
            doubt: progress.doubt.as_ref().map(|doubt| doubt.why),
        });
        match error.kind() {
            ErrorKind::Cancelled(signal) => MigrateFailure::Interrupted { stop, signal },
            ErrorKind::Lost { .. } => MigrateFailure::ConnectionLost { stop, error },
            _ => {
                let blockers = match error.is_lock_conflict() {
                    true => Some(self.blockers(progress).await),
                    false => None,
                };
                self.note_failure(progress, &format!("statement {}: {error}", stop.number))
                    .await;
                MigrateFailure::StatementFailed {
                    may_need_baseline: error.is_existing_object()
                        && self.first_ever
                        && stop.done == 0
                        && stop.direction == Direction::Up,
                    stop,
                    error,
                    blockers,
                }
            }
        }
    }

    async fn note_failure(&mut self, progress: &Progress<'_>, error: &str) {
        let _ = self.session.execute(Query::new("ROLLBACK").shielded()).await;
        let intent = progress.doubt.as_ref().map(|doubt| &doubt.intent);
        match self
            .history
            .fail(self.session, &progress.committed, error, intent)
            .await
        {
            Ok(()) => {}
            Err(WriteError::Db(error)) => self
                .ctx
                .report
                .warn(format!("the failure could not be recorded: {error}")),
            Err(WriteError::Overtaken) => self
                .ctx
                .report
                .warn("the failure could not be recorded: another run or a person has changed the record"),
        }
    }
}
