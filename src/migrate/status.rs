//! Compares the files with the history: the status of each migration.

use super::failure::MigrateFailure;
use super::history::{Record, RecordState};
use crate::migrate::files::{Folder, Migration, Version, label_of};

/// A migration with its file, its record and its status.
#[derive(Debug, Clone)]
pub struct MigrationStatus<'a> {
    /// The version.
    pub version: Version,
    /// The file, unless it is missing.
    pub migration: Option<&'a Migration>,
    /// The record, if there is one.
    pub record: Option<&'a Record>,
    /// The status.
    pub standing: Status,
}

/// The status of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Applied, or recorded as a baseline, and its file is unchanged.
    Applied,
    /// Not started.
    Pending,
    /// Started and neither finished nor failed.
    Interrupted,
    /// A statement failed.
    Failed,
    /// Rollback in progress.
    Reverting,
    /// Applied, but its file has changed since.
    Changed,
    /// Recorded, but its file is gone.
    Missing,
    /// Not started, while a later version is applied.
    OutOfOrder,
}

impl Status {
    /// The status's name in JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Applied => "applied",
            Status::Pending => "pending",
            Status::Interrupted => "interrupted",
            Status::Failed => "failed",
            Status::Reverting => "reverting",
            Status::Changed => "changed",
            Status::Missing => "missing",
            Status::OutOfOrder => "out-of-order",
        }
    }

    /// Whether `migrate` has work to do here.
    pub fn is_pending(self) -> bool {
        matches!(self, Status::Pending | Status::Interrupted | Status::Failed)
    }

    /// Whether `migrate` refuses to continue until a person has decided.
    pub fn is_problem(self) -> bool {
        matches!(
            self,
            Status::Changed | Status::Missing | Status::OutOfOrder | Status::Reverting
        )
    }
}

impl MigrationStatus<'_> {
    /// The name of the file, present or recorded.
    pub fn name(&self) -> &str {
        match (self.migration, self.record) {
            (Some(migration), _) => &migration.name,
            (None, Some(record)) => &record.name,
            (None, None) => "",
        }
    }

    /// The version as the file writes it.
    pub fn label(&self) -> &str {
        self.migration
            .map_or_else(|| label_of(self.name()), |migration| &migration.label)
    }
}

/// Joins files and history, ascending by version.
pub fn compare<'a>(folder: &'a Folder, records: &'a [Record]) -> Vec<MigrationStatus<'a>> {
    let newest = records
        .iter()
        .filter(|record| record.state.complete() && !record.version.is_repeatable())
        .map(|record| record.version)
        .max();
    let mut items: Vec<MigrationStatus<'a>> = folder
        .migrations
        .iter()
        .map(|migration| {
            let record = records.iter().find(|record| record.version == migration.version);
            MigrationStatus {
                version: migration.version,
                migration: Some(migration),
                record,
                standing: standing(migration, record, newest),
            }
        })
        .collect();
    for record in records {
        if !folder
            .migrations
            .iter()
            .any(|migration| migration.version == record.version)
        {
            items.push(MigrationStatus {
                version: record.version,
                migration: None,
                record: Some(record),
                standing: Status::Missing,
            });
        }
    }
    // Repeatable migrations stay in the order in which they run.
    items.sort_by_key(|item| {
        let repeatable = item.version.is_repeatable();
        (repeatable, (!repeatable).then_some(item.version))
    });
    items
}

fn standing(migration: &Migration, record: Option<&Record>, newest: Option<Version>) -> Status {
    let Some(record) = record else {
        let late = newest.is_some_and(|newest| migration.version < newest);
        return if late && !migration.any_order {
            Status::OutOfOrder
        } else {
            Status::Pending
        };
    };
    match record.state {
        RecordState::Running => Status::Interrupted,
        RecordState::Failed => Status::Failed,
        RecordState::Reverting => Status::Reverting,
        RecordState::Applied | RecordState::Baseline if migration.has_been(&record.checksum) => {
            Status::Applied
        }
        // It is meant to run again when it has changed.
        _ if migration.version.is_repeatable() => Status::Pending,
        RecordState::Applied | RecordState::Baseline => Status::Changed,
    }
}

