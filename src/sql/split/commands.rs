//! The client's commands in a text: DELIMITER, USE, SOURCE and others.

use super::splitter::{LOOK_AHEAD, PendingStatement, Splitter};
use super::{FoundStatement, SplitError, SplitStep};
use crate::sql::client::{self, ClientCommand};
use crate::sql::compound::Compound;
use crate::sql::lex::{Lexer, is_space};

/// Maximum length of a line with a client command, in bytes.
const MAX_COMMAND: usize = 4 * LOOK_AHEAD;
/// Maximum length of a delimiter; the clients cut theirs at 15.
const MAX_DELIMITER: usize = 64;

/// The result of looking for a client command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CommandScan {
    None,
    Done,
    /// A command that is returned to the caller.
    Found(SplitStep),
    /// Its line is not in the window yet.
    Cut,
}

impl Splitter {
    /// Obeys a command of the client's that begins here, on a line of its own or with a backslash.
    pub(super) fn client_command(
        &mut self,
        lexer: &mut Lexer<'_>,
        last: bool,
    ) -> Result<CommandScan, SplitError> {
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

    /// Reads a `DELIMITER` command at this position.
    pub(super) fn delimiter_command(
        &mut self,
        lexer: &mut Lexer<'_>,
        last: bool,
    ) -> Result<CommandScan, SplitError> {
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

/// The step for a command that is a statement, or that reads a file.
pub(super) fn to_step(command: ClientCommand, found: FoundStatement) -> SplitStep {
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

pub(super) fn line_end(text: &str, from: usize) -> Option<usize> {
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
