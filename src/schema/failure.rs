//! Why a schema is not compared, written or drawn: of each failure what happened, what to do next, and its exit code.

use std::io;
use std::path::{Path, PathBuf};

use crate::exit::{Failure, visible, visible_path};

/// A failure of a schema's sources and files.
#[derive(Debug)]
pub(crate) enum SchemaFailure {
    /// There is no snapshot.
    NoSnapshot { path: PathBuf },
    /// A file is not a snapshot.
    NotASnapshot { path: PathBuf, error: serde_json::Error },
    /// A snapshot has another format.
    SnapshotFormat { path: PathBuf, found: u32, known: u32 },
    /// A file cannot be read.
    Unreadable { path: PathBuf, error: io::Error },
    /// A file cannot be written.
    Unwritable { path: PathBuf, error: io::Error },
    /// The variable that `--expect` names is not set.
    VariableNotSet { expect: String, name: String },
    /// `--write` or `--applied` is used without a replay.
    NeedsReplay { flag: ReplayFlag },
    /// The account may not create a scratch database. `or_never` is whether a snapshot would do.
    ScratchDenied { reason: String, or_never: bool },
    /// A statement reaches other databases or the server.
    NotReplayable {
        place: String,
        access: &'static str,
        statement: String,
    },
    /// There is neither a replay, for this reason, nor a snapshot.
    NoExpectedSchema { reason: String, path: PathBuf },
    /// The task that starts the private server failed.
    ServerTask { error: String },
    /// A picture's file names no format.
    PictureFormat { path: PathBuf },
    /// A line of the ignore file cannot be used.
    IgnoreLine {
        file: PathBuf,
        line: usize,
        fault: IgnoreFault,
        text: String,
    },
}

/// A flag that needs a replay.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReplayFlag {
    /// `--write`
    Write,
    /// `--applied`
    Applied,
}

/// What a line of the ignore file lacks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IgnoreFault {
    /// The reason.
    NoReason,
    /// The kind or the pattern.
    NoPattern,
}

impl SchemaFailure {
    /// The failure to read a file.
    pub(crate) fn unreadable(path: &Path, error: io::Error) -> SchemaFailure {
        let path = path.to_owned();
        SchemaFailure::Unreadable { path, error }
    }
}

crate::exit::raised_as_failure!(SchemaFailure);

