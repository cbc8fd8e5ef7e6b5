//! The files of one or several folders, and which migrations they make.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::failure::FileFailure;
use super::layout::{Layout, NameEvidence, by_names};
use super::names::{self, NameKind, NameParts, Role};
use super::version::Version;
use super::{Folder, Migration};

/// Subfolders in subfolders: deeper ones are a loop of links, or a mistake.
const MOST_LEVELS: usize = 16;
/// Why a file with a letter does not go with one that begins with a number.
const MIXED: &str = "it is named as Flyway and refinery name files, and others here are NUMBER_name.sql; say which with \
                     --layout";
const NOT_LETTERED: &str = "its name is not V1__name.sql, as the layout has it";
const LETTERED: &str = "it is named as Flyway and refinery name files, which is not the layout";
const LONELY_UNDO: &str = "there is no V of its version, so that it is not clear whether it takes a migration back \
                           (Flyway) or is one of its own (refinery); say which with --layout";
const NO_UP: &str = "it takes a migration back, and there is none with its number";
const FLYWAY_ONLY: &str = "refinery has no such files";
const BASELINE: &str = "it is a baseline of Flyway, which dbtool does not run; move it out of the folder, and keep the \
                        V files that it stands for";

/// Where migrations are.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The folders; messages and new migrations are about the first.
    pub dirs: Vec<PathBuf>,
    /// Whether their subfolders count.
    pub recursive: bool,
    /// The layout, where it was said.
    pub layout: Option<Layout>,
}

/// A file or folder that was found.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) folder: bool,
}

impl Source {
    /// One folder, as it is.
    pub fn of(dir: &Path) -> Source {
        Source {
            dirs: vec![dir.to_owned()],
            ..Source::default()
        }
    }

    /// Everything in the folders, in the order of the names in each.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, FileFailure> {
        let mut found = Vec::new();
        for dir in &self.dirs {
            self.add(dir, 0, &mut found)?;
        }
        Ok(found)
    }

    fn add(&self, dir: &Path, level: usize, found: &mut Vec<Entry>) -> Result<(), FileFailure> {
        let mut here = Vec::new();
        for entry in fs::read_dir(dir).map_err(|error| FileFailure::folder(dir, error))? {
            let entry = entry.map_err(|error| FileFailure::folder(dir, error))?;
            let path = entry.path();
            here.push(Entry {
                // A link to a folder counts as the folder.
                folder: fs::metadata(&path).is_ok_and(|meta| meta.is_dir()),
                name: entry.file_name().to_string_lossy().into_owned(),
                path,
            });
        }
        here.sort_by(|one, other| one.name.cmp(&other.name));
        for entry in here {
            let inside = self.recursive && entry.folder && !entry.name.starts_with('.');
            match inside && level < MOST_LEVELS {
                true => self.add(&entry.path, level + 1, found)?,
                false => found.push(entry),
            }
        }
        Ok(())
    }
}

/// A file whose name is that of a migration.
struct Named<'a> {
    entry: &'a Entry,
    parts: NameParts<'a>,
}

impl Folder {
    /// The migrations that these files make.
    ///
    /// # Errors
    /// Two files have one version.
    pub(super) fn of_entries(source: &Source, entries: &[Entry]) -> Result<Folder, FileFailure> {
        let mut folder = Folder {
            dir: source.dirs.first().cloned().unwrap_or_default(),
            ..Folder::default()
        };
        let mut named = Vec::new();
        let mut evidence = NameEvidence::default();
        for entry in entries {
            let kind = match entry.folder {
                true => names::folder_kind(&entry.name),
                false => names::kind(&entry.name),
            };
            match kind {
                NameKind::Migration(parts) => {
                    evidence.add(&parts, names::is_up_file(&entry.name));
                    named.push(Named { entry, parts });
                }
                NameKind::Unread(why) => folder.unread.push((entry.path.clone(), why)),
                NameKind::Ignored(why) => folder.ignored.push((entry.path.clone(), why)),
                NameKind::Other => {}
            }
        }
        let (layout, why) = match source.layout {
            Some(layout) => (layout, "--layout says so"),
            None => by_names(&evidence),
        };
        (folder.layout, folder.evidence, folder.forced) = (layout, why.to_owned(), source.layout.is_some());
        let lettered = layout.is_lettered();
        named.retain(|named| {
            let why = match named.parts.role.is_lettered() {
                true if lettered => return true,
                false if !lettered => return true,
                _ if source.layout.is_none() => MIXED,
                true => LETTERED,
                false => NOT_LETTERED,
            };
            // Where both are there, the ones with a letter are named.
            folder.unread.push((named.entry.path.clone(), why));
            false
        });
        folder.join(named)?;
        Ok(folder)
    }

    /// Joins each migration with what takes it back.
    fn join(&mut self, named: Vec<Named<'_>>) -> Result<(), FileFailure> {
        let mut found: BTreeMap<Version, Migration> = BTreeMap::new();
        let mut downs: BTreeMap<Version, &Entry> = BTreeMap::new();
        let refinery = self.layout == Layout::REFINERY;
        for Named { entry, parts } in named {
            let twice = |other: &Path| FileFailure::SameVersion {
                one: other.to_owned(),
                other: entry.path.clone(),
                version: parts.version.to_string(),
            };
            match parts.role {
                Role::Repeatable | Role::Baseline if refinery => {
                    self.unread.push((entry.path.clone(), FLYWAY_ONLY));
                    continue;
                }
                Role::Baseline => {
                    self.unread.push((entry.path.clone(), BASELINE));
                    continue;
                }
                Role::Down | Role::Undo if parts.role == Role::Down || !refinery => {
                    if let Some(other) = downs.insert(parts.version, entry) {
                        return Err(twice(&other.path));
                    }
                    continue;
                }
                _ => {}
            }
            let migration = Migration {
                version: parts.version,
                label: parts.label.to_owned(),
                name: parts.name.to_owned(),
                up: entry.path.clone(),
                any_order: parts.role == Role::Undo,
                ..Migration::default()
            };
            if let Some(other) = found.insert(parts.version, migration) {
                return Err(twice(&other.up));
            }
        }
        for (version, entry) in downs {
            match found.get_mut(&version) {
                Some(migration) => migration.down = Some(entry.path.clone()),
                None if self.layout == Layout::FLYWAY && !self.forced => {
                    self.unread.push((entry.path.clone(), LONELY_UNDO));
                }
                None => self.unread.push((entry.path.clone(), NO_UP)),
            }
        }
        self.migrations = found.into_values().collect();
        Ok(())
    }
}
