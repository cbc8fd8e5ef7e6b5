//! Resumes an unfinished migration: finds the next statement and restores the session.

use super::apply::Runner;
use super::failure::{InterruptedStatements, MigrateFailure};
use super::history::{Intent, Record, RecordState};
use super::lock;
use super::object_snapshot::ObjectSnapshot;
use super::recovery::{self, RecoveryVerdict, ServerFacts};
use super::saved_session::{SavedSession, SessionWatch};
use super::script_cursor::ScriptCursor;
use super::server_instance::IdentityTrust;
use crate::cancel::Cancel;
use crate::db::cluster::ClusterKind;
use crate::migrate::files::{
    Direction, Migration, PrefixHash, ReaderPosition, ScriptStatement, StatementReader,
};
use crate::report::plural;
use crate::sql::session::sets_role;
use crate::sql::{StatementClass, classify, summary};

/// An unfinished migration.
struct Unfinished<'a> {
    migration: &'a Migration,
    path: String,
    record: &'a Record,
    state: SavedSession,
    /// The record is of an earlier version of dbtool and has no session.
    legacy: bool,
    /// The command that resumes it.
    command: &'static str,
    total: u32,
}

impl Runner<'_> {
    /// The script at the first statement to run, and the session's state there.
    pub(super) async fn resume_at(
        &mut self,
        migration: &Migration,
        mut reader: StatementReader,
        total: u32,
        record: Option<&Record>,
        direction: Direction,
        watch: &SessionWatch,
    ) -> anyhow::Result<(ScriptCursor, SavedSession)> {
        let unfinished = match direction {
            Direction::Up => [RecordState::Running, RecordState::Failed],
            Direction::Down => [RecordState::Reverting, RecordState::Reverting],
        };
        let Some(record) = record.filter(|record| unfinished.contains(&record.state)) else {
            let script = ScriptCursor::new(reader, 0, PrefixHash::default(), total);
            return Ok((script, SavedSession::default()));
        };
        let place = Unfinished {
            migration,
            path: reader.path().display().to_string(),
            record,
            state: SavedSession::parse(record.session.as_deref()),
            legacy: record.revision == 0,
            command: match direction {
                Direction::Up => "dbtool migrate",
                Direction::Down => "dbtool migrate down",
            },
            total,
        };
        place.refuse_earlier_form()?;
        let begin = reader.position();
        let mut passed = place.pass(&mut reader, record.done, &self.ctx.cancel)?;
        place.refuse_other_file(&passed)?;
        self.refuse_other_connection(record).await?;
        // The interrupted statement is judged in the session that it ran in.
        self.replay(&passed.replayed).await?;
        if !place.legacy {
            place.state.restore(self.session, watch).await?;
        }
        if let Some(intent) = &record.intent {
            let done = self.settle_intent(&place, &mut reader, &begin, intent).await?;
            reader.seek(&begin)?;
            passed = place.pass(&mut reader, done, &self.ctx.cancel)?;
        }
        place.refuse_lost_session(&passed, reader.peek()?, watch)?;
        if passed.done > 0 {
            let rest = plural(total.saturating_sub(passed.done).into(), "statement");
            self.ctx.report.status(format!(
                "{}: resuming, {} done, {rest} to go",
                migration.name, passed.done
            ));
        }
        Ok((
            ScriptCursor::new(reader, passed.done, passed.hash, total),
            place.state,
        ))
    }

    /// Refuses while a statement of an earlier run still runs, whose lock may be lost.
    async fn refuse_other_connection(&mut self, record: &Record) -> anyhow::Result<()> {
        let lease = self.opening.lease.as_deref();
        if lease.is_some_and(|lease| lease.interrupted_elsewhere().is_some()) {
            // The number is of another server.
            return Ok(());
        }
        let Some(id) = record.connection_id else {
            return Ok(());
        };
        match lock::at_work(self.session, id).await? {
            None => Ok(()),
            Some(statement) => Err(MigrateFailure::EarlierRunWorks { id, statement }.into()),
        }
    }

    /// Refuses to judge a statement that may still run on another member of a group, where it cannot be seen: what it
    /// changes reaches this member only at its end.
    fn refuse_unseen_ddl(&self, place: &Unfinished<'_>) -> Result<(), MigrateFailure> {
        let lease = self.opening.lease.as_deref();
        let Some(lease) = lease.filter(|lease| lease.cluster().kind == ClusterKind::MultiPrimary) else {
            return Ok(());
        };
        match lease.interrupted_elsewhere() {
            None => Ok(()),
            Some(server) => {
                lease.give_back();
                Err(MigrateFailure::InterruptedElsewhere {
                    server,
                    label: place.migration.label.clone(),
                    command: place.command,
                })
            }
        }
    }

    /// Determines whether the interrupted statement took effect; returns the number of statements done.
    async fn settle_intent(
        &mut self,
        place: &Unfinished<'_>,
        reader: &mut StatementReader,
        begin: &ReaderPosition,
        intent: &Intent,
    ) -> anyhow::Result<u32> {
        self.refuse_unseen_ddl(place)?;
        let (number, done) = (intent.number, place.record.done);
        let label = &place.migration.label;
        let interrupted = InterruptedStatements {
            label: label.clone(),
            first: done + 1,
            last: number,
            command: place.command,
        };
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
            let path = place.path.clone();
            return Err(MigrateFailure::InterruptedChanged { path, interrupted }.into());
        };
        let what = summary(&statement.text, 60);
        match self.judge_intent(place, &statement, intent).await? {
            RecoveryVerdict::Applied => {
                self.ctx.report.status(format!(
                    "  {label}.{number}  {what}: already applied before the interruption"
                ));
                Ok(number)
            }
            RecoveryVerdict::NotApplied => Ok(done),
            RecoveryVerdict::Unclear(why) => Err(MigrateFailure::InterruptedUnclear {
                place: statement.place(),
                statement: what,
                interrupted,
                why,
            }
            .into()),
        }
    }

    async fn judge_intent(
        &mut self,
        place: &Unfinished<'_>,
        statement: &ScriptStatement,
        intent: &Intent,
    ) -> anyhow::Result<RecoveryVerdict> {
        let before = ObjectSnapshot::parse(&intent.before);
        let text = before.ran.as_deref().unwrap_or(&statement.text);
        let found = classify(text);
        if intent.number > place.record.done + 1 {
            return Ok(RecoveryVerdict::Unclear(
                "they ran as one, and something in them cannot be rolled back".to_owned(),
            ));
        }
        if matches!(
            found.class,
            StatementClass::Query | StatementClass::Session | StatementClass::Transaction
        ) {
            // Such a statement has an intent only if it calls a function that may have written rows.
            let why = "a function that it calls may write to a table without transactions";
            return Ok(RecoveryVerdict::Unclear(
                before.why.unwrap_or_else(|| why.to_owned()),
            ));
        }
        let database = match before.database.as_str() {
            "" => self.database,
            database => database,
        };
        let now = match &before.watched {
            Some(watched) => ObjectSnapshot::watch_again(self.session, watched).await?,
            None => ObjectSnapshot::take(self.session, self.server, text, &found, database, false).await?,
        };
        let facts = ServerFacts {
            atomic: self.server.has_atomic_ddl(),
            trust: IdentityTrust::between(before.instance.as_ref(), now.instance.as_ref(), self.server),
        };
        Ok(recovery::took_effect(text, &found, &before, &now, facts))
    }

    /// Runs again the statements of an earlier run that set session state which is not recorded.
    async fn replay(&mut self, statements: &[ScriptStatement]) -> anyhow::Result<()> {
        for statement in statements {
            self.session
                .execute(statement.text.as_str())
                .await
                .map_err(|error| {
                    anyhow::Error::new(error).context(format!("{}: restoring the session", statement.place()))
                })?;
        }
        Ok(())
    }
}

