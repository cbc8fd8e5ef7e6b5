//! `repair`, `baseline`, and the targets of `down`: changes to the history that a person decides.

use serde_json::json;

use super::Migrator;
use super::failure::MigrateFailure;
use super::history::{Record, RecordState};
use super::options::{RepairDecision, RepairOptions};
use super::outcome::MessageOutcome;
use super::status::{MigrationStatus, compare};
use crate::cancel::Cancel;
use crate::migrate::files::{Direction, FileFailure, Folder, Migration, Version};
use crate::sql::SplitOptions;

impl Migrator<'_> {
    /// Records a person's decision that dbtool could not derive from the schema.
    pub(crate) async fn repair(
        &mut self,
        folder: &Folder,
        repair: &RepairOptions,
    ) -> anyhow::Result<MessageOutcome> {
        self.lock().await?;
        let records = self.history.load(&mut self.session).await?;
        let items = compare(folder, &records);
        let item = find(folder, &items, &repair.version)?;
        let Some(record) = item.record else {
            let name = item.name().to_owned();
            return Err(MigrateFailure::NeverStarted { name }.into());
        };
        let name = item.name().to_owned();
        if repair.decision == RepairDecision::Abandon {
            let line = self.abandon(&name).await?;
            let json = json!({ "version": item.label(), "name": name, "message": line });
            return Ok(MessageOutcome {
                name: "migrate-repair",
                line,
                json,
            });
        }
        let decision = decide(item, record, &name, repair)?;
        // Gives a table of an earlier version the columns that the decision is written with.
        self.create_history().await?;
        let line = match decision {
            Decision::Settle(settled, line) => {
                self.history.settle(&mut self.session, record, &settled).await?;
                line
            }
            Decision::Undo(line) => {
                self.history.undo(&mut self.session, record).await?;
                line
            }
        };
        let json = json!({ "version": item.label(), "name": name, "message": line });
        Ok(MessageOutcome {
            name: "migrate-repair",
            line,
            json,
        })
    }

    /// Records migrations whose changes the database already has.
    pub(crate) async fn baseline(
        &mut self,
        folder: &Folder,
        version: &str,
        force: bool,
    ) -> anyhow::Result<MessageOutcome> {
        let target = folder.find(version)?;
        self.lock().await?;
        let records = self.history.load(&mut self.session).await?;
        let items = compare(folder, &records);
        let covered: Vec<&MigrationStatus<'_>> = items
            .iter()
            .filter(|item| item.version <= target.version)
            .collect();
        if let Some(unfinished) = covered.iter().find(|item| {
            item.record
                .is_some_and(|record| !record.state.complete() && !nothing_done(record))
        }) {
            let name = unfinished.name().to_owned();
            return Err(MigrateFailure::BaselineUnfinished { name }.into());
        }
        let covers = folder
            .migrations
            .iter()
            .take_while(|migration| migration.version <= target.version);
        let lacking = match force {
            true => Vec::new(),
            false => self.lacking(&folder.migrations[..covers.count()]).await?,
        };
        if !lacking.is_empty() {
            let (database, label) = (self.database.clone(), target.label.clone());
            return Err(MigrateFailure::BaselineLacks {
                database,
                label,
                lacking,
            }
            .into());
        }
        self.create_history().await?;
        let mut names = Vec::new();
        self.session.execute("START TRANSACTION").await?;
        for item in covered {
            if let Some(migration) = item.migration {
                match item.record {
                    None => {}
                    Some(record) if nothing_done(record) => {
                        self.history.undo(&mut self.session, record).await?;
                    }
                    Some(_) => continue,
                }
                self.history.baseline(&mut self.session, migration).await?;
                names.push(migration.name.clone());
            }
        }
        self.session.execute("COMMIT").await?;
        let line = match names.as_slice() {
            [] => format!(
                "{}: nothing to record, all up to {} are",
                self.database, target.label
            ),
            names => format!(
                "{}: recorded without running them: {}",
                self.database,
                names.join(", ")
            ),
        };
        let json = json!({ "database": self.database, "version": target.label, "recorded": names });
        Ok(MessageOutcome {
            name: "migrate-baseline",
            line,
            json,
        })
    }
}

/// A person's decision.
enum Decision {
    /// The new record, and the message.
    Settle(Box<Record>, String),
    /// The record is removed; the message.
    Undo(String),
}

/// Whether a migration was started and none of its statements took, or may have taken, effect.
fn nothing_done(record: &Record) -> bool {
    !record.state.complete()
        && record.state != RecordState::Reverting
        && record.done == 0
        && record.intent.is_none()
}

