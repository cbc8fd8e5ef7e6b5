//! The numbers for Prometheus.

use crate::connections::Facts;
use crate::report::{Metric, MetricKind};

pub(super) fn of(facts: &Facts) -> Vec<Metric> {
    let gauge = |name: &str, help: &str, value: u64| {
        Metric::gauge(format!("dbtool_mysql_{name}"), help, value as f64)
    };
    let counter = |name: &str, help: &str, value: u64| {
        Metric::counter(format!("dbtool_mysql_{name}"), help, value as f64)
    };
    let mut metrics = vec![
        gauge("up", "Whether the server let dbtool in.", 1),
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
    if let Some(node) = &facts.node {
        metrics.push(gauge(
            "node_usable",
            "Whether the server may be used: it belongs to the majority of its cluster, or its replication runs.",
            u64::from(node.unusable.is_none()),
        ));
        if let Some(lag) = node.lag {
            metrics.push(gauge(
                "replica_lag_seconds",
                "How far the replica is behind.",
                lag,
            ));
        }
    }
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
