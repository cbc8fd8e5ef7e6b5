//! Names as Laravel gives them: `2024_01_31_120000_name.sql`.

use super::{FileLayout, ForeignHistory, RowMeaning};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "laravel",
    name: "Laravel",
    names: |names| {
        names
            .are_split_times()
            .then_some("its files are named YYYY_MM_DD_HHMMSS_name.sql")
    },
    history: Some(&HISTORY),
    ..FileLayout::BY_NAMES
};

const HISTORY: ForeignHistory = ForeignHistory {
    table: "migrations",
    columns: &["migration", "batch"],
    select: "SELECT NULL, migration, NULL, 'done' FROM {table} ORDER BY id",
    rows: RowMeaning::File,
    ..ForeignHistory::BY_VERSION
};
