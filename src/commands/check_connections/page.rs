//! The picture for people.

use super::outcome::ConnectionsOutcome;
use crate::connections::{Connection, duration_of, local_lines, process_text, short};
use crate::report::{Page, Table, count, duration, plural};

/// How many connections a text page lists unless all are asked for.
const LISTED: usize = 10;

impl ConnectionsOutcome {
    pub(super) fn page(&self, page: &mut Page) {
        self.numbers(page);
        self.processes(page);
        self.locks(page);
        self.groups(page);
        self.list(page);
        if !self.online.is_empty() {
            page.heading("Online changes of tables");
            for change in &self.online {
                page.line(format_args!("  {}", change.line()));
            }
        }
        if !self.facts.hidden.is_empty() {
            page.heading("Not seen");
            for hidden in &self.facts.hidden {
                page.line(format_args!("  {hidden}"));
            }
        }
        if !self.advice.is_empty() {
            page.heading("Recommendations");
            for advice in &self.advice {
                page.line(format_args!("  {}:", advice.because));
                page.line(format_args!("    {}", advice.advice));
            }
        }
        page.blank();
        let style = page.style();
        if let Some(why) = self.unusable() {
            page.line(format!("{} {}", style.bad("FAILED"), crate::escape::visible(why)));
        }
        let verdict = self.verdict();
        page.line(if self.enough() {
            format!("{} {verdict}", style.ok("ok"))
        } else {
            format!("{} {verdict}", style.bad("FAILED"))
        });
    }

    fn numbers(&self, page: &mut Page) {
        let facts = &self.facts;
        page.heading(&format!("Connections of {}", facts.server));
        if let Some(node) = &facts.node {
            page.kv("node", crate::escape::visible(&node.text));
        }
        page.kv("max_connections", count(facts.max_connections));
        let unseen = match facts.unseen() {
            0 => String::new(),
            unseen => format!(", {} not visible to {}", count(unseen), facts.account),
        };
        page.kv(
            "in use",
            format_args!(
                "{} (one is this run's own, {} others running{unseen})",
                count(facts.in_use),
                count(facts.others_running())
            ),
        );
        page.kv("free", count(facts.free()));
        let at = facts
            .peak_at
            .as_ref()
            .map_or(String::new(), |at| format!(" at {at}"));
        page.kv("peak", format_args!("{}{at}", count(facts.peak)));
        page.kv("refused", self.refused());
        let per_user = match (facts.account_limit, facts.user_limit) {
            (Some(own), _) => format!(
                "{} of {} used by {}",
                facts.account_in_use(),
                count(own),
                facts.account
            ),
            (None, Some(all)) => format!("{} for accounts without a limit of their own", count(all)),
            (None, None) => "no limit".into(),
        };
        page.kv("limit per user", per_user);
        for (name, limit) in facts.hourly.named() {
            page.kv(name, format_args!("{} for {}", count(limit), facts.account));
        }
        page.kv("aborted clients", count(facts.aborted_clients));
        page.kv("aborted connects", count(facts.aborted_connects));
        page.kv(
            "counted since",
            format_args!("{} ago, the server's start", duration(facts.uptime)),
        );
    }

    fn refused(&self) -> String {
        let facts = &self.facts;
        if facts.refused_unknown() {
            "not known: it was full, and this server does not count every refusal".into()
        } else {
            count(facts.refused)
        }
    }

    fn processes(&self, page: &mut Page) {
        let lines = local_lines(&self.facts.local, &self.facts.holders());
        if lines.is_empty() {
            return;
        }
        page.heading("By process of this host");
        for line in lines {
            page.line(format_args!("  {line}"));
        }
    }

    fn locks(&self, page: &mut Page) {
        let lines = self.facts.lock_lines();
        if lines.is_empty() {
            return;
        }
        page.heading("Who blocks whom");
        for line in lines {
            page.line(format_args!("  {line}"));
        }
    }

    fn groups(&self, page: &mut Page) {
        let groups = self.facts.groups();
        if groups.is_empty() {
            return;
        }
        page.heading("By user, host, program and command");
        let mut table = Table::new(["user", "host", "program", "command", "count", "longest"])
            .right(&[4, 5])
            .indent(2);
        for group in groups {
            table.row([
                group.user,
                group.host,
                group.program.unwrap_or_else(|| "-".into()),
                group.command,
                count(group.count),
                duration_of(group.longest),
            ]);
        }
        page.table(table);
    }

    fn list(&self, page: &mut Page) {
        let mut connections: Vec<&Connection> = self.facts.others().collect();
        connections.sort_by_key(|connection| std::cmp::Reverse(connection.weight()));
        let total = connections.len();
        if total == 0 {
            return;
        }
        if !self.all {
            connections.truncate(LISTED);
        }
        page.heading(if self.all {
            "Connections, those that matter most first"
        } else {
            "Connections that matter most: in a transaction, busy, longest in their state"
        });
        let mut table = Table::new([
            "id",
            "user",
            "host",
            "database",
            "command",
            "time",
            "transaction",
            "process",
            "statement",
        ])
        .right(&[0, 5, 6])
        .indent(2);
        for connection in connections {
            table.row([
                connection.id.to_string(),
                connection.user.to_string(),
                connection.port.map_or(connection.host.to_string(), |port| {
                    format!("{}:{port}", connection.host)
                }),
                connection
                    .database
                    .map_or_else(|| "-".to_owned(), |name| name.to_string()),
                connection.command.to_string(),
                duration_of(connection.time),
                connection.transaction.map_or("-".into(), duration_of),
                process_text(connection),
                short(connection.statement.as_deref().unwrap_or_default(), 60),
            ]);
        }
        page.table(table);
        if !self.all && total > LISTED {
            let more = plural((total - LISTED) as u64, "more connection");
            page.line(page.style().dim(format_args!("  {more}: --all lists every one")));
        }
    }
}
