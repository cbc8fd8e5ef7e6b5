//! What a kill would end, and what it leaves alone for which reason.

use std::fmt;

use super::filter::Filter;
use super::kill::What;
use super::model::{Connection, Facts};
use super::processes::Holder;
use crate::host_processes::{Clients, own_ancestors};
use crate::report::plural;

/// Why something that the filters mean is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldBack {
    /// It replicates: to another server, or from one.
    Replication,
    /// It is the server's own, such as the event scheduler.
    System,
    /// An account of the server or its provider.
    SystemAccount,
    /// Its client has not logged in yet.
    LoggingIn,
    /// Its transaction has changed this many rows.
    Writer(u64),
    /// Whether its transaction changed rows cannot be seen.
    PerhapsWriter,
    /// It is this program, or started it.
    Ancestor,
    /// It is the first process of the system.
    First,
    /// It is the database server.
    DatabaseServer,
    /// The process holds further connections, which the filters do not mean.
    Others(u64),
    /// The process holds further connections, which cannot be seen.
    Unseen(u64),
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeldBack::Replication => f.write_str("replication"),
            HeldBack::System => f.write_str("the server's own thread"),
            HeldBack::SystemAccount => f.write_str("a system account"),
            HeldBack::LoggingIn => f.write_str("not logged in yet"),
            HeldBack::Writer(rows) => write!(
                f,
                "in a transaction that changed {} (--including-writers)",
                plural(*rows, "row")
            ),
            HeldBack::PerhapsWriter => f.write_str(
                "whether it has changed rows cannot be seen without PROCESS (--including-writers)",
            ),
            HeldBack::Ancestor => f.write_str("this program runs in it"),
            HeldBack::First => f.write_str("the system's first process"),
            HeldBack::DatabaseServer => f.write_str("a database server"),
            HeldBack::Others(number) => write!(
                f,
                "holds {} more that the filters do not mean",
                plural(*number, "connection")
            ),
            HeldBack::Unseen(number) => write!(
                f,
                "holds {} more that cannot be seen",
                plural(*number, "connection")
            ),
        }
    }
}

/// What would be ended.
#[derive(Debug, Clone)]
pub struct Plan<T> {
    /// What the filters mean and nothing protects.
    pub targets: Vec<T>,
    /// What the filters mean and is left alone.
    pub held_back: Vec<(T, HeldBack)>,
}

impl<T> Default for Plan<T> {
    fn default() -> Self {
        Plan {
            targets: Vec::new(),
            held_back: Vec::new(),
        }
    }
}

/// Accounts that servers and their providers use themselves.
const SYSTEM_ACCOUNTS: [&str; 11] = [
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
    "mariadb.sys",
    "debian-sys-maint",
    "rdsadmin",
    "rdsrepladmin",
    "rdstopmgr",
    "azure_superuser",
    "cloudsqladmin",
    "cloudsqlreplica",
];

impl Facts {
    /// The connections that `filter` means. This run's own is never among them.
    pub fn plan_connections(&self, filter: &Filter, including_writers: bool) -> Plan<Connection> {
        let mut plan = Plan::default();
        for connection in self
            .connections
            .iter()
            .filter(|one| !one.own && filter.matches(one))
        {
            match self.protection(connection, including_writers) {
                None => plan.targets.push(connection.clone()),
                Some(why) => plan.held_back.push((connection.clone(), why)),
            }
        }
        plan
    }

    /// The same for what is to be ended: statements only of those that run one.
    pub fn plan_kill(&self, what: What, filter: &Filter, including_writers: bool) -> Plan<Connection> {
        let mut plan = self.plan_connections(filter, including_writers);
        if what == What::Query {
            plan.targets.retain(|one| !one.sleeps());
            plan.held_back.retain(|(one, _)| !one.sleeps());
        }
        plan
    }

    /// Why this connection is left alone.
    pub fn protection(&self, connection: &Connection, including_writers: bool) -> Option<HeldBack> {
        if connection.command.starts_with("Binlog Dump")
            || connection.user == "system user"
            || connection.command.starts_with("Slave")
            || connection.command == "Group Replication"
        {
            return Some(HeldBack::Replication);
        }
        if connection.is_system() {
            return Some(HeldBack::System);
        }
        if connection.user == "unauthenticated user" {
            return Some(HeldBack::LoggingIn);
        }
        if SYSTEM_ACCOUNTS.contains(&connection.user.as_str()) {
            return Some(HeldBack::SystemAccount);
        }
        match (connection.rows_changed, self.sees_transactions) {
            _ if including_writers => None,
            (Some(rows), _) if rows > 0 => Some(HeldBack::Writer(rows)),
            (_, false) => Some(HeldBack::PerhapsWriter),
            _ => None,
        }
    }

