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

use super::client::{self, Command as ClientCommand};
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

/// A comment that means something to the tool: `-- dbtool: …` (also `#` and `/* */`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The comment's content, trimmed: `migrate:down`.
    pub text: String,
    /// Line of the comment, from 1.
    pub line: u32,
}

/// What a comment is to whoever has a text split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A comment.
    Plain,
    /// Kept with the statement that follows it.
    Note,
    /// Begins another part of the text, and ends a statement whose delimiter was forgotten.
    Border,
    /// Looks as if it began another part; inside a statement it is a plain comment.
    Suspect,
    /// Everything up to the line with [`Role::RawEnd`] is one statement.
    RawBegin,
    /// Ends such a statement.
    RawEnd,
    /// A comment of another tool's format, although the server would not take it for one.
    Skip,
}

/// Says what a comment is, given with its `--`, `#` or `/* */`, and whether it begins its line.
pub type Roles<'r> = &'r dyn Fn(&str, bool) -> Role;

/// The roles where only dbtool's own markers count.
pub fn own_markers(comment: &str, _: bool) -> Role {
    let content = comment_content(comment);
    if content.starts_with("dbtool:") || content.starts_with("migrate:") {
        Role::Note
    } else {
        Role::Plain
    }
}

/// A comment without what makes it one, trimmed.
pub fn comment_content(comment: &str) -> &str {
    comment
        .trim_start_matches(['-', '#', '/', '*'])
        .trim_end_matches(['/', '*'])
        .trim()
}

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The statement's bytes, without delimiter and surrounding comments.
    pub text: &'a str,
    /// Where these bytes are in the text.
    pub range: Range<usize>,
    /// Line of the first character, from 1.
    pub line: u32,
    /// Column of the first character, from 1, in characters.
    pub column: u32,
    /// Marker comments since the end of the statement before.
    pub markers: Vec<Marker>,
}

/// A text's statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split<'a> {
    /// In the order of the text.
    pub statements: Vec<Statement<'a>>,
    /// Marker comments after the last statement.
    pub trailing: Vec<Marker>,
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

/// Splits `text`, all of it at once. A file is read with [`Splitter`], which never holds it.
///
/// # Errors
/// A quote, comment or compound body that is never closed and a `DELIMITER` without one, with the place
/// where it opens.
pub fn split(text: &str, options: Options) -> Result<Split<'_>, SplitError> {
    let mut splitter = Splitter::new(options);
    let mut found = Split::default();
    loop {
        match splitter.step(text, true, &own_markers)? {
            Step::Statement(one) => found.statements.push(Statement {
                text: &text[one.range.clone()],
                range: one.range,
                line: one.line,
                column: one.column,
                markers: one.markers,
            }),
            // Neither comes from a whole text and dbtool's own markers.
            Step::More | Step::Border(_) => {}
            Step::Source(one) => {
                return Err(SplitError {
                    what: "a command to read another file cannot be here".to_owned(),
                    line: one.line,
                    column: one.column,
                });
            }
            Step::End => break,
        }
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
        // A byte order mark at the beginning is no character of the text.
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
pub struct Found {
    /// Its bytes, without delimiter and surrounding comments.
    pub range: Range<usize>,
    /// What to send instead: a client's command that stands for a statement.
    pub instead: Option<String>,
    /// Line of the first character, from 1.
    pub line: u32,
    /// Column of the first character, from 1, in characters.
    pub column: u32,
    /// Marker comments since the end of the statement before.
    pub markers: Vec<Marker>,
}

/// What [`Splitter::step`] came upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A statement.
    Statement(Found),
    /// A comment that begins another part of the text, with its comment signs.
    Border(Marker),
    /// The client's command to read another file here, whose name is `instead`.
    Source(Found),
    /// More of the text is needed.
    More,
    /// The text is at its end.
    End,
}

/// No command, delimiter or comment sign looks further ahead than this, in bytes.
const LOOK_AHEAD: usize = 256;
/// No line with a command of the client's is read further than this, in bytes.
const LONGEST_COMMAND: usize = 4 * LOOK_AHEAD;
/// As much of a delimiter as makes sense; the clients cut theirs at 15.
const LONGEST_DELIMITER: usize = 64;