/// The statements that an earlier run completed.
struct Passed {
    done: u32,
    /// SHA-256 of these statements.
    hash: PrefixHash,
    /// Those to run again, because they set session state.
    replayed: Vec<ScriptStatement>,
    /// The last of them, with its place.
    last: Option<String>,
    /// The place of one that left session state which cannot be restored, and a description of it.
    lost: Option<(String, &'static str)>,
}

impl Unfinished<'_> {
    /// Skips the first `count` statements, or as many as there are.
    fn pass(&self, reader: &mut StatementReader, count: u32, cancel: &Cancel) -> anyhow::Result<Passed> {
        let left = self.state.lost();
        let too_long = self.state.too_long();
        let mut passed = Passed {
            done: 0,
            hash: PrefixHash::default(),
            replayed: Vec::new(),
            last: None,
            lost: None,
        };
        while passed.done < count {
            cancel.check()?;
            let Some(statement) = reader.next()? else { break };
            let lost = if let Some((what, number)) = left
                && number == statement.number
            {
                Some(what)
            } else if too_long.is_some_and(|name| statement.text.to_lowercase().contains(name)) {
                Some("a variable too long to be kept")
            } else if self.legacy && classify(&statement.text).session_state {
                Some("a temporary table or a variable")
            } else {
                None
            };
            if let (Some(what), None) = (lost, &passed.lost) {
                passed.lost = Some((statement.place(), what));
            }
            passed.done = statement.number;
            passed.hash = statement.after.clone();
            passed.last = Some(statement.place());
            let session = self.legacy && classify(&statement.text).class == StatementClass::Session;
            if session || sets_role(&statement.text) {
                passed.replayed.push(statement);
            }
        }
        Ok(passed)
    }

    fn refuse_earlier_form(&self) -> Result<(), MigrateFailure> {
        let migration = self.migration;
        let record = self.record;
        if record.checksum == migration.checksum || !migration.has_been(&record.checksum) {
            return Ok(());
        }
        Err(MigrateFailure::EarlierForm {
            name: migration.name.clone(),
            path: self.path.clone(),
            done: record.done,
            total: record.total,
            command: self.command,
        })
    }

    fn refuse_other_file(&self, passed: &Passed) -> Result<(), MigrateFailure> {
        if passed.done == self.record.done && passed.hash.hex() == self.record.done_hash {
            return Ok(());
        }
        Err(MigrateFailure::DoneStatementsChanged {
            label: self.migration.label.clone(),
            path: self.path.clone(),
            done: self.record.done,
        })
    }

    /// Refuses to go on where the rest needs what only the lost connection had.
    fn refuse_lost_session(
        &self,
        passed: &Passed,
        next: Option<&ScriptStatement>,
        watch: &SessionWatch,
    ) -> Result<(), MigrateFailure> {
        let Some(next) = next.filter(|_| passed.done < self.total) else {
            return Ok(());
        };
        let asks = passed.last.as_ref().filter(|_| watch.asks(&next.text));
        let result = asks.map(|place| (place, "its result, which the next statement asks for,"));
        let lost = passed.lost.as_ref().map(|(place, what)| (place, *what));
        let Some((place, what)) = lost.or(result) else {
            return Ok(());
        };
        Err(MigrateFailure::SessionLost {
            place: place.clone(),
            lost: what,
            label: self.migration.label.clone(),
            done: passed.done,
        })
    }
}
