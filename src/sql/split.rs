//! Cuts a migration file into statements, by the rules of the `mysql` command line client.
//!
//! - A statement ends at the delimiter (`;` until `DELIMITER` names another), at `\g` or `\G`, or at the end
//!   of the file. Quotes, comments and executable comments hide the delimiter.
//! - `DELIMITER xx` is a command where no statement is pending, and at the start of a line after a statement
//!   whose delimiter was forgotten, if punctuation follows: a column called `delimiter` is not a command.
//! - Comments around a statement are not part of it; comments and hints inside it are. `/*! */` is SQL.
//! - While the delimiter is `;`, compound bodies of stored programs stay whole (`compound.rs` says how);
//!   the client would cut them.

use std::fmt;
use std::ops::Range;

use super::client::{self, ClientCommand};
use super::compound::{Compound, CompoundToken};
use super::lex::{Lexer, Token, TokenKind, Unterminated, is_space};

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

/// A position that only moves forward, so that counting lines and columns stays linear.
#[derive(Debug, Clone, Copy)]
struct TextPosition {
    at: usize,
    line: u32,
    column: u32,
}

impl Default for TextPosition {
    fn default() -> Self {
        TextPosition {
            at: 0,
            line: 1,
            column: 1,
        }
    }
}

impl TextPosition {
    fn advance(&mut self, text: &str, to: usize) {
        // A place asked for twice has been passed already.
        let Some(passed) = text.get(self.at..to) else {
            return;
        };
        let line = match memchr::memrchr(b'\n', passed.as_bytes()) {
            Some(last) => {
                let lines = memchr::memchr_iter(b'\n', passed.as_bytes()).count();
                self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
                self.column = 1;
                &passed[last + 1..]
            }
            None => passed,
        };
        // A byte order mark at the beginning is not a character of the text.
        let line = if self.at == 0 && line.len() == passed.len() {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        } else {
            line
        };
        let characters = u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(characters);
        self.at = to;
    }
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

/// Bytes that recognising a command, delimiter or comment sign needs at most.
const LOOK_AHEAD: usize = 256;
/// Maximum length of a line with a client command, in bytes.
const MAX_COMMAND: usize = 4 * LOOK_AHEAD;
/// Maximum length of a delimiter; the clients cut theirs at 15.
const MAX_DELIMITER: usize = 64;

/// Splits a text that arrives in pieces.
///
/// The caller holds a window of the text: it appends to its end while [`SplitStep::More`] is asked for, and cuts
/// off its beginning up to [`Splitter::consumed`] with [`Splitter::discard`].
#[derive(Debug, Clone)]
pub struct Splitter {
    backslash_escapes: bool,
    delimiter: String,
    /// The position of the next token.
    pos: usize,
    /// Positions of the executable comments that are still open.
    exec: Vec<usize>,
    /// Whether only white space of its line is before the window.
    at_line_start: bool,
    place: TextPosition,
    pending: Option<PendingStatement>,
    markers: Vec<Marker>,
}

/// The statement that is being read.
#[derive(Debug, Clone)]
struct PendingStatement {
    range: Range<usize>,
    place: TextPosition,
    compound: Compound,
}

/// The result of looking for a client command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CommandScan {
    None,
    Done,
    /// A command that is returned to the caller.
    Found(SplitStep),
    /// Its line is not in the window yet.
    Cut,
}

impl Splitter {
    /// At the beginning of a text.
    pub fn new(options: SplitOptions) -> Splitter {
        Splitter {
            backslash_escapes: options.backslash_escapes,
            delimiter: ";".to_owned(),
            pos: 0,
            exec: Vec::new(),
            at_line_start: true,
            place: TextPosition::default(),
            pending: None,
            markers: Vec::new(),
        }
    }

    /// Changes how strings are read from here on: the session's sql_mode may have changed.
    pub fn set_options(&mut self, options: SplitOptions) {
        self.backslash_escapes = options.backslash_escapes;
    }

    /// A splitter for a file that is read in the middle of this one: the delimiter is the client's, not the file's.
    pub fn nested(&self) -> Splitter {
        Splitter {
            delimiter: self.delimiter.clone(),
            ..Splitter::new(SplitOptions {
                backslash_escapes: self.backslash_escapes,
            })
        }
    }

