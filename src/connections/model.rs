//! What is known about a server's connections, and what follows from it by arithmetic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::limits::Hourly;
use super::locks::LockWait;
use crate::db::node_state::NodeState;
use crate::host_processes::{Clients, Process};
use crate::memory::symbol::Symbol;

/// A session this long in `Sleep` counts as idle in the summary.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// Everything gathered in one look at a server.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The server, `MariaDB 10.11.6`.
    pub server: String,
    /// What the server is in its cluster or replication, where it has one and tells.
    pub node: Option<NodeState>,
    /// The account, `user@host`, as the server matched it.
    pub account: String,
    /// Connections the server takes (`max_connections`).
    pub max_connections: u64,
    /// Connections open now, hidden ones included (`Threads_connected`).
    pub in_use: u64,
    /// Connections that run a statement now (`Threads_running`).
    pub running: u64,
    /// Most connections open at once since the server started (`Max_used_connections`).
    pub peak: u64,
    /// When that was, where the server says.
    pub peak_at: Option<String>,
    /// Connections this account may hold (`@@session.max_user_connections`); `None` is no limit.
    pub account_limit: Option<u64>,
    /// Connections any account may hold unless it has a limit of its own; `None` is no limit.
    pub user_limit: Option<u64>,
    /// Connections refused since the server started because all were taken (`Connection_errors_max_connections`).
    pub refused: u64,
    /// Connections whose client went away without saying so (`Aborted_clients`).
    pub aborted_clients: u64,
    /// Failed attempts to connect: wrong password, bad handshake, timeout (`Aborted_connects`).
    pub aborted_connects: u64,
    /// Attempts to connect since the server started (`Connections`).
    pub attempts: u64,
    /// How long the server has been running.
    pub uptime: Duration,
    /// After how many seconds the server closes an idle connection (`wait_timeout`).
    pub wait_timeout: u64,
    /// Whether the server runs with `performance_schema`.
    pub performance_schema: bool,
    /// Whether the server counts every refusal in `refused`.
    pub counts_refusals: bool,
    /// How many transactions wait for a row lock.
    pub row_lock_waits: u64,
    /// Who waits for whose locks.
    pub lock_waits: Vec<LockWait>,
    /// Whether open transactions could be seen.
    pub sees_transactions: bool,
    /// What the account may do within an hour.
    pub hourly: Hourly,
    /// The connections this account may see.
    pub connections: Vec<Connection>,
    /// What this host knows of the server's clients without asking the server.
    pub local: Clients,
    /// What could not be seen, and what would show it.
    pub hidden: Vec<String>,
}

/// One row of the processlist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The server's number for it.
    pub id: u64,
    /// The user.
    pub user: Symbol,
    /// The client's host, without port.
    pub host: Symbol,
    /// The client's port; `None` through a unix socket.
    pub port: Option<u16>,
    /// The default database.
    pub database: Option<Symbol>,
    /// What it does, in the server's word: `Sleep`, `Query`.
    pub command: Symbol,
    /// For how long.
    pub time: Duration,
    /// The server's remark on the statement's stage.
    pub state: Symbol,
    /// The first 200 characters of the statement.
    pub statement: Option<String>,
    /// The client program, as it calls itself.
    pub program: Option<Symbol>,
    /// The client's process id, as it gives it.
    pub client_pid: Option<u32>,
    /// The process on this host that holds it.
    pub process: Option<Arc<Process>>,
    /// How long its transaction has been open, where that may be seen.
    pub transaction: Option<Duration>,
    /// How many rows that transaction has changed, where that may be seen.
    pub rows_changed: Option<u64>,
    /// How many rows that transaction has locked, about, where that may be seen.
    pub rows_locked: Option<u64>,
    /// Whether others wait for its locks, and it for nobody's.
    pub blocks: bool,
    /// Whether it is this run's own.
    pub own: bool,
}

impl Connection {
    /// Whether it is one of the server's own threads, which take no connection.
    pub fn is_system(&self) -> bool {
        matches!(self.user.as_str(), "system user" | "event_scheduler") || self.command == "Daemon"
    }

    /// Whether it came through the unix socket, which has no ports.
    pub fn is_through_socket(&self) -> bool {
        self.host == "localhost" && self.port.is_none()
    }

    /// Whether it waits for its client.
    pub fn sleeps(&self) -> bool {
        self.command == "Sleep"
    }

    /// By how much it matters: one that blocks others before an open transaction before a running statement before an idle one, then by time.
    pub(crate) fn weight(&self) -> (u8, Duration) {
        match self.transaction {
            _ if self.blocks => (3, self.transaction.unwrap_or(self.time)),
            Some(age) => (2, age),
            None if !self.sleeps() => (1, self.time),
            None => (0, self.time),
        }
    }

    /// The client program: what it calls itself, else the name of the process that holds it.
    pub fn program_name(&self) -> Option<String> {
        self.program
            .map(|program| program.to_string())
            .or_else(|| Some(self.process.as_ref()?.name().to_owned()))
    }
}

/// Splits the processlist's `host:port`; a unix socket and some proxies give no port.
pub(crate) fn split_host(text: &str) -> (String, Option<u16>) {
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        // More colons in what is left make it a bare IPv6 address, unless in brackets.
        Some((host, Ok(port))) if !host.is_empty() && (!host.contains(':') || host.ends_with(']')) => {
            (host.trim_matches(['[', ']']).to_string(), Some(port))
        }
        // MariaDB and MySQL write an IPv6 peer as `::1:50000`: a shortened address has at most seven colons
        // and cannot be told from one with a port, except that the last group is more than four digits.
        Some((host, Ok(port))) if host.contains(':') && text.len() - host.len() > 5 => {
            (host.to_string(), Some(port))
        }
        _ => (text.to_string(), None),
    }
}

