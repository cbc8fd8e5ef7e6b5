//! One look at a server: a handful of cheap statements, none of which needs a privilege.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::model::{Connection, Facts, split_host};
use super::{limits, locks};
use crate::context::Context;
use crate::db::node_state::NodeState;
use crate::db::row::{get, text};
use crate::db::{DbError, Row, Server, Session, ends_of};
use crate::host_processes::{self, Clients, Process, clients_of};
use crate::memory::symbol::Symbol;

/// The limits in force. The session's max_user_connections is the account's own limit, or the
/// global one when the account has none (MariaDB and MySQL manuals, "max_user_connections").
const LIMITS: &str = "SELECT @@global.max_connections, @@session.max_user_connections, \
     @@global.max_user_connections, @@global.wait_timeout, @@global.performance_schema";

/// Counters since the server's start; every account may read them.
const COUNTERS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Threads_running', \
     'Max_used_connections', 'Max_used_connections_time', 'Connection_errors_max_connections', \
     'Aborted_clients', 'Aborted_connects', 'Connections', 'Uptime')";

/// Who is connected, as far as this account may see; statements cut so that a large one costs nothing.
const PROCESSLIST: &str = "SELECT id, user, host, db, command, time, state, LEFT(info, 200) \
     FROM information_schema.processlist";

/// The same from the table that takes no global lock (MySQL manual, "The processlist Table").
const PROCESSLIST_WITHOUT_LOCK: &str = "SELECT id, user, host, db, command, time, state, LEFT(info, 200) \
     FROM performance_schema.processlist";

/// What each client says about itself: its program and its process id.
const ATTRIBUTES: &str = "SELECT processlist_id, attr_name, LEFT(attr_value, 100) \
     FROM performance_schema.session_connect_attrs WHERE attr_name IN ('program_name', '_pid')";

/// The same for the connections of this account only, which needs no privilege.
const OWN_ATTRIBUTES: &str = "SELECT processlist_id, attr_name, LEFT(attr_value, 100) \
     FROM performance_schema.session_account_connect_attrs WHERE attr_name IN ('program_name', '_pid')";

/// How long each connection's transaction has been open; needs the PROCESS privilege.
const TRANSACTIONS: &str = "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()), trx_rows_modified, \
     trx_state = 'LOCK WAIT', trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> 0";

pub(super) fn number(row: &Row, index: usize) -> u64 {
    // Some servers answer with a signed number that may briefly be negative.
    get::<i64>(row, index).map_or_else(
        || get(row, index).unwrap_or(0),
        |value| value.max(0).unsigned_abs(),
    )
}

/// Looks at the server over `session`.
pub(crate) async fn gather(
    context: &Context,
    server: &Server,
    session: &mut Session,
) -> Result<Facts, DbError> {
    let mut facts = facts_of(server);
    let performance_schema = limits_in_force(session, &mut facts).await?;
    counters(session, &mut facts).await?;
    facts.node = NodeState::of(session, server.flavor).await?;
    limits::gather(session, &mut facts).await?;
    clients(session, server, performance_schema, &mut facts).await?;
    if facts.unseen() > 0 {
        facts.hidden.push(format!(
            "{} of other users: GRANT PROCESS ON *.* TO this user shows them",
            crate::report::plural(facts.unseen(), "connection")
        ));
    }
    transactions(session, &mut facts).await?;
    locks::gather(session, server, &mut facts).await?;
    processes(context, server, &mut facts);
    Ok(facts)
}

/// Looks at who is connected, and at nothing else.
pub(super) async fn gather_clients(
    context: &Context,
    server: &Server,
    session: &mut Session,
) -> Result<Facts, DbError> {
    let mut facts = clients_alone(server, session).await?;
    processes(context, server, &mut facts);
    Ok(facts)
}

/// Looks at who waits for whose locks, and at nothing else.
pub(super) async fn gather_locks(
    context: &Context,
    server: &Server,
    session: &mut Session,
) -> Result<Facts, DbError> {
    let mut facts = clients_alone(server, session).await?;
    transactions(session, &mut facts).await?;
    locks::gather(session, server, &mut facts).await?;
    processes(context, server, &mut facts);
    Ok(facts)
}

async fn clients_alone(server: &Server, session: &mut Session) -> Result<Facts, DbError> {
    let mut facts = facts_of(server);
    let performance_schema = limits_in_force(session, &mut facts).await?;
    clients(session, server, performance_schema, &mut facts).await?;
    Ok(facts)
}

