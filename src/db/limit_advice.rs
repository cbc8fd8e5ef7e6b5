//! Advice when the server or the account has no free connection: the programs on this host that hold
//! them, as far as it can be seen, and steps that free some.

use std::net::{ToSocketAddrs, UdpSocket};

use super::codes;
use super::connection::PoolState;
use super::error::DbError;
use super::server::Server;
use crate::config::{Address, Config};
use crate::host_processes::{self, Ends};

/// The number of programs and process ids that are listed; the rest is counted.
const MAX_NAMED: usize = 5;

/// The limit that was reached.
enum ConnectionLimit {
    /// `max_connections` (1040).
    Server,
    /// `max_user_connections`, for all accounts alike (1203).
    EachAccount,
    /// The account's own `MAX_USER_CONNECTIONS` (1226).
    Account,
}

impl ConnectionLimit {
    fn from_error(error: &DbError) -> Option<ConnectionLimit> {
        match error.code()? {
            codes::ER_CON_COUNT_ERROR => Some(ConnectionLimit::Server),
            codes::ER_TOO_MANY_USER_CONNECTIONS => Some(ConnectionLimit::EachAccount),
            codes::ER_USER_LIMIT_REACHED if error.what().contains("max_user_connections") => {
                Some(ConnectionLimit::Account)
            }
            _ => None,
        }
    }

    /// Steps for somebody with an administrator's account.
    fn steps(&self, user: &str) -> String {
        match self {
            ConnectionLimit::Server => {
                "the server keeps one connection for administrators (CONNECTION_ADMIN or SUPER): with such an \
                 account in DB_USER, `dbtool check-connections` shows all connections and which one to KILL; \
                 DB_ADMIN_PORT leads through the server's admin_port or extra_port, where it has one"
                    .to_owned()
            }
            ConnectionLimit::EachAccount => format!(
                "or an administrator raises the limit, with SET GLOBAL max_user_connections = N for all accounts or \
                 with ALTER USER {user}@HOST WITH MAX_USER_CONNECTIONS N for this one"
            ),
            ConnectionLimit::Account => format!(
                "or an administrator raises the limit: ALTER USER {user}@HOST WITH MAX_USER_CONNECTIONS N"
            ),
        }
    }
}

/// How much is said about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitDetail {
    /// Everything that can be seen from here.
    WithProcesses,
    /// Without the processes of this host, which are shown already.
    WithoutProcesses,
}

/// Programs with one command line.
struct Clients {
    command: String,
    pids: Vec<u32>,
    connections: usize,
}

impl DbError {
    /// Whether the server refused a connection because it, or the account, has none to spare. An account's
    /// limits for each hour are another matter: nobody's end makes room.
    pub fn is_lack_of_room(&self) -> bool {
        ConnectionLimit::from_error(self).is_some()
    }

    /// Whether it is the account that has no connection to spare.
    pub fn is_lack_of_the_accounts_room(&self) -> bool {
        matches!(
            ConnectionLimit::from_error(self),
            Some(ConnectionLimit::EachAccount | ConnectionLimit::Account)
        )
    }
}

impl PoolState {
    /// Adds what is visible on this host to an error that did not go away.
    pub(super) fn with_limit_advice(&self, error: DbError, detail: LimitDetail) -> DbError {
        let Some(limit) = ConnectionLimit::from_error(&error) else {
            return error;
        };
        let others = self
            .budget
            .holders()
            .iter()
            .filter(|holder| holder.pid != std::process::id())
            .count();
        let mut what = format!(
            "{}; dbtool itself holds {others} of its {} on this host{}",
            error.what(),
            self.limit,
            self.held_by()
        );
        let mut next = Vec::new();
        let (clients, hidden) = clients_on_this_host(&self.config);
        if detail == LimitDetail::WithProcesses && (!clients.is_empty() || hidden > 0) {
            what.push_str(&format!(
                "; connections from this host to {}: {}",
                self.config.address.value,
                describe_clients(&clients, hidden)
            ));
        }
        match clients.iter().flat_map(|client| &client.pids).next() {
            Some(pid) => next.push(format!(
                "end the programs above that are no longer needed (such as `kill {pid}`) and run the command again"
            )),
            None => next.push("close programs that are no longer needed and run the command again".to_owned()),
        }
        next.push(limit.steps(&self.target.user));
        if others > 0 {
            next.push(
                "with DB_CONNECTION_LIMIT at what is free for dbtool, its processes wait for each other instead"
                    .to_owned(),
            );
        }
        error.with_what(what).with_next(next.join("\n"))
    }
}

/// Where the server is reached: as configured, and as `server` says itself where it is known. A name is
/// looked up, which a connection has done before.
pub fn ends_of(config: &Config, server: Option<&Server>) -> Ends {
    let mut ends = Ends::default();
    match &config.address.value {
        Address::Tcp { host, port } => {
            ends.ports.push(*port);
            if !config.is_local() {
                let found = (host.as_str(), *port).to_socket_addrs().into_iter().flatten();
                ends.addresses = found.map(|address| address.ip().to_canonical()).collect();
            }
        }
        Address::Socket(path) => ends.sockets.push(path.clone()),
    }
    ends.ports
        .extend(config.admin_port.as_ref().map(|port| port.value));
    // Only an address of this host can be bound to.
    if ends
        .addresses
        .iter()
        .any(|address| UdpSocket::bind((*address, 0)).is_ok())
    {
        ends.addresses.clear();
    }
    if let Some(server) = server {
        ends.ports.extend(Some(server.port).filter(|port| *port != 0));
        if ends.addresses.is_empty() && !server.socket.is_empty() {
            ends.sockets.push(server.socket.clone().into());
        }
    }
    ends.ports.sort_unstable();
    ends.ports.dedup();
    ends.sockets.dedup();
    ends
}

/// Who on this host is connected to the server, as far as the kernel shows it, and how many
/// connections belong to nobody that it shows.
fn clients_on_this_host(config: &Config) -> (Vec<Clients>, usize) {
    let found = host_processes::clients_of(&ends_of(config, None));
    let hidden = found.hidden.iter().map(|(_, count)| count).sum();
    let mut clients: Vec<Clients> = Vec::new();
    // Those that came the same way are the likeliest to be of the same account.
    let socket = matches!(config.address.value, Address::Socket(_));
    let mut processes = found.processes;
    processes.sort_by_key(|client| (client.unix > 0) != socket);
    for found in processes {
        let (count, process) = (found.count(), found.process);
        match clients
            .iter_mut()
            .find(|client| client.command == process.command)
        {
            Some(client) => {
                client.pids.push(process.pid);
                client.connections += count;
            }
            None => clients.push(Clients {
                command: process.command.clone(),
                pids: vec![process.pid],
                connections: count,
            }),
        }
    }
    clients.sort_by_key(|client| std::cmp::Reverse(client.connections));
    (clients, hidden)
}

fn describe_clients(clients: &[Clients], hidden: usize) -> String {
    let mut parts: Vec<String> = clients
        .iter()
        .take(MAX_NAMED)
        .map(|client| {
            let pids: Vec<String> = client.pids.iter().take(MAX_NAMED).map(u32::to_string).collect();
            let more = match client.pids.len() - pids.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let pids = pids.join(", ");
            format!("{} by pid {pids}{more} ({})", client.connections, client.command)
        })
        .collect();
    if clients.len() > MAX_NAMED {
        parts.push(format!(
            "further ones by {} more programs",
            clients.len() - MAX_NAMED
        ));
    }
    if hidden > 0 {
        parts.push(format!("{hidden} by processes of other users"));
    }
    parts.join(", ")
}
