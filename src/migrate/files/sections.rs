//! The part of a migration file that a reader is in.

use std::path::Path;
use std::sync::Arc;

use super::failure::FileFailure;
use super::layout::{self, FileLayout, FilePart, LayoutMark, Suspicion, suspicion};
use super::{Direction, MigrationScript};
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
    ) -> Result<(), FileFailure> {
        let place = format!("{}:{}", path.display(), border.line);
        let Some((layout, mark)) = layout::mark(&border.text, self.layout) else {
            if before > 0 || suspicion(&border.text) == Some(Suspicion::Heading) {
                self.suspect
                    .get_or_insert_with(|| (Arc::clone(path), border.clone()));
            }
            return Ok(());
        };
        if !main {
            return Err(FileFailure::MarkInInclude { place });
        }
        let known = *self.layout.get_or_insert(layout);
        if known.name != layout.name {
            return Err(FileFailure::MixedMarks {
                place,
                mark: layout.name,
                file: known.name,
            });
        }
        match mark {
            LayoutMark::Refused(why) => Err(FileFailure::MarkRefused { place, why }),
            LayoutMark::Part(part) => {
                if self.wanted.is_none() && part == FilePart::Up {
                    return Err(FileFailure::UpPartInDownFile { place });
                }
                if let Some(up) = layout.up.filter(|_| !self.marked && before > 0) {
                    let tool = layout.name;
                    return Err(FileFailure::StatementsBeforeMark { place, tool, up });
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
    pub(super) fn statement(&self) -> Result<(), FileFailure> {
        match &self.suspect {
            Some((path, suspect)) if self.wanted == Some(FilePart::Up) => {
                Err(FileFailure::SuspectedDownPart {
                    place: format!("{}:{}", path.display(), suspect.line),
                    comment: suspect.text.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}