    /// Gives the next statement these marker comments, beside its own.
    pub fn add_markers(&mut self, markers: Vec<Marker>) {
        self.markers.extend(markers);
    }

    /// Continues after a file that `inner` has read to its end.
    pub fn continue_after(&mut self, inner: Splitter) {
        self.delimiter = inner.delimiter;
        self.backslash_escapes = inner.backslash_escapes;
        self.markers.extend(inner.markers);
    }

    /// How many bytes at the beginning of the window are no longer needed.
    pub fn consumed(&self) -> usize {
        self.pending
            .as_ref()
            .map_or(self.pos, |pending| pending.range.start)
            .min(self.exec.first().copied().unwrap_or(usize::MAX))
    }

    /// Removes the first `count` bytes of `text` from the window; at most [`Splitter::consumed`].
    pub fn discard(&mut self, text: &str, count: usize) {
        self.place.advance(text, count.max(self.place.at));
        self.place.at -= count;
        self.at_line_start = self.begins_line(text, count);
        self.pos -= count;
        for open in &mut self.exec {
            *open -= count;
        }
        if let Some(pending) = &mut self.pending {
            pending.range.start -= count;
            pending.range.end -= count;
            pending.place.at -= count;
            pending.compound.discard(count);
        }
    }

    /// A copy that continues from [`Splitter::consumed`] with a window that begins there. Only
    /// between two statements.
    pub fn mark(&mut self, text: &str) -> Splitter {
        // Counted once, however often the place is asked for.
        self.place.advance(text, self.pos.max(self.place.at));
        let mut mark = self.clone();
        mark.discard(text, mark.consumed());
        mark
    }

    /// Line and column of the byte at `at` of the window.
    pub fn place_of(&self, text: &str, at: usize) -> (u32, u32) {
        let mut place = self.place;
        place.advance(text, at);
        (place.line, place.column)
    }

    /// The next statement or border of `text`, the window; `last` means that the text ends with the window.
    ///
    /// # Errors
    /// As [`split`].
    pub fn step(&mut self, text: &str, last: bool, roles: CommentRoles<'_>) -> Result<SplitStep, SplitError> {
        let exec = std::mem::take(&mut self.exec);
        let mut lexer = Lexer::resume(text, self.pos, self.backslash_escapes, exec);
        let found = self.advance(&mut lexer, last, roles);
        self.pos = lexer.pos();
        self.exec = lexer.into_open();
        found
    }

    fn advance(
        &mut self,
        lexer: &mut Lexer<'_>,
        last: bool,
        roles: CommentRoles<'_>,
    ) -> Result<SplitStep, SplitError> {
        loop {
            if !last && lexer.rest().len() < LOOK_AHEAD {
                return Ok(SplitStep::More);
            }
            match self.delimiter_command(lexer, last)? {
                CommandScan::Cut => return Ok(SplitStep::More),
                CommandScan::Found(step) => return Ok(step),
                CommandScan::Done => match self.pending.take() {
                    Some(done) => return Ok(self.finish(done)),
                    None => continue,
                },
                CommandScan::None => {}
            }
            match self.client_command(lexer, last)? {
                CommandScan::Cut => return Ok(SplitStep::More),
                CommandScan::Found(step) => return Ok(step),
                CommandScan::Done => continue,
                CommandScan::None => {}
            }
            if lexer.at_delimiter(&self.delimiter) && self.may_end(lexer) {
                lexer.jump(lexer.pos() + self.delimiter.len());
                match self.pending.take() {
                    Some(done) => match self.complete(lexer, done)? {
                        Some(step) => return Ok(step),
                        None => continue,
                    },
                    None => continue,
                }
            }
            if lexer.open_exec().is_none() && lexer.rest().starts_with("--") {
                match self.dashes(lexer, last, roles)? {
                    DashScan::SplitStep(step) => return Ok(step),
                    DashScan::Passed => continue,
                    DashScan::Tokens => {}
                }
            }
            let before = lexer.pos();
            let token = match lexer.next(&self.delimiter) {
                Ok(Some(token)) if !last && token.range.end == lexer.text().len() => {
                    lexer.jump(before);
                    return Ok(SplitStep::More);
                }
                Ok(Some(token)) => token,
                Ok(None) => break,
                Err(_) if !last => return Ok(SplitStep::More),
                Err(unterminated) => return Err(self.unterminated(lexer.text(), unterminated)),
            };
            match token.kind {
                TokenKind::LineComment | TokenKind::BlockComment => {
                    let comment = &lexer.text()[token.range.clone()];
                    if token.kind == TokenKind::LineComment {
                        self.refuse_cr(lexer.text(), &token.range)?;
                    }
                    let begins_line = self.begins_line(lexer.text(), token.range.start);
                    match roles(comment, begins_line) {
                        CommentRole::Note => self.markers.push(self.marker(lexer.text(), &token.range)),
                        role @ (CommentRole::Border | CommentRole::Suspect)
                            if role == CommentRole::Border || self.pending.is_none() =>
                        {
                            return self.border(lexer, &token.range, role);
                        }
                        _ => {}
                    }
                }
                TokenKind::Go if self.may_end(lexer) => {
                    if let Some(done) = self.pending.take() {
                        return Ok(self.finish(done));
                    }
                }
                kind if kind.significant() => self.extend(lexer, &token),
                _ => {}
            }
        }
        self.end(lexer)
    }

