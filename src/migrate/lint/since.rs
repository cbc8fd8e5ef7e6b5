//! The files of a folder that changed since a git revision.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::migrate::failure::MigrateFailure;
use crate::migrate::files::{Version, label_of};

/// What git says about a folder since a revision.
#[derive(Debug, Default)]
pub struct ChangedFiles {
    /// The revision as the user writes it.
    pub revision: String,
    /// Files that the revision lacks.
    pub added: BTreeSet<PathBuf>,
    /// Files whose text changed.
    pub changed: BTreeSet<PathBuf>,
    /// The highest version among the files of the revision.
    pub newest: Option<(Version, String)>,
}

impl ChangedFiles {
    /// Asks git about folders. A branch that others have left behind counts from where it left them.
    ///
    /// # Errors
    /// There is no git, a folder is in no work tree, or there is no such revision.
    pub fn since(dirs: &[PathBuf], revision: &str) -> Result<ChangedFiles, MigrateFailure> {
        let mut files = ChangedFiles {
            revision: revision.to_owned(),
            ..ChangedFiles::default()
        };
        for dir in dirs {
            files.add(dir, revision)?;
        }
        Ok(files)
    }

    fn add(&mut self, dir: &Path, revision: &str) -> Result<(), MigrateFailure> {
        let commit = format!("{revision}^{{commit}}");
        let commit = git(
            dir,
            &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit],
        )
        .map_err(|failure| match failure {
            GitFailure::Status(message) if message.is_empty() => MigrateFailure::NoSuchRevision {
                revision: revision.to_owned(),
                dir: dir.to_owned(),
            },
            other => other.into_failure(dir),
        })?;
        let asked = |arguments: &[&str]| git(dir, arguments).map_err(|failure| failure.into_failure(dir));
        let commit = commit.trim();
        // A revision without a common ancestor is compared as it is.
        let base = git(dir, &["merge-base", commit, "HEAD"]).unwrap_or_else(|_| commit.to_owned());
        let diff = asked(&[
            "diff",
            "--name-status",
            "--relative",
            "--no-renames",
            "--no-ext-diff",
            "-z",
            base.trim(),
            "--",
            ".",
        ])?;
        let mut words = diff.split('\0');
        while let (Some(status), Some(name)) = (words.next(), words.next()) {
            match status {
                "A" => drop(self.added.insert(dir.join(name))),
                "D" => {}
                _ => drop(self.changed.insert(dir.join(name))),
            }
        }
        let untracked = asked(&["ls-files", "--others", "--exclude-standard", "-z", "--", "."])?;
        let untracked = untracked.split('\0').filter(|name| !name.is_empty());
        self.added.extend(untracked.map(|name| dir.join(name)));
        let there = asked(&["ls-tree", "--name-only", "-z", commit, "--", "./"])?;
        let newest = there
            .split('\0')
            .filter(|name| name.to_ascii_lowercase().ends_with(".sql"))
            .filter_map(|name| Some((Version::parse(label_of(name))?, name.to_owned())))
            .max();
        self.newest = self.newest.take().max(newest);
        Ok(())
    }

    /// Whether a file of the folder changed.
    pub fn has(&self, path: &Path) -> bool {
        self.added.contains(path) || self.changed.contains(path)
    }
}

/// Why git gave no answer.
enum GitFailure {
    /// It cannot be run.
    NotRun(std::io::Error),
    /// It failed with this message.
    Status(String),
}

impl GitFailure {
    fn into_failure(self, dir: &Path) -> MigrateFailure {
        let dir = dir.to_owned();
        match self {
            GitFailure::NotRun(error) => MigrateFailure::NoGit { error },
            GitFailure::Status(message) => MigrateFailure::GitFailed { dir, message },
        }
    }
}

/// Runs git in `dir`; its standard output.
fn git(dir: &Path, arguments: &[&str]) -> Result<String, GitFailure> {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "core.fsmonitor=false"])
        .args(arguments)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .output()
        .map_err(GitFailure::NotRun)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let first = message.lines().find(|line| !line.trim().is_empty());
    Err(GitFailure::Status(first.unwrap_or_default().trim().to_owned()))
}
