//! The statements of a migration, one at a time: a file of any size is read in bounded memory.
//!
//! ```text
//! let mut reader = migration.script(Direction::Up, options).open()?;
//! let start = reader.position();
//! while let Some(statement) = reader.next()? { … }
//! reader.seek(&start)?; // the same statements again
//! ```

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::Direction;
use super::checksum::PrefixHash;
use super::input::{Input, Stamp, Unreadable};
use super::layout::Part;
use super::one_session::{Autocommit, Fate};
use super::sections::Sections;
use crate::exit::Failure;
use crate::sql::{Marker, Modes, Options, Splitter, Step, sent};

/// The file of one direction of a migration.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) path: PathBuf,
    pub(super) direction: Direction,
    /// Whether the whole file is of that direction.
    pub(super) whole: bool,
    pub(super) options: Options,
}

/// A statement of a migration.
#[derive(Debug, Clone)]
pub struct ScriptStatement {
    /// Its number among the statements of its direction, from 1.
    pub number: u32,
    /// As the client would send it.
    pub text: String,
    /// Line of its first character, from 1.
    pub line: u32,
    /// Column of its first character, from 1, in characters.
    pub column: u32,
    /// Marker comments (`-- dbtool: …`) before it.
    pub markers: Vec<Marker>,
    /// Of the statements before it.
    pub before: PrefixHash,
    /// Of the statements up to and with it.
    pub after: PrefixHash,
    /// Where it can be read again: see [`StatementReader::seek`].
    pub start: Position,
}

/// A place between two statements of a script.
#[derive(Debug, Clone)]
pub struct Position {
    offset: u64,
    splitter: Splitter,
    sections: Sections,
    modes: Modes,
    autocommit: Autocommit,
    number: u32,
    hash: PrefixHash,
}

/// Reads the statements of a script.
#[derive(Debug)]
pub struct StatementReader {
    script: Script,
    input: Input,
    splitter: Splitter,
    sections: Sections,
    modes: Modes,
    autocommit: Autocommit,
    number: u32,
    hash: PrefixHash,
    ahead: VecDeque<ScriptStatement>,
}

impl Script {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A reader before the first statement.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(&self) -> Result<StatementReader, Failure> {
        Ok(StatementReader {
            input: Input::open(&self.path)?,
            splitter: Splitter::new(self.options),
            sections: Sections::new(self),
            modes: Modes::new(self.options.backslash_escapes),
            autocommit: Autocommit::default(),
            number: 0,
            hash: PrefixHash::default(),
            ahead: VecDeque::new(),
            script: self.clone(),
        })
    }
}

impl StatementReader {
    /// The file, for messages.
    pub fn path(&self) -> &Path {
        self.input.path()
    }

    /// Which content of the file is being read.
    pub fn stamp(&self) -> Stamp {
        self.input.stamp()
    }

