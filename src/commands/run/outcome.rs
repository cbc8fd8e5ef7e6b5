//! The outcome of `dbtool run`.

use serde_json::{Value, json};

use crate::connections::Connection;
use crate::connections::left_behind::LeftBehind;
use crate::exit::Exit;
use crate::report::{Json, Outcome, Page};

/// A command that ran. Its output was its own; its exit code is passed on.
pub struct Ran {
    /// The command's exit code.
    pub code: u8,
    /// The connections that it left on the server.
    pub left: LeftBehind,
}

impl Outcome for Ran {
    fn exit(&self) -> Exit {
        Exit::ChildExit(self.code)
    }

    fn name(&self) -> &'static str {
        "run"
    }

    /// The command has had the signal, and its exit code says what it made of it.
    fn is_cut_short_by_signals(&self) -> bool {
        false
    }

    fn text(&self, _page: &mut Page) {}

    fn json(&self) -> Json<'_> {
        let left = |connection: &Connection| {
            json!({
                "id": connection.id,
                "command": connection.command,
                "seconds": connection.time.as_secs(),
                "statement": connection.statement,
                "pid": connection.process.as_ref().map(|process| process.pid).or(connection.client_pid),
            })
        };
        let left: Vec<Value> = self.left.connections.iter().map(left).collect();
        Box::new(json!({ "exit_code": self.code, "left": left }))
    }
}
