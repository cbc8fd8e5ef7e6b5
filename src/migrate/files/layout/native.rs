//! dbtool's own layout, and dbmate's: `-- migrate:up` and `-- migrate:down`, each perhaps with options
//! (`transaction:false`), which have no meaning where DDL commits on its own.

use super::{FileLayout, FilePart, LayoutMark};
use crate::sql::comment_content;

pub(super) const LAYOUT: FileLayout = FileLayout {
    name: "dbmate",
    up: None,
    dashes_comment: false,
    mark,
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