/// Refuses to run anything while there are problems. `only` is the one version that may be
/// applied out of order.
///
/// # Errors
/// The problems, each with its file, and what to do about them.
pub fn refuse_problems(items: &[MigrationStatus<'_>], only: Option<Version>) -> Result<(), MigrateFailure> {
    let problems: Vec<&MigrationStatus<'_>> = items
        .iter()
        .filter(|item| item.standing.is_problem())
        .filter(|item| !(item.standing == Status::OutOfOrder && (only.is_some())))
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    let items = problems
        .iter()
        .map(|item| (item.name().to_owned(), item.label().to_owned(), item.standing))
        .collect();
    Err(MigrateFailure::Problems { items })
}

impl Status {
    /// Describes the status of the migration `name`.
    pub fn describe(self, name: &str) -> String {
        match self {
            Status::Changed => format!("{name} has changed since it was applied"),
            Status::Missing => format!("{name} is applied but its file is missing"),
            Status::OutOfOrder => format!("{name} is not applied but a later version is"),
            Status::Reverting => format!("{name} is partly rolled back"),
            Status::Failed => format!("{name} failed"),
            Status::Interrupted => format!("{name} was interrupted"),
            Status::Pending => format!("{name} is pending"),
            Status::Applied => format!("{name} is applied"),
        }
    }

    /// Advice for a problem; `label` is the version as the file writes it.
    pub fn advice(self, label: &str) -> String {
        match self {
            Status::Changed => format!(
                "restore the file as it was applied and put the change into a new migration; if the change is \
             harmless (a comment), accept it with `dbtool migrate repair {label} --accept-file`"
            ),
            Status::Missing => {
                "restore the file from version control, or name the right folder with --dir".to_owned()
            }
            Status::OutOfOrder => {
                format!(
                    "give it a higher number, or apply just this one with `dbtool migrate {label} --only`"
                )
            }
            Status::Reverting => format!(
                "finish with `dbtool migrate down --yes`; if it was rolled back by hand, record that with `dbtool migrate \
             repair {label} --finished`"
            ),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Failure;

    fn migration(version: u64, checksum: &str) -> Migration {
        Migration {
            version: version.into(),
            label: format!("{version:03}"),
            name: format!("{version:03}_x"),
            checksum: checksum.to_owned(),
            ..Migration::default()
        }
    }

    fn record(version: u64, checksum: &str, state: RecordState) -> Record {
        Record {
            version: version.into(),
            name: format!("{version:03}_x"),
            checksum: checksum.to_owned(),
            state,
            done: 1,
            total: 1,
            done_hash: String::new(),
            intent: None,
            error: None,
            out_of_order: false,
            applied_by: String::new(),
            started_at: String::new(),
            finished_at: None,
            duration_ms: 0,
            run_id: None,
            revision: 0,
            connection_id: None,
            session: None,
        }
    }

    #[test]
    fn files_and_history_are_joined() {
        let mut folder = Folder::default();
        folder.migrations = (1..=9)
            .filter(|version| *version != 3)
            .map(|version| migration(version, "a"))
            .collect();
        let records = [
            record(1, "a", RecordState::Applied),
            record(2, "b", RecordState::Applied),
            record(3, "a", RecordState::Applied),
            record(5, "a", RecordState::Baseline),
            record(6, "b", RecordState::Failed),
            record(7, "a", RecordState::Running),
            record(8, "a", RecordState::Reverting),
        ];
        let items = compare(&folder, &records);
        let words: Vec<_> = items
            .iter()
            .map(|item| (item.version.key(), item.standing.as_str()))
            .collect();
        assert_eq!(
            words,
            [
                (1, "applied"),
                (2, "changed"),
                (3, "missing"),
                (4, "out-of-order"),
                (5, "applied"),
                (6, "failed"),
                (7, "interrupted"),
                (8, "reverting"),
                (9, "pending")
            ]
        );
        let failure = Failure::from(refuse_problems(&items, None).unwrap_err());
        assert_eq!(
            failure.what,
            "nothing was run: 002_x has changed since it was applied; 003_x is applied but its file is missing; \
             004_x is not applied but a later version is; 008_x is partly rolled back"
        );
        assert!(failure.next.contains("repair 002 --accept-file"));
        assert!(refuse_problems(&items[3..4], None).is_err());
        assert!(refuse_problems(&items[3..4], Some(4.into())).is_ok());
        assert!(refuse_problems(&items[4..7], None).is_ok());
    }
}
