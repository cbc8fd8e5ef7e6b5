//! Who waits for whose locks, as far as the server and the privileges tell.

use serde_json::{Value, json};

use super::model::{Connection, Facts};
use super::questions::number;
use super::row::{duration_of, short};
use crate::db::row::text;
use crate::db::{DbError, Row, Server, Session};
use crate::report::plural;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// A row, or a gap between rows.
    Row,
    /// A table's definition: DDL waits for transactions, and statements for DDL.
    Metadata,
}

impl LockKind {
    /// `row lock`.
    pub fn words(self) -> &'static str {
        match self {
            LockKind::Row => "row lock",
            LockKind::Metadata => "metadata lock",
        }
    }
}

/// A connection that waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockWait {
    /// The connection that waits.
    pub waiter: u64,
    /// The connection that holds the lock, where the server tells.
    pub blocker: Option<u64>,
    /// What kind of lock it is.
    pub kind: LockKind,
    /// The table.
    pub table: Option<String>,
}

/// Looks for lock waits; asks only where the processlist or the transactions say that somebody waits.
pub(super) async fn gather(session: &mut Session, server: &Server, facts: &mut Facts) -> Result<(), DbError> {
    let mut waits = Vec::new();
    if facts.row_lock_waits > 0 {
        let rows = ask(session, server.row_lock_waits()).await?;
        waits.extend(rows.iter().map(|row| wait(row, LockKind::Row)));
    }
    let waiters: Vec<u64> = facts
        .others()
        .filter(|one| one.waits_for_metadata())
        .map(|one| one.id)
        .collect();
    if !waiters.is_empty() {
        let mut known = Vec::new();
        for statement in server.metadata_lock_waits() {
            let rows = ask(session, statement).await?;
            known = rows.iter().map(|row| wait(row, LockKind::Metadata)).collect();
            if !known.is_empty() {
                break;
            }
        }
        for waiter in waiters {
            let of_it: Vec<LockWait> = known
                .iter()
                .filter(|one: &&LockWait| one.waiter == waiter)
                .cloned()
                .collect();
            if of_it.is_empty() {
                waits.push(LockWait {
                    waiter,
                    blocker: sole_transaction(facts, waiter),
                    kind: LockKind::Metadata,
                    table: None,
                });
            }
            waits.extend(of_it);
        }
    }
    facts.lock_waits.clear();
    for wait in waits {
        if !facts.lock_waits.contains(&wait) {
            facts.lock_waits.push(wait);
        }
    }
    let roots: Vec<u64> = facts.lock_waits.iter().filter_map(|wait| wait.blocker).collect();
    let roots: Vec<u64> = roots
        .into_iter()
        .filter(|id| facts.is_root_blocker(*id))
        .collect();
    for connection in &mut facts.connections {
        connection.blocks = roots.contains(&connection.id);
    }
    Ok(())
}

/// A view that this server or account does not have tells nothing.
async fn ask(session: &mut Session, sql: &str) -> Result<Vec<Row>, DbError> {
    match session.rows::<Row>(sql).await {
        Err(error) if error.code().is_some() => Ok(Vec::new()),
        rows => rows,
    }
}

fn wait(row: &Row, kind: LockKind) -> LockWait {
    LockWait {
        waiter: number(row, 0),
        blocker: Some(number(row, 1)).filter(|id| *id != 0),
        kind,
        table: text(row, 2).filter(|table| !table.is_empty()),
    }
}

/// The only other connection in a transaction: a metadata lock lasts as long as one.
fn sole_transaction(facts: &Facts, waiter: u64) -> Option<u64> {
    let mut open = facts
        .others()
        .filter(|one| one.transaction.is_some() && one.id != waiter && !one.waits_for_metadata());
    let first = open.next()?;
    (facts.sees_transactions && open.next().is_none()).then_some(first.id)
}

