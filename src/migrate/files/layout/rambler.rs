//! rambler: `-- rambler up` and `-- rambler down` (its README, "Migrations").

use super::{Layout, Mark, annotation, common};

pub(super) const LAYOUT: Layout = Layout {
    name: "rambler",
    up: Some("-- rambler up"),
    dashes_comment: false,
    mark,
};

fn mark(comment: &str, _inside: bool) -> Option<Mark> {
    common(annotation(comment, "rambler")?).filter(|mark| matches!(mark, Mark::Part(_)))
}
