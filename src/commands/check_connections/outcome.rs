//! The result of a look at the connections, in each format.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::metrics;
use crate::cli::min_free::MinFree;
use crate::connections::{Advice, advise};
use crate::connections::{Facts, connection_json, local_json};
use crate::exit::Exit;
use crate::online_change::record::ChangeSummary;
use crate::report::{Check, CheckStatus, Json, Metric, Outcome, Page, count};

/// What `check-connections` found.
#[derive(Debug, Clone)]
pub struct ConnectionsOutcome {
    pub(super) facts: Facts,
    min_free: u64,
    pub(super) all: bool,
    took: Duration,
    pub(super) advice: Vec<Advice>,
    /// Online changes of tables of the configured database.
    pub(super) online: Vec<ChangeSummary>,
    file: Option<PathBuf>,
}

impl ConnectionsOutcome {
    /// Judges `facts` by `min_free`.
    pub fn new(facts: Facts, min_free: MinFree, all: bool, took: Duration) -> Self {
        let advice = advise(&facts);
        let min_free = min_free.of(facts.limit());
        ConnectionsOutcome {
            facts,
            min_free,
            all,
            took,
            advice,
            online: Vec::new(),
            file: None,
        }
    }

    /// With these online changes that run or were interrupted.
    pub fn with_online(mut self, online: Vec<ChangeSummary>) -> Self {
        self.online = online;
        self
    }

    /// Has the result written to this file.
    pub fn to_file(mut self, file: Option<PathBuf>) -> Self {
        self.file = file;
        self
    }

    pub(super) fn enough(&self) -> bool {
        self.facts.headroom() >= self.min_free
    }

    /// Why the server must not be used, if so.
    pub(super) fn unusable(&self) -> Option<&str> {
        self.facts.node.as_ref()?.unusable.as_deref()
    }

    pub(super) fn verdict(&self) -> String {
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
        match self.enough() && self.unusable().is_none() {
            true => Exit::Done,
            false => Exit::Findings,
        }
    }

    fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn text(&self, page: &mut Page) {
        self.page(page);
    }

    fn json(&self) -> Json<'_> {
        let facts = &self.facts;
        Box::new(json!({
            "server": facts.server,
            "account": facts.account,
            "node": facts.node.as_ref().map(|node| &node.text),
            "node_ok": self.unusable().is_none(),
            "ok": self.enough() && self.unusable().is_none(),
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
            "was_full": facts.was_full(),
            "account_hourly_limits": facts.hourly.json(),
            "aborted_clients": facts.aborted_clients,
            "aborted_connects": facts.aborted_connects,
            "attempts": facts.attempts,
            "uptime_seconds": facts.uptime.as_secs(),
            "wait_timeout_seconds": facts.wait_timeout,
            "local": local_json(&facts.local, &facts.holders()),
            "not_visible": facts.unseen(),
            "hidden": facts.hidden,
            "connections": facts.connections.iter().map(connection_json).collect::<Vec<_>>(),
            "lock_waits": facts.lock_waits_json(),
            "online_changes": self.online.iter().map(ChangeSummary::json).collect::<Vec<_>>(),
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
        if let Some(node) = &self.facts.node {
            let status = match &node.unusable {
                Some(_) => CheckStatus::Failed,
                None => CheckStatus::Passed,
            };
            checks
                .push(Check::new("connections", "node", status).message(crate::escape::visible(&node.text)));
        }
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
        metrics::of(&self.facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::Connection;
    use crate::host_processes::Process;
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
                    process: Some(std::sync::Arc::new(Process {
                        pid: 4_711,
                        command: "/usr/bin/node server.js".into(),
                        started: UNIX_EPOCH.checked_add(Duration::from_secs(1_700_000_000)),
                        parent: Some((1, "systemd".into())),
                        ..Process::default()
                    })),
                    ..client(7, "app", "Sleep", 300)
                },
            ],
            hidden: vec!["2 connections of other users: GRANT PROCESS shows them".into()],
            ..Facts::default()
        }
    }

    fn outcome(min_free: MinFree) -> ConnectionsOutcome {
        ConnectionsOutcome::new(facts(), min_free, false, Duration::from_millis(3))
    }

    #[test]
    fn the_page() {
        let mut page = Page::plain();
        outcome(MinFree::default()).text(&mut page);
        let text = page.into_text();
        for part in [
            "Connections of MariaDB 10.11.6",
            "in use                    4 (one is this run's own, 0 others running, 2 not visible to app@%)",
            "limit per user            2 of 5 used by app@%",
            "  app   127.0.0.1  node     Sleep        1  5 min 0 s",
            "4711 /usr/bin/node server.js",
            "  2 connections of other users: GRANT PROCESS shows them",
            "ok 3 free of the 5 this user may have, at least 1 (--min-free)",
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
            (MinFree::default(), Exit::Done),
            (MinFree::Count(3), Exit::Done),
            (MinFree::Count(4), Exit::Findings),
            (MinFree::Count(0), Exit::Done),
            (MinFree::Percent(60), Exit::Done),
            (MinFree::Percent(61), Exit::Findings),
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
        let value = json!(outcome(MinFree::default()).json());
        assert_eq!(value["headroom"], 3);
        assert_eq!(value["not_visible"], 2);
        assert_eq!(value["connections"][0]["own"], true);
        assert_eq!(value["connections"][1]["process"]["pid"], 4_711);
        assert_eq!(value["connections"][1]["process"]["started"], 1_700_000_000_u64);
        let metrics = outcome(MinFree::default()).metrics();
        let find = |name: &str| {
            metrics
                .iter()
                .find(|metric| metric.name == name)
                .map(|metric| metric.samples[0].1)
        };
        assert_eq!(find("dbtool_mysql_connections_headroom"), Some(3.0));
        assert_eq!(find("dbtool_mysql_account_connections_limit"), Some(5.0));
        // This run's own connection is nobody's load.
        assert_eq!(metrics.last().map(|metric| metric.samples.len()), Some(1));
    }
}
