//! One connection, in text and in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::model::Connection;
use crate::host_processes::Process;
use crate::report::duration;

/// Whole seconds: the processlist knows no finer.
pub(crate) fn duration_of(time: Duration) -> String {
    if time.as_secs() < 60 {
        format!("{} s", time.as_secs())
    } else {
        duration(time)
    }
}

pub(crate) fn process_text(connection: &Connection) -> String {
    match (&connection.process, connection.client_pid) {
        (Some(process), _) => format!("{} {}", process.pid, short(&process.command, 50)),
        (None, Some(pid)) => {
            let program = connection.program.as_deref().unwrap_or_default();
            format!("{pid} {program} (says the client)")
        }
        (None, None) => connection
            .program
            .map_or_else(|| "-".to_owned(), |program| program.to_string()),
    }
}

/// The first characters of `text` on one line.
pub(crate) fn short(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

pub(crate) fn connection_json(connection: &Connection) -> Value {
    json!({
        "id": connection.id,
        "user": connection.user,
        "host": connection.host,
        "port": connection.port,
        "database": connection.database,
        "command": connection.command,
        "seconds": connection.time.as_secs(),
        "state": connection.state,
        "statement": connection.statement,
        "program": connection.program,
        "client_pid": connection.client_pid,
        "transaction_seconds": connection.transaction.map(|age| age.as_secs()),
        "rows_changed": connection.rows_changed,
        "rows_locked": connection.rows_locked,
        "process": connection.process.as_ref().map(|process| process_json(process)),
        "own": connection.own,
        "system": connection.is_system(),
    })
}

pub(crate) fn process_json(process: &Process) -> Value {
    json!({
        "pid": process.pid,
        "command": process.command,
        "started": process.started.and_then(unix_seconds),
        "parent_pid": process.parent.as_ref().map(|(pid, _)| *pid),
        "parent": process.parent.as_ref().map(|(_, name)| name),
        "user": process.user,
        "runs_in": process.place.as_ref().map(ToString::to_string),
        "end_with": process.ending(),
    })
}

fn unix_seconds(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
