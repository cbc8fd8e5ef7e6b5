//! The files of the budget, opened so that no other user can substitute them.
//!
//! In a folder that several users may write to, any of them could have created a name first. So the folder itself is verified and every file is opened relative to it, without following
//! links, and checked before it is used: a regular file with one name, of this user or, in a folder
//! that is shared on purpose, of any. Another user's file is only ever opened for reading, which is
//! enough to lock it (flock(2)); this user's record is written to a file of their own beside it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};

/// A file of the budget is small; more is not read (bytes).
const LIMIT: u64 = 4096;
/// The length to which a text is filled up with spaces, in bytes.
const WRITTEN: usize = 256;
/// How often an open is repeated while other processes create and remove the file.
const TRIES: u32 = 20;

/// A folder for slots, by path: it is opened and verified for each use, so that one that was
/// deleted meanwhile is created again.
#[derive(Debug, Clone)]
pub(super) struct BudgetFolder {
    path: PathBuf,
    private: bool,
}

/// An opened and verified folder.
pub(super) struct OpenFolder {
    fd: OwnedFd,
    /// Other users may create files here.
    shared: bool,
}

/// The contents of a file, and its owner.
pub(super) struct OwnedText {
    pub(super) text: String,
    pub(super) uid: u32,
}

impl BudgetFolder {
    /// A folder of this user alone.
    pub(super) fn private(path: PathBuf) -> BudgetFolder {
        BudgetFolder { path, private: true }
    }

    /// A configured folder; its permissions decide who shares it.
    pub(super) fn configured(path: PathBuf) -> BudgetFolder {
        BudgetFolder { path, private: false }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it, creating it if needed, and verifies that no other user can replace its files.
    pub(super) fn open(&self) -> Result<OpenFolder> {
        use rustix::fs::{CWD, fchmod, fstat, mkdirat, openat};
        match mkdirat(CWD, &self.path, Mode::RWXU) {
            Err(error) if error != rustix::io::Errno::EXIST => return Err(error.into()),
            _ => {}
        }
        let mut flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        if self.private {
            flags |= OFlags::NOFOLLOW;
        }
        let fd = match openat(CWD, &self.path, flags, Mode::empty()) {
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                return Err(Error::other("it is not a folder"));
            }
            other => other?,
        };
        let about = fstat(&fd)?;
        let open_to_others = about.st_mode & 0o022 != 0;
        let sticky = about.st_mode & 0o1000 != 0;
        if about.st_uid != euid() && (self.private || about.st_uid != 0) {
            return Err(Error::other(format!(
                "it belongs to another user (uid {})",
                about.st_uid
            )));
        }
        if self.private && open_to_others {
            fchmod(&fd, Mode::RWXU)?;
        } else if open_to_others && !sticky {
            return Err(Error::other(
                "others may replace the files in it: set its sticky bit (chmod +t)",
            ));
        }
        Ok(OpenFolder {
            fd,
            shared: open_to_others && !self.private,
        })
    }
}

