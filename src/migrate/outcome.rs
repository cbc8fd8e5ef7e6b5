//! The outcomes of the migrate commands, as text and JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::apply::AppliedMigration;
use super::other_history::OtherHistory;
use super::status::{MigrationStatus, Status};
use crate::exit::Exit;
use crate::migrate::files::{Layout, Migration};
use crate::online_change::record::ChangeSummary;
use crate::report::{Check, CheckStatus, Json, Outcome, Page, Table, duration, plural, visible};

/// A migration's status, for display.
#[derive(Debug, Clone)]
pub struct MigrationRow {
    label: String,
    name: String,
    standing: Status,
    state: Option<&'static str>,
    done: u32,
    total: u32,
    started_at: Option<String>,
    finished_at: Option<String>,
    duration_ms: u64,
    applied_by: Option<String>,
    out_of_order: bool,
    error: Option<String>,
    file: Option<String>,
    says: String,
    advice: String,
}

impl MigrationRow {
    /// Copies the fields that the outcome shows.
    pub fn from_status(item: &MigrationStatus<'_>) -> MigrationRow {
        let record = item.record;
        MigrationRow {
            label: item.label().to_owned(),
            name: item.name().to_owned(),
            standing: item.standing,
            state: record.map(|record| record.state.as_str()),
            done: record.map_or(0, |record| record.done),
            total: record.map_or_else(
                || item.migration.map_or(0, Migration::statements),
                |record| record.total,
            ),
            started_at: record.map(|record| record.started_at.clone()),
            finished_at: record.and_then(|record| record.finished_at.clone()),
            duration_ms: record.map_or(0, |record| record.duration_ms),
            applied_by: record.map(|record| record.applied_by.clone()),
            out_of_order: record.is_some_and(|record| record.out_of_order),
            error: record.and_then(|record| record.error.clone()),
            file: item.migration.map(|migration| migration.up.display().to_string()),
            says: item.standing.describe(item.name()),
            advice: item.standing.advice(item.label()),
        }
    }

    fn as_str(&self) -> &'static str {
        match (self.standing, self.state) {
            (Status::Applied, Some("baseline")) => "baseline",
            _ => self.standing.as_str(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "version": self.label, "name": self.name, "standing": self.as_str(), "file": self.file,
            "statements_done": self.done, "statements_total": self.total, "started_at": self.started_at,
            "finished_at": self.finished_at, "duration_ms": self.duration_ms, "applied_by": self.applied_by,
            "out_of_order": self.out_of_order, "error": self.error,
        })
    }
}

/// `migrate status`, `migrate verify` and `migrate --check`.
#[derive(Debug)]
pub struct StatusOutcome {
    /// `migrate-status`, `migrate-verify`.
    pub name: &'static str,
    /// The database's name.
    pub database: String,
    /// Every migration, ascending.
    pub rows: Vec<MigrationRow>,
    /// Whether pending migrations and problems mean exit 1.
    pub check: bool,
    /// Whether only problems matter.
    pub problems_only: bool,
    /// Online changes that run or were interrupted.
    pub online: Vec<ChangeSummary>,
    /// The tool whose layout the files have.
    pub layout: Layout,
    /// What speaks for it.
    pub evidence: String,
    /// The history of another tool, where dbtool has none.
    pub other: Option<OtherHistory>,
}

impl StatusOutcome {
    fn wrong(&self, row: &MigrationRow) -> bool {
        row.standing.is_problem() || !self.problems_only && row.standing.is_pending()
    }
}