    /// The processes of this host of which `filter` means every connection.
    pub fn plan_processes(&self, filter: &Filter, including_writers: bool) -> Plan<Holder> {
        let mut plan = Plan::default();
        for holder in self.holders() {
            let of_it = || {
                self.connections
                    .iter()
                    .filter(|one| one.is_of(holder.process.pid))
            };
            let meant = of_it().filter(|one| filter.matches(one)).count() as u64;
            let named = filter.is_of_processes() && filter.names(&holder.process);
            if meant == 0 && !named {
                continue;
            }
            // A process that is asked to end finishes what it does: only what is known to be written counts.
            let protection = of_it()
                .filter_map(|one| self.protection(one, including_writers))
                .find(|why| !matches!(why, HeldBack::PerhapsWriter | HeldBack::LoggingIn));
            let why = process_protection(&self.local, &holder)
                .or(protection)
                .or_else(|| {
                    let (others, unseen) = (
                        holder.seen.saturating_sub(meant),
                        holder.connections - holder.seen,
                    );
                    match (others, unseen) {
                        _ if named => None,
                        (0, 0) => None,
                        (0, unseen) => Some(HeldBack::Unseen(unseen)),
                        (others, _) => Some(HeldBack::Others(others)),
                    }
                });
            plan.take(holder, why);
        }
        plan
    }
}

/// The processes that `filter` names, of a server that cannot be asked.
pub fn plan_local(local: &Clients, holders: Vec<Holder>, filter: &Filter) -> Plan<Holder> {
    let mut plan = Plan::default();
    for holder in holders.into_iter().filter(|holder| filter.names(&holder.process)) {
        let why = process_protection(local, &holder);
        plan.take(holder, why);
    }
    plan
}

fn process_protection(local: &Clients, holder: &Holder) -> Option<HeldBack> {
    let process = &holder.process;
    let is_server = local
        .server
        .as_ref()
        .is_some_and(|server| server.pid == process.pid);
    if process.pid == 1 {
        Some(HeldBack::First)
    } else if is_server || ["mysqld", "mariadbd", "mysqld_safe", "mariadbd-safe"].contains(&process.name()) {
        Some(HeldBack::DatabaseServer)
    } else if own_ancestors().contains(&process.pid) {
        Some(HeldBack::Ancestor)
    } else {
        None
    }
}

impl Plan<Holder> {
    fn take(&mut self, holder: Holder, why: Option<HeldBack>) {
        match why {
            None => self.targets.push(holder),
            Some(why) => self.held_back.push((holder, why)),
        }
    }
}

impl<T> Plan<T> {
    /// Whether the filters mean nothing.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.held_back.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protection_has_its_reason() {
        let connection = |user: &str, command: &str| Connection {
            user: user.into(),
            command: command.into(),
            ..Connection::default()
        };
        let seeing = Facts {
            sees_transactions: true,
            ..Facts::default()
        };
        let writer = Connection {
            rows_changed: Some(3),
            ..connection("app", "Sleep")
        };
        let reader = Connection {
            rows_changed: Some(0),
            ..connection("app", "Sleep")
        };
        for (one, including, expected) in [
            (
                connection("repl", "Binlog Dump GTID"),
                true,
                Some(HeldBack::Replication),
            ),
            (
                connection("system user", "Slave_SQL"),
                true,
                Some(HeldBack::Replication),
            ),
            (
                connection("event_scheduler", "Daemon"),
                true,
                Some(HeldBack::System),
            ),
            (
                connection("mysql.session", "Sleep"),
                true,
                Some(HeldBack::SystemAccount),
            ),
            (
                connection("unauthenticated user", "Connect"),
                true,
                Some(HeldBack::LoggingIn),
            ),
            (writer.clone(), false, Some(HeldBack::Writer(3))),
            (writer, true, None),
            (reader, false, None),
            (connection("app", "Sleep"), false, None),
        ] {
            assert_eq!(seeing.protection(&one, including), expected, "{one:?}");
        }
        let blind = Facts::default();
        let one = connection("app", "Sleep");
        assert_eq!(blind.protection(&one, false), Some(HeldBack::PerhapsWriter));
        assert_eq!(blind.protection(&one, true), None);
    }
}
