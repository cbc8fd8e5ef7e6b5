//! The statements of a migration, one at a time: a file of any size is read in bounded memory.
//!
//! ```text
//! let mut reader = migration.script(Direction::Up, options).open()?;
//! let start = reader.position();
//! while let Some(statement) = reader.next()? { … }
//! reader.seek(&start)?; // the same statements again
//! ```

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Direction;
use super::checksum::PrefixHash;
use super::dump_session::{Autocommit, DumpStatement};
use super::failure::FileFailure;
use super::includes::{Files, Outer, SourceCommand, resolve};
use super::input::{CHUNK, Input, InputError};
use super::layout::FilePart;
use super::sections::Sections;
use crate::sql::{BackslashMode, FoundStatement, Marker, SplitOptions, SplitStep, Splitter, as_sent};

/// The file of one direction of a migration.
#[derive(Debug, Clone)]
pub struct MigrationScript {
    pub(super) path: PathBuf,
    pub(super) direction: Direction,
    /// Whether the whole file is of that direction.
    pub(super) whole: bool,
    pub(super) options: SplitOptions,
}

/// A statement of a migration.
#[derive(Debug, Clone)]
pub struct ScriptStatement {
    /// Its number among the statements of its direction, from 1.
    pub number: u32,
    /// As the client would send it.
    pub text: Arc<String>,
    /// The file it is in: that of the migration, or one that this reads.
    pub path: Arc<Path>,
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
    pub start: ReaderPosition,
}

/// A place between two statements of a script.
#[derive(Debug, Clone)]
pub struct ReaderPosition {
    path: Arc<Path>,
    /// Where to go on when that file is at its end.
    outer: Option<Arc<Outer>>,
    offset: u64,
    splitter: Splitter,
    sections: Sections,
    modes: BackslashMode,
    autocommit: Autocommit,
    number: u32,
    hash: PrefixHash,
}

/// Reads the statements of a script.
#[derive(Debug)]
pub struct StatementReader {
    script: MigrationScript,
    files: Files,
    input: Input,
    /// Where to go on when the file is at its end.
    outer: Option<Arc<Outer>>,
    /// Whether a `source` was found.
    includes: bool,
    splitter: Splitter,
    sections: Sections,
    modes: BackslashMode,
    autocommit: Autocommit,
    number: u32,
    hash: PrefixHash,
    /// The next statement, if it was looked at.
    ahead: Option<ScriptStatement>,
}

impl MigrationScript {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A reader before the first statement.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(&self) -> Result<StatementReader, FileFailure> {
        self.open_known(&Files::default())
    }

    /// A reader that refuses files that have changed since `files` were recorded.
    ///
    /// # Errors
    /// The file cannot be read, or was changed.
    pub fn open_known(&self, files: &Files) -> Result<StatementReader, FileFailure> {
        let mut files = files.clone();
        Ok(StatementReader {
            input: open(&Arc::from(self.path.as_path()), &mut files)?,
            files,
            outer: None,
            includes: false,
            splitter: Splitter::new(self.options),
            sections: Sections::new(self),
            modes: BackslashMode::new(self.options.backslash_escapes),
            autocommit: Autocommit::default(),
            number: 0,
            hash: PrefixHash::default(),
            ahead: None,
            script: self.clone(),
        })
    }
}

fn open(path: &Arc<Path>, files: &mut Files) -> Result<Input, FileFailure> {
    let input = Input::open(path)?;
    files.note(path, input.stamp())?;
    Ok(input)
}

impl ScriptStatement {
    /// `path:line:column`, for messages.
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

impl StatementReader {
    /// The file of the script, for messages about all of it.
    pub fn path(&self) -> &Path {
        self.script.path()
    }

    /// The files that were read so far, and which content of them.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Whether the script reads other files, as far as it was read.
    pub(super) fn has_includes(&self) -> bool {
        self.includes
    }

