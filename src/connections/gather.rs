//! One look at a server: a handful of cheap statements, none of which needs a privilege.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::locks;
use super::model::{Connection, Facts};
use super::questions::{Question, ask, number};
use crate::context::Context;
use crate::db::node_state::NodeState;
use crate::db::row::text;
use crate::db::{DbError, Row, Server, Session, ends_of};
use crate::host_processes::{self, Clients, Process, clients_of};
use crate::memory::symbol::Symbol;

/// What each client says about itself: its program and its process id.
const ATTRIBUTES: &str = "SELECT processlist_id, attr_name, LEFT(attr_value, 100) \
     FROM performance_schema.session_connect_attrs WHERE attr_name IN ('program_name', '_pid')";

/// The same for the connections of this account only, which needs no privilege.
const OWN_ATTRIBUTES: &str = "SELECT processlist_id, attr_name, LEFT(attr_value, 100) \
     FROM performance_schema.session_account_connect_attrs WHERE attr_name IN ('program_name', '_pid')";

/// How long each connection's transaction has been open; needs the PROCESS privilege.
const TRANSACTIONS: &str = "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()), trx_rows_modified, \
     trx_state = 'LOCK WAIT', trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> 0";

/// Looks at the server over `session`.
pub(crate) async fn gather(
    context: &Context,
    server: &Server,
    session: &mut Session,
) -> Result<Facts, DbError> {
    let mut facts = facts_of(server);
    let clients = Question::of_clients(server);
    let questions = [Question::Limits, Question::Counters, Question::Account, clients];
    ask(session, &questions, &mut facts).await?;
    facts.node = NodeState::of(session, server.flavor).await?;
    attributes(session, &mut facts).await?;
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
    ask(
        session,
        &[Question::Limits, Question::of_clients(server)],
        &mut facts,
    )
    .await?;
    attributes(session, &mut facts).await?;
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

async fn attributes(session: &mut Session, facts: &mut Facts) -> Result<(), DbError> {
    if !facts.performance_schema {
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
    use super::{Connection, peer};
    use std::net::{IpAddr, Ipv4Addr};

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