    /// What is left at the end of the text.
    fn end(&mut self, lexer: &Lexer<'_>) -> Result<SplitStep, SplitError> {
        if let Some(at) = lexer.open_exec() {
            let what = "executable comment";
            return Err(self.unterminated(lexer.text(), Unterminated { what, at }));
        }
        self.refuse_open_body(lexer)?;
        match self.pending.take() {
            Some(done) => Ok(self.complete(lexer, done)?.unwrap_or(SplitStep::End)),
            None => Ok(SplitStep::End),
        }
    }

    /// A statement with its end, unless it is a command of the client's.
    fn complete(
        &mut self,
        lexer: &Lexer<'_>,
        done: PendingStatement,
    ) -> Result<Option<SplitStep>, SplitError> {
        let text = &lexer.text()[done.range.clone()];
        let short = text.len() <= LOOK_AHEAD && !text.contains('\n');
        let command = short.then(|| client::command(text)).flatten();
        let start = done.range.start;
        let mut step = self.finish(done);
        match (command, &mut step) {
            (Some(ClientCommand::Nothing), _) => Ok(None),
            (Some(ClientCommand::Refused(why)), _) => Err(self.error(lexer.text(), start, why)),
            (Some(command), SplitStep::Statement(found)) => Ok(Some(to_step(command, found.clone()))),
            _ => Ok(Some(step)),
        }
    }

