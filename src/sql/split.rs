//! Cuts a migration file into statements, by the rules of the `mysql` command line client.
//!
//! - A statement ends at the delimiter (`;` until `DELIMITER` names another), at `\g` or `\G`, or at the end
//!   of the file. Quotes, comments and executable comments hide the delimiter.
//! - `DELIMITER xx` counts where no statement is pending, and at the start of a line after a statement whose
//!   delimiter was forgotten, if what follows is punctuation: a column called `delimiter` is no command.
//! - Comments around a statement are not part of it; comments and hints inside it are. `/*! */` is SQL.
//! - While the delimiter is `;`, compound bodies of stored programs stay whole (`compound.rs` says how);
//!   the client would cut them.

use std::fmt;
use std::ops::Range;

use super::compound::{Compound, Seen};
use super::lex::{Kind, Lexer, Token, Unterminated, is_space};

/// How the server that will run the statements reads strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether a backslash escapes in quotes: true unless sql_mode has NO_BACKSLASH_ESCAPES.
    pub backslash_escapes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            backslash_escapes: true,
        }
    }
}

/// A comment of the form `-- dbtool: …` or `-- migrate: …` (also `#` and `/* */`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker<'a> {
    /// The comment's content, trimmed: `migrate:down`.
    pub text: &'a str,
    /// Line of the comment, from 1.
    pub line: u32,
}

/// One statement of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The statement's bytes, without delimiter and surrounding comments.
    pub text: &'a str,
    /// Where these bytes are in the file.
    pub range: Range<usize>,
    /// Line of the first character, from 1.
    pub line: u32,
    /// Column of the first character, from 1, in characters.
    pub column: u32,
    /// Marker comments since the end of the statement before.
    pub markers: Vec<Marker<'a>>,
}

/// A file's statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split<'a> {
    /// In the order of the file.
    pub statements: Vec<Statement<'a>>,
    /// Marker comments after the last statement.
    pub trailing: Vec<Marker<'a>>,
}

/// A file that cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitError {
    /// What is wrong: `string in single quotes is never closed`.
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

/// Splits `text`, all of it before anything is run.
///
/// # Errors
/// A quote, comment or compound body that is never closed and a `DELIMITER` without one, with the place
/// where it opens.
pub fn split(text: &str, options: Options) -> Result<Split<'_>, SplitError> {
    let mut splitter = Splitter::new(text, options);
    let mut found = Split::default();
    while let Some(statement) = splitter.next_statement()? {
        found.statements.push(statement);
    }
    found.trailing = splitter.markers;
    Ok(found)
}

/// Reads a file's bytes as UTF-8.
///
/// # Errors
/// Names byte offset, line and column of the first byte that is not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, SplitError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let valid = std::str::from_utf8(&bytes[..at]).unwrap_or_default();
        let mut place = Place::default();
        place.advance(valid, at);
        let bad = bytes.get(at).copied().unwrap_or_default();
        SplitError {
            what: format!("byte {at} (0x{bad:02X}) is not valid UTF-8"),
            line: place.line,
            column: place.column,
        }
    })
}

/// A position that only moves forward, so that counting lines and columns stays linear.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: usize,
    line: u32,
    column: u32,
}

impl Default for Place {
    fn default() -> Self {
        Place {
            at: 0,
            line: 1,
            column: 1,
        }
    }
}

impl Place {
    fn advance(&mut self, text: &str, to: usize) {
        for (index, c) in text[self.at..to].char_indices() {
            match c {
                '\n' => {
                    self.line = self.line.saturating_add(1);
                    self.column = 1;
                }
                // A byte order mark is no character of the text.
                '\u{feff}' if self.at + index == 0 => {}
                _ => self.column = self.column.saturating_add(1),
            }
        }
        self.at = to;
    }
}

struct Splitter<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    delimiter: &'a str,
    place: Place,
    markers: Vec<Marker<'a>>,
}

