//! Connections that a program which has ended left on the server.
//!
//! A server notices that a client is gone when it next reads from or writes to it: until then it works on. And a
//! program may leave processes behind that keep connections open.

use std::collections::HashSet;
use std::time::Duration;

use super::filter::Filter;
use super::gather::gather_clients;
use super::kill::{Fate, Order, What, kill};
use super::model::{Connection, Facts};
use super::row;
use crate::context::Context;
use crate::db::DbError;
use crate::host_processes::{descendants, is_running};

/// How long a connection has to be seen after its program's end to count: the server takes a moment to close one.
const SETTLE: Duration = Duration::from_millis(250);

/// This account and host as the processlist names them, without the client's port.
const CLIENT: &str = "SELECT USER()";

/// The point in the server's life after which the program's connections were made.
#[derive(Debug, Clone)]
pub struct Mark {
    connection: u64,
    user: String,
    host: String,
}

/// What a program left behind.
#[derive(Debug, Default)]
pub struct LeftBehind {
    /// Its connections.
    pub connections: Vec<Connection>,
    /// How many of them the server was to end and has not.
    pub not_ended: usize,
    /// Whether processes of it are still running.
    pub processes: bool,
}

/// Looks at the server before the program starts.
///
/// # Errors
/// The server cannot be reached, or the run was cancelled.
pub async fn mark(ctx: &Context) -> Result<Mark, DbError> {
    let mut session = ctx.db.brief_session().await?;
    let client: Option<String> = session.first(CLIENT).await?;
    let client = client.unwrap_or_default();
    let (user, host) = client.rsplit_once('@').unwrap_or_default();
    Ok(Mark {
        connection: session.id(),
        user: user.to_owned(),
        host: host.to_owned(),
    })
}

/// What the program, a child of this process that has ended, left behind; with `end` its connections are ended.
///
/// # Errors
/// The server cannot be reached, or the run was cancelled.
pub async fn left_behind(ctx: &Context, mark: &Mark, end: bool) -> Result<LeftBehind, DbError> {
    let family = descendants(std::process::id());
    let mut session = ctx.db.brief_session().await?;
    let server = ctx.db.server().await?;
    let mut facts = gather_clients(ctx, &server, &mut session).await?;
    let mut connections = of_program(&facts, mark, &family);
    if !connections.is_empty() {
        ctx.cancel.sleep(SETTLE).await?;
        facts = gather_clients(ctx, &server, &mut session).await?;
        let seen: HashSet<u64> = connections.iter().map(|connection| connection.id).collect();
        connections = of_program(&facts, mark, &family);
        connections.retain(|connection| seen.contains(&connection.id));
    }
    let mut not_ended = 0;
    if end && !connections.is_empty() {
        let filter = Filter {
            ids: connections.iter().map(|connection| connection.id).collect(),
            ..Filter::default()
        };
        let order = Order {
            what: What::Connection,
            filter: &filter,
            including_writers: true,
            cancel: &ctx.cancel,
        };
        let done = kill(&mut session, &server, &facts, &order, connections).await?;
        let here = done.into_iter().filter(|(_, fate)| *fate != Fate::EndedMeanwhile);
        let (fates, left): (Vec<Fate>, Vec<Connection>) = here.map(|(one, fate)| (fate, one)).unzip();
        not_ended = fates.iter().filter(|fate| **fate != Fate::Ended).count();
        connections = left;
    }
    Ok(LeftBehind {
        connections,
        not_ended,
        processes: !family.is_empty(),
    })
}

fn of_program(facts: &Facts, mark: &Mark, family: &HashSet<u32>) -> Vec<Connection> {
    let all_seen = facts.local.hidden.is_empty();
    facts
        .connections
        .iter()
        .filter(|connection| {
            let since = connection.id > mark.connection && !connection.own;
            since
                && *connection.user == mark.user
                && *connection.host == mark.host
                && match (&connection.process, connection.client_pid) {
                    (Some(process), _) => family.contains(&process.pid),
                    (None, Some(pid)) => family.contains(&pid) || all_seen && !is_running(pid),
                    // No process of this host holds the client's end any more.
                    (None, None) => connection.port.is_some() && all_seen,
                }
        })
        .cloned()
        .collect()
}

impl LeftBehind {
    /// A line for each connection.
    pub fn lines(&self) -> Vec<String> {
        let line = |connection: &Connection| {
            let what = connection.statement.as_deref().unwrap_or(&connection.state);
            let process = row::process_text(connection);
            format!(
                "connection {}: {} for {}{}{}",
                connection.id,
                connection.command,
                row::duration_of(connection.time),
                if what.is_empty() {
                    String::new()
                } else {
                    format!(", {}", row::short(what, 60))
                },
                if process.is_empty() {
                    String::new()
                } else {
                    format!(", of {process}")
                },
            )
        };
        self.connections.iter().map(line).collect()
    }
}
