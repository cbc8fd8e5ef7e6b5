//! The server's address.

use std::fmt;
use std::path::PathBuf;

use super::failure::ConfigFailure;
use super::parse::number;
use super::source::Lookup;
use super::url::UrlParts;
use super::{Origin, Setting};
use crate::exit::Failure;

/// The server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Host name or address, and port. `localhost` means TCP here, as for the driver;
    /// `DB_SOCKET` chooses the unix socket.
    Tcp {
        /// Host name or IP address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// Path of a unix socket.
    Socket(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Whether `host` names this machine through the loopback interface.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The address, and where its port came from.
pub(super) fn address(lookup: &Lookup<'_>, url: &UrlParts) -> Result<(Setting<Address>, Origin), Failure> {
    let host = lookup.merged("DB_HOST", url.host.clone())?;
    if let Some(host) = &host {
        let origin = || host.origin.clone();
        if host
            .value
            .contains(|c: char| "/@,()'\"= ".contains(c) || c.is_control())
        {
            return Err(ConfigFailure::NotAHost { origin: origin() }.into());
        }
        // An IPv6 address has more than one colon.
        let port = host.value.split_once(':').map(|(_, port)| port);
        if port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(ConfigFailure::HostWithPort { origin: origin() }.into());
        }
    }
    let port = lookup
        .merged("DB_PORT", url.port.clone())?
        .map(|setting| number::<u16>(setting, 1, u16::MAX))
        .transpose()?;
    let port = match port {
        Some(port) => port,
        None => number(lookup.default("DB_PORT"), 1, u16::MAX)?,
    };
    let Some(socket) = lookup.merged("DB_SOCKET", url.option("socket"))? else {
        let host = host.unwrap_or_else(|| lookup.default("DB_HOST"));
        let address = host.map(|host| Address::Tcp {
            host,
            port: port.value,
        });
        return Ok((address, port.origin));
    };
    if let Some(host) = host.filter(|host| !is_loopback(&host.value)) {
        return Err(ConfigFailure::TwoServers { socket, host }.into());
    }
    Ok((
        socket.map(|path| Address::Socket(PathBuf::from(path))),
        port.origin,
    ))
}
