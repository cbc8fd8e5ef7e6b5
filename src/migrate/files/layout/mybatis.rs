//! MyBatis Migrations: a file applies the migration up to `-- //@UNDO`, and takes it back from there on
//! (its documentation, "Migration scripts"). `-- // text` describes it.

use super::{FileLayout, FilePart, LayoutMark, any_name, dashed};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "mybatis",
    name: "MyBatis Migrations",
    names: any_name,
    history: None,
    up: None,
    dashes_comment: false,
    mark,
};

fn mark(comment: &str, _inside: bool) -> Option<LayoutMark> {
    let text = dashed(comment)?;
    let text = text.strip_prefix("//").unwrap_or(text).trim_start();
    let command = text.strip_prefix('@')?;
    let word = command.split_whitespace().next().unwrap_or_default();
    match word.to_ascii_uppercase().as_str() {
        "UNDO" => Some(LayoutMark::Part(FilePart::Down)),
        "DELIMITER" | "FULL_LINE_DELIMITER" => Some(LayoutMark::Refused(format!(
            "dbtool does not know MyBatis' @{word}; write DELIMITER as the command-line client has it"
        ))),
        _ => None,
    }
}
