//! Comments that mean something: markers, borders of parts, raw statements.

use std::ops::Range;

use super::commands::line_end;
use super::splitter::{PendingStatement, Splitter};
use super::{CommentRole, CommentRoles, Marker, SplitError, SplitStep, comment_content};
use crate::sql::compound::Compound;
use crate::sql::lex::{Lexer, Unterminated};

/// The meaning of two dashes at the start of a line.
pub(super) enum DashScan {
    /// A step to return.
    SplitStep(SplitStep),
    /// A comment, which was skipped.
    Passed,
    /// No comment: read them as tokens.
    Tokens,
}

impl Splitter {
    /// Reads two dashes: at the start of a line or a statement they may be a comment even if no space
    /// follows.
    pub(super) fn dashes(
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
    pub(super) fn refuse_cr(&self, text: &str, comment: &Range<usize>) -> Result<(), SplitError> {
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
    pub(super) fn border(
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

    pub(super) fn marker(&self, text: &str, range: &Range<usize>) -> Marker {
        let mut place = self.place;
        place.advance(text, range.start);
        Marker {
            text: comment_content(&text[range.clone()]).to_owned(),
            line: place.line,
        }
    }
}
