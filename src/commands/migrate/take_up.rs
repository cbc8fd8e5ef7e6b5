//! Takes an unfinished migration up again: where to go on, and with what session.

use super::apply::Runner;
use super::decide::{self, Verdict};
use super::history::{Intent, Record, State};
use super::resume::Snapshot;
use crate::cancel::Cancel;
use crate::exit::Failure;
use crate::migrations::{Direction, Migration, Position, PrefixHash, Script, StatementReader};
use crate::report::plural;
use crate::sql::{Class, classify, summary};

/// Where a run goes on, and what the statements before left to be done again.
pub(super) struct Resumed {
    /// Statements that are done.
    pub(super) done: u32,
    /// SHA-256 of these.
    pub(super) hash: String,
    /// Those of them that set up the session, with their places.
    pub(super) session: Vec<(String, u32, u32)>,
}

impl Runner<'_> {
    /// Where to go on, with `reader` before the first statement to run.
    pub(super) async fn resume_at(
        &mut self,
        migration: &Migration,
        reader: &mut StatementReader,
        total: u32,
        record: Option<&Record>,
        direction: Direction,
    ) -> anyhow::Result<Resumed> {
        let unfinished = match direction {
            Direction::Up => [State::Running, State::Failed],
            Direction::Down => [State::Reverting, State::Reverting],
        };
        let begin = reader.position();
        let mut passed = Passed::new();
        let Some(record) = record.filter(|record| unfinished.contains(&record.state)) else {
            return Ok(passed.resumed);
        };
        let path = reader.path().display().to_string();
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
        passed.skip(reader, record.done, &self.ctx.cancel)?;
        if passed.resumed.done < record.done || passed.resumed.hash != record.done_hash {
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
            let done = self
                .settle(migration, &path, reader, &begin, record.done, intent)
                .await?;
            reader.seek(&begin)?;
            passed = Passed::new();
            passed.skip(reader, done, &self.ctx.cancel)?;
        }
        let done = passed.resumed.done;
        if let (Some((line, column)), true) = (passed.lost, done < total) {
            return Err(Failure::usage(
                format!(
                    "{path}:{line}:{column}: this statement left a temporary table or a variable in the connection of the \
                     interrupted run; the rest of the migration cannot have it any more"
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
            let rest = plural(total.saturating_sub(done).into(), "statement");
            self.ctx
                .report
                .status(format!("{}: resuming, {done} done, {rest} to go", migration.name));
        }
        Ok(passed.resumed)
    }

    /// Finds out whether the statement that was begun took effect; returns the statements done.
    async fn settle(
        &mut self,
        migration: &Migration,
        path: &str,
        reader: &mut StatementReader,
        begin: &Position,
        done: u32,
        intent: &Intent,
    ) -> anyhow::Result<u32> {
        let number = intent.number;
        let label = &migration.label;
        let by_hand = format!(
            "look at the database: if statement {number} took effect, `dbtool migrate repair {label} --applied`; if \
             not, `dbtool migrate repair {label} --not-applied`; then `dbtool migrate` again"
        );
        reader.seek(begin)?;
        let mut statement = None;
        while let Some(next) = reader.next()? {
            self.ctx.cancel.check()?;
            if next.number == number {
                statement = Some(next);
                break;
            }
        }
        let Some(statement) = statement.filter(|statement| statement.after.hex() == intent.hash) else {
            return Err(Failure::usage(
                format!("{path}: statement {number} was interrupted and has changed since"),
                format!("restore the file, or {by_hand}"),
            )
            .into());
        };
        let before = Snapshot::parse(&intent.before);
        let text = before.ran.as_deref().unwrap_or(&statement.text);
        let found = classify(text);
        let database = match before.database.as_str() {
            "" => self.database,
            database => database,
        };
        let mariadb = self.server.is_mariadb();
        let now = Snapshot::take(self.session, text, &found, database, mariadb, false).await?;
        let what = summary(&statement.text, 60);
        match decide::decide(text, &found, &before, &now, self.server.has_atomic_ddl()) {
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
    pub(super) async fn replay(
        &mut self,
        script: &Script,
        session: &[(String, u32, u32)],
    ) -> anyhow::Result<()> {
        for (text, line, column) in session {
            self.session.execute(text.as_str()).await.map_err(|error| {
                anyhow::Error::new(error).context(format!(
                    "{}:{line}:{column}: setting up the session again",
                    script.path().display()
                ))
            })?;
        }
        Ok(())
    }
}

/// The statements an earlier run did.
struct Passed {
    resumed: Resumed,
    /// Where one of them left something in the session that cannot be set again.
    lost: Option<(u32, u32)>,
}

impl Passed {
    fn new() -> Passed {
        Passed {
            resumed: Resumed {
                done: 0,
                hash: PrefixHash::default().hex(),
                session: Vec::new(),
            },
            lost: None,
        }
    }

    /// Takes the first `count` statements, or as many as there are.
    fn skip(&mut self, reader: &mut StatementReader, count: u32, cancel: &Cancel) -> anyhow::Result<()> {
        while self.resumed.done < count {
            cancel.check()?;
            let Some(statement) = reader.next()? else { break };
            let found = classify(&statement.text);
            let place = (statement.line, statement.column);
            if found.session_state {
                self.lost.get_or_insert(place);
            }
            self.resumed.done = statement.number;
            if statement.number == count {
                self.resumed.hash = statement.after.hex();
            }
            if found.class == Class::Session {
                self.resumed.session.push((statement.text, place.0, place.1));
            }
        }
        Ok(())
    }
}