fn facts_of(server: &Server) -> Facts {
    Facts {
        server: server.name(),
        account: server.account.clone(),
        counts_refusals: server.has_count_of_refusals(),
        ..Facts::default()
    }
}

async fn clients(
    session: &mut Session,
    server: &Server,
    performance_schema: bool,
    facts: &mut Facts,
) -> Result<(), DbError> {
    let list = if performance_schema && server.has_performance_schema_processlist() {
        PROCESSLIST_WITHOUT_LOCK
    } else {
        PROCESSLIST
    };
    let own = session.id();
    // One by one: thousands of rows would take more than what is kept of them.
    let mut rows = session.stream(list).await?;
    while let Some(row) = rows.next().await? {
        facts.connections.push(connection(&row, own));
    }
    facts.connections.shrink_to_fit();
    attributes(session, performance_schema, facts).await
}

async fn limits_in_force(session: &mut Session, facts: &mut Facts) -> Result<bool, DbError> {
    let Some(row) = session.first::<Row>(LIMITS).await? else {
        return Ok(false);
    };
    let limit = |index| Some(number(&row, index)).filter(|limit| *limit > 0);
    facts.max_connections = number(&row, 0);
    facts.account_limit = limit(1);
    facts.user_limit = limit(2);
    facts.wait_timeout = number(&row, 3);
    Ok(number(&row, 4) != 0)
}

async fn counters(session: &mut Session, facts: &mut Facts) -> Result<(), DbError> {
    for (name, value) in session.rows::<(String, String)>(COUNTERS).await? {
        let number = value.parse().unwrap_or(0);
        match name.as_str() {
            "Threads_connected" => facts.in_use = number,
            "Threads_running" => facts.running = number,
            "Max_used_connections" => facts.peak = number,
            "Max_used_connections_time" => facts.peak_at = Some(value).filter(|at| !at.is_empty()),
            "Connection_errors_max_connections" => facts.refused = number,
            "Aborted_clients" => facts.aborted_clients = number,
            "Aborted_connects" => facts.aborted_connects = number,
            "Connections" => facts.attempts = number,
            "Uptime" => facts.uptime = Duration::from_secs(number),
            _ => {}
        }
    }
    Ok(())
}

fn symbol(row: &Row, index: usize) -> Symbol {
    Symbol::from(text(row, index).unwrap_or_default())
}

pub(super) fn connection(row: &Row, own: u64) -> Connection {
    let id = number(row, 0);
    let (host, port) = split_host(&text(row, 2).unwrap_or_default());
    Connection {
        id,
        user: symbol(row, 1),
        host: Symbol::from(host),
        port,
        database: text(row, 3).map(Symbol::from),
        command: symbol(row, 4),
        time: Duration::from_secs(number(row, 5)),
        state: symbol(row, 6),
        statement: text(row, 7)
            .filter(|statement| !statement.is_empty())
            .map(without_password),
        own: id == own,
        ..Connection::default()
    }
}

/// Keeps quiet about a statement that may set a password: servers show it in clear text.
pub(super) fn without_password(statement: String) -> String {
    let lower = statement.to_ascii_lowercase();
    if ["password", "identified", "master_", "source_"]
        .iter()
        .any(|word| lower.contains(word))
    {
        let verb = statement.split_whitespace().next().unwrap_or_default();
        return format!("{verb} … (not shown: it may hold a password)");
    }
    statement
}

async fn attributes(
    session: &mut Session,
    performance_schema: bool,
    facts: &mut Facts,
) -> Result<(), DbError> {
    if !performance_schema {
        facts.hidden.push(
            "program names: the server runs without performance_schema (MariaDB's default); \
             performance_schema=ON in its configuration and a restart show them"
                .into(),
        );
        return Ok(());
    }
    let rows = match session.rows::<Row>(ATTRIBUTES).await {
        Err(error) if error.is_denied() => match session.rows::<Row>(OWN_ATTRIBUTES).await {
            Err(error) if error.is_denied() => {
                facts
                    .hidden
                    .push("program names: SELECT on performance_schema shows them".into());
                return Ok(());
            }
            own => own?,
        },
        all => all?,
    };
    let mut by_id: HashMap<u64, (Option<String>, Option<u32>)> = HashMap::new();
    for row in rows {
        let entry = by_id.entry(number(&row, 0)).or_default();
        match text(&row, 1).as_deref() {
            Some("program_name") => entry.0 = text(&row, 2).filter(|name| !name.is_empty()),
            Some("_pid") => entry.1 = text(&row, 2).and_then(|pid| pid.parse().ok()),
            _ => {}
        }
    }
    for connection in &mut facts.connections {
        if let Some((program, pid)) = by_id.remove(&connection.id) {
            connection.program = program.map(Symbol::from);
            connection.client_pid = pid;
        }
    }
    Ok(())
}

