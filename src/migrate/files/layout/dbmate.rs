//! dbmate's marks, which are dbtool's own too: `-- migrate:up` and `-- migrate:down`, each perhaps with options
//! (`transaction:false`), which have no meaning where DDL commits on its own.

use super::{FileLayout, FilePart, ForeignHistory, LayoutMark, any_name};
use crate::sql::comment_content;

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "dbmate",
    name: "dbmate",
    names: any_name,
    history: Some(&HISTORY),
    up: None,
    dashes_comment: false,
    mark,
};

/// `schema_migrations`, which golang-migrate and Rails have too (dbmate's README, "Internals").
const HISTORY: ForeignHistory = ForeignHistory {
    table: "schema_migrations",
    columns: &["version"],
    without: &["dirty"],
    not_beside: Some("ar_internal_metadata"),
    select: "SELECT version, NULL, NULL, 'done' FROM {table} ORDER BY version",
    ..ForeignHistory::BY_VERSION
};

fn mark(comment: &str, _inside: bool) -> Option<LayoutMark> {
    let section = comment_content(comment).strip_prefix("migrate:")?;
    let word = section.split_whitespace().next().unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "up" => Some(LayoutMark::Part(FilePart::Up)),
        "down" => Some(LayoutMark::Part(FilePart::Down)),
        other => Some(LayoutMark::Refused(format!(
            "there is no mark migrate:{other}, only migrate:up and migrate:down"
        ))),
    }
}
