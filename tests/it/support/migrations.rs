//! Folders of migrations, and `dbtool migrate` on them.

use std::fs;
use std::path::{Path, PathBuf};

use dbtool::sandbox::Account;

use super::{Cmd, Output, Server};

/// A folder of migrations of the test's own.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// With these files.
    pub fn new(files: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    /// Writes a file anew.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// `dbtool migrate` with these arguments on this folder.
    pub fn migrate(&self, server: &Server, args: &[&str]) -> Cmd {
        self.migrate_by(server.dbtool(), args)
    }

    /// As [`Folder::migrate`], by this account.
    pub fn migrate_as(&self, server: &Server, account: &Account, args: &[&str]) -> Cmd {
        self.migrate_by(server.dbtool_as(account), args)
    }

    fn migrate_by(&self, dbtool: Cmd, args: &[&str]) -> Cmd {
        dbtool.arg("migrate").args(args).arg("--dir").arg(self.path())
    }
}

/// The migrations of this repository.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

/// Asserts the exit code, and that each of the words was said.
#[track_caller]
pub fn assert_ends(output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, Some(code), "{output}");
    for word in words {
        assert!(
            output.stderr.contains(word) || output.stdout.contains(word),
            "no {word:?} in {output}"
        );
    }
}
