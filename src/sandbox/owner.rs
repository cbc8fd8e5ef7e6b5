//! Which user a private server runs as.
//!
//! Servers refuse to run as root unless told to. A root shell in a container is common, so the
//! server then drops to `nobody`: an account every unix has, with no files of its own, which the
//! account `mysql` of an installed server has not: its files would be within reach of the
//! sandbox's SQL. Where `nobody` cannot reach the server's files (a checkout below a closed home
//! folder) or cannot be become (a user namespace without it), the server runs as root, as its
//! flag allows; it listens on loopback only either way.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// The user a private server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This process's own user, who is not root.
    Myself,
    /// Root, because there is no other choice.
    Root,
    /// The unprivileged account that root drops to.
    Other {
        /// Its user id.
        uid: u32,
        /// Its group id.
        gid: u32,
    },
}

impl Owner {
    /// Chooses for a server that must reach `paths`. Whether files can really be given to the
    /// chosen user shows at the first [`Owner::give`].
    pub fn choose(paths: &[&Path]) -> Owner {
        if !rustix::process::geteuid().is_root() {
            return Owner::Myself;
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        match nobody(&passwd) {
            Some((uid, gid)) if paths.iter().all(|path| reachable(path)) => Owner::Other { uid, gid },
            _ => Owner::Root,
        }
    }

    /// Gives a path to the server's user; nothing to do when that is this process's own.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Owner::Myself | Owner::Root => Ok(()),
            Owner::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }

    /// What to tell the server.
    pub fn arguments(self) -> Vec<String> {
        match self {
            Owner::Myself => Vec::new(),
            Owner::Root => vec!["--user=root".to_owned()],
            Owner::Other { .. } => vec!["--user=nobody".to_owned()],
        }
    }
}

/// User and group id of `nobody`.
fn nobody(passwd: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.starts_with("nobody:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Whether everybody may pass through every folder on the way.
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
