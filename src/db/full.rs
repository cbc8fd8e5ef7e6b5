//! What is said when the server, or the account, has no connection to spare: who holds them as far
//! as this host knows, and steps that make room.

use super::codes;
use super::error::DbError;
use super::pool::Inner;
use crate::hostproc;

/// Programs and process ids that are named; of more, only the number.
const NAMED: usize = 5;

/// Which limit was met.
enum Limit {
    /// `max_connections` (1040).
    Server,
    /// `max_user_connections`, for all accounts alike (1203).
    EachAccount,
    /// The account's own `MAX_USER_CONNECTIONS` (1226).
    Account,
}

impl Limit {
    fn of(error: &DbError) -> Option<Limit> {
        match error.code()? {
            codes::ER_CON_COUNT_ERROR => Some(Limit::Server),
            codes::ER_TOO_MANY_USER_CONNECTIONS => Some(Limit::EachAccount),
            codes::ER_USER_LIMIT_REACHED if error.what().contains("max_user_connections") => {
                Some(Limit::Account)
            }
            _ => None,
        }
    }

    /// Steps for somebody with an administrator's account.
    fn steps(&self, user: &str) -> String {
        match self {
            Limit::Server => {
                "the server keeps one connection for administrators (CONNECTION_ADMIN or SUPER): with such an \
                 account in DB_USER, `dbtool check-connections` shows all connections and which one to KILL; \
                 DB_ADMIN_PORT leads through the server's admin_port or extra_port, where it has one"
                    .to_owned()
            }
            Limit::EachAccount => format!(
                "or an administrator raises the limit, with SET GLOBAL max_user_connections = N for all accounts or \
                 with ALTER USER {user}@HOST WITH MAX_USER_CONNECTIONS N for this one"
            ),
            Limit::Account => format!(
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

impl Inner {
    /// Adds what can be seen from here to a refusal that did not pass.
    pub(super) fn diagnosed(&self, error: DbError) -> DbError {
        let Some(limit) = Limit::of(&error) else {
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
                described(&clients, hidden)
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

/// Who on this host is connected to that port, as far as the kernel shows it, and how many
/// connections belong to nobody that it shows.
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

fn described(clients: &[Clients], hidden: usize) -> String {
    let mut parts: Vec<String> = clients
        .iter()
        .take(NAMED)
        .map(|client| {
            let pids: Vec<String> = client.pids.iter().take(NAMED).map(u32::to_string).collect();
            let more = match client.pids.len() - pids.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let pids = pids.join(", ");
            format!("{} by pid {pids}{more} ({})", client.connections, client.command)
        })
        .collect();
    if clients.len() > NAMED {
        parts.push(format!("further ones by {} more programs", clients.len() - NAMED));
    }
    if hidden > 0 {
        parts.push(format!("{hidden} by processes of other users"));
    }
    parts.join(", ")
}
