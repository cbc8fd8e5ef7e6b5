//! sql-migrate: `-- +migrate Up [notransaction]`, `-- +migrate Down`, `-- +migrate StatementBegin` and `StatementEnd`
//! (its README, "Writing migrations").

use super::{FileLayout, ForeignHistory, LayoutMark, RowMeaning, annotation, any_name, common};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "sql-migrate",
    name: "sql-migrate",
    names: any_name,
    history: Some(&HISTORY),
    up: Some("-- +migrate Up"),
    dashes_comment: false,
    mark,
};

const HISTORY: ForeignHistory = ForeignHistory {
    table: "gorp_migrations",
    columns: &["id", "applied_at"],
    select: "SELECT NULL, id, NULL, 'done' FROM {table} ORDER BY id",
    rows: RowMeaning::File,
    ..ForeignHistory::BY_VERSION
};

fn mark(comment: &str, _inside: bool) -> Option<LayoutMark> {
    let words = annotation(comment, "+migrate")?;
    let first = words.split_whitespace().next().unwrap_or_default();
    Some(common(first).unwrap_or_else(|| LayoutMark::Refused(format!("sql-migrate has no command {words}"))))
}
