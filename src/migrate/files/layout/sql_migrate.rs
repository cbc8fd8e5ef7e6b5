//! sql-migrate: `-- +migrate Up [notransaction]`, `-- +migrate Down`, `-- +migrate StatementBegin` and `StatementEnd`
//! (its README, "Writing migrations").

use super::{FileLayout, LayoutMark, annotation, common};

pub(super) const LAYOUT: FileLayout = FileLayout {
    name: "sql-migrate",
    up: Some("-- +migrate Up"),
    dashes_comment: false,
    mark,
};

fn mark(comment: &str, _inside: bool) -> Option<LayoutMark> {
    let words = annotation(comment, "+migrate")?;
    let first = words.split_whitespace().next().unwrap_or_default();
    Some(common(first).unwrap_or_else(|| LayoutMark::Refused(format!("sql-migrate has no command {words}"))))
}
