//! The Prometheus text exposition format for node_exporter's textfile collector.

use std::fmt::Write as _;

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Can increase and decrease.
    Gauge,
    /// Only increases, until the server restarts.
    Counter,
}

/// A sample: its labels, then its value.
pub type Sample = (Vec<(String, String)>, f64);

/// One metric with its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Name: letters, digits and underscores, with the unit as suffix.
    pub name: String,
    /// Description in one sentence.
    pub help: String,
    /// Gauge or counter.
    pub kind: MetricKind,
    /// Current values, one per set of labels.
    pub samples: Vec<Sample>,
}

impl Metric {
    /// A gauge without labels.
    pub fn gauge(name: impl Into<String>, help: impl Into<String>, value: f64) -> Self {
        Metric {
            name: name.into(),
            help: help.into(),
            kind: MetricKind::Gauge,
            samples: vec![(vec![], value)],
        }
    }

    /// A counter without labels.
    pub fn counter(name: impl Into<String>, help: impl Into<String>, value: f64) -> Self {
        Metric {
            kind: MetricKind::Counter,
            ..Metric::gauge(name, help, value)
        }
    }
}

/// Replaces characters that are invalid in a metric or label name.
fn name(text: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

fn escape(text: &str, quote: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quote => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        format!("{value}")
    }
}

/// All metrics as text. A metric without samples is omitted: it would be valid but meaningless.
pub(super) fn render(metrics: &[Metric]) -> String {
    let mut out = String::new();
    for metric in metrics.iter().filter(|metric| !metric.samples.is_empty()) {
        let id = name(&metric.name);
        let kind = match metric.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "# HELP {id} {}\n# TYPE {id} {kind}",
            escape(&metric.help, false)
        );
        for (labels, value) in &metric.samples {
            let labels: Vec<String> = labels
                .iter()
                // Labels contain text from a server: control characters are made visible first.
                .map(|(key, text)| {
                    format!(
                        "{}=\"{}\"",
                        name(key),
                        escape(&crate::escape::visible(text), true)
                    )
                })
                .collect();
            let labels = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(","))
            };
            let _ = writeln!(out, "{id}{labels} {}", number(*value));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Metric, MetricKind, render};

    #[test]
    fn exposition_text() {
        let labelled = Metric {
            name: "dbtool connections.by user".into(),
            help: "One\\two\nlines".into(),
            kind: MetricKind::Gauge,
            samples: vec![
                (
                    vec![("user".into(), "a\"b\\c".into()), ("1st".into(), "x".into())],
                    3.0,
                ),
                (vec![("user".into(), "\u{1b}".into())], f64::NAN),
            ],
        };
        let empty = Metric {
            samples: vec![],
            ..labelled.clone()
        };
        let counter = Metric::counter("mysql_refused_total", "Refused.", 1234567890.0);
        let infinite = Metric::gauge("g", "h", f64::NEG_INFINITY);
        assert_eq!(
            render(&[labelled, empty, counter, infinite]),
            "# HELP dbtool_connections_by_user One\\\\two\\nlines\n\
             # TYPE dbtool_connections_by_user gauge\n\
             dbtool_connections_by_user{user=\"a\\\"b\\\\c\",_1st=\"x\"} 3\n\
             dbtool_connections_by_user{user=\"\\\\x1b\"} NaN\n\
             # HELP mysql_refused_total Refused.\n\
             # TYPE mysql_refused_total counter\n\
             mysql_refused_total 1234567890\n\
             # HELP g h\n# TYPE g gauge\ng -Inf\n"
        );
    }
}