    /// The next statement; `None` after the last.
    ///
    /// # Errors
    /// The file cannot be read any more or was changed, is not UTF-8, or has a quote, comment or body that
    /// is never closed; with file, line and column.
    // Not an iterator: after a failure this reader can seek and continue.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<ScriptStatement>, FileFailure> {
        match self.ahead.take() {
            Some(statement) => Ok(Some(statement)),
            None => self.read(),
        }
    }

    /// Peeks at the next statement. Only one is in memory, so none after it can be seen.
    ///
    /// # Errors
    /// As [`StatementReader::next`].
    pub fn peek(&mut self) -> Result<Option<&ScriptStatement>, FileFailure> {
        if self.ahead.is_none() {
            self.ahead = self.read()?;
        }
        Ok(self.ahead.as_ref())
    }

    /// Where the next statement is.
    pub fn position(&mut self) -> ReaderPosition {
        match &self.ahead {
            Some(statement) => statement.start.clone(),
            None => self.here(),
        }
    }

    /// Moves back or forward to a position of this script.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn seek(&mut self, position: &ReaderPosition) -> Result<(), FileFailure> {
        self.go_to(&position.path, position.offset)?;
        self.outer.clone_from(&position.outer);
        self.splitter = position.splitter.clone();
        self.sections = position.sections.clone();
        self.modes = position.modes.clone();
        self.autocommit = position.autocommit;
        self.number = position.number;
        self.hash = position.hash.clone();
        self.ahead = None;
        Ok(())
    }

    /// Where the parts of the file begin, read to its end.
    ///
    /// # Errors
    /// As [`StatementReader::next`].
    pub(super) fn borders(mut self) -> Result<Vec<(u32, FilePart)>, FileFailure> {
        let mut borders = Vec::new();
        loop {
            match self.step()? {
                SplitStep::Border(border) => {
                    self.enter(&border)?;
                    borders.push((border.line, self.sections.part()));
                }
                SplitStep::Source(found) => self.include(&found)?,
                SplitStep::End if self.outer.is_some() => self.leave()?,
                SplitStep::End => return Ok(borders),
                SplitStep::Statement(_) | SplitStep::More => {}
            }
        }
    }

    fn here(&mut self) -> ReaderPosition {
        let splitter = self.splitter.mark(self.input.text());
        ReaderPosition {
            path: Arc::clone(self.input.path()),
            outer: self.outer.clone(),
            offset: self.input.offset(self.splitter.consumed()),
            splitter,
            sections: self.sections.clone(),
            modes: self.modes.clone(),
            autocommit: self.autocommit,
            number: self.number,
            hash: self.hash.clone(),
        }
    }

    fn read(&mut self) -> Result<Option<ScriptStatement>, FileFailure> {
        loop {
            let start = self.here();
            match self.step()? {
                SplitStep::End if self.outer.is_some() => self.leave()?,
                SplitStep::End => return Ok(None),
                SplitStep::More => {}
                SplitStep::Border(border) => self.enter(&border)?,
                // Also where nothing is wanted: it may change the delimiter.
                SplitStep::Source(found) => self.include(&found)?,
                SplitStep::Statement(_) if !self.sections.wanted() => {}
                SplitStep::Statement(found) => {
                    self.sections.statement()?;
                    let text = match found.instead {
                        Some(statement) => statement,
                        None => as_sent(self.text_of(found.range), self.modes.backslash_escapes()),
                    };
                    let text = match self.autocommit.decide(text) {
                        DumpStatement::Runs(text) => text,
                        DumpStatement::Dropped => continue,
                        DumpStatement::OutsideTransaction => {
                            let place = self.place_at(found.line, found.column);
                            return Err(FileFailure::OutsideTransaction { place });
                        }
                    };
                    let before = self.hash.clone();
                    self.hash.push(&text);
                    self.number = self.number.saturating_add(1);
                    return Ok(Some(ScriptStatement {
                        number: self.number,
                        text: Arc::new(text),
                        path: Arc::clone(&start.path),
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

    /// The text of a statement that was just found. A large one is moved out of the window, not copied.
    fn text_of(&mut self, range: Range<usize>) -> String {
        let consumed = self.splitter.consumed();
        if range.len() < CHUNK || consumed < range.end {
            return self.input.text()[range].to_owned();
        }
        self.splitter.discard(self.input.text(), consumed);
        self.input.take(range, consumed)
    }

    /// Moves to the beginning of the file that a `source` names.
    fn include(&mut self, found: &FoundStatement) -> Result<(), FileFailure> {
        let wanted = self.sections.wanted();
        self.includes = self.includes || wanted;
        let mut inner = self.splitter.nested();
        let here = self.here();
        let outer = Arc::new(Outer {
            path: here.path,
            offset: here.offset,
            splitter: here.splitter,
            outer: here.outer,
        });
        let source = SourceCommand {
            name: found.instead.clone().unwrap_or_default(),
            line: found.line,
            column: found.column,
        };
        let path = resolve(&self.script.path, &outer, &source)?;
        self.input = open(&path, &mut self.files)?;
        if wanted {
            self.files.want(&path);
        }
        inner.add_markers(found.markers.clone());
        self.splitter = inner;
        self.outer = Some(outer);
        Ok(())
    }

    /// Returns to the file that reads this one, after the command.
    fn leave(&mut self) -> Result<(), FileFailure> {
        let Some(outer) = self.outer.take() else {
            return Ok(());
        };
        self.go_to(&outer.path, outer.offset)?;
        let inner = std::mem::replace(&mut self.splitter, outer.splitter.clone());
        self.splitter.continue_after(inner);
        self.outer.clone_from(&outer.outer);
        Ok(())
    }

    fn go_to(&mut self, path: &Arc<Path>, offset: u64) -> Result<(), FileFailure> {
        if self.input.path() != path {
            self.input = open(path, &mut self.files)?;
        }
        self.input.seek(offset)
    }

    /// Enters another part, which begins in a session of its own.
    fn enter(&mut self, border: &Marker) -> Result<(), FileFailure> {
        let before = self.sections.part();
        let main = self.outer.is_none();
        self.sections
            .enter(self.input.path(), border, self.number, main)?;
        if self.sections.part() != before {
            self.modes = BackslashMode::new(self.script.options.backslash_escapes);
            self.splitter.set_options(self.script.options);
        }
        Ok(())
    }

    /// The next statement or border of the file, of whichever direction.
    fn step(&mut self) -> Result<SplitStep, FileFailure> {
        loop {
            let sections = &self.sections;
            let step = self
                .splitter
                .step(self.input.text(), self.input.ended(), &|comment, begins_line| {
                    sections.role(comment, begins_line)
                })
                .map_err(|error| FileFailure::NotSplit {
                    path: self.input.path().to_path_buf(),
                    error,
                })?;
            if let SplitStep::Statement(found) = &step {
                self.modes.follow(&self.input.text()[found.range.clone()]);
                self.splitter.set_options(SplitOptions {
                    backslash_escapes: self.modes.backslash_escapes(),
                });
            }
            if step != SplitStep::More {
                return Ok(step);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), FileFailure> {
        let consumed = self.splitter.consumed();
        self.splitter.discard(self.input.text(), consumed);
        self.input.discard(consumed);
        self.input.fill().map_err(|error| {
            let text = self.input.text();
            let (line, column) = self.splitter.place_of(text, text.len());
            let place = self.place_at(line, column);
            match error {
                InputError::Failure(failure) => failure,
                InputError::Nul(offset) => FileFailure::NulByte { place, offset },
                InputError::NotUtf8(offset, byte) => FileFailure::NotUtf8 { place, offset, byte },
            }
        })
    }

    /// `path:line:column` in the file that is being read.
    fn place_at(&self, line: u32, column: u32) -> String {
        format!("{}:{line}:{column}", self.input.path().display())
    }
}
