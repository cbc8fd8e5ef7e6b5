//! A thing that a kill is about, and how that went, in each format.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::connections::{Connection, Fate, Holder, duration_of, short};
use crate::report::timestamp;

/// Something that was to be ended, and how that went.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) line: String,
    json: Value,
    pub(super) fate: Fate,
}

impl Target {
    /// A connection, or its statement.
    pub fn of_connection(connection: Connection, fate: Fate) -> Target {
        let (line, json) = connection_parts(&connection);
        Target { line, json, fate }
    }

    /// A process.
    pub fn of_process(holder: Holder, fate: Fate) -> Target {
        Target {
            line: holder.line(),
            json: process_json(&holder),
            fate,
        }
    }

    pub(super) fn json(&self) -> Value {
        let mut value = self.json.clone();
        if let Some(members) = value.as_object_mut() {
            members.insert("result".into(), self.fate.id().into());
            let message = match &self.fate {
                Fate::Refused(why) => Some(why.as_str()),
                _ => None,
            };
            members.insert("message".into(), message.into());
        }
        value
    }

    /// The same for a program that reads a line for each.
    pub fn line_json(&self, now: SystemTime) -> Value {
        let mut value = self.json();
        if let Some(members) = value.as_object_mut() {
            members.insert("time".into(), timestamp(now).into());
        }
        value
    }

    /// What happened to it, for people.
    pub fn sentence(&self) -> String {
        let said = match &self.fate {
            Fate::Planned => "would end",
            Fate::Ended => "ended",
            Fate::Ending => "told to end, has not yet",
            Fate::EndedMeanwhile => "had ended meanwhile",
            Fate::Changed => "not ended, has changed meanwhile",
            Fate::Refused(why) => return format!("not ended ({why}): {}", self.line),
        };
        format!("{said}: {}", self.line)
    }
}

/// The words for a connection, for people and for a program.
pub(super) fn connection_parts(one: &Connection) -> (String, Value) {
    let mut line = format!("{} {}@{}", one.id, one.user, one.host);
    if let Some(process) = &one.process {
        line.push_str(&format!(" ({} {})", process.pid, process.name()));
    } else if let Some(program) = &one.program {
        line.push_str(&format!(" ({program})"));
    }
    line.push_str(&format!(" {} {}", one.command, duration_of(one.time)));
    if let Some(statement) = &one.statement {
        line.push_str(&format!(": {}", short(statement, 60)));
    }
    let json = json!({
        "id": one.id,
        "user": one.user,
        "host": one.host,
        "pid": one.process.as_ref().map(|process| process.pid),
        "program": one.program_name(),
        "connections": 1,
    });
    (line, json)
}

/// A process for a program.
pub(super) fn process_json(holder: &Holder) -> Value {
    json!({
        "id": null,
        "user": holder.process.user,
        "host": null,
        "pid": holder.process.pid,
        "program": holder.process.name(),
        "connections": holder.connections,
    })
}
