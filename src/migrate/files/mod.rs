//! Migration files: found in a folder, read, and split into statements.

mod checksum;
mod directives;
mod dump_session;
mod failure;
mod includes;
mod input;
mod layout;
mod listing;
mod names;
mod outline;
mod reader;
mod repeatable;
mod sections;
mod version;

use std::path::{Path, PathBuf};

pub use checksum::PrefixHash;
pub use directives::Directives;
pub use failure::FileFailure;
pub use includes::Files;
pub use layout::changesets;
pub use layout::{FilePart, ForeignHistory, ForeignRow, ForeignState, Layout, RowMeaning};
pub use listing::Source;
pub use outline::{LargestStatement, ScriptOutline, TakenAway, to_savepoint};
pub use reader::{MigrationScript, ReaderPosition, ScriptStatement, StatementReader};

pub use version::Version;

use layout::MarkEvidence;

use crate::cancel::Cancel;
use crate::sql::SplitOptions;

/// The migrations of a folder, in the order of their versions.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// Where they are; the first of several folders.
    pub dir: PathBuf,
    /// Ascending by version, each version once.
    pub migrations: Vec<Migration>,
    /// Files that may be meant as migrations and are not treated as such, with the reason: copies, SQL without a
    /// number, SQL for another server.
    pub ignored: Vec<(PathBuf, &'static str)>,
    /// Files that look like migrations and are not read, with the reason.
    pub unread: Vec<(PathBuf, &'static str)>,
    /// The tool whose layout the files have.
    pub layout: Layout,
    /// What speaks for it.
    pub evidence: String,
    /// Whether it was said, and not found.
    forced: bool,
}

/// One migration; its text is read only when it is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migration {
    /// The number its name begins with: `3`, `03` and `003` are the same version.
    pub version: Version,
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
    /// Whether it may be applied after later ones without being asked for.
    pub any_order: bool,
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
        Folder::find_all(&Source::of(dir))
    }

    /// Lists the migrations that are there, without reading them.
    ///
    /// # Errors
    /// As [`Folder::list`].
    pub fn find_all(source: &Source) -> Result<Folder, FileFailure> {
        Folder::of_entries(source, &source.entries()?)
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
        applied: impl Fn(Version) -> Option<String>,
    ) -> anyhow::Result<()> {
        let mut included = Vec::new();
        let mut marks = MarkEvidence::default();
        for migration in &mut self.migrations {
            let up = migration.script(Direction::Up, options);
            let checksum = up.checksum(cancel)?;
            migration.checksum = checksum.hash;
            included.extend(checksum.included);
            for layout in checksum.layouts {
                marks.add(layout, &migration.up);
            }
            match applied(migration.version) {
                Some(checksum) if checksum == migration.checksum => {}
                Some(_) if !migration.version.is_repeatable() => {
                    // It may name an earlier form that it replaces. That it cannot be run any more is no reason to
                    // stop.
                    let outline = up.outline(cancel).unwrap_or_default();
                    cancel.check()?;
                    migration.directives = outline.directives;
                }
                _ => {
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
        self.ignored
            .retain(|(ignored, _)| !included.iter().any(|path| path == ignored));
        self.weigh(&marks)?;
        self.order(options, cancel)
    }

    /// Puts repeatable migrations into the order in which they run: each after those that it needs.
    ///
    /// # Errors
    /// The run was cancelled.
    pub fn order(&mut self, options: SplitOptions, cancel: &Cancel) -> anyhow::Result<()> {
        repeatable::order(&mut self.migrations, options, cancel)
    }

    /// The migration with the version that `text` writes, in any number of digits.
    ///
    /// # Errors
    /// There is none; the failure lists the existing ones.
    pub fn find(&self, text: &str) -> Result<&Migration, FileFailure> {
        let version = match text.parse::<u64>() {
            Ok(number) => Some(Version::from(number)),
            Err(_) => Version::parse(text).filter(|_| text.contains('.')),
        };
        version
            .and_then(|version| {
                self.migrations
                    .iter()
                    .find(|migration| migration.version == version)
            })
            // A whole file name is as good as its number.
            .or_else(|| {
                self.migrations.iter().find(|m| {
                    m.name == text || m.label == text || m.up.file_name().is_some_and(|n| n == text)
                })
            })
            .ok_or_else(|| self.unknown(text, version))
    }

    fn unknown(&self, text: &str, version: Option<Version>) -> FileFailure {
        if self.migrations.is_empty() {
            return self.empty();
        }
        let nearest = version.and_then(|version| {
            self.migrations
                .iter()
                .min_by_key(|migration| migration.version.distance(version))
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
                files: self.unread.clone(),
            }),
        }
    }

    /// Adds what the marks in the files say about the layout to what the names say.
    ///
    /// # Errors
    /// They contradict each other.
    fn weigh(&mut self, marks: &MarkEvidence) -> Result<(), FileFailure> {
        if self.forced && self.layout == Layout::OWN {
            return Ok(());
        }
        // dbmate's marks are dbtool's own too, and may stand in every file.
        let others: Vec<_> = marks
            .found()
            .iter()
            .filter(|(layout, _)| *layout != Layout::DBMATE)
            .collect();
        let speaks = self.forced && self.layout != Layout::OWN || self.layout.is_lettered();
        let (mut layout, mut why) = (self.layout, self.evidence.clone());
        for (marked, path) in others {
            if layout != *marked && (speaks || layout.has_marks()) {
                return Err(FileFailure::LayoutContradicted {
                    path: path.clone(),
                    mark: marked.name,
                    layout: layout.name,
                    why,
                });
            }
            (layout, why) = (*marked, format!("{} has its marks", path.display()));
        }
        if let Some((_, path)) = marks.found().iter().find(|(layout, _)| *layout == Layout::DBMATE)
            && !speaks
            && !layout.has_marks()
        {
            (layout, why) = (Layout::DBMATE, format!("{} has its marks", path.display()));
        }
        (self.layout, self.evidence) = (layout, why);
        Ok(())
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
