//! Which migrations are in the database, which are pending and which are begun only.

use std::collections::BTreeSet;

use crate::cli::check_schema::CheckSchemaArgs;
use crate::db::{DbError, Query, Session};
use crate::migrate;
use crate::migrate::files::{Folder, Migration};

/// Is there any table but dbtool's own?
const ANY_TABLE: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM information_schema.tables \
    WHERE table_schema = ? AND table_name NOT LIKE 'dbtool\\_%' LIMIT 1) AS tables_of_others";

/// A migration that is not applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Pending {
    /// As the file writes it.
    pub(crate) version: String,
    /// The file's name without its ending.
    pub(crate) name: String,
}

/// How the migrations of the folder stand.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The versions that are in the database for good; nothing if nobody knows, and all of them count.
    applied: Option<BTreeSet<u64>>,
    /// Those of the folder that are not.
    pub(crate) pending: Vec<Pending>,
    /// Those that are begun and not finished.
    pub(crate) unfinished: Vec<String>,
}

impl Standing {
    /// What the history of the database says; an empty database has no migration. Another database, or a
    /// file, that is named as what is expected has no pending migrations.
    ///
    /// # Errors
    /// The history is needed and cannot be read.
    pub(crate) async fn read(
        session: &mut Session,
        args: &CheckSchemaArgs,
        database: &str,
    ) -> Result<Standing, DbError> {
        if args.expect.is_some() {
            return Ok(Standing::default());
        }
        let recorded = match migrate::recorded(session, database).await {
            Ok(recorded) => recorded,
            Err(error) if args.applied || error.code().is_none() => return Err(error),
            // Whoever may not read the history can still compare.
            Err(_) => None,
        };
        let recorded = match recorded {
            Some(recorded) => recorded,
            None if args.applied || is_empty(session, database).await? => Vec::new(),
            None => return Ok(Standing::default()),
        };
        let (complete, begun): (Vec<_>, Vec<_>) = recorded.into_iter().partition(|one| one.complete);
        let applied: BTreeSet<u64> = complete.into_iter().map(|one| one.version).collect();
        let migrations = Folder::list(&args.dir).map_or_else(|_| Vec::new(), |folder| folder.migrations);
        let pending = migrations
            .into_iter()
            .filter(|one| !applied.contains(&one.version));
        Ok(Standing {
            pending: pending
                .map(|one| Pending {
                    version: one.label,
                    name: one.name,
                })
                .collect(),
            unfinished: begun.into_iter().map(|one| one.name).collect(),
            applied: Some(applied),
        })
    }

    /// Whether the migration is in the database, as far as anybody knows.
    pub(crate) fn has(&self, migration: &Migration) -> bool {
        let applied = self.applied.as_ref();
        applied.is_none_or(|applied| applied.contains(&migration.version))
    }

    /// Whether it is known that no migration is in the database.
    pub(crate) fn has_none(&self) -> bool {
        self.applied.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Whether something is pending.
    pub(crate) fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }

    /// `3 migrations pending (003 to 005)`.
    pub(crate) fn pending_words(&self) -> Option<String> {
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