async fn transactions(session: &mut Session, facts: &mut Facts) -> Result<(), DbError> {
    let rows = match session.rows::<Row>(TRANSACTIONS).await {
        Err(error) if error.is_denied() => {
            facts
                .hidden
                .push("open transactions: GRANT PROCESS ON *.* TO this user shows them".into());
            return Ok(());
        }
        rows => rows?,
    };
    facts.sees_transactions = true;
    facts.row_lock_waits = rows.iter().filter(|row| number(row, 3) == 1).count() as u64;
    let open: HashMap<u64, &Row> = rows.iter().map(|row| (number(row, 0), row)).collect();
    for connection in &mut facts.connections {
        if let Some(row) = open.get(&connection.id) {
            connection.transaction = Some(Duration::from_secs(number(row, 1)));
            connection.rows_changed = Some(number(row, 2));
            connection.rows_locked = Some(number(row, 4));
        }
    }
    Ok(())
}

/// Finds the local processes behind the connections that come from this host.
fn processes(context: &Context, server: &Server, facts: &mut Facts) {
    let local = clients_of(&ends_of(&context.config, Some(server)));
    // The name by which the server knows this host is the one it has for this very connection.
    let here = facts
        .connections
        .iter()
        .find(|connection| connection.own)
        .map(|own| own.host.to_string());
    let through_socket = |connection: &&Connection| connection.is_through_socket() && !connection.own;
    let unix = facts.clients().filter(through_socket).count() + facts.unseen() as usize;
    let sole = sole_holder(&local, unix);
    for connection in facts.connections.iter_mut().filter(|one| !one.is_system()) {
        connection.process = if connection.own {
            host_processes::process(std::process::id()).map(Arc::new)
        } else if let Some((address, port)) = peer(connection, here.as_deref()) {
            local.holder(address, port).cloned()
        } else if connection.is_through_socket() {
            // There is no port to find it by: what the client says of itself counts if it holds such a socket.
            let named = connection.client_pid;
            let mut holders = local.processes.iter().filter(|client| client.unix > 0);
            let holder = holders.find(|client| Some(client.process.pid) == named);
            holder.map(|client| client.process.clone()).or(sole.clone())
        } else {
            None
        };
    }
    facts.hidden.extend(local.unseen.iter().cloned());
    facts.local = local;
}

/// The process that holds every connection through the unix socket.
fn sole_holder(local: &Clients, connections: usize) -> Option<Arc<Process>> {
    let mut holders = local.processes.iter().filter(|client| client.unix > 0);
    let holder = holders.next()?;
    (holders.next().is_none() && holder.unix == connections && local.hidden.is_empty())
        .then(|| holder.process.clone())
}

/// The client's end of a connection that may come from this host: an address is compared with the
/// local sockets' own, a name only counts if the server uses it for this host.
fn peer(connection: &Connection, here: Option<&str>) -> Option<(Option<IpAddr>, u16)> {
    let port = connection.port?;
    match connection.host.parse::<IpAddr>() {
        Ok(address) => Some((Some(address.to_canonical()), port)),
        Err(_) if Some(connection.host.as_str()) == here || connection.host == "localhost" => {
            Some((None, port))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Connection, peer, without_password};
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn statements_that_set_a_password_are_not_shown() {
        for statement in ["ALTER USER a IDENTIFIED BY 'hunter2'", "SET PASSWORD = 'hunter2'"] {
            assert!(
                !without_password(statement.into()).contains("hunter2"),
                "{statement}"
            );
        }
        assert_eq!(without_password("SELECT 1".into()), "SELECT 1");
    }

    #[test]
    fn only_names_of_this_host_count() {
        let local = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for (host, port, here, expected) in [
            ("127.0.0.1", Some(5), None, Some(local)),
            ("::ffff:127.0.0.1", Some(5), None, Some(local)),
            ("localhost", Some(5), None, Some(None)),
            ("web1", Some(5), Some("web1"), Some(None)),
            ("web2", Some(5), Some("web1"), None),
            ("localhost", None, None, None),
        ] {
            let connection = Connection {
                host: host.into(),
                port,
                ..Connection::default()
            };
            let expected = expected.map(|address| (address, 5));
            assert_eq!(peer(&connection, here), expected, "{host}");
        }
    }
}
