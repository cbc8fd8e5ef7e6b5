//! The result of a look at the connections, in each format.

use std::time::Duration;

use serde_json::json;

use crate::connections::{Advice, advise};
use crate::connections::{Connection, Facts};
use crate::connections::{connection_json, duration_of, process_text, short};
use crate::exit::Exit;
use crate::report::{
    Check, CheckStatus, Json, Metric, MetricKind, Outcome, Page, Table, count, duration, plural,
};

/// How many connections a text page lists unless all are asked for.
const LISTED: usize = 20;

/// What `check-connections` found.
#[derive(Debug, Clone)]
pub struct ConnectionsOutcome {
    facts: Facts,
    min_free: u64,
    all: bool,
    took: Duration,
    advice: Vec<Advice>,
}

impl ConnectionsOutcome {
    /// Judges `facts` by `min_free` (default: a tenth of max_connections).
    pub fn new(facts: Facts, min_free: Option<u64>, all: bool, took: Duration) -> Self {
        let advice = advise(&facts);
        let min_free = min_free.unwrap_or_else(|| facts.default_min_free());
        ConnectionsOutcome {
            facts,
            min_free,
            all,
            took,
            advice,
        }
    }

    fn enough(&self) -> bool {
        self.facts.headroom() >= self.min_free
    }

    fn verdict(&self) -> String {
        let facts = &self.facts;
        let limit = match facts.account_free() {
            Some(free) if free < facts.free() => {
                format!("of the {} this user may have", facts.account_limit.unwrap_or(0))
            }
            _ => format!("of {}", count(facts.max_connections)),
        };
        let relation = if self.enough() { "at least" } else { "fewer than" };
        format!(
            "{} free {limit}, {relation} {} (--min-free)",
            count(facts.headroom()),
            count(self.min_free)
        )
    }
}

impl Outcome for ConnectionsOutcome {
    fn name(&self) -> &'static str {
        "check-connections"
    }

    fn exit(&self) -> Exit {
        if self.enough() { Exit::Done } else { Exit::Findings }
    }

    fn text(&self, page: &mut Page) {
        self.numbers(page);
        self.groups(page);
        self.list(page);
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
        let verdict = self.verdict();
        page.line(if self.enough() {
            format!("{} {verdict}", style.ok("ok"))
        } else {
            format!("{} {verdict}", style.bad("FAILED"))
        });
    }

    fn json(&self) -> Json<'_> {
        let facts = &self.facts;
        Box::new(json!({
            "server": facts.server,
            "account": facts.account,
            "ok": self.enough(),
            "min_free": self.min_free,
            "headroom": facts.headroom(),
            "max_connections": facts.max_connections,
            "in_use": facts.in_use,
            "running": facts.running,
            "free": facts.free(),
            "peak": facts.peak,
            "peak_at": facts.peak_at,
            "account_limit": facts.account_limit,
            "account_in_use": facts.account_in_use(),
            "user_limit": facts.user_limit,
            "refused": facts.refused,
            "aborted_clients": facts.aborted_clients,
            "aborted_connects": facts.aborted_connects,
            "attempts": facts.attempts,
            "uptime_seconds": facts.uptime.as_secs(),
            "wait_timeout_seconds": facts.wait_timeout,
            "not_visible": facts.unseen(),
            "hidden": facts.hidden,
            "connections": facts.connections.iter().map(connection_json).collect::<Vec<_>>(),
            "recommendations": self.advice,
        }))
    }

    fn checks(&self) -> Vec<Check> {
        let status = if self.enough() {
            CheckStatus::Passed
        } else {
            CheckStatus::Failed
        };
        let mut checks = vec![
            Check::new("connections", "headroom", status)
                .message(self.verdict())
                .took(self.took),
        ];
        for advice in &self.advice {
            checks.push(
                Check::new("recommendations", advice.because.clone(), CheckStatus::Warned)
                    .message(advice.advice.clone()),
            );
        }
        for hidden in &self.facts.hidden {
            checks.push(
                Check::new("privileges", "what could be seen", CheckStatus::Skipped).message(hidden.clone()),
            );
        }
        checks
    }

    fn metrics(&self) -> Vec<Metric> {
        let facts = &self.facts;
        let gauge = |name: &str, help: &str, value: u64| {
            Metric::gauge(format!("dbtool_mysql_{name}"), help, value as f64)
        };
        let counter = |name: &str, help: &str, value: u64| {
            Metric::counter(format!("dbtool_mysql_{name}"), help, value as f64)
        };
        let mut metrics = vec![
            gauge(
                "max_connections",
                "Connections the server takes.",
                facts.max_connections,
            ),
            gauge("connections_in_use", "Connections open now.", facts.in_use),
            gauge(
                "connections_running",
                "Connections running a statement now.",
                facts.running,
            ),
            gauge(
                "connections_free",
                "Connections the server still takes.",
                facts.free(),
            ),
            gauge(
                "connections_headroom",
                "Connections this account can still open.",
                facts.headroom(),
            ),
            gauge(
                "connections_peak",
                "Most connections open at once since the server started.",
                facts.peak,
            ),
            gauge(
                "connections_not_visible",
                "Open connections this account may not see.",
                facts.unseen(),
            ),
            counter(
                "connections_refused_total",
                "Connections refused because all were taken.",
                facts.refused,
            ),
            counter(
                "connection_attempts_total",
                "Attempts to connect.",
                facts.attempts,
            ),
            counter(
                "aborted_clients_total",
                "Connections ended without a goodbye.",
                facts.aborted_clients,
            ),
            counter(
                "aborted_connects_total",
                "Failed attempts to connect.",
                facts.aborted_connects,
            ),
            gauge(
                "uptime_seconds",
                "Time since the server started.",
                facts.uptime.as_secs(),
            ),
        ];
        if let Some(limit) = facts.account_limit {
            metrics.push(gauge(
                "account_connections_limit",
                "Connections this account may hold.",
                limit,
            ));
            metrics.push(gauge(
                "account_connections_in_use",
                "Connections this account holds.",
                facts.account_in_use(),
            ));
        }
        metrics.push(Metric {
            name: "dbtool_mysql_connections".into(),
            help: "Visible connections by user, host, program and command.".into(),
            kind: MetricKind::Gauge,
            samples: facts
                .groups()
                .into_iter()
                .map(|group| {
                    let labels = vec![
                        ("user".to_string(), group.user),
                        ("host".to_string(), group.host),
                        ("program".to_string(), group.program.unwrap_or_default()),
                        ("command".to_string(), group.command),
                    ];
                    (labels, group.count as f64)
                })
                .collect(),
        });
        metrics
    }
}

