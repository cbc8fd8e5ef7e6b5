//! The rule `blocking-change`.

use crate::migrate::lint::assumed_servers;
use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::migrate::online_ddl::{DdlImpact, LiveTable, verdict};
use crate::migrate::plan::ONLINE;

rule! {
    /// # What it does
    /// Finds a change of a table of an earlier migration that MySQL 8.4 or MariaDB 10.11 makes by copying the table, or
    /// while writers wait. The rules are those of `migrate plan`, which knows the server, its version and the table's
    /// size. A statement with the comment `-- dbtool:online` is not found.
    ///
    /// # Why it matters
    /// On a large table everybody who writes waits until the statement ends, and `migrate` refuses it without `--allow-
    /// blocking` or `--online`.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, amount INT);
    /// -- 002_change.sql
    /// ALTER TABLE orders MODIFY amount BIGINT;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, amount INT);
    /// -- 002_change.sql
    /// -- dbtool:online
    /// ALTER TABLE orders MODIFY amount BIGINT;
    /// ```
    id: "blocking-change",
    category: "blocking",
    severity: Warning,
    summary: "changes that copy a table or keep its writers waiting",
    why: "on a large table everybody who writes waits until it ends",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let mut markers = view.statement.markers.iter();
    if view.changes().next().is_none() || markers.any(|marker| marker.text.trim() == ONLINE) {
        return;
    }
    let Some((name, table, _)) = view.changes().next() else {
        return;
    };
    let table = LiveTable {
        def: table.cloned().unwrap_or_default(),
        ..LiveTable::default()
    };
    let mut found: Vec<String> = Vec::new();
    for server in assumed_servers() {
        let verdict = verdict(view.found, &server, view.settings, Some(&table));
        let how = match verdict.how {
            DdlImpact::Copy => "copies the table",
            DdlImpact::BlocksWrites => "keeps writers waiting",
            _ => continue,
        };
        let why = match verdict.why.as_str() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        found.push(format!("{} {how}{why}", server.flavor));
    }
    if !found.is_empty() {
        out.push(Fault::new(&name.name, found.join("; ")));
    }
}
