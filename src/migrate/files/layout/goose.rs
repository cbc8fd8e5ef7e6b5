//! goose: `-- +goose Up`, `-- +goose Down`, and `-- +goose StatementBegin` … `-- +goose StatementEnd` around a
//! statement that has the delimiter inside (its documentation, "SQL migrations").

use super::{FileLayout, ForeignHistory, LayoutMark, annotation, any_name, common};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "goose",
    name: "goose",
    names: any_name,
    history: Some(&HISTORY),
    up: Some("-- +goose Up"),
    dashes_comment: false,
    mark,
};

/// A rollback adds a row, or removes one, depending on goose's version: the last row of a version counts.
const HISTORY: ForeignHistory = ForeignHistory {
    table: "goose_db_version",
    columns: &["version_id", "is_applied"],
    select: "SELECT CAST(version_id AS CHAR), NULL, NULL, IF(is_applied, 'done', 'undone') FROM {table} \
             WHERE version_id > 0 ORDER BY id",
    ..ForeignHistory::BY_VERSION
};

fn mark(comment: &str, _inside: bool) -> Option<LayoutMark> {
    let words = annotation(comment, "+goose")?;
    if let Some(mark) = common(words) {
        return Some(mark);
    }
    Some(match words.to_ascii_lowercase().as_str() {
        "no transaction" | "envsub off" => LayoutMark::Passed,
        "envsub on" => {
            LayoutMark::Refused("dbtool does not put environment variables into statements".to_owned())
        }
        _ => LayoutMark::Refused(format!("goose has no annotation {words}")),
    })
}
