//! The outcomes of `dbtool sandbox`.

use serde_json::json;

use crate::exit::Exit;
use crate::report::{self, Json, Outcome, Page};
use crate::sandbox::Sandbox;
use crate::sandbox::credentials::Credentials;
use crate::sandbox::demo::RowCounts;

/// A sandbox that waits to be used.
pub struct Ready {
    server: String,
    client: &'static str,
    socket: String,
    access: Credentials,
    version: u32,
    filled: Option<RowCounts>,
}

impl Ready {
    /// The outcome for `sandbox`, migrated to `version` and filled.
    pub fn new(sandbox: &Sandbox, version: u32, filled: Option<RowCounts>) -> Ready {
        let binary = sandbox.server.binary();
        Ready {
            server: binary.to_string(),
            client: binary.flavor.id(),
            socket: sandbox.server.socket().display().to_string(),
            access: sandbox.access.clone(),
            version,
            filled,
        }
    }

    /// Schema and data in one line.
    pub fn contents(&self) -> String {
        let schema = match self.version {
            0 => "an empty database".to_owned(),
            version => format!("migrated to {version:03}"),
        };
        match &self.filled {
            None => schema,
            Some(rows) => format!(
                "{schema}, with {} users, {} properties, {} bookings, {} messages",
                report::count(rows.users),
                report::count(rows.properties),
                report::count(rows.bookings),
                report::count(rows.messages)
            ),
        }
    }
}

impl Outcome for Ready {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn text(&self, page: &mut Page) {
        let (client, cnf) = (self.client, self.access.client_file());
        page.line(format_args!(
            "{} on 127.0.0.1:{}, {}",
            self.server,
            self.access.port,
            self.contents()
        ));
        page.blank();
        page.kv(
            "SQL prompt",
            format_args!("{client} --defaults-file={}", cnf.display()),
        );
        page.kv(
            "as root",
            format_args!("{client} --no-defaults --socket={} --user=root", self.socket),
        );
        page.kv(
            "environment",
            format_args!(". {}", self.access.env_file().display()),
        );
        page.blank();
        page.line("Ctrl+C stops it and removes everything.");
    }

    fn json(&self) -> Json<'_> {
        Box::new(json!({
            "server": self.server,
            "host": "127.0.0.1",
            "port": self.access.port,
            "socket": self.socket,
            "user": self.access.account.user,
            "database": self.access.account.database,
            "directory": self.access.dir.display().to_string(),
            "defaults_file": self.access.client_file().display().to_string(),
            "env_file": self.access.env_file().display().to_string(),
            "migrated_to": self.version,
            "bookings": self.filled.map_or(0, |rows| rows.bookings),
        }))
    }
}

/// A command that ran in a sandbox. Its output was its own; only its exit code is passed on.
pub struct Ran {
    /// The command's exit code.
    pub code: u8,
}

impl Outcome for Ran {
    fn exit(&self) -> Exit {
        Exit::ChildExit(self.code)
    }

    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn text(&self, _page: &mut Page) {}

    fn json(&self) -> Json<'_> {
        Box::new(json!({ "exit_code": self.code }))
    }
}