impl ConnectionsOutcome {
    fn numbers(&self, page: &mut Page) {
        let facts = &self.facts;
        page.heading(&format!("Connections of {}", facts.server));
        page.kv("max_connections", count(facts.max_connections));
        let unseen = match facts.unseen() {
            0 => String::new(),
            unseen => format!(", {} not visible to {}", count(unseen), facts.account),
        };
        page.kv(
            "in use",
            format_args!(
                "{} ({} running{unseen})",
                count(facts.in_use),
                count(facts.running)
            ),
        );
        page.kv("free", count(facts.free()));
        let at = facts
            .peak_at
            .as_ref()
            .map_or(String::new(), |at| format!(" at {at}"));
        page.kv("peak", format_args!("{}{at}", count(facts.peak)));
        page.kv("refused", count(facts.refused));
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
        page.kv("aborted clients", count(facts.aborted_clients));
        page.kv("aborted connects", count(facts.aborted_connects));
        page.kv(
            "counted since",
            format_args!("{} ago, the server's start", duration(facts.uptime)),
        );
    }

    fn groups(&self, page: &mut Page) {
        page.heading("By user, host, program and command");
        let mut table = Table::new(["user", "host", "program", "command", "count", "longest", ""])
            .right(&[4, 5])
            .indent(2);
        for group in self.facts.groups() {
            table.row([
                group.user,
                group.host,
                group.program.unwrap_or_else(|| "-".into()),
                group.command,
                count(group.count),
                duration_of(group.longest),
                if group.own {
                    "includes this run's own".into()
                } else {
                    String::new()
                },
            ]);
        }
        page.table(table);
    }