/// Splits a text that arrives in pieces.
///
/// The caller holds a window of the text: it appends to its end while [`Step::More`] is asked for, and cuts
/// off its beginning up to [`Splitter::consumed`] with [`Splitter::discard`].
#[derive(Debug, Clone)]
pub struct Splitter {
    backslash_escapes: bool,
    delimiter: String,
    /// Where to read on.
    pos: usize,
    /// Where executable comments opened that are still open.
    exec: Vec<usize>,
    /// Whether only white space of its line is before the window.
    at_line_start: bool,
    place: Place,
    pending: Option<Pending>,
    markers: Vec<Marker>,
}

/// The statement that is being read.
#[derive(Debug, Clone)]
struct Pending {
    range: Range<usize>,
    place: Place,
    compound: Compound,
}

/// Whether a command of the client's was found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Command {
    None,
    Obeyed,
    /// One that is handed out.
    Found(Step),
    /// Its line is not in the window yet.
    Cut,
}

impl Splitter {
    /// At the beginning of a text.
    pub fn new(options: Options) -> Splitter {
        Splitter {
            backslash_escapes: options.backslash_escapes,
            delimiter: ";".to_owned(),
            pos: 0,
            exec: Vec::new(),
            at_line_start: true,
            place: Place::default(),
            pending: None,
            markers: Vec::new(),
        }
    }

    /// How the rest reads strings: the session's sql_mode may have changed.
    pub fn set_options(&mut self, options: Options) {
        self.backslash_escapes = options.backslash_escapes;
    }

    /// A splitter for a file that is read in the middle of this one: the delimiter is the client's, not the file's.
    pub fn nested(&self) -> Splitter {
        Splitter {
            delimiter: self.delimiter.clone(),
            ..Splitter::new(Options {
                backslash_escapes: self.backslash_escapes,
            })
        }
    }

    /// Gives the next statement these marker comments, beside its own.
    pub fn add_markers(&mut self, markers: Vec<Marker>) {
        self.markers.extend(markers);
    }

