//! Where the slots of a server lie: a folder per server identity, in the best place there is.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::budget::{RESERVE, open_shared};
use crate::config::{Address, Config, is_loopback};

/// The folder for this server's slots: made when needed. `None` when sharing is switched off.
pub(super) fn shared_folder(config: &Config) -> Result<Option<PathBuf>, String> {
    if !config.shared_budget.value {
        return Ok(None);
    }
    let identity = identity(config);
    if let Some(configured) = &config.budget_dir {
        let folder = configured.value.join(&identity);
        return usable(&folder, false)
            .map(|()| Some(folder.clone()))
            .map_err(|error| {
                format!(
                    "DB_BUDGET_DIR={} ({}): {error}",
                    configured.value.display(),
                    configured.origin
                )
            });
    }
    let mut reasons = Vec::new();
    for base in candidates() {
        let folder = base.join(&identity);
        match private_base(&base).and_then(|()| usable(&folder, true)) {
            Ok(()) => return Ok(Some(folder)),
            Err(error) => reasons.push(format!("{}: {error}", base.display())),
        }
    }
    Err(reasons.join("; "))
}

/// Where slots may live, best first: a runtime directory is emptied at boot and is on no network.
fn candidates() -> Vec<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from);
    let mut places: Vec<PathBuf> = runtime
        .into_iter()
        .chain([PathBuf::from(format!("/run/user/{uid}"))])
        .map(|dir| dir.join("dbtool"))
        .collect();
    places.push(std::env::temp_dir().join(format!("dbtool-{uid}")));
    places
}

/// Makes the folder unless it is there, and refuses one that another user could have put there.
fn private_base(base: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    match std::fs::DirBuilder::new().mode(0o700).create(base) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let about = std::fs::symlink_metadata(base)?;
    if !about.is_dir() || about.uid() != rustix::process::geteuid().as_raw() {
        return Err(std::io::Error::other("it is not a folder of this user"));
    }
    Ok(())
}

fn usable(folder: &Path, private: bool) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let mode = if private {
        0o700
    } else {
        folder
            .parent()
            .and_then(|base| base.metadata().ok())
            .map_or(0o700, |base| base.permissions().mode() & 0o7777)
    };
    match std::fs::DirBuilder::new().mode(mode).create(folder) {
        Ok(()) if !private => std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))?,
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Shows now, and not at the first statement, that files can be made and locked here.
    let probe = open_shared(&folder.join(RESERVE))?;
    match probe.try_lock_shared() {
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A name for host, port or socket, and account. The three spellings of this machine are one.
fn identity(config: &Config) -> String {
    let server = match &config.address.value {
        Address::Tcp { host, port } if is_loopback(host) => format!("localhost:{port}"),
        Address::Tcp { host, port } => format!("{}:{port}", host.to_ascii_lowercase()),
        Address::Socket(path) => std::fs::canonicalize(path)
            .unwrap_or_else(|_| path.clone())
            .display()
            .to_string(),
    };
    let digest = Sha256::digest(format!("{server}\0{}", config.user_name()));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
