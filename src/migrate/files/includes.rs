//! The files that a migration reads with the client's command `source`.
//!
//! A name counts from the folder of the file that has the command, and must stay inside the folder of the
//! migrations: only reviewed files run on a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::FileFailure;
use super::input::{FileStamp, changed};
use crate::sql::Splitter;

/// How deep files may read one another.
pub(super) const MAX_DEPTH: usize = 16;
/// One script reads no more files than this; each is remembered while it is read.
pub(super) const MAX_FILES: usize = 1000;

/// The files of a script, in the order in which they were opened first: its own, then those it reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<ReadFile>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct ReadFile {
    path: Arc<Path>,
    stamp: FileStamp,
    /// Whether statements of the script's direction are in it.
    wanted: bool,
}

impl Files {
    /// Records the content of a file.
    ///
    /// # Errors
    /// Its content has changed since it was read before; there are too many files.
    pub(super) fn note(&mut self, path: &Arc<Path>, stamp: FileStamp) -> Result<(), FileFailure> {
        match self.0.iter().find(|known| known.path == *path) {
            Some(known) if known.stamp == stamp => Ok(()),
            Some(_) => Err(changed(path)),
            None if self.0.len() > MAX_FILES => Err(FileFailure::TooManyFiles {
                path: path.to_path_buf(),
            }),
            None => {
                self.0.push(ReadFile {
                    path: Arc::clone(path),
                    stamp,
                    wanted: false,
                });
                Ok(())
            }
        }
    }

    /// Says that statements of a file are of the script's direction.
    pub(super) fn want(&mut self, path: &Arc<Path>) {
        if let Some(known) = self.0.iter_mut().find(|known| known.path == *path) {
            known.wanted = true;
        }
    }

    /// Those that are read with `source` in the script's direction.
    pub(super) fn included(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(|one| one.wanted).map(|one| &*one.path)
    }
}

/// A command `source` in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceCommand {
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Where to go on in the file that has the command, when the file it named is at its end.
#[derive(Debug)]
pub(super) struct Outer {
    pub(super) path: Arc<Path>,
    pub(super) offset: u64,
    pub(super) splitter: Splitter,
    pub(super) outer: Option<Arc<Outer>>,
}

impl Outer {
    /// The file and those around it.
    fn chain(self: &Arc<Outer>) -> impl Iterator<Item = &Outer> {
        std::iter::successors(Some(&**self), |one| one.outer.as_deref())
    }
}

/// The file that a command means. `main` is the file of the migration, `outer` the file that has the command.
///
/// # Errors
/// There is no such file, it is outside the folder, it is being read already, or the files are nested too deep.
pub(super) fn resolve(
    main: &Path,
    outer: &Arc<Outer>,
    source: &SourceCommand,
) -> Result<Arc<Path>, FileFailure> {
    let from = &*outer.path;
    let place = || format!("{}:{}:{}", from.display(), source.line, source.column);
    let name = || source.name.clone();
    let named = folder_of(from).join(&source.name);
    let folder = folder_of(main);
    let found = match (named.canonicalize(), folder.canonicalize()) {
        (Ok(found), Ok(folder)) => {
            if !found.starts_with(folder) {
                return Err(FileFailure::IncludeOutside {
                    place: place(),
                    name: name(),
                    folder: folder_of(main),
                });
            }
            found
        }
        (Err(error), _) | (_, Err(error)) => {
            return Err(FileFailure::IncludeUnreadable {
                place: place(),
                name: name(),
                error,
            });
        }
    };
    if outer
        .chain()
        .any(|one| one.path.canonicalize().is_ok_and(|path| path == found))
    {
        return Err(FileFailure::IncludeCycle {
            place: place(),
            name: name(),
        });
    }
    if outer.chain().count() > MAX_DEPTH {
        return Err(FileFailure::IncludeTooDeep {
            place: place(),
            name: name(),
        });
    }
    Ok(Arc::from(named))
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