    /// Goes on behind a file that `inner` has read to its end.
    pub fn go_on_after(&mut self, inner: Splitter) {
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

    /// Says that the first `count` bytes of `text` will be gone from the window; at most
    /// [`Splitter::consumed`].
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

    /// The splitter as it goes on from [`Splitter::consumed`] with a window that begins there. Only
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

    /// The next statement or border of `text`, the window; `last` says that nothing comes behind it.
    ///
    /// # Errors
    /// As [`split`].
    pub fn step(&mut self, text: &str, last: bool, roles: Roles<'_>) -> Result<Step, SplitError> {
        let exec = std::mem::take(&mut self.exec);
        let mut lexer = Lexer::resume(text, self.pos, self.backslash_escapes, exec);
        let found = self.advance(&mut lexer, last, roles);
        self.pos = lexer.pos();
        self.exec = lexer.into_open();
        found
    }

    fn advance(&mut self, lexer: &mut Lexer<'_>, last: bool, roles: Roles<'_>) -> Result<Step, SplitError> {
        loop {
            if !last && lexer.rest().len() < LOOK_AHEAD {
                return Ok(Step::More);
            }
            match self.delimiter_command(lexer, last)? {
                Command::Cut => return Ok(Step::More),
                Command::Found(step) => return Ok(step),
                Command::Obeyed => match self.pending.take() {
                    Some(done) => return Ok(self.finish(done)),
                    None => continue,
                },
                Command::None => {}
            }
            match self.client_command(lexer, last)? {
                Command::Cut => return Ok(Step::More),
                Command::Found(step) => return Ok(step),
                Command::Obeyed => continue,
                Command::None => {}
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
                    Dashes::Step(step) => return Ok(step),
                    Dashes::Passed => continue,
                    Dashes::Tokens => {}
                }
            }
            let before = lexer.pos();
            let token = match lexer.next(&self.delimiter) {
                Ok(Some(token)) if !last && token.range.end == lexer.text().len() => {
                    lexer.jump(before);
                    return Ok(Step::More);
                }
                Ok(Some(token)) => token,
                Ok(None) => break,
                Err(_) if !last => return Ok(Step::More),
                Err(unterminated) => return Err(self.unterminated(lexer.text(), unterminated)),
            };
            match token.kind {
                Kind::LineComment | Kind::BlockComment => {
                    let comment = &lexer.text()[token.range.clone()];
                    if token.kind == Kind::LineComment {
                        self.refuse_cr(lexer.text(), &token.range)?;
                    }
                    let begins_line = self.begins_line(lexer.text(), token.range.start);
                    match roles(comment, begins_line) {
                        Role::Note => self.markers.push(self.marker(lexer.text(), &token.range)),
                        role @ (Role::Border | Role::Suspect)
                            if role == Role::Border || self.pending.is_none() =>
                        {
                            return self.border(lexer, &token.range, role);
                        }
                        _ => {}
                    }
                }
                Kind::Go if self.may_end(lexer) => {
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
    fn end(&mut self, lexer: &Lexer<'_>) -> Result<Step, SplitError> {
        if let Some(at) = lexer.open_exec() {
            let what = "executable comment";
            return Err(self.unterminated(lexer.text(), Unterminated { what, at }));
        }
        self.refuse_open_body(lexer)?;
        match self.pending.take() {
            Some(done) => Ok(self.complete(lexer, done)?.unwrap_or(Step::End)),
            None => Ok(Step::End),
        }
    }

    /// A statement with its end, unless it is a command of the client's.
    fn complete(&mut self, lexer: &Lexer<'_>, done: Pending) -> Result<Option<Step>, SplitError> {
        let text = &lexer.text()[done.range.clone()];
        let short = text.len() <= LOOK_AHEAD && !text.contains('\n');
        let command = short.then(|| client::command(text)).flatten();
        let start = done.range.start;
        let mut step = self.finish(done);
        match (command, &mut step) {
            (Some(ClientCommand::Nothing), _) => Ok(None),
            (Some(ClientCommand::Refused(why)), _) => Err(self.error(lexer.text(), start, why)),
            (Some(command), Step::Statement(found)) => Ok(Some(handed_out(command, found.clone()))),
            _ => Ok(Some(step)),
        }
    }

    /// Obeys a command of the client's that begins here, on a line of its own or with a backslash.
    fn client_command(&mut self, lexer: &mut Lexer<'_>, last: bool) -> Result<Command, SplitError> {
        let (text, at) = (lexer.text(), lexer.pos());
        let rest = lexer.rest();
        let backslash = rest.starts_with('\\');
        let word = self.pending.is_none()
            && rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '?')
            && self.begins_line(text, at);
        if lexer.open_exec().is_some() || !backslash && !word {
            return Ok(Command::None);
        }
        let Some(end) = line_end(text, at).or(last.then_some(text.len())) else {
            // A line longer than any command is none.
            return Ok(if rest.len() > LONGEST_COMMAND {
                Command::None
            } else {
                Command::Cut
            });
        };
        let line = text[at..end].trim_end_matches('\r');
        let (command, length) = if backslash {
            let Some(letter) = line[1..].chars().next() else {
                // The clients drop it (see `sent`); it begins no statement.
                lexer.jump(at + 1);
                return Ok(Command::Obeyed);
            };
            let behind = &line[1 + letter.len_utf8()..];
            match letter {
                'N' | 'g' | 'G' => return Ok(Command::None),
                'c' => {
                    self.pending = None;
                    lexer.jump(at + 2);
                    return Ok(Command::Obeyed);
                }
                'd' => {
                    self.take_delimiter(lexer, at, behind)?;
                    lexer.jump(end);
                    return Ok(Command::Obeyed);
                }
                _ => {
                    let (command, used) = client::short(letter, behind, &self.delimiter);
                    (command, 1 + letter.len_utf8() + used)
                }
            }
        } else {
            if line.contains(self.delimiter.as_str()) || line.contains("\\g") {
                return Ok(Command::None);
            }
            match client::command(line) {
                Some(command) => (command, line.len()),
                None => return Ok(Command::None),
            }
        };
        match command {
            ClientCommand::Refused(why) => Err(self.error(text, at, why)),
            // The client changes the database first and sends the statement later, in that database.
            ClientCommand::Use(_) if self.pending.is_some() => Err(self.error(
                text,
                at,
                "\\u stands inside a statement; write USE before the statement".to_owned(),
            )),
            ClientCommand::Nothing => {
                lexer.jump(at + length);
                Ok(Command::Obeyed)
            }
            command => {
                lexer.jump(at + length);
                let mut place = self.place;
                place.advance(text, at);
                if matches!(command, ClientCommand::Source(_)) {
                    // The client forgets a statement that was begun.
                    self.pending = None;
                }
                let step = self.finish(Pending {
                    range: at..at + length,
                    place,
                    compound: Compound::new(),
                });
                Ok(Command::Found(match step {
                    Step::Statement(found) => handed_out(command, found),
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

    /// Looks at two dashes: at the beginning of a line or a statement they may be a comment although no space
    /// follows.
    fn dashes(&mut self, lexer: &mut Lexer<'_>, last: bool, roles: Roles<'_>) -> Result<Dashes, SplitError> {
        let (text, at) = (lexer.text(), lexer.pos());
        let begins_line = self.begins_line(text, at);
        if !begins_line && self.pending.is_some() {
            return Ok(Dashes::Tokens);
        }
        let Some(end) = line_end(text, at).or(last.then_some(text.len())) else {
            return Ok(Dashes::Step(Step::More));
        };
        let range = at..end;
        self.refuse_cr(text, &range)?;
        match roles(&text[range.clone()], begins_line) {
            Role::RawBegin => {
                lexer.jump(end);
                return self.raw(lexer, &range, last, roles);
            }
            role @ (Role::Border | Role::Suspect) if role == Role::Border || self.pending.is_none() => {
                return Ok(Dashes::Step(self.border(lexer, &range, role)?));
            }
            Role::Note => self.markers.push(self.marker(text, &range)),
            Role::Skip | Role::RawEnd => {}
            // Both clients take it for a comment where no statement is pending.
            _ if self.pending.is_none() => {}
            _ => return Ok(Dashes::Tokens),
        }
        lexer.jump(end);
        Ok(Dashes::Passed)
    }

    /// A CR inside a comment ends no line: servers and clients take all that follows for the comment. Refused is
    /// what must have been written for a statement.
    fn refuse_cr(&self, text: &str, comment: &Range<usize>) -> Result<(), SplitError> {
        let mut at = comment.start;
        for (index, line) in text[comment.clone()].split('\r').enumerate() {
            let written = line.trim();
            let is_comment = ["--", "#", "/*"].iter().any(|sign| written.starts_with(sign));
            if index > 0 && !is_comment && written.ends_with(self.delimiter.as_str()) {
                return Err(self.error(
                    text,
                    at - 1,
                    "a CR without LF inside a comment: the servers take all that follows, this statement too, for \
                     the comment; save the file with LF at the line ends"
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
        role: Role,
    ) -> Result<Step, SplitError> {
        self.refuse_open_body(lexer)?;
        if let Some(done) = self.pending.take() {
            lexer.jump(range.start);
            return Ok(self.finish(done));
        }
        lexer.jump(range.end);
        if role == Role::Border {
            self.delimiter = ";".to_owned();
            self.markers.clear();
        }
        Ok(Step::Border(Marker {
            text: lexer.text()[range.clone()].trim().to_owned(),
            ..self.marker(lexer.text(), range)
        }))
    }

    /// Everything from here up to the line that ends it is one statement.
    fn raw(
        &mut self,
        lexer: &mut Lexer<'_>,
        opener: &Range<usize>,
        last: bool,
        roles: Roles<'_>,
    ) -> Result<Dashes, SplitError> {
        let text = lexer.text();
        let mut at = lexer.pos();
        let from = at;
        let never = |splitter: &Splitter| {
            let what = "statement that begins here (no line ends it)";
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
                return Ok(Dashes::Step(Step::More));
            };
            let line = text[start..end].trim_start();
            match line.starts_with("--").then(|| roles(line, true)) {
                Some(Role::RawEnd) => {
                    let body = text[from..start].trim_end_matches(|c: char| c.is_whitespace() || c == ';');
                    let begin = from + body.len() - body.trim_start().len();
                    lexer.jump(end);
                    if body.trim().is_empty() {
                        return Ok(Dashes::Passed);
                    }
                    let mut place = self.place;
                    place.advance(text, begin);
                    return Ok(Dashes::Step(self.finish(Pending {
                        range: begin..from + body.len(),
                        place,
                        compound: Compound::new(),
                    })));
                }
                Some(Role::Border) => return never(self),
                _ => at = end,
            }
        }
    }

    fn extend(&mut self, lexer: &Lexer<'_>, token: &Token) {
        let place = self.place;
        let pending = self.pending.get_or_insert_with(|| {
            let mut place = place;
            place.advance(lexer.text(), token.range.start);
            Pending {
                range: token.range.clone(),
                place,
                compound: Compound::new(),
            }
        });
        pending.range.end = token.range.end;
        let text = &lexer.text()[token.range.clone()];
        let seen = match token.kind {
            Kind::Word => Seen::Word(text),
            Kind::Backtick | Kind::Single | Kind::Double => Seen::Quoted,
            Kind::Other if text == ":" && lexer.rest().starts_with('=') => Seen::Assign,
            Kind::Other => Seen::Char(text.chars().next().unwrap_or(' ')),
            _ => return,
        };
        pending.compound.feed(seen, token.range.start);
    }

    fn finish(&mut self, done: Pending) -> Step {
        self.place = done.place;
        Step::Statement(Found {
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

    /// Obeys a `DELIMITER` command that begins here.
    fn delimiter_command(&mut self, lexer: &mut Lexer<'_>, last: bool) -> Result<Command, SplitError> {
        const COMMAND: &str = "delimiter";
        let at = lexer.pos();
        let rest = lexer.rest();
        if !rest.starts_with(['d', 'D']) {
            return Ok(Command::None);
        }
        let Some(arguments) = rest
            .get(..COMMAND.len())
            .filter(|word| word.eq_ignore_ascii_case(COMMAND) && lexer.open_exec().is_none())
            .map(|word| &rest[word.len()..])
            .filter(|tail| tail.chars().next().is_none_or(is_space))
        else {
            return Ok(Command::None);
        };
        if !last && memchr::memchr(b'\n', arguments.as_bytes()).is_none() {
            return match arguments.len() {
                0..=LONGEST_COMMAND => Ok(Command::Cut),
                _ if self.pending.is_some() => Ok(Command::None),
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
                return Ok(Command::None);
            }
        }
        self.take_delimiter(lexer, at, line)?;
        lexer.jump(at + COMMAND.len() + line.len());
        Ok(Command::Obeyed)
    }

    fn take_delimiter(&mut self, lexer: &Lexer<'_>, at: usize, line: &str) -> Result<(), SplitError> {
        let named = line
            .split(is_space)
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        let delimiter = unquoted(named);
        if delimiter.is_empty() {
            return Err(self.error(lexer.text(), at, "DELIMITER names no delimiter".to_owned()));
        }
        if delimiter.contains('\\') {
            return Err(self.error(
                lexer.text(),
                at,
                "a DELIMITER cannot contain a backslash".to_owned(),
            ));
        }
        if delimiter.len() > LONGEST_DELIMITER {
            return Err(self.error(lexer.text(), at, "the DELIMITER is too long".to_owned()));
        }
        self.delimiter = delimiter.to_owned();
        Ok(())
    }
}

/// What two dashes at the beginning of a line turned out to be.
enum Dashes {
    /// Something to hand out.
    Step(Step),
    /// A comment that is behind us now.
    Passed,
    /// Nothing special: to be read as tokens.
    Tokens,
}

/// A command that stands for a statement, or for the statements of a file.
fn handed_out(command: ClientCommand, found: Found) -> Step {
    match command {
        ClientCommand::Use(statement) => Step::Statement(Found {
            instead: Some(statement),
            ..found
        }),
        ClientCommand::Source(name) => Step::Source(Found {
            instead: Some(name),
            ..found
        }),
        ClientCommand::Nothing | ClientCommand::Refused(_) => Step::Statement(found),
    }
}

fn line_end(text: &str, from: usize) -> Option<usize> {
    text[from..].find('\n').map(|index| from + index)
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
