//! sql-migrate: `-- +migrate Up [notransaction]`, `-- +migrate Down`, `-- +migrate StatementBegin` and `StatementEnd`
//! (its README, "Writing migrations").

use super::{Layout, Mark, annotation, common};

pub(super) const LAYOUT: Layout = Layout {
    name: "sql-migrate",
    up: Some("-- +migrate Up"),
    dashes_comment: false,
    mark,
};

fn mark(comment: &str, _inside: bool) -> Option<Mark> {
    let words = annotation(comment, "+migrate")?;
    let first = words.split_whitespace().next().unwrap_or_default();
    Some(common(first).unwrap_or_else(|| Mark::Refused(format!("sql-migrate has no command {words}"))))
}
