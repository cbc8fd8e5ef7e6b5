//! Migration files: found in a folder, read, and split into statements.

mod checksum;
mod directives;
mod dump_session;
mod failure;
mod includes;
mod input;
mod layout;
mod names;
mod outline;
mod reader;
mod sections;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use checksum::PrefixHash;
pub use directives::Directives;
pub use failure::FileFailure;
pub use includes::Files;
pub use layout::FilePart;
pub use outline::{LargestStatement, ScriptOutline, TakenAway, to_savepoint};
pub use reader::{MigrationScript, ReaderPosition, ScriptStatement, StatementReader};

use names::NameKind;

use crate::cancel::Cancel;
use crate::sql::SplitOptions;

/// The migrations of a folder, in the order of their versions.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Where they are.
    pub dir: PathBuf,
    /// Ascending by version, each version once.
    pub migrations: Vec<Migration>,
    /// Files that may be meant as migrations and are not treated as such: copies, SQL without a number.
    pub ignored: Vec<String>,
    /// Files that look like migrations and are not read, with the reason.
    pub unread: Vec<(String, &'static str)>,
}

/// One migration; its text is read only when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The number its name begins with: `3`, `03` and `003` are the same version.
    pub version: u64,
    /// The version as the file writes it.
    pub label: String,
    /// The file's name without `.sql`, `.up.sql`: `003_profile_image`.
    pub name: String,
    /// The file that applies it.
    pub up: PathBuf,
    /// The file that takes it back, where it is a file of its own.
    pub down: Option<PathBuf>,
    /// SHA-256 of its up script; empty until [`Folder::read`].
    pub checksum: String,
    /// The directives in its comments; empty until [`Folder::read`].
    pub directives: Directives,
    /// Its statements in outline; `None` until [`Folder::read`], and for a migration that is applied.
    pub outline: Option<ScriptOutline>,
}

/// The version at the beginning of a migration's name, as it is written there.
pub fn label_of(name: &str) -> &str {
    names::label(name)
}

/// Which script of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Applies it.
    Up,
    /// Takes it back.
    Down,
}

impl Folder {
    /// Lists the migrations in `dir` without reading them.
    ///
    /// # Errors
    /// No such folder, no permission, two files with one version.
    pub fn list(dir: &Path) -> Result<Folder, FileFailure> {
        let mut names = Vec::new();
        let entries = fs::read_dir(dir).map_err(|error| FileFailure::folder(dir, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| FileFailure::folder(dir, error))?;
            // A link to a folder counts as the folder.
            let folder = fs::metadata(entry.path()).is_ok_and(|meta| meta.is_dir());
            names.push((entry.file_name().to_string_lossy().into_owned(), folder));
        }
        names.sort();
        Folder::of_names(dir, &names)
    }

    /// Of these names; the flags say which are folders.
    fn of_names(dir: &Path, names: &[(String, bool)]) -> Result<Folder, FileFailure> {
        let mut found: BTreeMap<u64, Migration> = BTreeMap::new();
        let mut downs: BTreeMap<u64, &str> = BTreeMap::new();
        let (mut ignored, mut unread) = (Vec::new(), Vec::new());
        for (name, folder) in names {
            let kind = if *folder {
                names::folder_kind(name)
            } else {
                names::kind(name)
            };
            let parts = match kind {
                NameKind::Migration(parts) => parts,
                NameKind::Unread(why) => {
                    unread.push((name.clone(), why));
                    continue;
                }
                NameKind::Ignored => {
                    ignored.push(name.clone());
                    continue;
                }
                NameKind::Other => continue,
            };
            let twice = |other: &Path| {
                let other = other.file_name().unwrap_or_default().to_string_lossy();
                FileFailure::SameVersion {
                    dir: dir.to_owned(),
                    one: other.into_owned(),
                    other: name.clone(),
                    version: parts.version,
                }
            };
            if parts.down {
                if let Some(other) = downs.insert(parts.version, name) {
                    return Err(twice(Path::new(other)));
                }
                continue;
            }
            let migration = Migration {
                version: parts.version,
                label: parts.label.to_owned(),
                name: parts.name.to_owned(),
                up: dir.join(name),
                down: None,
                checksum: String::new(),
                outline: None,
                directives: Directives::default(),
            };
            if let Some(other) = found.insert(parts.version, migration) {
                return Err(twice(&other.up));
            }
        }
        for (version, name) in downs {
            match found.get_mut(&version) {
                Some(migration) => migration.down = Some(dir.join(name)),
                None => unread.push((
                    name.to_owned(),
                    "it takes a migration back, and there is none with its number",
                )),
            }
        }
        Ok(Folder {
            dir: dir.to_owned(),
            migrations: found.into_values().collect(),
            ignored,
            unread,
        })
    }

