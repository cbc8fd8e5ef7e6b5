//! goose: `-- +goose Up`, `-- +goose Down`, and `-- +goose StatementBegin` … `-- +goose StatementEnd` around a
//! statement that has the delimiter inside (its documentation, "SQL migrations").

use super::{FileLayout, LayoutMark, annotation, common};

pub(super) const LAYOUT: FileLayout = FileLayout {
    name: "goose",
    up: Some("-- +goose Up"),
    dashes_comment: false,
    mark,
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