/// The states of a connection that waits for a lock on something's definition: a table, a routine, a schema, or
/// everything (FLUSH TABLES WITH READ LOCK, BACKUP STAGE).
const METADATA_STATES: [&str; 4] = ["metadata lock", "global read lock", "backup lock", "commit lock"];

impl Connection {
    /// Whether it waits for a metadata lock.
    pub(super) fn waits_for_metadata(&self) -> bool {
        METADATA_STATES.iter().any(|state| self.state.contains(state))
    }
}

impl Facts {
    /// Whether this connection holds what others wait for, and waits for nobody itself.
    pub fn is_root_blocker(&self, id: u64) -> bool {
        self.lock_waits.iter().any(|wait| wait.blocker == Some(id))
            && self.lock_waits.iter().all(|wait| wait.waiter != id)
    }

    /// The trees of waits, each with its root first, deeper ones indented.
    pub fn lock_lines(&self) -> Vec<String> {
        self.lock_tree().into_iter().map(|(_, line)| line).collect()
    }

    /// The same, each line with the connection that it is about.
    pub fn lock_tree(&self) -> Vec<(u64, String)> {
        let mut roots: Vec<u64> = self.lock_waits.iter().filter_map(|wait| wait.blocker).collect();
        roots.sort_unstable();
        roots.dedup();
        let mut lines = Vec::new();
        let mut told = Vec::new();
        for root in roots.iter().copied().filter(|id| self.is_root_blocker(*id)) {
            lines.push((root, self.holder_line(root)));
            self.waiters(root, 1, &mut told, &mut lines);
        }
        // What waits for nobody known, or in a circle.
        for wait in &self.lock_waits {
            if !told.contains(&wait.waiter) {
                told.push(wait.waiter);
                let line = format!("{}, for whom the server does not tell", self.waiter_line(wait));
                lines.push((wait.waiter, line));
            }
        }
        lines
    }

    fn waiters(&self, blocker: u64, depth: usize, told: &mut Vec<u64>, lines: &mut Vec<(u64, String)>) {
        for wait in self
            .lock_waits
            .iter()
            .filter(|wait| wait.blocker == Some(blocker))
        {
            if told.contains(&wait.waiter) {
                continue;
            }
            told.push(wait.waiter);
            let line = format!("{:indent$}{}", "", self.waiter_line(wait), indent = depth * 2);
            lines.push((wait.waiter, line));
            self.waiters(wait.waiter, depth + 1, told, lines);
        }
    }

    fn named(&self, id: u64) -> (String, Option<&Connection>) {
        let connection = self.connections.iter().find(|one| one.id == id);
        let Some(one) = connection else {
            return (id.to_string(), None);
        };
        let process = one.process.as_ref().map_or(String::new(), |process| {
            format!(" ({} {})", process.pid, process.name())
        });
        (format!("{id} {}@{}{process}", one.user, one.host), connection)
    }

    fn holder_line(&self, id: u64) -> String {
        let (mut line, connection) = self.named(id);
        let blocked = self
            .lock_waits
            .iter()
            .filter(|wait| wait.blocker == Some(id))
            .count();
        line.push_str(&format!(" blocks {}", plural(blocked as u64, "connection")));
        line.push_str(&connection.map(doing).unwrap_or_default());
        line
    }

    /// `12 app@10.0.0.7 (4711 node), in a transaction for 66 s that changed 1 row, Sleep 60 s`.
    pub(super) fn described(&self, id: u64) -> String {
        let (line, connection) = self.named(id);
        format!("{line}{}", connection.map(doing).unwrap_or_default())
    }

