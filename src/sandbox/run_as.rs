//! Chooses the user that a private server runs as.
//!
//! Servers do not run as root without an explicit flag. A root shell in a container is common, so the
//! server then drops to `nobody`: an account that every unix has and that owns no files. The account
//! `mysql` of an installed server owns files, which the sandbox's SQL could then reach. If `nobody`
//! cannot reach the server's files (a checkout below a private home folder) or is not available (a
//! user namespace without it), the server runs as root, as its flag permits. It listens on loopback
//! only in all cases.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// The user a private server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAs {
    /// This process's own user, not root.
    CurrentUser,
    /// Root, because `nobody` is not usable.
    Root,
    /// The unprivileged account that root drops to.
    Other {
        /// User id of `nobody`.
        uid: u32,
        /// Group id of `nobody`.
        gid: u32,
    },
}

impl RunAs {
    /// Chooses the user for a server that must reach `paths`. Whether the owner of files can be changed
    /// to that user is known only after the first [`RunAs::give`].
    pub fn choose(paths: &[&Path]) -> RunAs {
        if !rustix::process::geteuid().is_root() {
            return RunAs::CurrentUser;
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        match nobody(&passwd) {
            Some((uid, gid)) if paths.iter().all(|path| reachable(path)) => RunAs::Other { uid, gid },
            _ => RunAs::Root,
        }
    }

    /// Changes the owner of a path to the server's user, if that is another user.
    ///
    /// # Errors
    /// The owner cannot be changed.
    pub fn give(self, path: &Path) -> io::Result<()> {
        match self {
            RunAs::CurrentUser | RunAs::Root => Ok(()),
            RunAs::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }

    /// The server's arguments for this user.
    pub fn arguments(self) -> Vec<String> {
        match self {
            RunAs::CurrentUser => Vec::new(),
            RunAs::Root => vec!["--user=root".to_owned()],
            RunAs::Other { .. } => vec!["--user=nobody".to_owned()],
        }
    }
}

/// User and group id of `nobody`.
fn nobody(passwd: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.starts_with("nobody:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Whether every folder of the path can be traversed by everybody.
fn reachable(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    path.ancestors()
        .all(|folder| fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}

#[cfg(test)]
mod tests {
    use super::{nobody, reachable};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn reads_the_account_database() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n";
        assert_eq!(nobody(passwd), Some((65534, 65533)));
        assert_eq!(nobody("root:x:0:0::/:"), None);
        assert_eq!(nobody("nobody:*:-2:-2:macOS:/:"), None);
    }

    #[test]
    fn a_closed_folder_on_the_way_is_seen() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).expect("a folder");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).expect("a mode");
        assert!(!reachable(&inner));
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("a mode");
        assert_eq!(reachable(&inner), reachable(&std::env::temp_dir()));
        assert!(!reachable(&dir.path().join("absent")));
    }
}
