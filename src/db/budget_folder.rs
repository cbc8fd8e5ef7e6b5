//! The slots of a server: their folder and their names.
//!
//! All of a user's slots are in one folder that no environment variable moves, and their names begin with
//! a key. One server has one key however it is addressed: after the first connection the server reports
//! its identity, which is stored for each address. Until then the key is made from the address.

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::server::Server;
use super::slot_file::{BudgetFolder, OpenFolder, is_own, own_name};
use crate::config::{Address, Config, is_loopback};

/// How long a name service may take before the key is made from the name itself.
const LOOK_UP: Duration = Duration::from_secs(5);

/// The folder for slots, checked to be usable. `None` when sharing is switched off.
pub(super) fn shared_folder(config: &Config) -> Result<Option<BudgetFolder>, String> {
    if !config.shared_budget.value {
        return Ok(None);
    }
    if let Some(configured) = &config.budget_dir {
        let folder = BudgetFolder::configured(configured.value.clone());
        return usable(&folder).map(|()| Some(folder)).map_err(|error| {
            format!(
                "DB_BUDGET_DIR={} ({}): {error}",
                configured.value.display(),
                configured.origin
            )
        });
    }
    let mut reasons = Vec::new();
    for path in candidates() {
        let folder = BudgetFolder::private(path);
        match usable(&folder) {
            Ok(()) => return Ok(Some(folder)),
            Err(error) => reasons.push(format!("{}: {error}", folder.path().display())),
        }
    }
    Err(reasons.join("; "))
}

/// Possible folders for slots, best first. The same for every process of a user, in a session, a job or
/// a service: XDG_RUNTIME_DIR and TMPDIR differ between those, and /run/user is created and removed with
/// the user's logins. The others are for hosts where another user owns the first name.
fn candidates() -> [PathBuf; 3] {
    let uid = rustix::process::geteuid().as_raw();
    ["/tmp", "/dev/shm", "/var/tmp"].map(|base| PathBuf::from(format!("{base}/dbtool-{uid}")))
}

/// Checks that files can be created and locked there.
fn usable(folder: &BudgetFolder) -> std::io::Result<()> {
    let probe = folder.open()?.file(&own_name("probe"))?;
    match probe.try_lock_shared() {
        Ok(()) | Err(std::fs::TryLockError::WouldBlock) => Ok(()),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Keys made from the configured address, for a server that was not asked for its identity yet.
#[derive(Debug, Clone)]
pub(super) struct AddressKeys {
    account: String,
    /// The key while the server is unknown, and the name under which its identity is stored.
    address: String,
    local_port: Option<u16>,
    socket: Option<String>,
    /// First contacts with one class are made one at a time.
    class: String,
}

/// The identity of a server as it is stored for an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownServer {
    key: String,
    port: u16,
    socket: String,
    local: bool,
}

impl AddressKeys {
    /// Resolves a host name if the address has one. Bounded; may be dropped.
    pub(super) async fn find(address: &Address, account: &str) -> AddressKeys {
        let (text, local_port, socket) = match address {
            Address::Socket(path) => {
                let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                let path = path.display().to_string();
                (path.clone(), None, Some(path))
            }
            Address::Tcp { host, port } => {
                let addresses = addresses(host, *port).await;
                if is_loopback(host) || addresses.iter().any(|address| is_local_address(*address)) {
                    (format!("localhost:{port}"), Some(*port), None)
                } else {
                    // A name with several addresses has one key, whatever their order.
                    let first = addresses.iter().min().map(ToString::to_string);
                    let host = first.unwrap_or_else(|| host.to_ascii_lowercase());
                    (format!("{host}:{port}"), None, None)
                }
            }
        };
        let address = key(&["address", &text, account]);
        let class = if local_port.is_some() || socket.is_some() {
            key(&["class", "this host", account])
        } else {
            address.clone()
        };
        AddressKeys {
            account: account.to_owned(),
            address,
            local_port,
            socket,
            class,
        }
    }

    /// The key while the server is unknown.
    pub(super) fn address_key(&self) -> &str {
        &self.address
    }

    /// The file whose lock allows a first contact.
    pub(super) fn contact_name(&self) -> String {
        format!("{}.contact", self.class)
    }

    fn known_name(&self) -> String {
        own_name(&format!("{}.server", self.address))
    }

    /// The key of the server that answered at this address last.
    pub(super) fn recall(&self, folder: &OpenFolder) -> Option<String> {
        recall(folder, &self.known_name()).map(|known| known.key)
    }

    /// Keys of known servers that may be the one at this address, which was never asked: those that
    /// listen on this host's port, or on this socket.
    pub(super) fn possible_keys(&self, folder: &OpenFolder) -> Vec<String> {
        let suffix = own_name(".server");
        let mut keys: Vec<String> = folder
            .names(|name| name.ends_with(&suffix))
            .iter()
            .filter_map(|name| recall(folder, name))
            .filter(|known| known.local)
            .filter(|known| {
                self.local_port == Some(known.port) || self.socket.as_ref() == Some(&known.socket)
            })
            .map(|known| known.key)
            .collect();
        // One order for all processes, so that two at the same time lock in the same order.
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The key of a server that reported its identity.
    pub(super) fn key_of(&self, server: &Server) -> Option<String> {
        let identity = server.identity.as_ref()?;
        Some(key(&["server", identity, &self.account]))
    }

    /// Stores which server answers at this address.
    pub(super) fn remember(&self, folder: &OpenFolder, server: &Server, key: &str) {
        let known = KnownServer {
            key: key.to_owned(),
            port: server.port,
            socket: std::fs::canonicalize(&server.socket)
                .map_or_else(|_| server.socket.clone(), |path| path.display().to_string()),
            local: self.local_port.is_some() || self.socket.is_some(),
        };
        if recall(folder, &self.known_name()).as_ref() == Some(&known) {
            return;
        }
        if let Ok(text) = serde_json::to_string(&known) {
            // If it is not stored, the next process asks again.
            let _ = folder.create_or_write(&self.known_name(), &text);
        }
    }
}

fn recall(folder: &OpenFolder, name: &str) -> Option<KnownServer> {
    let texts = folder.read(name);
    let own = texts.iter().find(|owned| is_own(owned))?;
    serde_json::from_str(&own.text).ok()
}

async fn addresses(host: &str, port: u16) -> Vec<IpAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return vec![address.to_canonical()];
    }
    if is_loopback(host) {
        return Vec::new();
    }
    let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host, port))).await;
    match found {
        Ok(Ok(found)) => found.map(|address| address.ip().to_canonical()).collect(),
        _ => Vec::new(),
    }
}

/// Whether `address` is one of this host: only such an address can be bound.
fn is_local_address(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok()
}

/// A name that is valid on every file system.
fn key(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\0"));
    crate::hex::encode(&digest[..8])
}
