//! rambler: `-- rambler up` and `-- rambler down` (its README, "Migrations").

use super::{FileLayout, LayoutMark, annotation, any_name, common};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "rambler",
    name: "rambler",
    names: any_name,
    history: None,
    up: Some("-- rambler up"),
    dashes_comment: false,
    mark,
};

fn mark(comment: &str, _inside: bool) -> Option<LayoutMark> {
    common(annotation(comment, "rambler")?).filter(|mark| matches!(mark, LayoutMark::Part(_)))
}