impl Outcome for StatusOutcome {
    fn exit(&self) -> Exit {
        if self.check && (self.other.is_some() || self.rows.iter().any(|row| self.wrong(row))) {
            Exit::Findings
        } else {
            Exit::Done
        }
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn text(&self, page: &mut Page) {
        let style = page.style();
        let mut table =
            Table::new(["VERSION", "NAME", "STATE", "STATEMENTS", "APPLIED (UTC)", "TOOK"]).right(&[3, 5]);
        for row in &self.rows {
            let state = match row.standing {
                Status::Applied => style.ok(row.as_str()),
                Status::Pending => style.warn(row.as_str()),
                _ => style.bad(row.as_str()),
            };
            let statements = match row.standing {
                Status::Applied | Status::Pending => row.total.to_string(),
                _ => format!("{} of {}", row.done, row.total),
            };
            let when = row.finished_at.as_ref().or(row.started_at.as_ref());
            let when = when.map_or("", |time| time.split('.').next().unwrap_or_default());
            let took = match row.duration_ms {
                0 => String::new(),
                ms => duration(Duration::from_millis(ms)),
            };
            table.row([
                row.label.clone(),
                row.name.clone(),
                state,
                statements,
                when.to_owned(),
                took,
            ]);
        }
        if !table.is_empty() {
            page.table(table);
            page.blank();
        }
        for row in self
            .rows
            .iter()
            .filter(|row| row.standing != Status::Pending && self.wrong(row))
        {
            page.line(style.bad(&row.says));
            if let Some(error) = &row.error {
                page.block(2, error);
            }
            if !row.advice.is_empty() {
                page.block(2, &row.advice);
            }
        }
        for change in &self.online {
            page.line(change.line());
        }
        if self.layout != Layout::OWN {
            page.line(format!(
                "layout: {} ({})",
                self.layout.name,
                visible(&self.evidence)
            ));
        }
        if let Some(other) = &self.other {
            page.line(style.bad(other.describe(&self.database)));
            page.block(2, OtherHistory::ADVICE);
        }
        let applied = self
            .rows
            .iter()
            .filter(|row| row.standing == Status::Applied)
            .count();
        let pending = self.rows.iter().filter(|row| row.standing.is_pending()).count();
        let problems = self.rows.iter().filter(|row| row.standing.is_problem()).count();
        let problems = if problems == 0 {
            String::new()
        } else {
            format!(", {}", plural(problems as u64, "problem"))
        };
        page.line(format!(
            "{}: {applied} applied, {pending} pending{problems}",
            self.database
        ));
    }

    fn json(&self) -> Json<'_> {
        let rows: Vec<Value> = self.rows.iter().map(MigrationRow::json).collect();
        let pending = self.rows.iter().filter(|row| row.standing.is_pending()).count();
        let problems = self.rows.iter().filter(|row| row.standing.is_problem()).count();
        Box::new(json!({
            "database": self.database, "migrations": rows, "pending": pending, "problems": problems,
            "online_changes": self.online.iter().map(ChangeSummary::json).collect::<Vec<_>>(),
            "layout": self.layout.id, "layout_evidence": self.evidence,
            "other_history": self.other.as_ref().map(OtherHistory::json),
        }))
    }

    fn checks(&self) -> Vec<Check> {
        self.rows
            .iter()
            .map(|row| {
                let status = if self.wrong(row) {
                    CheckStatus::Failed
                } else {
                    CheckStatus::Passed
                };
                let mut check = Check::new("migrations", row.name.clone(), status)
                    .message(row.says.clone())
                    .took(Duration::from_millis(row.duration_ms));
                check.file.clone_from(&row.file);
                if !row.advice.is_empty() {
                    check = check.detail(row.advice.clone());
                }
                check
            })
            .collect()
    }
}

/// `migrate`, `migrate down` and `migrate redo`.
#[derive(Debug)]
pub struct ApplyOutcome {
    /// `migrate`, `migrate-down`, `migrate-redo`.
    pub name: &'static str,
    /// The database's name.
    pub database: String,
    /// The migrations applied or rolled back, in order.
    pub applied: Vec<AppliedMigration>,
    /// The newest version in the database now.
    pub version: Option<String>,
    /// The duration of the run.
    pub took: Duration,
}

impl Outcome for ApplyOutcome {
    fn name(&self) -> &'static str {
        self.name
    }

    fn text(&self, page: &mut Page) {
        let at = self
            .version
            .as_deref()
            .map_or(String::new(), |version| format!(", now at {version}"));
        if self.applied.is_empty() {
            page.line(format!("{}: nothing to do{at}", self.database));
            return;
        }
        let verb = match self.name {
            "migrate" => "applied",
            "migrate-redo" => "rolled back and applied again",
            _ => "rolled back",
        };
        let statements: u32 = self.applied.iter().map(|applied| applied.statements).sum();
        page.line(format!(
            "{}: {} {verb} ({}) in {}{at}",
            self.database,
            plural(self.applied.len() as u64, "migration"),
            plural(statements.into(), "statement"),
            duration(self.took)
        ));
    }

    fn json(&self) -> Json<'_> {
        let applied: Vec<Value> = self
            .applied
            .iter()
            .map(|applied| {
                json!({
                    "version": applied.label, "name": applied.name, "statements": applied.statements, "rows": applied.rows,
                    "duration_ms": u64::try_from(applied.took.as_millis()).unwrap_or(u64::MAX), "resumed": applied.resumed,
                })
            })
            .collect();
        Box::new(json!({ "database": self.database, "applied": applied, "version": self.version }))
    }
}

/// `migrate new`, `repair` and `baseline`: one line.
#[derive(Debug)]
pub struct MessageOutcome {
    /// The command's name.
    pub name: &'static str,
    /// The text.
    pub line: String,
    /// The JSON form.
    pub json: Value,
}

impl Outcome for MessageOutcome {
    fn name(&self) -> &'static str {
        self.name
    }

    fn text(&self, page: &mut Page) {
        page.line(&self.line);
    }

    fn json(&self) -> Json<'_> {
        Box::new(self.json.clone())
    }
}
