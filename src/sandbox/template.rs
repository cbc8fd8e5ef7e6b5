//! Data directories that are created once and copied, so that a server starts in a fraction of a second.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// A template, locked so that only one process creates it.
/// The lock is released when this is dropped.
#[derive(Debug)]
pub struct Template {
    path: PathBuf,
    _lock: File,
}

impl Template {
    /// Locks the template at `path`; waits while another process creates it.
    ///
    /// # Errors
    /// Its parent folder or lock file cannot be created.
    pub fn lock(path: &Path) -> io::Result<Template> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(path, "lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Template {
            path: path.to_path_buf(),
            _lock: lock,
        })
    }

    /// Copies the template to `target`; false if there is none yet.
    ///
    /// # Errors
    /// A file cannot be copied.
    pub fn copy_to(&self, target: &Path) -> io::Result<bool> {
        if !self.path.is_dir() {
            return Ok(false);
        }
        copy_folder(&self.path, target)?;
        Ok(true)
    }

    /// Stores a copy of `source` as the template, atomically.
    ///
    /// # Errors
    /// A file cannot be copied.
    pub fn keep(&self, source: &Path) -> io::Result<()> {
        let partial = beside(&self.path, "partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        copy_folder(source, &partial)?;
        // MySQL's identity: each server makes its own.
        let identity = partial.join("auto.cnf");
        if identity.exists() {
            fs::remove_file(identity)?;
        }
        fs::rename(&partial, &self.path)
    }
}

/// `path` with a suffix; a version's dots are no extension.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Copies files and folders; other kinds (a server's sockets) are left out.
fn copy_folder(source: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let to = target.join(entry.file_name());
        if kind.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Template;
    use std::fs;

    #[test]
    fn a_template_is_copied_whole_and_absent_ones_are_told() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let source = dir.path().join("source");
        fs::create_dir_all(source.join("mysql")).expect("folders");
        fs::write(source.join("mysql/t.ibd"), "rows").expect("a file");
        fs::write(source.join("auto.cnf"), "server-uuid=1").expect("a file");
        let path = dir.path().join("cache/mariadb-10.11");
        let copy = dir.path().join("copy");
        {
            let template = Template::lock(&path).expect("a lock");
            assert!(!template.copy_to(&copy).expect("no error"));
            template.keep(&source).expect("kept");
        }
        assert!(dir.path().join("cache/mariadb-10.11.lock").exists());
        let template = Template::lock(&path).expect("a lock");
        assert!(template.copy_to(&copy).expect("copied"));
        assert_eq!(
            fs::read_to_string(copy.join("mysql/t.ibd")).expect("the copy"),
            "rows"
        );
        assert!(!copy.join("auto.cnf").exists());
        assert!(!dir.path().join("cache/mariadb-10.11.partial").exists());
    }
}
