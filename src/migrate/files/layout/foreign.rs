//! How the tables look in which other tools keep what is applied.

use std::io::{self, Read};

/// The table of a tool.
#[derive(Debug)]
pub struct ForeignHistory {
    /// Its usual name.
    pub table: &'static str,
    /// Columns that it has, in lower case.
    pub columns: &'static [&'static str],
    /// Columns that it does not have: another tool's table of that name does.
    pub without: &'static [&'static str],
    /// A table that the database has beside it.
    pub beside: Option<&'static str>,
    /// A table that the database does not have beside it.
    pub not_beside: Option<&'static str>,
    /// Reads version, name, checksum and state of every row (each as text or NULL), a later row counting more than
    /// an earlier one. A state is one of [`ForeignState`]'s words.
    pub select: &'static str,
    /// What a row is about.
    pub rows: RowMeaning,
    /// The checksums that the tool may have recorded for a file; `None` where it records none, or one that only the
    /// tool itself can compute.
    pub checksum: Option<Checksum>,
    /// What to do about a migration that failed, or is half done.
    pub settle: &'static str,
}

/// Computes the checksums that a tool may have recorded for a file, any of which is right.
pub type Checksum = fn(&mut dyn Read, &ForeignRow) -> io::Result<Vec<String>>;

/// What a row of such a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowMeaning {
    /// The migration of that version.
    Version,
    /// All migrations up to that version.
    UpTo,
    /// The file of that name, perhaps without ending.
    File,
    /// One of several changesets of the file of that name; the version is `author:id`.
    Changeset,
}

/// A row of such a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignRow {
    /// The version, as the tool writes it.
    pub version: Option<String>,
    /// Its name for the migration or the file.
    pub name: Option<String>,
    /// Its checksum.
    pub checksum: Option<String>,
    /// What became of the migration.
    pub state: ForeignState,
}

/// What became of a migration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForeignState {
    /// `done`: it is applied.
    #[default]
    Done,
    /// `up-to`: it counts as applied, and all before it do.
    UpTo,
    /// `undone`: it was taken back, or not applied.
    Undone,
    /// `failed`: it failed, and part of it may be done.
    Failed,
    /// `other`: the row is about no migration.
    Other,
}

impl ForeignState {
    /// The state that a word of [`ForeignHistory::select`] says.
    pub fn from_word(word: &str) -> ForeignState {
        match word {
            "done" => ForeignState::Done,
            "up-to" => ForeignState::UpTo,
            "undone" => ForeignState::Undone,
            "other" => ForeignState::Other,
            // What is not known must not count as done.
            _ => ForeignState::Failed,
        }
    }
}

impl ForeignHistory {
    /// What most tables have in common.
    pub(super) const BY_VERSION: ForeignHistory = ForeignHistory {
        table: "",
        columns: &[],
        without: &[],
        beside: None,
        not_beside: None,
        select: "",
        rows: RowMeaning::Version,
        checksum: None,
        settle: "finish or undo that migration by hand, and record that with the tool or in its table",
    };
}