/// Connections that are alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The user.
    pub user: String,
    /// The client's host.
    pub host: String,
    /// The client program, where known.
    pub program: Option<String>,
    /// What they do.
    pub command: String,
    /// How many.
    pub count: u64,
    /// The longest time in this state.
    pub longest: Duration,
}

impl Facts {
    /// The connections of clients, the server's own threads left out.
    pub fn clients(&self) -> impl Iterator<Item = &Connection> {
        self.connections
            .iter()
            .filter(|connection| !connection.is_system())
    }

    /// The connections of clients other than this run.
    pub fn others(&self) -> impl Iterator<Item = &Connection> {
        self.clients().filter(|connection| !connection.own)
    }

    /// How many others run a statement now. Servers count threads of their own too: those are left out where
    /// all connections can be seen.
    pub fn others_running(&self) -> u64 {
        match self.unseen() {
            0 => self.others().filter(|connection| !connection.sleeps()).count() as u64,
            _ => self.running.saturating_sub(1),
        }
    }

    /// Whether every connection was taken at some time: an account with the privilege may then even
    /// take one more than max_connections.
    pub fn was_full(&self) -> bool {
        self.max_connections > 0 && self.peak >= self.max_connections
    }

    /// Whether more may have been refused than the server counted.
    pub fn refused_unknown(&self) -> bool {
        self.was_full() && !self.counts_refusals
    }

    /// How many of the open connections may not be seen.
    pub fn unseen(&self) -> u64 {
        self.in_use.saturating_sub(self.clients().count() as u64)
    }

    /// Connections the server still takes.
    pub fn free(&self) -> u64 {
        self.max_connections.saturating_sub(self.in_use)
    }

    /// Connections held by the own account, and how many more it may open; `None` without a limit.
    pub fn account_free(&self) -> Option<u64> {
        Some(self.account_limit?.saturating_sub(self.account_in_use()))
    }

    /// Connections of the own user; they can be seen with any privileges.
    pub fn account_in_use(&self) -> u64 {
        let user = self
            .account
            .rsplit_once('@')
            .map_or(self.account.as_str(), |(user, _)| user);
        self.clients()
            .filter(|connection| connection.user == user)
            .count() as u64
    }

    /// Connections this account can still open: what the server and the account's limit both allow.
    pub fn headroom(&self) -> u64 {
        self.account_free()
            .map_or(self.free(), |account| account.min(self.free()))
    }

    /// Connections this account can hold at most: the server's limit, or its own where that is lower.
    pub fn limit(&self) -> u64 {
        self.account_limit
            .map_or(self.max_connections, |account| account.min(self.max_connections))
    }

    /// Clients other than this run by user, host, program and command, the largest group first.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<(Symbol, Symbol, Option<String>, Symbol), Group> = BTreeMap::new();
        for connection in self.others() {
            let program = connection.program_name();
            let key = (
                connection.user,
                connection.host,
                program.clone(),
                connection.command,
            );
            let group = groups.entry(key).or_insert_with(|| Group {
                user: connection.user.to_string(),
                host: connection.host.to_string(),
                program,
                command: connection.command.to_string(),
                ..Group::default()
            });
            group.count += 1;
            group.longest = group.longest.max(connection.time);
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    /// Others that have been waiting for their client for longer than a minute (`IDLE`).
    pub fn idle(&self) -> impl Iterator<Item = &Connection> {
        self.others()
            .filter(|connection| connection.sleeps() && connection.time >= IDLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("localhost:45682", "localhost", Some(45_682)),
            ("10.0.0.7:50000", "10.0.0.7", Some(50_000)),
            ("[2001:db8::7]:50000", "2001:db8::7", Some(50_000)),
            ("::1:50000", "::1", Some(50_000)),
            ("2001:db8::7", "2001:db8::7", None),
            ("", "", None),
            ("odd:", "odd:", None),
        ] {
            assert_eq!(split_host(text), (host.to_string(), port), "{text}");
        }
    }

    #[test]
    fn headroom_is_what_both_limits_leave() {
        let own = Connection {
            user: "app".into(),
            ..Connection::default()
        };
        for (account_limit, in_use, mine, headroom) in [
            (None, 28, 2, 2),
            (Some(5), 10, 2, 3),
            (Some(5), 29, 2, 1),
            (Some(2), 10, 3, 0),
            (None, 31, 1, 0),
        ] {
            let facts = Facts {
                account: "app@10.0.0.%".into(),
                max_connections: 30,
                in_use,
                account_limit,
                connections: vec![own.clone(); mine],
                ..Facts::default()
            };
            assert_eq!(facts.headroom(), headroom, "{account_limit:?} {in_use} {mine}");
            assert_eq!(facts.unseen(), in_use - mine as u64);
        }
    }

    #[test]
    fn groups_leave_out_the_servers_own_threads_and_this_run() {
        let client = |user: &str, command: &str, seconds| Connection {
            user: user.into(),
            host: "web1".into(),
            command: command.into(),
            time: Duration::from_secs(seconds),
            ..Connection::default()
        };
        let facts = Facts {
            connections: vec![
                client("app", "Sleep", 10),
                client("event_scheduler", "Daemon", 999),
                client("admin", "Query", 0),
                Connection {
                    own: true,
                    ..client("app", "Sleep", 70)
                },
            ],
            ..Facts::default()
        };
        let groups = facts.groups();
        let named: Vec<(&str, u64, u64)> = groups
            .iter()
            .map(|group| (group.user.as_str(), group.count, group.longest.as_secs()))
            .collect();
        assert_eq!(named, [("admin", 1, 0), ("app", 1, 10)]);
        assert_eq!(facts.idle().count(), 0);
    }
}