impl OpenFolder {
    /// Opens a file for locking and reading, creating it if needed.
    pub(super) fn file(&self, name: &str) -> Result<File> {
        let mode = Mode::from_raw_mode(if self.shared { 0o644 } else { 0o600 });
        for _ in 0..TRIES {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
                Ok(fd) => {
                    if self.accept(&rustix::fs::fstat(&fd)?)? {
                        return Ok(File::from(fd));
                    }
                }
                Err(rustix::io::Errno::NOENT) => {
                    let flags =
                        OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    match rustix::fs::openat(&self.fd, name, flags, mode) {
                        Ok(fd) => {
                            // The umask of this process must not hide it from other users.
                            rustix::fs::fchmod(&fd, mode)?;
                            return Ok(File::from(fd));
                        }
                        Err(rustix::io::Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(rustix::io::Errno::LOOP) => return Err(Error::other("it is a symbolic link")),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::other("other processes keep creating and removing it"))
    }

    /// Whether an opened file may be used; false for one that has just been deleted.
    fn accept(&self, about: &Stat) -> Result<bool> {
        if rustix::fs::FileType::from_raw_mode(about.st_mode) != rustix::fs::FileType::RegularFile {
            let what = match rustix::fs::FileType::from_raw_mode(about.st_mode) {
                rustix::fs::FileType::Directory => "it is a folder",
                _ => "it is not a regular file",
            };
            return Err(Error::other(what));
        }
        if about.st_uid != euid() && !self.shared {
            return Err(Error::other(format!(
                "it belongs to another user (uid {})",
                about.st_uid
            )));
        }
        match about.st_nlink {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::other("it has more than one name")),
        }
    }

    /// Whether `name` still refers to `file`.
    pub(super) fn is_current(&self, name: &str, file: &File) -> bool {
        let (Ok(here), Ok(there)) = (
            rustix::fs::fstat(file),
            rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW),
        ) else {
            return false;
        };
        (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    }

    /// The contents written under `name`, by this user and, in a shared folder, by others.
    pub(super) fn read(&self, name: &str) -> Vec<OwnedText> {
        let mut names = vec![name.to_owned()];
        if self.shared {
            names.extend(self.beside(name));
        } else {
            names.push(own_name(name));
        }
        names.iter().filter_map(|name| self.read_one(name)).collect()
    }

    fn beside(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name}.u");
        self.names(|other| other.starts_with(&prefix))
    }

    /// The names of files here.
    pub(super) fn names(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let Ok(entries) = rustix::fs::Dir::read_from(&self.fd) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| Some(entry.file_name().to_str().ok()?.to_owned()))
            .filter(|name| wanted(name))
            .collect()
    }

    fn read_one(&self, name: &str) -> Option<OwnedText> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty()).ok()?;
        let about = rustix::fs::fstat(&fd).ok()?;
        if !self.accept(&about).ok()? {
            return None;
        }
        let mut text = String::new();
        File::from(fd).take(LIMIT).read_to_string(&mut text).ok()?;
        (!text.is_empty()).then_some(OwnedText {
            text,
            uid: about.st_uid,
        })
    }

    /// Writes `text` under `name`: to the file itself if this user owns it, else to a file of this
    /// user beside it.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let beside = own_name(name);
        let name = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(about) if about.st_uid != euid() => {
                self.file(&beside)?;
                beside.as_str()
            }
            Ok(_) => name,
            Err(error) => return Err(error.into()),
        };
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        let about = rustix::fs::fstat(&fd)?;
        if !self.accept(&about)? || about.st_uid != euid() {
            return Err(Error::from(ErrorKind::PermissionDenied));
        }
        let mut file = File::from(fd);
        // One write, of one length: a process that is killed leaves the old text or the new one. Truncating the file
        // first would also have ext4 write it to the disk as it is closed (auto_da_alloc).
        let padded = format!("{text:WRITTEN$}");
        file.write_all(padded.as_bytes())?;
        let length = padded.len() as u64;
        if u64::try_from(about.st_size).is_ok_and(|old| old > length) {
            file.set_len(length)?;
        }
        Ok(())
    }

    /// As [`OpenFolder::write`], creating the file if needed.
    pub(super) fn create_or_write(&self, name: &str, text: &str) -> Result<()> {
        self.file(name)?;
        self.write(name, text)
    }
}

/// The name of this user's own file beside a shared one.
pub(super) fn own_name(name: &str) -> String {
    format!("{name}.u{}", euid())
}

fn euid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether this user owns it.
pub(super) fn is_own(owned: &OwnedText) -> bool {
    owned.uid == euid()
}

/// Whether a process of this program still holds the deleted file that was `path`.
pub(super) fn is_held_deleted(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let (Some(folder), Some(name)) = (folder, path.file_name()) else {
        return false;
    };
    let mut name = OsStr::to_os_string(name);
    name.push(" (deleted)");
    crate::host_processes::is_open_here(&folder.join(name))
}