    /// The next statement; `None` after the last.
    ///
    /// # Errors
    /// The file cannot be read any more or was changed, is not UTF-8, or has a quote, comment or body that
    /// is never closed; with file, line and column.
    // An iterator cannot fail and go on; this reader can be sought anew.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<ScriptStatement>, Failure> {
        match self.ahead.pop_front() {
            Some(statement) => Ok(Some(statement)),
            None => self.read(),
        }
    }

    /// A statement further on, without taking it: 0 is the next. Each one looked at stays in memory.
    ///
    /// # Errors
    /// As [`StatementReader::next`].
    pub fn peek(&mut self, index: usize) -> Result<Option<&ScriptStatement>, Failure> {
        while self.ahead.len() <= index {
            match self.read()? {
                Some(statement) => self.ahead.push_back(statement),
                None => return Ok(None),
            }
        }
        Ok(self.ahead.get(index))
    }

    /// Where the next statement is.
    pub fn position(&mut self) -> Position {
        match self.ahead.front() {
            Some(statement) => statement.start.clone(),
            None => self.here(),
        }
    }

    /// Goes back, or forward, to a position of this script.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn seek(&mut self, position: &Position) -> Result<(), Failure> {
        self.input.seek(position.offset)?;
        self.splitter = position.splitter.clone();
        self.sections = position.sections.clone();
        self.modes = position.modes.clone();
        self.autocommit = position.autocommit;
        self.number = position.number;
        self.hash = position.hash.clone();
        self.ahead.clear();
        Ok(())
    }

    /// Where the parts of the file begin, read to its end.
    ///
    /// # Errors
    /// As [`StatementReader::next`].
    pub(super) fn borders(mut self) -> Result<Vec<(u32, Part)>, Failure> {
        let mut borders = Vec::new();
        loop {
            match self.step()? {
                Step::Border(border) => {
                    self.enter(&border)?;
                    borders.push((border.line, self.sections.part()));
                }
                Step::End => return Ok(borders),
                Step::Statement(_) | Step::More => {}
            }
        }
    }

    fn here(&mut self) -> Position {
        let splitter = self.splitter.mark(self.input.text());
        Position {
            offset: self.input.offset(self.splitter.consumed()),
            splitter,
            sections: self.sections.clone(),
            modes: self.modes.clone(),
            autocommit: self.autocommit,
            number: self.number,
            hash: self.hash.clone(),
        }
    }

    fn read(&mut self) -> Result<Option<ScriptStatement>, Failure> {
        loop {
            let start = self.here();
            match self.step()? {
                Step::End => return Ok(None),
                Step::More => {}
                Step::Border(border) => self.enter(&border)?,
                Step::Statement(_) if !self.sections.wanted() => {}
                Step::Statement(found) => {
                    self.sections.statement(&self.script)?;
                    let text = match found.instead {
                        Some(statement) => statement,
                        None => sent(&self.input.text()[found.range], self.modes.backslash_escapes()),
                    };
                    let text = match self.autocommit.fate(text) {
                        Fate::Runs(text) => text,
                        Fate::Dropped => continue,
                        Fate::Refused(what, next) => {
                            let (path, line, column) = (self.path().display(), found.line, found.column);
                            return Err(Failure::usage(format!("{path}:{line}:{column}: {what}"), next));
                        }
                    };
                    let before = self.hash.clone();
                    self.hash.push(&text);
                    self.number = self.number.saturating_add(1);
                    return Ok(Some(ScriptStatement {
                        number: self.number,
                        text,
                        line: found.line,
                        column: found.column,
                        markers: found.markers,
                        before,
                        after: self.hash.clone(),
                        start,
                    }));
                }
            }
        }
    }

    /// Goes into another part, which begins in a session of its own.
    fn enter(&mut self, border: &Marker) -> Result<(), Failure> {
        let before = self.sections.part();
        self.sections.enter(&self.script, border, self.number)?;
        if self.sections.part() != before {
            self.modes = Modes::new(self.script.options.backslash_escapes);
            self.splitter.set_options(self.script.options);
        }
        Ok(())
    }

    /// The next statement or border of the file, of whichever direction.
    fn step(&mut self) -> Result<Step, Failure> {
        loop {
            let sections = &self.sections;
            let step = self
                .splitter
                .step(self.input.text(), self.input.ended(), &|comment, begins_line| {
                    sections.role(comment, begins_line)
                })
                .map_err(|error| {
                    Failure::usage(
                        format!("{}:{error}", self.path().display()),
                        "close it, and see `dbtool migrate plan`",
                    )
                })?;
            if let Step::Statement(found) = &step {
                self.modes.follow(&self.input.text()[found.range.clone()]);
                self.splitter.set_options(Options {
                    backslash_escapes: self.modes.backslash_escapes(),
                });
            }
            if step != Step::More {
                return Ok(step);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), Failure> {
        let consumed = self.splitter.consumed();
        self.splitter.discard(self.input.text(), consumed);
        self.input.discard(consumed);
        self.input.fill().map_err(|error| match error {
            Unreadable::Failure(failure) => failure,
            Unreadable::Byte { what, next } => {
                let text = self.input.text();
                let (line, column) = self.splitter.place_of(text, text.len());
                Failure::usage(format!("{}:{line}:{column}: {what}", self.path().display()), next)
            }
        })
    }
}