    fn list(&self, page: &mut Page) {
        let mut connections: Vec<&Connection> = self.facts.clients().collect();
        connections.sort_by_key(|connection| std::cmp::Reverse(connection.time));
        let total = connections.len();
        if !self.all {
            connections.truncate(LISTED);
        }
        page.heading("Connections, the longest in their state first");
        let mut table = Table::new([
            "id",
            "user",
            "host",
            "database",
            "command",
            "time",
            "process",
            "statement",
        ])
        .right(&[0, 5])
        .indent(2);
        for connection in connections {
            let own = if connection.own { " (this run)" } else { "" };
            table.row([
                format!("{}{own}", connection.id),
                connection.user.clone(),
                connection.port.map_or(connection.host.clone(), |port| {
                    format!("{}:{port}", connection.host)
                }),
                connection.database.clone().unwrap_or_else(|| "-".into()),
                connection.command.clone(),
                duration_of(connection.time),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostproc::Process;
    use std::time::UNIX_EPOCH;

    fn facts() -> Facts {
        let client = |id, user: &str, command: &str, seconds| Connection {
            id,
            user: user.into(),
            host: "127.0.0.1".into(),
            port: Some(50_000),
            command: command.into(),
            time: Duration::from_secs(seconds),
            ..Connection::default()
        };
        Facts {
            server: "MariaDB 10.11.6".into(),
            account: "app@%".into(),
            max_connections: 30,
            in_use: 4,
            running: 1,
            peak: 12,
            account_limit: Some(5),
            uptime: Duration::from_secs(7_200),
            connections: vec![
                Connection {
                    own: true,
                    program: Some("dbtool".into()),
                    ..client(9, "app", "Query", 0)
                },
                Connection {
                    process: Some(Process {
                        pid: 4_711,
                        command: "/usr/bin/node server.js".into(),
                        started: UNIX_EPOCH.checked_add(Duration::from_secs(1_700_000_000)),
                        parent: Some((1, "systemd".into())),
                    }),
                    ..client(7, "app", "Sleep", 300)
                },
            ],
            hidden: vec!["2 connections of other users: GRANT PROCESS shows them".into()],
            ..Facts::default()
        }
    }

    fn outcome(min_free: Option<u64>) -> ConnectionsOutcome {
        ConnectionsOutcome::new(facts(), min_free, false, Duration::from_millis(3))
    }

    #[test]
    fn the_page() {
        let mut page = Page::plain();
        outcome(None).text(&mut page);
        let text = page.into_text();
        for part in [
            "Connections of MariaDB 10.11.6",
            "in use                    4 (1 running, 2 not visible to app@%)",
            "limit per user            2 of 5 used by app@%",
            "  app   127.0.0.1  dbtool   Query        1      0 s  includes this run's own",
            "  app   127.0.0.1  node     Sleep        1  5 min 0 s",
            "9 (this run)",
            "4711 /usr/bin/node server.js",
            "  2 connections of other users: GRANT PROCESS shows them",
            "ok 3 free of the 5 this user may have, at least 3 (--min-free)",
        ] {
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                squeezed(&text).contains(&squeezed(part)),
                "{part:?} not in\n{text}"
            );
        }
    }

    #[test]
    fn exit_follows_min_free() {
        for (min_free, exit) in [
            (None, Exit::Done),
            (Some(3), Exit::Done),
            (Some(4), Exit::Findings),
            (Some(0), Exit::Done),
        ] {
            let outcome = outcome(min_free);
            assert_eq!(outcome.exit(), exit, "{min_free:?}");
            let failed = outcome
                .checks()
                .iter()
                .any(|check| check.status == CheckStatus::Failed);
            assert_eq!(failed, exit == Exit::Findings);
        }
    }

    #[test]
    fn json_and_metrics_carry_the_numbers() {
        let value = json!(outcome(None).json());
        assert_eq!(value["headroom"], 3);
        assert_eq!(value["not_visible"], 2);
        assert_eq!(value["connections"][0]["own"], true);
        assert_eq!(value["connections"][1]["process"]["pid"], 4_711);
        assert_eq!(value["connections"][1]["process"]["started"], 1_700_000_000_u64);
        let metrics = outcome(None).metrics();
        let find = |name: &str| {
            metrics
                .iter()
                .find(|metric| metric.name == name)
                .map(|metric| metric.samples[0].1)
        };
        assert_eq!(find("dbtool_mysql_connections_headroom"), Some(3.0));
        assert_eq!(find("dbtool_mysql_account_connections_limit"), Some(5.0));
        assert_eq!(metrics.last().map(|metric| metric.samples.len()), Some(2));
    }
}
