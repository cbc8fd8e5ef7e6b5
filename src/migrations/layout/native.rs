//! dbtool's own layout, and dbmate's: `-- migrate:up` and `-- migrate:down`.

use super::{Mark, Part};
use crate::sql::comment_content;

pub(super) fn mark(comment: &str) -> Option<Mark> {
    let section = comment_content(comment).strip_prefix("migrate:")?;
    let word = section.split_whitespace().next().unwrap_or_default();
    match word {
        "up" => Some(Mark::Part(Part::Up)),
        "down" => Some(Mark::Part(Part::Down)),
        _ => None,
    }
}
