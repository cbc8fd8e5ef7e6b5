//! The part of a migration file that a reader is in.

use std::path::Path;
use std::sync::Arc;

use super::layout::{self, FileLayout, FilePart, LayoutMark, Suspicion, suspicion};
use super::{Direction, MigrationScript};
use crate::exit::Failure;
use crate::report::visible;
use crate::sql::{CommentRole, Marker, own_markers};

/// The part a reader is in, and the layout of the file as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Sections {
    layout: Option<&'static FileLayout>,
    part: FilePart,
    /// Whether a part was begun by a mark.
    marked: bool,
    /// The part that is wanted; `None` if the whole file is.
    wanted: Option<FilePart>,
    /// A comment of no known layout that looks like the beginning of a down script.
    suspect: Option<(Arc<Path>, Marker)>,
}

impl Sections {
    pub(super) fn new(script: &MigrationScript) -> Sections {
        Sections {
            layout: None,
            part: FilePart::Up,
            marked: false,
            wanted: (!script.whole).then_some(match script.direction {
                Direction::Up => FilePart::Up,
                Direction::Down => FilePart::Down,
            }),
            suspect: None,
        }
    }

    pub(super) fn part(&self) -> FilePart {
        self.part
    }

    /// Whether the statements here are asked for.
    pub(super) fn wanted(&self) -> bool {
        self.wanted.is_none_or(|wanted| wanted == self.part)
    }

    /// The role of a comment for the splitter.
    pub(super) fn role(&self, comment: &str, begins_line: bool) -> CommentRole {
        match layout::mark(comment, self.layout) {
            Some((_, LayoutMark::RawBegin)) if begins_line => CommentRole::RawBegin,
            Some((_, LayoutMark::RawEnd)) if begins_line => CommentRole::RawEnd,
            Some((_, LayoutMark::Passed)) => CommentRole::Skip,
            Some(_) => CommentRole::Border,
            None if self.layout.is_some_and(|layout| layout.dashes_comment) && begins_line => {
                CommentRole::Skip
            }
            None => match own_markers(comment, begins_line) {
                CommentRole::Plain if begins_line && self.may_be_suspect(comment) => CommentRole::Suspect,
                role => role,
            },
        }
    }

    fn may_be_suspect(&self, comment: &str) -> bool {
        self.part == FilePart::Up && self.wanted.is_some() && suspicion(comment).is_some()
    }

    /// Enters the part that a comment begins. `before` is the number of statements of the wanted part before it.
    ///
    /// # Errors
    /// The mark does not belong here, or says something that dbtool does not do. `main` says whether `path` is
    /// the migration's own file.
    pub(super) fn enter(
        &mut self,
        path: &Arc<Path>,
        border: &Marker,
        before: u32,
        main: bool,
    ) -> Result<(), Failure> {
        let refuse = |what: &str, next: &str| {
            let (path, line) = (path.display(), border.line);
            Err(Failure::usage(format!("{path}:{line}: {what}"), next))
        };
        let Some((layout, mark)) = layout::mark(&border.text, self.layout) else {
            if before > 0 || suspicion(&border.text) == Some(Suspicion::Heading) {
                self.suspect
                    .get_or_insert_with(|| (Arc::clone(path), border.clone()));
            }
            return Ok(());
        };
        if !main {
            return refuse(
                "a file that a migration reads with source has a mark, which counts in the migration itself only",
                "take the mark out, and read the file from the part of the migration where it belongs",
            );
        }
        let known = *self.layout.get_or_insert(layout);
        if known.name != layout.name {
            return refuse(
                &format!(
                    "this is a mark of {}, and the file has marks of {}",
                    layout.name, known.name
                ),
                "write all marks of one file in one tool's way",
            );
        }
        match mark {
            LayoutMark::Refused(why) => refuse(
                &why,
                "take it out, or write the migration for dbtool (`-- migrate:up`, `-- migrate:down`)",
            ),
            LayoutMark::Part(part) => {
                if self.wanted.is_none() && part == FilePart::Up {
                    return refuse(
                        "a file of its own for taking a migration back has a part that applies it",
                        "put that part into the file that applies the migration",
                    );
                }
                if let Some(up) = layout.up.filter(|_| !self.marked && before > 0) {
                    return refuse(
                        &format!("there are statements before the first mark of {}", layout.name),
                        &format!("write {up} before them"),
                    );
                }
                self.marked = true;
                self.part = part;
                Ok(())
            }
            LayoutMark::Header | LayoutMark::Passed | LayoutMark::RawBegin | LayoutMark::RawEnd => Ok(()),
        }
    }

    /// A statement of the wanted part was found.
    ///
    /// # Errors
    /// It may belong to a down script.
    pub(super) fn statement(&self) -> Result<(), Failure> {
        match &self.suspect {
            Some((path, suspect)) if self.wanted == Some(FilePart::Up) => Err(Failure::usage(
                format!(
                    "{}:{}: statements follow the comment {}, which looks as if what takes the migration back began \
                     there; dbtool does not know this format and would run them",
                    path.display(),
                    suspect.line,
                    visible(&suspect.text)
                ),
                "write `-- migrate:down` there (and `-- migrate:up` before the rest), or move what follows to a file of \
                 its own that ends in .down.sql; if the comment is about something else, word it as a sentence",
            )),
            _ => Ok(()),
        }
    }
}
