//! Names that begin with a time, `20240131120000_name.sql`, as Rails, dbmate and sqlx create them.

use super::{FileLayout, ForeignHistory};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "rails",
    name: "Rails",
    names: |names| {
        let times = names.are_times();
        times.then_some("its files are named with a time, as Rails, dbmate and sqlx name them")
    },
    history: Some(&HISTORY),
    ..FileLayout::BY_NAMES
};

/// As dbmate's, beside another table of Rails.
const HISTORY: ForeignHistory = ForeignHistory {
    table: "schema_migrations",
    columns: &["version"],
    without: &["dirty"],
    beside: Some("ar_internal_metadata"),
    select: "SELECT version, NULL, NULL, 'done' FROM {table} ORDER BY version",
    ..ForeignHistory::BY_VERSION
};
