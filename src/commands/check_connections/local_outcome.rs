//! The result where the server has no room: what this host knows without asking it, in each format.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::connections::{Holder, endings, holders, local_json, local_lines};
use crate::context::Context;
use crate::db::{DbError, ends_of};
use crate::exit::Exit;
use crate::host_processes::{Clients, clients_of};
use crate::report::{Check, CheckStatus, Json, Metric, Outcome, Page};

/// What this host knows of the clients of a server that it cannot ask.
#[derive(Debug, Clone)]
pub struct LocalOutcome {
    refusal: String,
    /// Whether it is the account, not the server, that has no room.
    of_account: bool,
    local: Clients,
    holders: Vec<Holder>,
    shown: bool,
    file: Option<PathBuf>,
}

impl LocalOutcome {
    /// Looks at this host; `refusal` is why the server cannot be asked.
    pub fn new(context: &Context, refusal: &DbError, file: Option<&Path>) -> LocalOutcome {
        let local = clients_of(&ends_of(&context.config, None));
        LocalOutcome {
            refusal: refusal.what().to_owned(),
            of_account: refusal.is_lack_of_the_accounts_room(),
            holders: holders(&local, &[]),
            local,
            shown: false,
            file: file.map(Path::to_path_buf),
        }
    }

    /// Has it not shown again.
    pub fn set_shown(&mut self) {
        self.shown = true;
    }

    /// The clients of this host, and what they hold.
    pub fn into_parts(self) -> (Clients, Vec<Holder>) {
        (self.local, self.holders)
    }

    /// Ends the run with it: an error where the rest is shown already.
    ///
    /// # Errors
    /// `error`, of which this is the other half.
    pub fn conclude(self: Box<Self>, context: &Context, error: DbError) -> anyhow::Result<Box<dyn Outcome>> {
        if self.shown {
            return Err(error.into());
        }
        context.report.error(error.what(), error.next());
        Ok(self)
    }

    fn held(&self) -> u64 {
        self.holders.iter().map(|holder| holder.connections).sum()
    }
}

impl Outcome for LocalOutcome {
    fn name(&self) -> &'static str {
        "check-connections-local"
    }

    fn exit(&self) -> Exit {
        Exit::Connect
    }

    fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn text(&self, page: &mut Page) {
        if self.shown {
            return;
        }
        page.heading(if self.of_account {
            "The account has no room. All connections to its server, as this host knows them without asking it:"
        } else {
            "The server has no room. Its connections, as this host knows them without asking it:"
        });
        for line in local_lines(&self.local, &self.holders) {
            page.line(format_args!("  {line}"));
        }
        if self.local.is_empty() {
            page.line("  none from this host");
        }
        let endings = endings(&self.holders);
        // Whose account a process uses, only the server knows.
        if !endings.is_empty() && !self.of_account {
            page.line(format_args!(
                "  to end what is not needed: {}",
                endings.join(", or ")
            ));
        }
        for unseen in &self.local.unseen {
            page.line(format_args!("  not seen: {unseen}"));
        }
        page.blank();
    }

    fn json(&self) -> Json<'_> {
        Box::new(json!({
            "refusal": self.refusal,
            "local": local_json(&self.local, &self.holders),
            "hidden": self.local.unseen,
        }))
    }

    fn checks(&self) -> Vec<Check> {
        let lines = local_lines(&self.local, &self.holders);
        vec![
            Check::new("connections", "headroom", CheckStatus::Failed)
                .message(self.refusal.clone())
                .detail(lines.join("\n")),
        ]
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::gauge("dbtool_mysql_up", "Whether the server let dbtool in.", 0.0),
            Metric::gauge(
                "dbtool_mysql_local_connections",
                "Connections held by processes of this host.",
                self.held() as f64,
            ),
        ]
    }
}
