//! Determines which migrations are applied, pending or unfinished.

use std::collections::BTreeSet;

use super::options::ExpectedOptions;
use crate::db::{DbError, Query, Session};
use crate::migrate;
use crate::migrate::files::{Folder, Migration, Version};

/// Counts tables that are not dbtool's own, up to one.
const ANY_TABLE: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM information_schema.tables \
    WHERE table_schema = ? AND table_name NOT LIKE 'dbtool\\_%' LIMIT 1) AS tables_of_others";

/// A migration that is not applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct PendingMigration {
    /// Version, as in the file name.
    pub(crate) version: String,
    /// File name without extension.
    pub(crate) name: String,
}

/// The state of the migrations in the folder.
#[derive(Debug, Default)]
pub(crate) struct MigrationState {
    /// The versions that are applied; `None` if unknown, in which case all count as applied.
    applied: Option<BTreeSet<Version>>,
    /// Migrations of the folder that are not applied.
    pub(crate) pending: Vec<PendingMigration>,
    /// Names of migrations that are started but not finished.
    pub(crate) unfinished: Vec<String>,
}

impl MigrationState {
    /// Reads the history of the database; an empty database has no applied migration. With `--expect`, no
    /// migration is pending.
    ///
    /// # Errors
    /// The history is required and cannot be read.
    pub(crate) async fn read(
        session: &mut Session,
        options: &ExpectedOptions,
        database: &str,
    ) -> Result<MigrationState, DbError> {
        if options.expect.is_some() {
            return Ok(MigrationState::default());
        }
        let recorded = match migrate::recorded(session, database).await {
            Ok(recorded) => recorded,
            Err(error) if options.applied || error.code().is_none() => return Err(error),
            // Without access to the history, all migrations count as applied.
            Err(_) => None,
        };
        let recorded = match recorded {
            Some(recorded) => recorded,
            None if options.applied || is_empty(session, database).await? => Vec::new(),
            None => return Ok(MigrationState::default()),
        };
        let (complete, unfinished): (Vec<_>, Vec<_>) =
            recorded.into_iter().partition(|migration| migration.complete);
        let applied: BTreeSet<Version> = complete.into_iter().map(|migration| migration.version).collect();
        let migrations =
            Folder::find_all(&options.source).map_or_else(|_| Vec::new(), |folder| folder.migrations);
        let pending = migrations
            .into_iter()
            .filter(|migration| !applied.contains(&migration.version));
        Ok(MigrationState {
            pending: pending
                .map(|migration| PendingMigration {
                    version: migration.label,
                    name: migration.name,
                })
                .collect(),
            unfinished: unfinished.into_iter().map(|migration| migration.name).collect(),
            applied: Some(applied),
        })
    }

    /// Whether the migration is applied, or counts as applied because the history is unknown.
    pub(crate) fn has(&self, migration: &Migration) -> bool {
        let applied = self.applied.as_ref();
        applied.is_none_or(|applied| applied.contains(&migration.version))
    }

    /// Whether it is known that no migration is applied.
    pub(crate) fn has_none(&self) -> bool {
        self.applied.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Whether a migration is pending.
    pub(crate) fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }

    /// `3 migrations pending (003 to 005)`.
    pub(crate) fn pending_summary(&self) -> Option<String> {
        let (first, last) = (self.pending.first()?, self.pending.last()?);
        let number = crate::report::plural(self.pending.len() as u64, "migration");
        let which = match self.pending.len() {
            1 => first.version.clone(),
            _ => format!("{} to {}", first.version, last.version),
        };
        Some(format!("{number} pending ({which})"))
    }
}

async fn is_empty(session: &mut Session, database: &str) -> Result<bool, DbError> {
    let found: Vec<(u64,)> = session.rows(Query::new(ANY_TABLE).bind(database)).await?;
    Ok(found.first().is_some_and(|(number,)| *number == 0))
}
