//! golang-migrate: `N_name.up.sql` and `N_name.down.sql` (its MIGRATIONS.md); the number may be a time.

use super::{FileLayout, ForeignHistory, RowMeaning};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "golang-migrate",
    name: "golang-migrate",
    names: |names| {
        names
            .are_pairs()
            .then_some("its files end in .up.sql and .down.sql")
    },
    history: Some(&HISTORY),
    ..FileLayout::BY_NAMES
};

/// One row: the version that the database is at, and whether its migration failed.
const HISTORY: ForeignHistory = ForeignHistory {
    table: "schema_migrations",
    columns: &["version", "dirty"],
    select: "SELECT CAST(version AS CHAR), NULL, NULL, IF(dirty, 'failed', 'done') FROM {table}",
    rows: RowMeaning::UpTo,
    settle: "bring the database to the state before or after that migration, then tell golang-migrate with `migrate \
             force VERSION`",
    ..ForeignHistory::BY_VERSION
};