    /// Obeys a command of the client's that begins here, on a line of its own or with a backslash.
    fn client_command(&mut self, lexer: &mut Lexer<'_>, last: bool) -> Result<CommandScan, SplitError> {
        let (text, at) = (lexer.text(), lexer.pos());
        let rest = lexer.rest();
        let backslash = rest.starts_with('\\');
        let word = self.pending.is_none()
            && rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '?')
            && self.begins_line(text, at);
        if lexer.open_exec().is_some() || !backslash && !word {
            return Ok(CommandScan::None);
        }
        let Some(end) = line_end(text, at).or(last.then_some(text.len())) else {
            // A line longer than any command is not a command.
            return Ok(if rest.len() > MAX_COMMAND {
                CommandScan::None
            } else {
                CommandScan::Cut
            });
        };
        let line = text[at..end].trim_end_matches('\r');
        let (command, length) = if backslash {
            let Some(letter) = line[1..].chars().next() else {
                // The clients drop it (see `as_sent`); it starts no statement.
                lexer.jump(at + 1);
                return Ok(CommandScan::Done);
            };
            let behind = &line[1 + letter.len_utf8()..];
            match letter {
                'N' | 'g' | 'G' => return Ok(CommandScan::None),
                'c' => {
                    self.pending = None;
                    lexer.jump(at + 2);
                    return Ok(CommandScan::Done);
                }
                'd' => {
                    self.take_delimiter(lexer, at, behind)?;
                    lexer.jump(end);
                    return Ok(CommandScan::Done);
                }
                _ => {
                    let (command, used) = client::short(letter, behind, &self.delimiter);
                    (command, 1 + letter.len_utf8() + used)
                }
            }
        } else {
            if line.contains(self.delimiter.as_str()) || line.contains("\\g") {
                return Ok(CommandScan::None);
            }
            match client::command(line) {
                Some(command) => (command, line.len()),
                None => return Ok(CommandScan::None),
            }
        };
        match command {
            ClientCommand::Refused(why) => Err(self.error(text, at, why)),
            // The client changes the database first and sends the statement later, in that database.
            ClientCommand::Use(_) if self.pending.is_some() => Err(self.error(
                text,
                at,
                "\\u is inside a statement; write USE before the statement".to_owned(),
            )),
            ClientCommand::Nothing => {
                lexer.jump(at + length);
                Ok(CommandScan::Done)
            }
            command => {
                lexer.jump(at + length);
                let mut place = self.place;
                place.advance(text, at);
                if matches!(command, ClientCommand::Source(_)) {
                    // The client discards a pending statement.
                    self.pending = None;
                }
                let step = self.finish(PendingStatement {
                    range: at..at + length,
                    place,
                    compound: Compound::new(),
                });
                Ok(CommandScan::Found(match step {
                    SplitStep::Statement(found) => to_step(command, found),
                    other => other,
                }))
            }
        }
    }

    fn refuse_open_body(&self, lexer: &Lexer<'_>) -> Result<(), SplitError> {
        let open = self.pending.as_ref().and_then(|pending| pending.compound.open());
        match open.filter(|_| self.delimiter == ";") {
            Some(at) => {
                let what = "compound statement (no matching END)";
                Err(self.unterminated(lexer.text(), Unterminated { what, at }))
            }
            None => Ok(()),
        }
    }

    fn may_end(&self, lexer: &Lexer<'_>) -> bool {
        lexer.open_exec().is_none() && (self.delimiter != ";" || !self.in_body())
    }

    fn in_body(&self) -> bool {
        self.pending
            .as_ref()
            .is_some_and(|pending| pending.compound.open().is_some())
    }

    /// Whether nothing but white space is before `at` on its line.
    fn begins_line(&self, text: &str, at: usize) -> bool {
        let before = text[..at].trim_end_matches([' ', '\t']);
        before.ends_with(['\n', '\r', '\u{feff}']) || before.is_empty() && self.at_line_start
    }

    /// Reads two dashes: at the start of a line or a statement they may be a comment even if no space
    /// follows.
    fn dashes(
        &mut self,
        lexer: &mut Lexer<'_>,
        last: bool,
        roles: CommentRoles<'_>,
    ) -> Result<DashScan, SplitError> {
        let (text, at) = (lexer.text(), lexer.pos());
        let begins_line = self.begins_line(text, at);
        if !begins_line && self.pending.is_some() {
            return Ok(DashScan::Tokens);
        }
        let Some(end) = line_end(text, at).or(last.then_some(text.len())) else {
            return Ok(DashScan::SplitStep(SplitStep::More));
        };
        let range = at..end;
        self.refuse_cr(text, &range)?;
        match roles(&text[range.clone()], begins_line) {
            CommentRole::RawBegin => {
                lexer.jump(end);
                return self.raw(lexer, &range, last, roles);
            }
            role @ (CommentRole::Border | CommentRole::Suspect)
                if role == CommentRole::Border || self.pending.is_none() =>
            {
                return Ok(DashScan::SplitStep(self.border(lexer, &range, role)?));
            }
            CommentRole::Note => self.markers.push(self.marker(text, &range)),
            CommentRole::Skip | CommentRole::RawEnd => {}
            // Both clients treat it as a comment where no statement is pending.
            _ if self.pending.is_none() => {}
            _ => return Ok(DashScan::Tokens),
        }
        lexer.jump(end);
        Ok(DashScan::Passed)
    }

    /// A CR inside a comment does not end the line: servers and clients treat all that follows as the comment.
    /// Refuses a file where that text looks like a statement.
    fn refuse_cr(&self, text: &str, comment: &Range<usize>) -> Result<(), SplitError> {
        let mut at = comment.start;
        for (index, line) in text[comment.clone()].split('\r').enumerate() {
            let written = line.trim();
            let is_comment = ["--", "#", "/*"].iter().any(|sign| written.starts_with(sign));
            if index > 0 && !is_comment && written.ends_with(self.delimiter.as_str()) {
                return Err(self.error(
                    text,
                    at - 1,
                    "a CR without LF inside a comment: the servers treat all that follows, including this statement, as \
                     the comment; save the file with LF line endings"
                        .to_owned(),
                ));
            }
            at += line.len() + 1;
        }
        Ok(())
    }

    /// A border: first the statement before it, which lacks its delimiter, then the border itself.
    fn border(
        &mut self,
        lexer: &mut Lexer<'_>,
        range: &Range<usize>,
        role: CommentRole,
    ) -> Result<SplitStep, SplitError> {
        self.refuse_open_body(lexer)?;
        if let Some(done) = self.pending.take() {
            lexer.jump(range.start);
            return Ok(self.finish(done));
        }
        lexer.jump(range.end);
        if role == CommentRole::Border {
            self.delimiter = ";".to_owned();
            self.markers.clear();
        }
        Ok(SplitStep::Border(Marker {
            text: lexer.text()[range.clone()].trim().to_owned(),
            ..self.marker(lexer.text(), range)
        }))
    }

    /// Reads one statement up to the line that ends it.
    fn raw(
        &mut self,
        lexer: &mut Lexer<'_>,
        opener: &Range<usize>,
        last: bool,
        roles: CommentRoles<'_>,
    ) -> Result<DashScan, SplitError> {
        let text = lexer.text();
        let mut at = lexer.pos();
        let from = at;
        let never = |splitter: &Splitter| {
            let what = "statement that starts here (no line ends it)";
            let at = opener.start;
            Err(splitter.unterminated(text, Unterminated { what, at }))
        };
        loop {
            let start = at + text[at..].len() - text[at..].trim_start_matches('\n').len();
            let Some(end) = line_end(text, start).or((last && start < text.len()).then_some(text.len()))
            else {
                if last {
                    return never(self);
                }
                lexer.jump(opener.start);
                return Ok(DashScan::SplitStep(SplitStep::More));
            };
            let line = text[start..end].trim_start();
            match line.starts_with("--").then(|| roles(line, true)) {
                Some(CommentRole::RawEnd) => {
                    let body = text[from..start].trim_end_matches(|c: char| c.is_whitespace() || c == ';');
                    let begin = from + body.len() - body.trim_start().len();
                    lexer.jump(end);
                    if body.trim().is_empty() {
                        return Ok(DashScan::Passed);
                    }
                    let mut place = self.place;
                    place.advance(text, begin);
                    return Ok(DashScan::SplitStep(self.finish(PendingStatement {
                        range: begin..from + body.len(),
                        place,
                        compound: Compound::new(),
                    })));
                }
                Some(CommentRole::Border) => return never(self),
                _ => at = end,
            }
        }
    }

    fn extend(&mut self, lexer: &Lexer<'_>, token: &Token) {
        let place = self.place;
        let pending = self.pending.get_or_insert_with(|| {
            let mut place = place;
            place.advance(lexer.text(), token.range.start);
            PendingStatement {
                range: token.range.clone(),
                place,
                compound: Compound::new(),
            }
        });
        pending.range.end = token.range.end;
        let text = &lexer.text()[token.range.clone()];
        let seen = match token.kind {
            TokenKind::Word => CompoundToken::Word(text),
            TokenKind::Backtick | TokenKind::Single | TokenKind::Double => CompoundToken::Quoted,
            TokenKind::Other if text == ":" && lexer.rest().starts_with('=') => CompoundToken::Assign,
            TokenKind::Other => CompoundToken::Char(text.chars().next().unwrap_or(' ')),
            _ => return,
        };
        pending.compound.feed(seen, token.range.start);
    }

    fn finish(&mut self, done: PendingStatement) -> SplitStep {
        self.place = done.place;
        SplitStep::Statement(FoundStatement {
            range: done.range,
            instead: None,
            line: done.place.line,
            column: done.place.column,
            markers: std::mem::take(&mut self.markers),
        })
    }

    fn marker(&self, text: &str, range: &Range<usize>) -> Marker {
        let mut place = self.place;
        place.advance(text, range.start);
        Marker {
            text: comment_content(&text[range.clone()]).to_owned(),
            line: place.line,
        }
    }

    fn unterminated(&self, text: &str, open: Unterminated) -> SplitError {
        self.error(text, open.at, format!("{} is never closed", open.what))
    }

    fn error(&self, text: &str, at: usize, what: String) -> SplitError {
        let mut place = self.place;
        place.advance(text, at);
        SplitError {
            what,
            line: place.line,
            column: place.column,
        }
    }

    /// Reads a `DELIMITER` command at this position.
    fn delimiter_command(&mut self, lexer: &mut Lexer<'_>, last: bool) -> Result<CommandScan, SplitError> {
        const COMMAND: &str = "delimiter";
        let at = lexer.pos();
        let rest = lexer.rest();
        if !rest.starts_with(['d', 'D']) {
            return Ok(CommandScan::None);
        }
        let Some(arguments) = rest
            .get(..COMMAND.len())
            .filter(|word| word.eq_ignore_ascii_case(COMMAND) && lexer.open_exec().is_none())
            .map(|word| &rest[word.len()..])
            .filter(|tail| tail.chars().next().is_none_or(is_space))
        else {
            return Ok(CommandScan::None);
        };
        if !last && memchr::memchr(b'\n', arguments.as_bytes()).is_none() {
            return match arguments.len() {
                0..=MAX_COMMAND => Ok(CommandScan::Cut),
                _ if self.pending.is_some() => Ok(CommandScan::None),
                _ => Err(self.error(
                    lexer.text(),
                    at,
                    "the line of this DELIMITER is too long".to_owned(),
                )),
            };
        }
        let line = arguments.split('\n').next().unwrap_or_default();
        let named = line
            .split(is_space)
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        if self.pending.is_some() {
            let alone = line.trim() == named && named.chars().all(|c| c.is_ascii_punctuation() && c != ',');
            if !self.begins_line(lexer.text(), at) || !alone || named.is_empty() {
                return Ok(CommandScan::None);
            }
        }
        self.take_delimiter(lexer, at, line)?;
        lexer.jump(at + COMMAND.len() + line.len());
        Ok(CommandScan::Done)
    }

    fn take_delimiter(&mut self, lexer: &Lexer<'_>, at: usize, line: &str) -> Result<(), SplitError> {
        let named = line
            .split(is_space)
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        let delimiter = unquoted(named);
        if delimiter.is_empty() {
            return Err(self.error(lexer.text(), at, "DELIMITER without a delimiter".to_owned()));
        }
        if delimiter.contains('\\') {
            return Err(self.error(
                lexer.text(),
                at,
                "a DELIMITER cannot contain a backslash".to_owned(),
            ));
        }
        if delimiter.len() > MAX_DELIMITER {
            return Err(self.error(lexer.text(), at, "the DELIMITER is too long".to_owned()));
        }
        self.delimiter = delimiter.to_owned();
        Ok(())
    }
}

/// The meaning of two dashes at the start of a line.
enum DashScan {
    /// A step to return.
    SplitStep(SplitStep),
    /// A comment, which was skipped.
    Passed,
    /// No comment: read them as tokens.
    Tokens,
}

/// The step for a command that is a statement, or that reads a file.
fn to_step(command: ClientCommand, found: FoundStatement) -> SplitStep {
    match command {
        ClientCommand::Use(statement) => SplitStep::Statement(FoundStatement {
            instead: Some(statement),
            ..found
        }),
        ClientCommand::Source(name) => SplitStep::Source(FoundStatement {
            instead: Some(name),
            ..found
        }),
        ClientCommand::Nothing | ClientCommand::Refused(_) => SplitStep::Statement(found),
    }
}

fn line_end(text: &str, from: usize) -> Option<usize> {
    text[from..].find('\n').map(|index| from + index)
}

/// A delimiter without quotes, which the client allows.
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