impl From<SchemaFailure> for Failure {
    fn from(failure: SchemaFailure) -> Failure {
        use SchemaFailure as F;
        match failure {
            F::NoSnapshot { path } => Failure::usage(
                format!("there is no snapshot {}", visible_path(&path)),
                "write it with --write (and --replay sandbox if the account cannot create databases)",
            ),
            F::NotASnapshot { path, error } => Failure::usage(
                format!("{} is not a schema snapshot: {error}", visible_path(&path)),
                "write it again with --write",
            ),
            F::SnapshotFormat { path, found, known } => Failure::usage(
                format!(
                    "{} has format {found}, this dbtool reads format {known}",
                    visible_path(&path)
                ),
                "use the dbtool version that wrote it, or write it again with --write",
            ),
            F::Unreadable { path, error } => Failure::usage(
                format!("cannot read {}: {error}", visible_path(&path)),
                "correct the path or its permissions",
            ),
            F::Unwritable { path, error } => Failure::usage(
                format!("cannot write {}: {error}", visible_path(&path)),
                "correct the path or its folder's permissions",
            ),
            F::VariableNotSet { expect, name } => Failure::usage(
                format!("--expect {}: {} is not set", visible(&expect), visible(&name)),
                "set it to the other database's mysql:// URL",
            ),
            F::NeedsReplay { flag } => Failure::usage(
                match flag {
                    ReplayFlag::Write => "--write needs a replay of the migrations",
                    ReplayFlag::Applied => {
                        "--applied needs a replay of the applied migrations, and the snapshot covers all migrations"
                    }
                },
                "drop --replay never, or use --replay sandbox",
            ),
            F::ScratchDenied { reason, or_never } => {
                let never = if or_never { " or --replay never" } else { "" };
                Failure::usage(
                    format!(
                        "the account may not create a scratch database ({})",
                        visible(&reason)
                    ),
                    format!("grant ALL ON `dbtool\\_scratch\\_%`.* to it, or use --replay sandbox{never}"),
                )
            }
            F::NotReplayable {
                place,
                access,
                statement,
            } => Failure::usage(
                format!(
                    "{} {access}, so the migrations cannot be replayed beside the live database: {}",
                    visible(&place),
                    visible(&statement)
                ),
                "use --replay sandbox, which replays them on a private server",
            ),
            F::NoExpectedSchema { reason, path } => Failure::usage(
                format!(
                    "no expected schema: {}, there is no {}, and no server program of the live server's family was \
                     found to replay the migrations on",
                    visible(&reason),
                    visible_path(&path)
                ),
                "use --replay sandbox, or write the snapshot with --write --replay sandbox and commit it, or let the \
                 account CREATE and DROP databases called dbtool\\_scratch\\_%",
            ),
            F::ServerTask { error } => Failure::statement(
                format!("the private server did not start: {}", visible(&error)),
                "",
            ),
            F::PictureFormat { path } => Failure::usage(
                format!(
                    "--diagram {}: the file's extension names no format",
                    visible_path(&path)
                ),
                "end it with .svg, .html, .mmd or .dot",
            ),
            F::IgnoreLine {
                file,
                line,
                fault,
                text,
            } => {
                let (problem, next) = match fault {
                    IgnoreFault::NoReason => (
                        "no reason",
                        "add the reason after a #: `table:audit_*  # kept by the audit tool`",
                    ),
                    IgnoreFault::NoPattern => (
                        "no kind and pattern",
                        "write `kind:pattern  # reason`, such as `column:users.legacy_id  # ...`",
                    ),
                };
                let (file, text) = (visible_path(&file), visible(&text));
                Failure::usage(format!("{file}:{line}: {problem}: {text}"), next)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::checks::{HOSTILE, check_each};

    #[test]
    fn each_names_a_next_step_and_escapes_names() {
        use SchemaFailure as F;
        let name = || HOSTILE.to_owned();
        let path = || PathBuf::from(HOSTILE);
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let error = serde_json::from_str::<u8>("").unwrap_err();
        let line = |fault| F::IgnoreLine {
            file: path(),
            line: 1,
            fault,
            text: name(),
        };
        let denial = |or_never| F::ScratchDenied {
            reason: name(),
            or_never,
        };
        let access = "names another database";
        let cases = vec![
            (F::NoSnapshot { path: path() }, 2),
            (F::NotASnapshot { path: path(), error }, 2),
            (
                F::SnapshotFormat {
                    path: path(),
                    found: 9,
                    known: 1,
                },
                2,
            ),
            (F::unreadable(&path(), denied()), 2),
            (
                F::Unwritable {
                    path: path(),
                    error: denied(),
                },
                2,
            ),
            (
                F::VariableNotSet {
                    expect: name(),
                    name: name(),
                },
                2,
            ),
            (
                F::NeedsReplay {
                    flag: ReplayFlag::Write,
                },
                2,
            ),
            (
                F::NeedsReplay {
                    flag: ReplayFlag::Applied,
                },
                2,
            ),
            (denial(true), 2),
            (denial(false), 2),
            (
                F::NotReplayable {
                    place: name(),
                    access,
                    statement: name(),
                },
                2,
            ),
            (
                F::NoExpectedSchema {
                    reason: name(),
                    path: path(),
                },
                2,
            ),
            (F::ServerTask { error: name() }, 4),
            (F::PictureFormat { path: path() }, 2),
            (line(IgnoreFault::NoReason), 2),
            (line(IgnoreFault::NoPattern), 2),
        ];
        check_each(
            include_str!("failure.rs"),
            "SchemaFailure",
            cases,
            &["ServerTask"],
        );
    }
}