fn decide(
    item: &MigrationStatus<'_>,
    record: &Record,
    name: &str,
    repair: &RepairOptions,
) -> Result<Decision, MigrateFailure> {
    let mut settled = record.clone();
    if repair.decision == RepairDecision::AcceptFile {
        let migration = with_file(item)?;
        settled.checksum.clone_from(&migration.checksum);
        settled.name.clone_from(&migration.name);
        let line = format!("{name}: accepted the current file; its checksum is now the recorded one");
        return Ok(Decision::Settle(Box::new(settled), line));
    }
    if repair.decision == RepairDecision::Forget {
        if let Some(migration) = item.migration {
            let (name, path) = (name.to_owned(), migration.up.clone());
            return Err(MigrateFailure::FileIsThere { name, path });
        }
        let done = match record.state.complete() {
            true => String::new(),
            false => format!(
                "; {} of its {} statements took effect and stay",
                record.done, record.total
            ),
        };
        return Ok(Decision::Undo(format!("{name}: its record is removed{done}")));
    }
    unfinished(record, name)?;
    let reverting = record.state == RecordState::Reverting;
    if repair.decision == RepairDecision::Finished {
        if reverting {
            return Ok(Decision::Undo(format!("{name}: recorded as rolled back")));
        }
        if let Some(migration) = item.migration {
            settled.checksum.clone_from(&migration.checksum);
            settled.name.clone_from(&migration.name);
        }
        settled.state = RecordState::Applied;
        settled.session = None;
        return Ok(Decision::Settle(
            Box::new(settled),
            format!("{name}: recorded as applied"),
        ));
    }
    let command = if reverting {
        "dbtool migrate down"
    } else {
        "dbtool migrate"
    };
    let Some(intent) = &record.intent else {
        return without_intent(item, settled, name, repair, command);
    };
    if repair.decision == RepairDecision::Applied {
        settled.done = intent.number;
        settled.done_hash.clone_from(&intent.hash);
    }
    let line = format!(
        "{name}: `{command}` continues with statement {}",
        settled.done + 1
    );
    Ok(Decision::Settle(Box::new(settled), line))
}

/// Decides for a migration without interrupted statement: if none of its statements is done, a person may
/// declare all of it done, or never started.
fn without_intent(
    item: &MigrationStatus<'_>,
    mut settled: Record,
    name: &str,
    repair: &RepairOptions,
    command: &'static str,
) -> Result<Decision, MigrateFailure> {
    if settled.done > 0
        || (repair.decision == RepairDecision::Applied) && settled.state == RecordState::Reverting
    {
        return Err(MigrateFailure::NoInterruptedStatement {
            name: name.to_owned(),
            label: item.label().to_owned(),
            done: settled.done,
            total: settled.total,
            command,
        });
    }
    if (repair.decision == RepairDecision::NotApplied) && settled.state != RecordState::Reverting {
        return Ok(Decision::Undo(format!("{name}: recorded as not started")));
    }
    let migration = with_file(item)?;
    settled.done = migration.statements();
    settled.total = migration.statements();
    settled.done_hash = String::new();
    settled.session = None;
    let line = if settled.state == RecordState::Reverting {
        settled.state = RecordState::Applied;
        format!("{name}: recorded as applied, nothing of it was rolled back")
    } else {
        settled.state = RecordState::Baseline;
        settled.checksum.clone_from(&migration.checksum);
        format!("{name}: recorded as in the database already")
    };
    Ok(Decision::Settle(Box::new(settled), line))
}

fn find<'i, 'a>(
    folder: &Folder,
    items: &'i [MigrationStatus<'a>],
    version: &str,
) -> Result<&'i MigrationStatus<'a>, FileFailure> {
    let number = Version::parse(version);
    match items
        .iter()
        .find(|item| Some(item.version) == number || item.name() == version)
    {
        Some(item) => Ok(item),
        None => Err(folder
            .find(version)
            .map_or_else(|failure| failure, |_| folder.empty())),
    }
}

fn with_file<'a>(item: &MigrationStatus<'a>) -> Result<&'a Migration, MigrateFailure> {
    item.migration.ok_or_else(|| MigrateFailure::FileMissing {
        name: item.name().to_owned(),
    })
}

fn unfinished(record: &Record, name: &str) -> Result<(), MigrateFailure> {
    match record.state {
        RecordState::Running | RecordState::Failed | RecordState::Reverting => Ok(()),
        RecordState::Applied | RecordState::Baseline => Err(MigrateFailure::NothingToSettle {
            name: name.to_owned(),
        }),
    }
}

/// The migrations to roll back, newest first: those after `version`, or only the newest.
///
/// # Errors
/// One of them has no down script, or an unfinished one is in the way.
pub(super) fn to_roll_back<'a>(
    folder: &Folder,
    items: &[MigrationStatus<'a>],
    version: Option<&str>,
    options: SplitOptions,
    cancel: &Cancel,
) -> anyhow::Result<Vec<(&'a Migration, &'a Record)>> {
    let recorded: Vec<&MigrationStatus<'a>> =
        // A repeatable migration has no way back.
        items
            .iter()
            .filter(|item| item.record.is_some() && !item.version.is_repeatable())
            .rev()
            .collect();
    let after = match version {
        // Version 0 is before all of them.
        Some(text) if text.bytes().all(|byte| byte == b'0') && !text.is_empty() => Some(Version::default()),
        Some(text) => Some(folder.find(text)?.version),
        None => None,
    };
    let chosen: Vec<&MigrationStatus<'a>> = match after {
        Some(after) => recorded.into_iter().filter(|item| item.version > after).collect(),
        None => recorded.into_iter().take(1).collect(),
    };
    let mut targets = Vec::new();
    for item in chosen {
        let (migration, Some(record)) = (with_file(item)?, item.record) else {
            continue;
        };
        if matches!(record.state, RecordState::Running | RecordState::Failed) {
            let (name, state) = (item.name().to_owned(), record.state.as_str());
            return Err(MigrateFailure::NotFullyApplied { name, state }.into());
        }
        let down = migration.script(Direction::Down, options).outline(cancel)?;
        if down.statements == 0 && migration.down.is_none() {
            let (name, file) = (item.name().to_owned(), migration.name.clone());
            return Err(MigrateFailure::NoDownScript { name, file }.into());
        }
        targets.push((migration, record));
    }
    Ok(targets)
}