/// The statement that is being read.
struct Pending {
    range: Range<usize>,
    place: Place,
    compound: Compound,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str, options: Options) -> Self {
        Splitter {
            text,
            lexer: Lexer::new(text, 0, options.backslash_escapes),
            delimiter: ";",
            place: Place::default(),
            markers: Vec::new(),
        }
    }

    fn next_statement(&mut self) -> Result<Option<Statement<'a>>, SplitError> {
        let mut pending: Option<Pending> = None;
        loop {
            if self.delimiter_command(pending.is_some())? {
                match pending.take() {
                    Some(done) => return Ok(Some(self.finish(done))),
                    None => continue,
                }
            }
            if self.at_end_of_statement(pending.as_ref()) {
                self.lexer.jump(self.lexer.pos() + self.delimiter.len());
                match pending.take() {
                    Some(done) => return Ok(Some(self.finish(done))),
                    None => continue,
                }
            }
            let token = match self.lexer.next(self.delimiter) {
                Ok(Some(token)) => token,
                Ok(None) => break,
                Err(unterminated) => return Err(self.unterminated(unterminated)),
            };
            match token.kind {
                Kind::LineComment | Kind::BlockComment => self.marker(&token),
                Kind::Go if self.may_end(pending.as_ref()) => {
                    if let Some(done) = pending.take() {
                        return Ok(Some(self.finish(done)));
                    }
                }
                kind if kind.significant() => self.extend(&mut pending, &token),
                _ => {}
            }
        }
        if let Some(at) = self.lexer.open_exec() {
            return Err(self.unterminated(Unterminated {
                what: "executable comment",
                at,
            }));
        }
        match pending {
            Some(Pending { compound, .. }) if self.delimiter == ";" && compound.open().is_some() => {
                let at = compound.open().unwrap_or_default();
                Err(self.unterminated(Unterminated {
                    what: "compound statement (no matching END)",
                    at,
                }))
            }
            other => Ok(other.map(|done| self.finish(done))),
        }
    }

    fn at_end_of_statement(&self, pending: Option<&Pending>) -> bool {
        self.lexer.at_delimiter(self.delimiter) && self.may_end(pending)
    }

    fn may_end(&self, pending: Option<&Pending>) -> bool {
        self.lexer.open_exec().is_none()
            && (self.delimiter != ";" || pending.is_none_or(|pending| pending.compound.open().is_none()))
    }

    fn extend(&mut self, pending: &mut Option<Pending>, token: &Token) {
        let pending = pending.get_or_insert_with(|| {
            let mut place = self.place;
            place.advance(self.text, token.range.start);
            Pending {
                range: token.range.clone(),
                place,
                compound: Compound::new(),
            }
        });
        pending.range.end = token.range.end;
        let text = &self.text[token.range.clone()];
        let seen = match token.kind {
            Kind::Word => Seen::Word(text),
            Kind::Backtick | Kind::Single | Kind::Double => Seen::Quoted,
            Kind::Other if text == ":" && self.lexer.rest().starts_with('=') => Seen::Assign,
            Kind::Other => Seen::Char(text.chars().next().unwrap_or(' ')),
            _ => return,
        };
        pending.compound.feed(seen, token.range.start);
    }

    fn finish(&mut self, done: Pending) -> Statement<'a> {
        self.place = done.place;
        Statement {
            text: &self.text[done.range.clone()],
            range: done.range,
            line: done.place.line,
            column: done.place.column,
            markers: std::mem::take(&mut self.markers),
        }
    }

    fn marker(&mut self, token: &Token) {
        let comment = &self.text[token.range.clone()];
        let content = comment
            .trim_start_matches(['-', '#', '/', '*'])
            .trim_end_matches(['/', '*'])
            .trim();
        if content.starts_with("dbtool:") || content.starts_with("migrate:") {
            let mut place = self.place;
            place.advance(self.text, token.range.start);
            self.markers.push(Marker {
                text: content,
                line: place.line,
            });
        }
    }

    fn unterminated(&self, open: Unterminated) -> SplitError {
        self.error(open.at, format!("{} is never closed", open.what))
    }

    fn error(&self, at: usize, what: String) -> SplitError {
        let mut place = Place::default();
        place.advance(self.text, at);
        SplitError {
            what,
            line: place.line,
            column: place.column,
        }
    }

    /// Obeys a `DELIMITER` command that begins here.
    fn delimiter_command(&mut self, pending: bool) -> Result<bool, SplitError> {
        const COMMAND: &str = "delimiter";
        let at = self.lexer.pos();
        let rest = self.lexer.rest();
        let Some(arguments) = rest
            .get(..COMMAND.len())
            .filter(|word| word.eq_ignore_ascii_case(COMMAND) && self.lexer.open_exec().is_none())
            .map(|word| &rest[word.len()..])
            .filter(|tail| tail.chars().next().is_none_or(is_space))
        else {
            return Ok(false);
        };
        let line = arguments.split('\n').next().unwrap_or_default();
        let named = line
            .split(is_space)
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        if pending {
            let line_before = self.text[..at].rsplit('\n').next().unwrap_or_default();
            let alone = line.trim() == named && named.chars().all(|c| c.is_ascii_punctuation() && c != ',');
            if !line_before.trim().is_empty() || !alone || named.is_empty() {
                return Ok(false);
            }
        }
        let delimiter = unquoted(named);
        if delimiter.is_empty() {
            return Err(self.error(at, "DELIMITER names no delimiter".to_owned()));
        }
        if delimiter.contains('\\') {
            return Err(self.error(at, "a DELIMITER cannot contain a backslash".to_owned()));
        }
        self.delimiter = delimiter;
        self.lexer.jump(at + COMMAND.len() + line.len());
        Ok(true)
    }
}

/// The client lets a delimiter stand in quotes.
fn unquoted(word: &str) -> &str {
    for quote in ['\'', '"', '`'] {
        if let Some(inside) = word.strip_prefix(quote).and_then(|word| word.strip_suffix(quote)) {
            return inside;
        }
    }
    word
}

#[cfg(test)]
mod tests;
