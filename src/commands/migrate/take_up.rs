//! Takes an unfinished migration up again: where to go on, and with what session.

use super::apply::Runner;
use super::history::{Intent, Record, State};
use super::resume::{self, Snapshot, Verdict};
use crate::exit::Failure;
use crate::migrations::{Direction, Migration, PrefixHash, Source};
use crate::report::plural;
use crate::sql::{Class, Statement, classify, summary};

impl Runner<'_> {
    /// The index of the first statement to run.
    pub(super) async fn resume_at(
        &mut self,
        migration: &Migration,
        source: &Source,
        statements: &[Statement<'_>],
        record: Option<&Record>,
        direction: Direction,
    ) -> anyhow::Result<usize> {
        let unfinished = match direction {
            Direction::Up => [State::Running, State::Failed],
            Direction::Down => [State::Reverting, State::Reverting],
        };
        let Some(record) = record.filter(|record| unfinished.contains(&record.state)) else {
            return Ok(0);
        };
        let mut done = record.done as usize;
        let path = source.path.display();
        if record.checksum != migration.checksum && migration.has_been(&record.checksum) {
            return Err(Failure::usage(
                format!(
                    "{} was begun with an earlier form of its file ({} of {} statements done), which this one \
                     cannot go on with",
                    migration.name, record.done, record.total
                ),
                format!(
                    "take the database back to where it was as the comments at the head of {path} say, then run \
                     `dbtool migrate` again"
                ),
            )
            .into());
        }
        if done > statements.len() || PrefixHash::of(statements, done).hex() != record.done_hash {
            return Err(Failure::usage(
                format!(
                    "the first {} of {path} changed after they were run; dbtool cannot go on in the middle of \
                     another file",
                    plural(record.done.into(), "statement")
                ),
                format!(
                    "restore these statements as they were; only what comes after them may change. If the migration \
                     was finished by hand, `dbtool migrate repair {} --finished` records that",
                    migration.label
                ),
            )
            .into());
        }
        if let Some(intent) = &record.intent {
            done = self
                .settle(migration, &path.to_string(), statements, done, intent)
                .await?;
        }
        let lost = statements
            .iter()
            .take(done)
            .find(|statement| classify(statement.text).session_state);
        if let (Some(lost), true) = (lost, done < statements.len()) {
            return Err(Failure::usage(
                format!(
                    "{path}:{}:{}: this statement left a temporary table or a variable in the connection of the \
                     interrupted run; the rest of the migration cannot have it any more",
                    lost.line, lost.column
                ),
                format!(
                    "finish the statements from number {} on by hand, then `dbtool migrate repair {} --finished`; a \
                     plain table in place of the temporary one survives an interruption",
                    done + 1,
                    migration.label
                ),
            )
            .into());
        }
        if done > 0 {
            let rest = plural((statements.len() - done) as u64, "statement");
            self.ctx
                .report
                .status(format!("{}: resuming, {done} done, {rest} to go", migration.name));
        }
        Ok(done)
    }

    /// Finds out whether the statement that was begun took effect; returns the statements done.
    async fn settle(
        &mut self,
        migration: &Migration,
        path: &str,
        statements: &[Statement<'_>],
        done: usize,
        intent: &Intent,
    ) -> anyhow::Result<usize> {
        let number = intent.number as usize;
        let label = &migration.label;
        let by_hand = format!(
            "look at the database: if statement {number} took effect, `dbtool migrate repair {label} --applied`; if \
             not, `dbtool migrate repair {label} --not-applied`; then `dbtool migrate` again"
        );
        let statement = statements.get(number.wrapping_sub(1));
        let Some(statement) = statement.filter(|_| PrefixHash::of(statements, number).hex() == intent.hash)
        else {
            return Err(Failure::usage(
                format!("{path}: statement {number} was interrupted and has changed since"),
                format!("restore the file, or {by_hand}"),
            )
            .into());
        };
        let found = classify(statement.text);
        let now = Snapshot::take(self.session, &found).await?;
        let what = summary(statement.text, 60);
        match resume::decide(statement.text, &found, &Snapshot::parse(&intent.before), &now) {
            Verdict::Applied => {
                self.ctx.report.status(format!("  {label}.{number}  {what}: took effect before the interruption"));
                Ok(number)
            }
            Verdict::NotApplied => Ok(done),
            Verdict::Unclear(why) => Err(Failure::usage(
                format!(
                    "{path}:{}:{}: statement {number} ({what}) was interrupted, and whether it took effect cannot be \
                     told: {why}",
                    statement.line, statement.column
                ),
                by_hand,
            )
            .into()),
        }
    }

    /// Sets again what the statements done by an earlier run had set in its session.
    pub(super) async fn replay(&mut self, path: &str, done: &[Statement<'_>]) -> anyhow::Result<()> {
        for statement in done {
            if classify(statement.text).class == Class::Session {
                self.session.execute(statement.text).await.map_err(|error| {
                    anyhow::Error::new(error).context(format!(
                        "{}:{}:{}: setting up the session again",
                        path, statement.line, statement.column
                    ))
                })?;
            }
        }
        Ok(())
    }
}