    /// The connections that `waiter` waits for in the end: those that wait for nobody themselves. None are known where
    /// the server does not tell, or in a circle.
    pub(super) fn roots_of(&self, waiter: u64) -> Vec<u64> {
        let (mut roots, mut seen, mut next) = (Vec::new(), vec![waiter], vec![waiter]);
        while let Some(one) = next.pop() {
            let blockers: Vec<u64> = self.blockers_of(one).collect();
            if blockers.is_empty() && one != waiter && !self.waits(one) {
                roots.push(one);
            }
            for blocker in blockers {
                if !seen.contains(&blocker) {
                    seen.push(blocker);
                    next.push(blocker);
                }
            }
        }
        roots.sort_unstable();
        roots
    }

    fn blockers_of(&self, waiter: u64) -> impl Iterator<Item = u64> {
        self.lock_waits
            .iter()
            .filter(move |wait| wait.waiter == waiter)
            .filter_map(|wait| wait.blocker)
    }

    fn waits(&self, id: u64) -> bool {
        self.lock_waits.iter().any(|wait| wait.waiter == id)
    }

    fn waiter_line(&self, wait: &LockWait) -> String {
        let (mut line, connection) = self.named(wait.waiter);
        line.push_str(&format!(" waits for a {}", wait.kind.words()));
        if let Some(table) = &wait.table {
            line.push_str(&format!(" of {table}"));
        }
        if let Some(one) = connection {
            line.push_str(&format!(", {}", duration_of(one.time)));
            if let Some(statement) = &one.statement {
                line.push_str(&format!(": {}", short(statement, 60)));
            }
        }
        line
    }

    /// The lock that `waiter` waits for, if it does: `a metadata lock of app.t`.
    pub(super) fn wanted_by(&self, waiter: u64) -> Option<String> {
        let wait = self.lock_waits.iter().find(|wait| wait.waiter == waiter)?;
        let of = wait
            .table
            .as_ref()
            .map_or(String::new(), |table| format!(" of {table}"));
        Some(format!("a {}{of}", wait.kind.words()))
    }

    /// The same for a program.
    pub fn lock_waits_json(&self) -> Value {
        let waits = self.lock_waits.iter().map(|wait| {
            json!({
                "waiter": wait.waiter,
                "blocker": wait.blocker,
                "lock": wait.kind.words(),
                "table": wait.table,
            })
        });
        waits.collect()
    }
}

/// How long a connection has had its transaction open, what that has done, and what it does now.
fn doing(one: &Connection) -> String {
    let mut line = String::new();
    if let Some(age) = one.transaction {
        line.push_str(&format!(", in a transaction for {}", duration_of(age)));
    }
    let rows = [("changed", one.rows_changed), ("locked", one.rows_locked)];
    let rows: Vec<String> = rows
        .into_iter()
        .filter_map(|(verb, rows)| Some(format!("{verb} {}", plural(rows?, "row"))))
        .collect();
    if !rows.is_empty() {
        line.push_str(&format!(" that {}", rows.join(" and ")));
    }
    line.push_str(&format!(", {} {}", one.command, duration_of(one.time)));
    if let Some(statement) = &one.statement {
        line.push_str(&format!(": {}", short(statement, 60)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_have_their_root_first_and_end_in_a_circle() {
        let wait = |waiter, blocker| LockWait {
            waiter,
            blocker,
            kind: LockKind::Row,
            table: Some("app.t".into()),
        };
        let facts = Facts {
            lock_waits: vec![
                wait(2, Some(1)),
                wait(3, Some(2)),
                wait(3, Some(1)),
                wait(9, None),
            ],
            ..Facts::default()
        };
        assert_eq!(
            facts.lock_lines(),
            [
                "1 blocks 2 connections",
                "  2 waits for a row lock of app.t",
                "    3 waits for a row lock of app.t",
                "9 waits for a row lock of app.t, for whom the server does not tell",
            ]
        );
        assert!(facts.is_root_blocker(1) && !facts.is_root_blocker(2) && !facts.is_root_blocker(9));
        let circle = Facts {
            lock_waits: vec![wait(1, Some(2)), wait(2, Some(1))],
            ..Facts::default()
        };
        assert_eq!(circle.lock_lines().len(), 2);
    }
}
