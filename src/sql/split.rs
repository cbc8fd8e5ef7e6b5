//! Cuts a migration file into statements, by the rules of the `mysql` command line client.
//!
//! - A statement ends at the delimiter (`;` until `DELIMITER` names another), at `\g` or `\G`, or at the end
//!   of the file. Quotes, comments and executable comments hide the delimiter.
//! - `DELIMITER xx` is a command where no statement is pending, and at the start of a line after a statement
//!   whose delimiter was forgotten, if punctuation follows: a column called `delimiter` is not a command.
//! - Comments around a statement are not part of it; comments and hints inside it are. `/*! */` is SQL.
//! - While the delimiter is `;`, compound bodies of stored programs stay whole (`compound.rs` says how);
//!   the client would cut them.

mod commands;
mod comments;
mod position;
mod splitter;

use std::fmt;
use std::ops::Range;

use position::TextPosition;

pub use splitter::Splitter;

/// How the server that will run the statements reads strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitOptions {
    /// Whether a backslash escapes in quotes: true unless sql_mode has NO_BACKSLASH_ESCAPES.
    pub backslash_escapes: bool,
}

impl Default for SplitOptions {
    fn default() -> Self {
        SplitOptions {
            backslash_escapes: true,
        }
    }
}

/// A comment with a meaning for dbtool: `-- dbtool: …` (also `#` and `/* */`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The comment's content, trimmed: `migrate:down`.
    pub text: String,
    /// Line of the comment, from 1.
    pub line: u32,
}

/// The role of a comment for the caller of the splitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentRole {
    /// A comment.
    Plain,
    /// Kept with the statement that follows it.
    Note,
    /// Starts another part of the text, and ends a statement whose delimiter was forgotten.
    Border,
    /// Looks like the start of another part; inside a statement it is a plain comment.
    Suspect,
    /// Everything up to the line with [`CommentRole::RawEnd`] is one statement.
    RawBegin,
    /// Ends such a statement.
    RawEnd,
    /// A comment in another tool's format that the server does not treat as a comment.
    Skip,
}

/// Determines the role of a comment from its text with `--`, `#` or `/* */`, and whether it starts its line.
pub type CommentRoles<'r> = &'r dyn Fn(&str, bool) -> CommentRole;

/// The roles if only dbtool's own markers have a meaning.
pub fn own_markers(comment: &str, _: bool) -> CommentRole {
    let content = comment_content(comment);
    if content.starts_with("dbtool:") || content.starts_with("migrate:") {
        CommentRole::Note
    } else {
        CommentRole::Plain
    }
}

/// A comment without its comment signs, trimmed.
pub fn comment_content(comment: &str) -> &str {
    comment
        .trim_start_matches(['-', '#', '/', '*'])
        .trim_end_matches(['/', '*'])
        .trim()
}

/// A statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitStatement<'a> {
    /// The statement's bytes, without delimiter and surrounding comments.
    pub text: &'a str,
    /// The position of these bytes in the text.
    pub range: Range<usize>,
    /// Line of the first character, from 1.
    pub line: u32,
    /// Column of the first character, from 1, in characters.
    pub column: u32,
    /// Marker comments since the end of the previous statement.
    pub markers: Vec<Marker>,
}

/// A text's statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split<'a> {
    /// In the order of the text.
    pub statements: Vec<SplitStatement<'a>>,
    /// Marker comments after the last statement.
    pub trailing: Vec<Marker>,
}

/// A file that cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitError {
    /// The problem: `string in single quotes is never closed`.
    pub what: String,
    /// Line where it opens, from 1.
    pub line: u32,
    /// Column where it opens, from 1, in characters.
    pub column: u32,
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for SplitError {}

/// Splits `text`, all of it at once. A file is read with [`Splitter`], which never holds it.
///
/// # Errors
/// An unclosed quote, comment or compound body, with the place where it opens, and a `DELIMITER` without a
/// delimiter.
pub fn split(text: &str, options: SplitOptions) -> Result<Split<'_>, SplitError> {
    let mut splitter = Splitter::new(options);
    let mut split = Split::default();
    loop {
        match splitter.step(text, true, &own_markers)? {
            SplitStep::Statement(statement) => split.statements.push(SplitStatement {
                text: &text[statement.range.clone()],
                range: statement.range,
                line: statement.line,
                column: statement.column,
                markers: statement.markers,
            }),
            // Neither comes from a whole text and dbtool's own markers.
            SplitStep::More | SplitStep::Border(_) => {}
            SplitStep::Source(statement) => {
                return Err(SplitError {
                    what: "a command to read another file is not possible here".to_owned(),
                    line: statement.line,
                    column: statement.column,
                });
            }
            SplitStep::End => break,
        }
    }
    split.trailing = splitter.markers;
    Ok(split)
}

/// Reads a file's bytes as UTF-8.
///
/// # Errors
/// Names byte offset, line and column of the first byte that is not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, SplitError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let valid = std::str::from_utf8(&bytes[..at]).unwrap_or_default();
        let mut place = TextPosition::default();
        place.advance(valid, at);
        let bad = bytes.get(at).copied().unwrap_or_default();
        SplitError {
            what: format!("byte {at} (0x{bad:02X}) is not valid UTF-8"),
            line: place.line,
            column: place.column,
        }
    })
}

/// A statement in the text given to [`Splitter::step`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStatement {
    /// Its bytes, without delimiter and surrounding comments.
    pub range: Range<usize>,
    /// The text to send instead, for a client command that is a statement.
    pub instead: Option<String>,
    /// Line of the first character, from 1.
    pub line: u32,
    /// Column of the first character, from 1, in characters.
    pub column: u32,
    /// Marker comments since the end of the previous statement.
    pub markers: Vec<Marker>,
}

/// The result of [`Splitter::step`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitStep {
    /// A statement.
    Statement(FoundStatement),
    /// A comment that starts another part of the text, with its comment signs.
    Border(Marker),
    /// The client's command to read another file here, whose name is `instead`.
    Source(FoundStatement),
    /// More of the text is needed.
    More,
    /// The text is at its end.
    End,
}

#[cfg(test)]
mod tests;