    /// Reads every file once, so that all are checked before anything runs. A file whose checksum equals the one that
    /// `applied` gives is only hashed.
    ///
    /// # Errors
    /// A file that cannot be read; one to be run that is not UTF-8, has an open quote, comment or
    /// transaction, or a statement that would remove the progress record. The run was cancelled.
    pub fn read(
        &mut self,
        options: SplitOptions,
        cancel: &Cancel,
        applied: impl Fn(u64) -> Option<String>,
    ) -> anyhow::Result<()> {
        let mut included = Vec::new();
        for migration in &mut self.migrations {
            let up = migration.script(Direction::Up, options);
            let checksum = up.checksum(cancel)?;
            migration.checksum = checksum.hash;
            included.extend(checksum.included);
            match applied(migration.version) {
                Some(checksum) if checksum == migration.checksum => {}
                Some(_) => {
                    // It may name an earlier form that it replaces. That it cannot be run any more is no reason to
                    // stop.
                    let outline = up.outline(cancel).unwrap_or_default();
                    cancel.check()?;
                    migration.directives = outline.directives;
                }
                None => {
                    let outline = up.outline(cancel)?;
                    if migration.down.is_some() || checksum.may_have_down {
                        let down = migration.script(Direction::Down, options).outline(cancel)?;
                        included.extend(down.files.included().map(Path::to_owned));
                    }
                    migration.directives.clone_from(&outline.directives);
                    migration.outline = Some(outline);
                }
            }
        }
        // A file that a migration reads is part of the migration.
        let dir = &self.dir;
        self.ignored
            .retain(|name| !included.iter().any(|path| *path == dir.join(name)));
        Ok(())
    }

    /// The migration with the version that `text` writes, in any number of digits.
    ///
    /// # Errors
    /// There is none; the failure lists the existing ones.
    pub fn find(&self, text: &str) -> Result<&Migration, FileFailure> {
        let version = text.parse::<u64>().ok();
        version
            .and_then(|version| {
                self.migrations
                    .iter()
                    .find(|migration| migration.version == version)
            })
            // A whole file name is as good as its number.
            .or_else(|| {
                self.migrations
                    .iter()
                    .find(|m| m.name == text || m.up.file_name().is_some_and(|n| n == text))
            })
            .ok_or_else(|| self.unknown(text, version))
    }

    fn unknown(&self, text: &str, version: Option<u64>) -> FileFailure {
        if self.migrations.is_empty() {
            return self.empty();
        }
        let nearest = version.and_then(|version| {
            self.migrations
                .iter()
                .min_by_key(|migration| migration.version.abs_diff(version))
        });
        let versions: Vec<String> = match self.migrations.as_slice() {
            few if few.len() <= 12 => few.iter().map(|m| m.label.clone()).collect(),
            [first, .., last] => vec![first.label.clone(), "…".to_owned(), last.label.clone()],
            _ => Vec::new(),
        };
        FileFailure::Unknown {
            wanted: text.to_owned(),
            dir: self.dir.clone(),
            versions,
            nearest: nearest.map(|nearest| (nearest.label.clone(), nearest.name.clone())),
        }
    }

    /// Refuses to continue if there are files that look like migrations and are not read: later migrations may
    /// depend on them, and they would be out of order later.
    ///
    /// # Errors
    /// There are such files; all are named.
    pub fn refuse_unread(&self) -> Result<(), FileFailure> {
        match self.unread.is_empty() {
            true => Ok(()),
            false => Err(FileFailure::Unread {
                dir: self.dir.clone(),
                files: self.unread.clone(),
            }),
        }
    }

    /// The failure for a folder without migrations.
    pub fn empty(&self) -> FileFailure {
        FileFailure::EmptyFolder {
            dir: self.dir.clone(),
        }
    }
}

impl Migration {
    /// The script for one direction.
    pub fn script(&self, direction: Direction, options: SplitOptions) -> MigrationScript {
        let own = self.down.as_ref().filter(|_| direction == Direction::Down);
        MigrationScript {
            path: own.unwrap_or(&self.up).clone(),
            direction,
            whole: own.is_some(),
            options,
        }
    }

    /// Statements that apply it, as far as that is known.
    pub fn statements(&self) -> u32 {
        self.outline.as_ref().map_or(0, |outline| outline.statements)
    }
}

#[cfg(test)]
mod tests;
