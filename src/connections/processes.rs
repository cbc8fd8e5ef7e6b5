//! The clients of this host by process: what the kernel counts, and what the server says of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::model::{Connection, Facts};
use super::row::{duration_of, process_json, short};
use crate::host_processes::{Clients, Process};
use crate::report::{clock, count, plural};

/// A process of this host and its connections to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub process: Process,
    /// How many connections it holds, as the kernel counts them.
    pub connections: u64,
    /// How many of them the server shows to this account.
    pub seen: u64,
    /// How many of those wait for their client.
    pub idle: u64,
    /// The longest that one of those has been waiting.
    pub longest: Duration,
}

/// The processes that hold connections, the largest holder first, as `local` knows them and with what
/// `connections` tell of each.
pub fn holders(local: &Clients, connections: &[Connection]) -> Vec<Holder> {
    let holder = |process: &Process, counted: usize| {
        let mut holder = Holder {
            process: process.clone(),
            connections: counted as u64,
            seen: 0,
            idle: 0,
            longest: Duration::ZERO,
        };
        for connection in connections.iter().filter(|one| one.is_of(process.pid)) {
            holder.seen += 1;
            if connection.sleeps() {
                holder.idle += 1;
                holder.longest = holder.longest.max(connection.time);
            }
        }
        holder.connections = holder.connections.max(holder.seen);
        holder
    };
    let clients = local.processes.iter();
    clients
        .map(|client| holder(&client.process, client.count()))
        .collect()
}

impl Connection {
    /// Whether this process of this host holds it; one of this run's own is of no process.
    pub fn is_of(&self, pid: u32) -> bool {
        !self.own && self.process.as_ref().is_some_and(|process| process.pid == pid)
    }
}

impl Facts {
    /// The processes of this host that hold connections, the largest holder first.
    pub fn holders(&self) -> Vec<Holder> {
        holders(&self.local, &self.connections)
    }
}

impl Holder {
    /// `24002 node server.js: 12 connections, 11 idle, longest 1 min 6 s, started 14:02 by deploy, parent 812 pm2`.
    pub fn line(&self) -> String {
        let process = &self.process;
        let mut line = format!(
            "{} {}: {}",
            process.pid,
            short(&process.command, 60),
            plural(self.connections, "connection")
        );
        if self.seen > 0 && self.seen < self.connections {
            line.push_str(&format!(", {} visible", count(self.seen)));
        }
        if self.idle > 0 {
            line.push_str(&format!(
                ", {} idle, longest {}",
                count(self.idle),
                duration_of(self.longest)
            ));
        } else if self.seen > 0 {
            line.push_str(", none idle");
        }
        line.push_str(&born(process));
        line
    }

    /// The same for a program.
    pub fn json(&self) -> Value {
        let mut value = process_json(&self.process);
        if let Some(members) = value.as_object_mut() {
            members.insert("connections".into(), self.connections.into());
            members.insert("visible".into(), self.seen.into());
            members.insert("idle".into(), self.idle.into());
            members.insert("longest_idle_seconds".into(), self.longest.as_secs().into());
        }
        value
    }
}

/// Since when and by whom it runs.
fn born(process: &Process) -> String {
    let mut text = String::new();
    match (process.started.map(clock), &process.user) {
        (Some(at), Some(user)) => text.push_str(&format!(", started {at} by {user}")),
        (Some(at), None) => text.push_str(&format!(", started {at}")),
        (None, Some(user)) => text.push_str(&format!(", of {user}")),
        (None, None) => {}
    }
    if let Some((pid, name)) = &process.parent {
        text.push_str(&format!(", parent {pid} {name}"));
    }
    if let Some(place) = &process.place {
        text.push_str(&format!(", in {place}"));
    }
    text
}

/// What is known of a server's clients without asking it, a line each, without what could not be seen.
pub fn local_lines(local: &Clients, holders: &[Holder]) -> Vec<String> {
    let mut lines: Vec<String> = holders.iter().map(Holder::line).collect();
    for (user, sockets) in &local.hidden {
        lines.push(format!(
            "processes of {user} that cannot be seen: {}",
            plural(*sockets as u64, "connection")
        ));
    }
    for (address, sockets) in &local.elsewhere {
        lines.push(format!(
            "from {address}, by no process that can be seen here: {}",
            plural(*sockets as u64, "connection")
        ));
    }
    lines
}

/// The commands that end the largest holders.
pub fn endings(holders: &[Holder]) -> Vec<String> {
    let mut endings: Vec<String> = Vec::new();
    for holder in holders {
        let ending = holder.process.ending();
        if !endings.contains(&ending) {
            endings.push(ending);
        }
    }
    endings.truncate(3);
    endings
}

/// The same for a program.
pub fn local_json(local: &Clients, holders: &[Holder]) -> Value {
    json!({
        "processes": holders.iter().map(Holder::json).collect::<Vec<_>>(),
        "hidden": local.hidden.iter().map(|(user, sockets)| json!({
            "user": user,
            "connections": sockets,
        })).collect::<Vec<_>>(),
        "elsewhere": local.elsewhere.iter().map(|(_, sockets)| sockets).sum::<usize>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_processes::Client;

    #[test]
    fn one_line_for_each_process() {
        let process = Process {
            pid: 24_002,
            command: "node server.js".into(),
            parent: Some((812, "pm2".into())),
            user: Some("deploy".into()),
            ..Process::default()
        };
        let local = Clients {
            processes: vec![Client {
                process: process.clone().into(),
                tcp: Vec::new(),
                unix: 4,
            }],
            hidden: vec![("www-data".into(), 1)],
            ..Clients::default()
        };
        let connection = |command: &str, seconds| Connection {
            command: command.into(),
            time: Duration::from_secs(seconds),
            process: Some(process.clone().into()),
            ..Connection::default()
        };
        let lines = |connections: &[Connection]| local_lines(&local, &holders(&local, connections));
        assert_eq!(
            lines(&[]),
            [
                "24002 node server.js: 4 connections, of deploy, parent 812 pm2",
                "processes of www-data that cannot be seen: 1 connection"
            ]
        );
        assert_eq!(
            lines(&[
                connection("Sleep", 66),
                connection("Sleep", 1),
                connection("Query", 500)
            ])[0],
            "24002 node server.js: 4 connections, 3 visible, 2 idle, longest 1 min 6 s, of deploy, parent 812 pm2"
        );
        let own = Connection {
            own: true,
            ..connection("Sleep", 66)
        };
        assert_eq!(holders(&local, &[own])[0].seen, 0);
    }
}
