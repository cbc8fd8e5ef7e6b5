//! Advice when the server or the account has no free connection: the programs on this host that hold
//! them, as far as it can be seen, and steps that free some.

use super::codes;
use super::connection::PoolState;
use super::error::DbError;
use crate::hostproc;

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

/// Programs with one command line.
struct Clients {
    command: String,
    pids: Vec<u32>,
    connections: usize,
}

impl PoolState {
    /// Adds what is visible on this host to an error that did not go away.
    pub(super) fn with_limit_advice(&self, error: DbError) -> DbError {
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
        let (clients, hidden) = self.port.map(clients_on_this_host).unwrap_or_default();
        if let Some(port) = self.port.filter(|_| !clients.is_empty() || hidden > 0) {
            what.push_str(&format!(
                "; connections from this host to port {port}: {}",
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

/// The programs on this host that are connected to `port`, and the number of connections whose
/// process the kernel does not show to this user.
fn clients_on_this_host(port: u16) -> (Vec<Clients>, usize) {
    let (processes, hidden) = hostproc::clients_of(None, port);
    let mut clients: Vec<Clients> = Vec::new();
    for (process, count) in processes {
        if process.pid == std::process::id() {
            continue;
        }
        match clients
            .iter_mut()
            .find(|client| client.command == process.command)
        {
            Some(client) => {
                client.pids.push(process.pid);
                client.connections += count;
            }
            None => clients.push(Clients {
                command: process.command,
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
