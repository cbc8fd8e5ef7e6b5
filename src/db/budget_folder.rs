//! Which slots are a server's: where they lie, and what they are called.
//!
//! All of a user's slots lie in one folder that no variable moves, and their names begin with a key.
//! One server is one key however it is addressed: the server itself says who it is, after the first
//! connection, and that answer is remembered for each address. Until then the address stands for
//! the server.

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::server::Server;
use super::slot_file::{Folder, Opened, is_own, own_name};
use crate::config::{Address, Config, is_loopback};

/// How long a name service may take before the name itself stands for the server.
const LOOK_UP: Duration = Duration::from_secs(5);

/// The folder for slots, seen to be usable. `None` when sharing is switched off.
pub(super) fn shared_folder(config: &Config) -> Result<Option<Folder>, String> {
    if !config.shared_budget.value {
        return Ok(None);
    }
    if let Some(configured) = &config.budget_dir {
        let folder = Folder::chosen(configured.value.clone());
        return usable(&folder).map(|()| Some(folder)).map_err(|error| {
            format!(
                "DB_BUDGET_DIR={} ({}): {error}",
                configured.value.display(),
                configured.origin
            )
        });
    }
    let mut reasons = Vec::new();
    for place in candidates() {
        let folder = Folder::private(place);
        match usable(&folder) {
            Ok(()) => return Ok(Some(folder)),
            Err(error) => reasons.push(format!("{}: {error}", folder.path().display())),
        }
    }
    Err(reasons.join("; "))
}

/// Where slots may lie, best first. The same for every process of a user, in a session, a job or a
/// service: XDG_RUNTIME_DIR and TMPDIR differ between those, and /run/user comes and goes with the
/// user's logins. The others are for hosts where somebody else took the first name.
fn candidates() -> [PathBuf; 3] {
    let uid = rustix::process::geteuid().as_raw();
    ["/tmp", "/dev/shm", "/var/tmp"].map(|base| PathBuf::from(format!("{base}/dbtool-{uid}")))
}

/// Shows now, and not at the first statement, that files can be made and locked there.
fn usable(folder: &Folder) -> std::io::Result<()> {
    let probe = folder.open()?.file(&own_name("probe"))?;
    match probe.try_lock_shared() {
        Ok(()) | Err(std::fs::TryLockError::WouldBlock) => Ok(()),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// What the configuration says about the server's place, as far as it can be known without asking it.
#[derive(Debug, Clone)]
pub(super) struct Whereabouts {
    account: String,
    /// The key while the server is unknown, and the name under which it is remembered.
    address: String,
    local_port: Option<u16>,
    socket: Option<String>,
    /// First contacts of one class are made one after the other.
    class: String,
}

/// A server as it is remembered for an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    key: String,
    port: u16,
    socket: String,
    local: bool,
}

impl Whereabouts {
    /// Asks the name service where the address is a name. Bounded; may be dropped.
    pub(super) async fn find(address: &Address, account: &str) -> Whereabouts {
        let (text, local_port, socket) = match address {
            Address::Socket(path) => {
                let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                let path = path.display().to_string();
                (path.clone(), None, Some(path))
            }
            Address::Tcp { host, port } => {
                let addresses = addresses(host, *port).await;
                if is_loopback(host) || addresses.iter().any(|address| is_of_this_host(*address)) {
                    (format!("localhost:{port}"), Some(*port), None)
                } else {
                    // A name with several addresses is one place, whatever their order today.
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
        Whereabouts {
            account: account.to_owned(),
            address,
            local_port,
            socket,
            class,
        }
    }

    /// The key as long as the server is unknown.
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
    pub(super) fn recall(&self, folder: &Opened) -> Option<String> {
        recall(folder, &self.known_name()).map(|known| known.key)
    }

    /// Keys of servers that may be the one at this address, which was never asked: one that is known
    /// to listen on this host's port, or on this socket.
    pub(super) fn maybe_same(&self, folder: &Opened) -> Vec<String> {
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
        // One order for all, so that two that look at the same moment agree.
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The key of a server by what it says about itself.
    pub(super) fn key_of(&self, server: &Server) -> Option<String> {
        let identity = server.identity.as_ref()?;
        Some(key(&["server", identity, &self.account]))
    }

    /// Remembers which server answers at this address.
    pub(super) fn remember(&self, folder: &Opened, server: &Server, key: &str) {
        let known = Known {
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
            // Not remembered, the next process asks as this one did.
            let _ = folder.put(&self.known_name(), &text);
        }
    }
}

fn recall(folder: &Opened, name: &str) -> Option<Known> {
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

/// Whether packets to `address` stay on this host: only such an address can be bound.
fn is_of_this_host(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok()
}

/// A name that any file system takes.
fn key(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\0"));
    crate::hex::encode(&digest[..8])
}
