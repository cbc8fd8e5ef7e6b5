//! How migration files divide into an up script and a down script.
//!
//! Each tool's layout is a file of its own that knows the tool's marks: comments at the beginning of a line.
//! A file is of the layout of its first mark. A comment that looks like such a mark, of no layout known
//! here, stops a run before it begins ([`suspicion`]): a down script must never run as part of the up script.

mod goose;
mod liquibase;
mod mybatis;
mod native;
mod rambler;
mod sql_migrate;
mod suspicion;

pub(super) use suspicion::{Suspicion, suspicion};

/// A part of a migration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePart {
    /// Applies the migration.
    Up,
    /// Takes it back.
    Down,
}

/// The meaning of a comment at the beginning of a line in one of the layouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LayoutMark {
    /// The file is of this layout; nothing begins.
    Header,
    /// A part begins.
    Part(FilePart),
    /// Everything up to the line with [`LayoutMark::RawEnd`] is one statement.
    RawBegin,
    /// Ends such a statement.
    RawEnd,
    /// Belongs to the layout and changes nothing here.
    Passed,
    /// The layout has it and dbtool does not support it: the reason.
    Refused(String),
}

/// A tool's layout.
#[derive(Debug)]
pub(super) struct FileLayout {
    /// The tool.
    pub(super) name: &'static str,
    /// How it writes the beginning of the part that applies a migration, for messages; `None` where
    /// the file begins with it.
    pub(super) up: Option<&'static str>,
    /// Whether every line that begins with two dashes is a comment to the tool.
    pub(super) dashes_comment: bool,
    /// The mark that a comment makes, given with its `--`, `#` or `/* */`, trimmed. `inside` says that the
    /// file is known to be of this layout.
    mark: fn(comment: &str, inside: bool) -> Option<LayoutMark>,
}

/// Every layout, the most explicit marks first.
const LAYOUTS: [&FileLayout; 6] = [
    &native::LAYOUT,
    &goose::LAYOUT,
    &sql_migrate::LAYOUT,
    &rambler::LAYOUT,
    &mybatis::LAYOUT,
    &liquibase::LAYOUT,
];

/// The mark a comment makes, and in which layout. `known` is the file's layout, once that is known.
pub(super) fn mark(
    comment: &str,
    known: Option<&'static FileLayout>,
) -> Option<(&'static FileLayout, LayoutMark)> {
    let comment = comment.trim();
    LAYOUTS.iter().find_map(|layout| {
        let inside = known.is_some_and(|known| known.name == layout.name);
        Some((*layout, (layout.mark)(comment, inside)?))
    })
}

/// The words of a comment behind its dashes; `None` for another kind of comment.
fn dashed(comment: &str) -> Option<&str> {
    comment.strip_prefix("--").map(str::trim)
}

/// The word behind a tool's sign, and the rest: `+goose Up` gives `Up`.
fn annotation<'a>(comment: &'a str, sign: &str) -> Option<&'a str> {
    let text = dashed(comment)?;
    let head = text
        .get(..sign.len())
        .filter(|head| head.eq_ignore_ascii_case(sign))?;
    let rest = &text[head.len()..];
    rest.starts_with(char::is_whitespace).then(|| rest.trim())
}

/// `Up`, `Down`, `StatementBegin` and `StatementEnd` as goose and its relatives write them.
fn common(word: &str) -> Option<LayoutMark> {
    Some(match word.to_ascii_lowercase().as_str() {
        "up" => LayoutMark::Part(FilePart::Up),
        "down" => LayoutMark::Part(FilePart::Down),
        "statementbegin" => LayoutMark::RawBegin,
        "statementend" => LayoutMark::RawEnd,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
