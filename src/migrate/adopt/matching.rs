//! Which files the rows of another tool's table are about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use crate::migrate::files::{
    FileFailure, Folder, ForeignRow, ForeignState, Migration, RowMeaning, Version, changesets,
};
use crate::migrate::other_history::OtherHistory;

/// A migration that the other tool has applied.
#[derive(Debug)]
pub(super) struct Claim<'f> {
    pub(super) migration: &'f Migration,
    pub(super) checksum: Verdict,
    /// Whether only a later version says so.
    pub(super) assumed: bool,
}

/// What a checksum in the table says about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file is as it was applied.
    Verified,
    /// The table has none.
    None,
    /// Only the tool itself can tell.
    NotVerifiable,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verdict::Verified => "verified",
            Verdict::None => "none",
            Verdict::NotVerifiable => "not-verifiable",
        }
    }
}

/// What the table says about the files.
#[derive(Debug, Default)]
pub(super) struct Matched<'f> {
    /// What is applied.
    pub(super) claims: BTreeMap<Version, Claim<'f>>,
    /// What failed, or is done in part.
    pub(super) unfinished: Vec<String>,
    /// What is applied and has no file.
    pub(super) missing: Vec<String>,
    /// Files that are not as they were applied.
    pub(super) changed: Vec<String>,
}

/// Matches the rows with the files.
///
/// # Errors
/// A file cannot be read.
pub(super) fn match_rows<'f>(folder: &'f Folder, other: &OtherHistory) -> Result<Matched<'f>, FileFailure> {
    if other.history.rows == RowMeaning::Changeset {
        return match_changesets(folder, &other.rows);
    }
    let mut matched = Matched::default();
    // By what the row calls the migration: a later row counts more.
    let mut failed: BTreeSet<&str> = BTreeSet::new();
    let mut missing: BTreeMap<&str, Option<Version>> = BTreeMap::new();
    let mut applied: BTreeMap<Version, (&'f Migration, Option<&ForeignRow>)> = BTreeMap::new();
    let mut up_to: Option<Version> = None;
    for row in other.rows.iter().filter(|row| row.state != ForeignState::Other) {
        let called = row.version.as_deref().or(row.name.as_deref()).unwrap_or_default();
        let version = row.version.as_deref().and_then(Version::parse);
        let covers = row.state == ForeignState::UpTo
            || row.state == ForeignState::Done && other.history.rows == RowMeaning::UpTo;
        if let Some(version) = version.filter(|_| covers) {
            up_to = up_to.max(Some(version));
            for migration in numbered(folder).filter(|migration| migration.version <= version) {
                applied.entry(migration.version).or_insert((migration, None));
            }
            if other.history.rows != RowMeaning::UpTo {
                continue;
            }
        }
        failed.remove(called);
        missing.remove(called);
        let found = match version {
            Some(version) => folder
                .migrations
                .iter()
                .find(|migration| migration.version == version),
            None => by_file(folder, row.name.as_deref().unwrap_or_default()),
        };
        match (row.state, found) {
            (ForeignState::Failed, _) => drop(failed.insert(called)),
            (ForeignState::Undone, Some(migration)) => drop(applied.remove(&migration.version)),
            (ForeignState::Undone, None) => {}
            (_, Some(migration)) => drop(applied.insert(migration.version, (migration, Some(row)))),
            (_, None) => drop(missing.insert(called, version)),
        }
    }
    for (version, (migration, row)) in applied {
        let assumed = row.is_none() && other.history.rows != RowMeaning::UpTo;
        match verdict(migration, row, other)? {
            Some(checksum) => {
                let claim = Claim {
                    migration,
                    checksum,
                    assumed,
                };
                matched.claims.insert(version, claim);
            }
            // It is to run again, as with the tool itself.
            None if version.is_repeatable() => {}
            None => matched.changed.push(migration.name.clone()),
        }
    }
    matched.unfinished = failed.into_iter().map(str::to_owned).collect();
    let missing = missing.into_iter().filter(|(_, version)| {
        version.is_none() || *version > up_to || other.history.rows == RowMeaning::UpTo
    });
    matched.missing = missing.map(|(called, _)| called.to_owned()).collect();
    Ok(matched)
}

fn numbered(folder: &Folder) -> impl Iterator<Item = &Migration> {
    let numbered = |migration: &&Migration| !migration.version.is_repeatable();
    folder.migrations.iter().filter(numbered)
}

/// The last part of a path as another system may write it.
fn base(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The migration whose file has this name, perhaps without its ending.
fn by_file<'f>(folder: &'f Folder, name: &str) -> Option<&'f Migration> {
    let name = base(name);
    let is = |migration: &&Migration| {
        migration.name == name || migration.up.file_name().is_some_and(|file| file == name)
    };
    folder.migrations.iter().find(is)
}

/// What the checksum of a row says; `None` if the file is another than the one that was applied.
fn verdict(
    migration: &Migration,
    row: Option<&ForeignRow>,
    other: &OtherHistory,
) -> Result<Option<Verdict>, FileFailure> {
    let recorded = row.and_then(|row| Some((row, row.checksum.as_deref()?)));
    let (Some((row, recorded)), Some(checksum)) = (recorded, other.history.checksum) else {
        return Ok(Some(Verdict::None));
    };
    let unreadable = |error| FileFailure::unreadable(&migration.up, error);
    let mut file = File::open(&migration.up).map_err(unreadable)?;
    let possible = checksum(&mut file, row).map_err(unreadable)?;
    let same = possible.iter().any(|one| one == recorded);
    Ok(same.then_some(Verdict::Verified))
}

/// Matches files by their changesets, all of which have to be applied or none.
fn match_changesets<'f>(folder: &'f Folder, rows: &[ForeignRow]) -> Result<Matched<'f>, FileFailure> {
    let mut matched = Matched::default();
    let mut done: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let (id, file) = (
            row.version.as_deref().unwrap_or_default(),
            row.name.as_deref().unwrap_or_default(),
        );
        let ids = done.entry(base(file)).or_default();
        match row.state {
            ForeignState::Done | ForeignState::UpTo => drop(ids.insert(id)),
            ForeignState::Failed => matched.unfinished.push(format!("{id} of {file}")),
            ForeignState::Undone | ForeignState::Other => drop(ids.remove(id)),
        }
    }
    for migration in numbered(folder) {
        let name = migration.up.file_name().unwrap_or_default().to_string_lossy();
        let Some(ids) = done.remove(name.as_ref()) else {
            continue;
        };
        let unreadable = |error| FileFailure::unreadable(&migration.up, error);
        let all = changesets(&migration.up).map_err(unreadable)?;
        let there = all.iter().filter(|id| ids.contains(id.as_str())).count();
        if there == all.len() && there > 0 {
            let claim = Claim {
                migration,
                checksum: Verdict::NotVerifiable,
                assumed: false,
            };
            matched.claims.insert(migration.version, claim);
        } else if there > 0 {
            matched
                .unfinished
                .push(format!("{name} ({there} of its {} changesets)", all.len()));
        }
        let unknown = ids.into_iter().filter(|id| !all.iter().any(|one| one == id));
        matched
            .missing
            .extend(unknown.map(|id| format!("{id} of {name}")));
    }
    let gone = done.into_iter().filter(|(_, ids)| !ids.is_empty());
    matched.missing.extend(gone.map(|(file, _)| file.to_owned()));
    Ok(matched)
}
