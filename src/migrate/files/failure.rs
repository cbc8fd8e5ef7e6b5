//! What can be wrong with the files of migrations: of each failure what happened, what to do next, and its exit
//! code.

use std::io;
use std::path::{Path, PathBuf};

use super::includes::{MAX_DEPTH, MAX_FILES};
use crate::exit::{Failure, visible, visible_path};
use crate::sql::SplitError;

/// A failure of the files or of their folder. A `place` is `path:line:column`, or `path:line`.
#[derive(Debug)]
#[allow(missing_docs, reason = "a variant's words name its fields")]
pub enum FileFailure {
    /// There is no folder of migrations.
    NoFolder { dir: PathBuf },
    /// What should be the folder is not one.
    NotAFolder { dir: PathBuf },
    /// The folder cannot be read.
    UnreadableFolder { dir: PathBuf, error: io::Error },
    /// The folder holds no migration.
    EmptyFolder { dir: PathBuf },
    /// Two files have one version.
    SameVersion {
        one: PathBuf,
        other: PathBuf,
        version: String,
    },
    /// Files that look like migrations are not read, each for its reason.
    Unread { files: Vec<(PathBuf, &'static str)> },
    /// The marks of a file are not of the folder's layout.
    LayoutContradicted {
        path: PathBuf,
        mark: &'static str,
        layout: &'static str,
        /// What speaks for that layout.
        why: String,
    },
    /// No migration is called as wanted.
    Unknown {
        wanted: String,
        dir: PathBuf,
        /// The versions there are, or the first and the last of many.
        versions: Vec<String>,
        /// Version and name of the nearest.
        nearest: Option<(String, String)>,
    },
    /// A file cannot be read.
    Unreadable { path: PathBuf, error: io::Error },
    /// It is not a file, but of this kind.
    NotAFile { path: PathBuf, kind: &'static str },
    /// A file was changed while dbtool was reading it.
    Changed { path: PathBuf },
    /// A byte is NUL.
    NulByte { place: String, offset: u64 },
    /// A byte is not part of UTF-8 text.
    NotUtf8 { place: String, offset: u64, byte: u8 },
    /// A quote, comment or body is never closed, or a DELIMITER names none.
    NotSplit { path: PathBuf, error: SplitError },
    /// A migration reads too many files.
    TooManyFiles { path: PathBuf },
    /// A file is read that is outside the folder.
    IncludeOutside {
        place: String,
        name: String,
        folder: PathBuf,
    },
    /// A file that is read with `source` cannot be read.
    IncludeUnreadable {
        place: String,
        name: String,
        error: io::Error,
    },
    /// Files read each other.
    IncludeCycle { place: String, name: String },
    /// Files that read files are nested too deep.
    IncludeTooDeep { place: String, name: String },
    /// A mark stands in a file that a migration reads.
    MarkInInclude { place: String },
    /// The marks of one file are those of two tools.
    MixedMarks {
        place: String,
        mark: &'static str,
        file: &'static str,
    },
    /// A mark asks for something that dbtool does not do.
    MarkRefused { place: String, why: String },
    /// A file for rolling back has a part that applies the migration.
    UpPartInDownFile { place: String },
    /// Statements stand before the first mark of a tool, where `up` belongs.
    StatementsBeforeMark {
        place: String,
        tool: &'static str,
        up: &'static str,
    },
    /// Statements follow a comment after which the down script of another tool may begin.
    SuspectedDownPart { place: String, comment: String },
    /// A statement follows a COMMIT while autocommit is off.
    OutsideTransaction { place: String },
    /// A statement changes autocommit.
    Autocommit { place: String },
    /// A statement is of an XA transaction.
    XaTransaction { place: String },
    /// A transaction is not committed in the file that starts it.
    OpenTransaction { place: String },
}

impl FileFailure {
    /// The failure to open or list the folder.
    pub(super) fn folder(dir: &Path, error: io::Error) -> FileFailure {
        let dir = dir.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => FileFailure::NoFolder { dir },
            io::ErrorKind::NotADirectory => FileFailure::NotAFolder { dir },
            _ => FileFailure::UnreadableFolder { dir, error },
        }
    }

    /// The failure to read a file.
    pub(in crate::migrate) fn unreadable(path: &Path, error: io::Error) -> FileFailure {
        let path = path.to_owned();
        FileFailure::Unreadable { path, error }
    }
}

crate::exit::raised_as_failure!(FileFailure);

impl From<FileFailure> for Failure {
    fn from(failure: FileFailure) -> Failure {
        match failure {
            FileFailure::NoFolder { dir } => Failure::usage(
                format!("there is no folder {}", visible_path(&dir)),
                "run dbtool where your migrations are, name their folder with --dir, or begin with `dbtool migrate \
                 new NAME`",
            ),
            FileFailure::NotAFolder { dir } => Failure::usage(
                format!("{} is not a folder", visible_path(&dir)),
                "name the folder of the migrations with --dir",
            ),
            FileFailure::UnreadableFolder { dir, error } => Failure::usage(
                format!("cannot read the folder {}: {error}", visible_path(&dir)),
                "make it readable for this user, or name another with --dir",
            ),
            FileFailure::EmptyFolder { dir } => Failure::usage(
                format!("{} holds no migration (NNN_name.sql)", visible_path(&dir)),
                "create one with `dbtool migrate new NAME`, or name another folder with --dir",
            ),
            FileFailure::SameVersion { one, other, version } => Failure::usage(
                format!(
                    "{} and {} have the same version {}",
                    visible_path(&one),
                    visible_path(&other),
                    visible(&version)
                ),
                "give one of them another number",
            ),
            FileFailure::Unread { files } => unread(&files),
            FileFailure::LayoutContradicted {
                path,
                mark,
                layout,
                why,
            } => Failure::usage(
                format!(
                    "nothing was run: {} has marks of {mark}, and the folder has the layout of {layout}: {}",
                    visible_path(&path),
                    visible(&why)
                ),
                "keep the files of each tool in a folder of its own; `--layout dbtool` reads each file by its own marks",
            ),
            FileFailure::Unknown {
                wanted,
                dir,
                versions,
                nearest,
            } => {
                let mut next = format!("it has {}", versions.join(", "));
                if let Some((version, name)) = nearest {
                    next.push_str(&format!("; did you mean {version} ({})?", visible(&name)));
                }
                let dir = visible_path(&dir);
                Failure::usage(
                    format!("there is no migration {} in {dir}", visible(&wanted)),
                    next,
                )
            }
            FileFailure::Unreadable { path, error } => Failure::usage(
                format!("cannot read {}: {error}", visible_path(&path)),
                "make the file readable for this user",
            ),
            FileFailure::NotAFile { path, kind } => Failure::usage(
                format!("{} is {kind}, not a file", visible_path(&path)),
                "put an ordinary file in its place: a migration is read more than once",
            ),
            FileFailure::Changed { path } => Failure::usage(
                format!("{} was changed while dbtool was running", visible_path(&path)),
                "run the command again",
            ),
            FileFailure::NulByte { place, offset } => at(
                &place,
                format!("byte {offset} is NUL, which no statement may contain"),
                "save the file as UTF-8, not UTF-16, and write bytes as hexadecimal (mysqldump --hex-blob)",
            ),
            FileFailure::NotUtf8 { place, offset, byte } => at(
                &place,
                format!("byte {offset} (0x{byte:02X}) is not valid UTF-8"),
                "save the file as UTF-8; bytes of a dump become text with mysqldump --hex-blob",
            ),
            FileFailure::NotSplit { path, error } => Failure::usage(
                format!("{}:{}", visible_path(&path), visible(&error.to_string())),
                "close it, and see `dbtool migrate plan`",
            ),
            FileFailure::TooManyFiles { path } => Failure::usage(
                format!(
                    "a migration reads {} and {MAX_FILES} files before it",
                    visible_path(&path)
                ),
                "put their statements into fewer files",
            ),
            FileFailure::IncludeOutside { place, name, folder } => at(
                &place,
                format!(
                    "{} is outside the folder of the migrations, {}",
                    visible(&name),
                    visible_path(&folder)
                ),
                "put the file into that folder, or its statements here: what is outside can change unseen",
            ),
            FileFailure::IncludeUnreadable { place, name, error } => at(
                &place,
                format!("cannot read {}: {error}", visible(&name)),
                "name an existing file; the name counts from the folder of the file that has the command, and \
                 all of the line after the command is the name",
            ),
            FileFailure::IncludeCycle { place, name } => at(
                &place,
                format!(
                    "{} is being read already, so this would never end",
                    visible(&name)
                ),
                "take the command out, or put the statements into a file that reads no other",
            ),
            FileFailure::IncludeTooDeep { place, name } => at(
                &place,
                format!(
                    "files that read one another are more than {MAX_DEPTH} deep at {}",
                    visible(&name)
                ),
                "put the statements into fewer files",
            ),
            FileFailure::MarkInInclude { place } => at(
                &place,
                "a file that a migration reads with source has a mark, which counts in the migration itself only",
                "take the mark out, and read the file from the part of the migration where it belongs",
            ),
            FileFailure::MixedMarks { place, mark, file } => at(
                &place,
                format!("this is a mark of {mark}, and the file has marks of {file}"),
                "write all marks of one file in one tool's way",
            ),
            FileFailure::MarkRefused { place, why } => at(
                &place,
                visible(&why),
                "take it out, or write the migration for dbtool (`-- migrate:up`, `-- migrate:down`)",
            ),
            FileFailure::UpPartInDownFile { place } => at(
                &place,
                "a file of its own for taking a migration back has a part that applies it",
                "put that part into the file that applies the migration",
            ),
            FileFailure::StatementsBeforeMark { place, tool, up } => at(
                &place,
                format!("there are statements before the first mark of {tool}"),
                format!("write {up} before them"),
            ),
            FileFailure::SuspectedDownPart { place, comment } => at(
                &place,
                format!(
                    "statements follow the comment {}, which looks as if what takes the migration back began \
                     there; dbtool does not know this format and would run them",
                    visible(&comment)
                ),
                "write `-- migrate:down` there (and `-- migrate:up` before the rest), or move what follows to a file \
                 of its own that ends in .down.sql; if the comment is about something else, word it as a sentence",
            ),
            FileFailure::OutsideTransaction { place } => at(
                &place,
                "this follows a COMMIT while autocommit is off, and is in a transaction of its own",
                "write START TRANSACTION before it, or SET autocommit = 1 after the COMMIT",
            ),
            FileFailure::Autocommit { place } => at(
                &place,
                "a migration must not change autocommit",
                "remove it, or write SET autocommit = 0 alone: each statement is committed together with its record; \
                 for several statements at once use START TRANSACTION … COMMIT",
            ),
            FileFailure::XaTransaction { place } => at(
                &place,
                "an XA transaction cannot hold the record of progress",
                "use START TRANSACTION … COMMIT",
            ),
            FileFailure::OpenTransaction { place } => at(
                &place,
                "this transaction is never committed",
                "end it with COMMIT in the same file",
            ),
        }
    }
}

/// A failure of bad usage at a place of a file.
fn at(place: &str, what: impl AsRef<str>, next: impl Into<String>) -> Failure {
    Failure::usage(format!("{}: {}", visible(place), what.as_ref()), next)
}

fn unread(files: &[(PathBuf, &'static str)]) -> Failure {
    let named: Vec<String> = files
        .iter()
        .map(|(path, why)| format!("{} ({why})", visible_path(path)))
        .collect();
    let what = if files.len() == 1 {
        "a file looks like one and is"
    } else {
        "files look like some and are"
    };
    Failure::usage(
        format!(
            "nothing was run: {what} not read as a migration: {}",
            named.join("; ")
        ),
        "name each NUMBER_name.sql (its way back NUMBER_name.down.sql), or move it out of the folder",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::checks::{HOSTILE, check_each};

    #[test]
    fn each_names_a_next_step_and_escapes_names() {
        let name = || HOSTILE.to_owned();
        let place = || format!("{HOSTILE}:1:2");
        let path = || PathBuf::from(HOSTILE);
        let dir = path;
        let error = || io::Error::from(io::ErrorKind::PermissionDenied);
        let split = SplitError {
            what: name(),
            line: 1,
            column: 2,
        };
        let cases = vec![
            FileFailure::NoFolder { dir: dir() },
            FileFailure::NotAFolder { dir: dir() },
            FileFailure::folder(&dir(), error()),
            FileFailure::EmptyFolder { dir: dir() },
            FileFailure::SameVersion {
                one: path(),
                other: path(),
                version: name(),
            },
            FileFailure::Unread {
                files: vec![(path(), "why")],
            },
            FileFailure::LayoutContradicted {
                path: path(),
                mark: "goose",
                layout: "Flyway",
                why: name(),
            },
            FileFailure::Unknown {
                wanted: name(),
                dir: dir(),
                versions: vec!["001".to_owned()],
                nearest: Some(("001".to_owned(), name())),
            },
            FileFailure::unreadable(&path(), error()),
            FileFailure::NotAFile {
                path: path(),
                kind: "a socket",
            },
            FileFailure::Changed { path: path() },
            FileFailure::NulByte {
                place: place(),
                offset: 1,
            },
            FileFailure::NotUtf8 {
                place: place(),
                offset: 1,
                byte: 2,
            },
            FileFailure::NotSplit {
                path: path(),
                error: split,
            },
            FileFailure::TooManyFiles { path: path() },
            FileFailure::IncludeOutside {
                place: place(),
                name: name(),
                folder: dir(),
            },
            FileFailure::IncludeUnreadable {
                place: place(),
                name: name(),
                error: error(),
            },
            FileFailure::IncludeCycle {
                place: place(),
                name: name(),
            },
            FileFailure::IncludeTooDeep {
                place: place(),
                name: name(),
            },
            FileFailure::MarkInInclude { place: place() },
            FileFailure::MixedMarks {
                place: place(),
                mark: "goose",
                file: "dbmate",
            },
            FileFailure::MarkRefused {
                place: place(),
                why: name(),
            },
            FileFailure::UpPartInDownFile { place: place() },
            FileFailure::StatementsBeforeMark {
                place: place(),
                tool: "goose",
                up: "-- +goose Up",
            },
            FileFailure::SuspectedDownPart {
                place: place(),
                comment: name(),
            },
            FileFailure::OutsideTransaction { place: place() },
            FileFailure::Autocommit { place: place() },
            FileFailure::XaTransaction { place: place() },
            FileFailure::OpenTransaction { place: place() },
        ];
        let cases = cases.into_iter().map(|failure| (failure, 2)).collect();
        check_each(include_str!("failure.rs"), "FileFailure", cases, &[]);
    }
}
