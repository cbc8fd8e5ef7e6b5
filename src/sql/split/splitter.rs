//! Reads a text that arrives in pieces, token by token.

use std::ops::Range;

use super::commands::{CommandScan, to_step};
use super::comments::DashScan;
use super::position::TextPosition;
use super::{CommentRole, CommentRoles, FoundStatement, Marker, SplitError, SplitOptions, SplitStep};
use crate::sql::client::{self, ClientCommand};
use crate::sql::compound::{Compound, CompoundToken};
use crate::sql::lex::{Lexer, Token, TokenKind, Unterminated};

/// Bytes that recognising a command, delimiter or comment sign needs at most.
pub(super) const LOOK_AHEAD: usize = 256;

/// Splits a text that arrives in pieces.
///
/// The caller holds a window of the text: it appends to its end while [`SplitStep::More`] is asked for, and cuts
/// off its beginning up to [`Splitter::consumed`] with [`Splitter::discard`].
#[derive(Debug, Clone)]
pub struct Splitter {
    pub(super) backslash_escapes: bool,
    pub(super) delimiter: String,
    /// The position of the next token.
    pub(super) pos: usize,
    /// Positions of the executable comments that are still open.
    pub(super) exec: Vec<usize>,
    /// Whether only white space of its line is before the window.
    pub(super) at_line_start: bool,
    pub(super) place: TextPosition,
    pub(super) pending: Option<PendingStatement>,
    pub(super) markers: Vec<Marker>,
}

/// The statement that is being read.
#[derive(Debug, Clone)]
pub(super) struct PendingStatement {
    pub(super) range: Range<usize>,
    pub(super) place: TextPosition,
    pub(super) compound: Compound,
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
    /// As `split`.
    pub fn step(&mut self, text: &str, last: bool, roles: CommentRoles<'_>) -> Result<SplitStep, SplitError> {
        let exec = std::mem::take(&mut self.exec);
        let mut lexer = Lexer::resume(text, self.pos, self.backslash_escapes, exec);
        let found = self.advance(&mut lexer, last, roles);
        self.pos = lexer.pos();
        self.exec = lexer.into_open();
        found
    }

    pub(super) fn advance(
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
    pub(super) fn end(&mut self, lexer: &Lexer<'_>) -> Result<SplitStep, SplitError> {
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

    pub(super) fn refuse_open_body(&self, lexer: &Lexer<'_>) -> Result<(), SplitError> {
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
    pub(super) fn begins_line(&self, text: &str, at: usize) -> bool {
        let before = text[..at].trim_end_matches([' ', '\t']);
        before.ends_with(['\n', '\r', '\u{feff}']) || before.is_empty() && self.at_line_start
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

    pub(super) fn finish(&mut self, done: PendingStatement) -> SplitStep {
        self.place = done.place;
        SplitStep::Statement(FoundStatement {
            range: done.range,
            instead: None,
            line: done.place.line,
            column: done.place.column,
            markers: std::mem::take(&mut self.markers),
        })
    }

    pub(super) fn unterminated(&self, text: &str, open: Unterminated) -> SplitError {
        self.error(text, open.at, format!("{} is never closed", open.what))
    }

    pub(super) fn error(&self, text: &str, at: usize, what: String) -> SplitError {
        let mut place = self.place;
        place.advance(text, at);
        SplitError {
            what,
            line: place.line,
            column: place.column,
        }
    }
}
