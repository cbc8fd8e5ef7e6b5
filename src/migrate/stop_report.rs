//! Reports and records why a migration stopped.

use super::apply::{MigrationStop, Progress, Runner};
use super::history::{WriteError, overtaken};
use crate::db::{DbError, ErrorKind, Query};
use crate::exit::{Exit, Failure};
use crate::migrate::files::Direction;

impl Runner<'_> {
    /// Records why the migration stopped, if possible, and returns the error to report.
    pub(super) async fn stopped(&mut self, progress: &Progress<'_>, stop: MigrationStop) -> anyhow::Error {
        match stop {
            MigrationStop::Db(error) => self.failed(progress, &error).await.into(),
            MigrationStop::Overtaken => {
                self.roll_back().await;
                overtaken().into()
            }
            MigrationStop::LockLost(holder) => {
                self.roll_back().await;
                Failure::locked(
                    format!(
                        "the lock of this run was lost (by RELEASE_ALL_LOCKS, a proxy or a cluster) and is now held by {holder}"
                    ),
                    "wait for that run to end, then run the command again; remove what releases the lock",
                )
                .into()
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

    async fn failed(&mut self, progress: &Progress<'_>, error: &DbError) -> Failure {
        let total = progress.script.total();
        let label = &progress.migration.label;
        let settled = progress.committed.done();
        let command = match progress.direction {
            Direction::Up => format!("dbtool migrate {label}"),
            Direction::Down => "dbtool migrate down".to_owned(),
        };
        let kept = match (settled, &progress.doubt) {
            (0, None) => "nothing of it is done".to_owned(),
            (0, Some(_)) => "no statement before it is done".to_owned(),
            (done, _) => format!("{done} of {total} statements are done and recorded"),
        };
        let again = format!(
            "run `{command}` again: it continues with statement {}",
            settled + 1
        );
        let spot = &progress.spot;
        let (place, what, number) = (&spot.place, &spot.what, spot.number);
        match error.kind() {
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
                if let Some(doubt) = &progress.doubt {
                    words = format!("{words}; part of this one may have taken effect: {}", doubt.why);
                }
                if error.is_lock_conflict() {
                    let blockers = self.blockers(progress).await;
                    words = format!("{words}; {blockers}");
                }
                self.note_failure(progress, &format!("statement {number}: {error}"))
                    .await;
                Failure::statement(words, self.advice(progress, error, &command, &again))
            }
        }
    }

    fn advice(&self, progress: &Progress<'_>, error: &DbError, command: &str, again: &str) -> String {
        let label = &progress.migration.label;
        let number = progress.spot.number;
        if progress.doubt.is_some() {
            return format!(
                "look at the database: if all of statement {number} is there, `dbtool migrate repair {label} \
                 --applied`; if nothing of it is, or you have undone it, `dbtool migrate repair {label} \
                 --not-applied`; then run `{command}` again"
            );
        }
        if error.is_existing_object()
            && self.first_ever
            && progress.committed.done() == 0
            && progress.direction == Direction::Up
        {
            return format!(
                "if this database had its schema before dbtool came, record the migrations it has with `dbtool \
                 migrate baseline VERSION`; otherwise correct the statement, then {again}"
            );
        }
        let advice = match () {
            () if error.is_time_limit() => {
                "the server ended it by its own time limit (max_statement_time, max_execution_time), which this \
                 migration or one of its routines set: raise it there"
            }
            () if error.is_killed() => "the statement was ended with KILL: find out who did it, and why",
            () if error.next().is_empty() => "correct the statement",
            () => error.next(),
        };
        format!("{advice}; then {again}")
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
