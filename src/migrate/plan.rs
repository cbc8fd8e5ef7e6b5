//! The plan of a run: every statement with its class, its impact, and the size of its table.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::failure::MigrateFailure;
use super::forecast::{PredictedError, RowAnswer, SchemaForecast, TableSize};
use super::history::Record;
use super::online_ddl::{DdlImpact, DdlVerdict, verdict};
use super::step::online;
use super::trial::{Trial, Tried};
use crate::db::{DbError, Server};
use crate::migrate::files::{Direction, Migration};
use crate::online_change::room;
use crate::sql::{Classification, ObjectEffect, ObjectName, SplitOptions, StatementClass, classify, summary};

/// Above this many rows a blocking statement needs `--allow-blocking`.
pub const LARGE_ROWS: u64 = 1_000_000;
/// Above this many bytes of rows and indexes too.
pub const LARGE_BYTES: u64 = 1 << 30;

/// What the rows of a live table say to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowsSay {
    /// They do not make it fail.
    Fits,
    /// They make it fail.
    Fails,
    /// They were not asked: not enough time, or an earlier statement changes them.
    Unknown,
}

/// A statement of the plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Planned {
    /// Version as the file writes it.
    pub label: String,
    /// The file.
    pub file: String,
    /// Number within the file, from 1.
    pub number: u32,
    /// Line of its first character.
    pub line: u32,
    /// Column of its first character.
    pub column: u32,
    /// The class of the statement.
    pub class: StatementClass,
    /// The statement in one line.
    pub summary: String,
    /// The impact on the table's other users.
    pub how: DdlImpact,
    /// The reason for the impact, where it is not obvious.
    pub why: String,
    /// Whether the impact is the server's own word, of an empty copy of the table.
    pub asked_server: bool,
    /// The section of the manual's chapter on online DDL.
    pub manual: Cow<'static, str>,
    /// The error that the server will certainly return.
    pub fails: Option<PredictedError>,
    /// What the rows of the live table say; `None` where they were not asked.
    pub rows_say: Option<RowsSay>,
    /// Whether it is to run as an online change of its table ([`crate::online_change`]).
    pub online: bool,
    /// Estimated rows of its table; `None` when it touches none that exists.
    pub rows: Option<u64>,
    /// Estimated bytes of its table.
    pub bytes: Option<u64>,
}

impl Planned {
    /// Whether it is refused without `--allow-blocking`.
    pub fn is_refused(&self) -> bool {
        !self.online && self.is_heavy()
    }

    /// Whether it blocks writers of a large table, if it runs as it is.
    pub fn is_heavy(&self) -> bool {
        self.how.blocks() && (self.rows.unwrap_or(0) > LARGE_ROWS || self.bytes.unwrap_or(0) > LARGE_BYTES)
    }

    /// The bytes that the second table of an online change needs.
    pub fn disk_needed(&self) -> Option<u64> {
        self.bytes.filter(|_| self.online).map(room::needed)
    }

    /// About how long an online change takes.
    pub fn estimated_seconds(&self) -> Option<u64> {
        self.rows.filter(|_| self.online).map(room::estimated_seconds)
    }

    /// Puts the server's own word in the place of the rules.
    fn take(&mut self, tried: &Tried) {
        if let Some(how) = tried.how {
            if how != self.how {
                self.why = match how.blocks() {
                    true => "the server says so of an empty copy".to_owned(),
                    false => String::new(),
                };
            }
            self.how = how;
            self.asked_server = true;
        }
        if let (None, Some(error)) = (&self.fails, &tried.fails) {
            self.fails = Some(error.clone());
            self.asked_server = true;
        }
    }

    fn place(&self) -> String {
        format!("{}:{}:{}: {}", self.file, self.line, self.column, self.summary)
    }

    /// The statement as JSON.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "version": self.label, "file": self.file, "statement": self.number, "line": self.line, "column": self.column,
            "class": self.class.as_str(), "summary": self.summary, "effect": self.how.as_str(), "reason": self.why,
            "asked": if self.asked_server { "server" } else { "rules" },
            "manual": self.manual, "rows": self.rows, "bytes": self.bytes, "online": self.online, "refused": self.is_refused(),
            "disk_needed": self.disk_needed(), "estimated_seconds": self.estimated_seconds(),
            "data": self.rows_say,
            "fails": self.fails.as_ref().map(|fault| json!({ "code": fault.code, "message": fault.what })),
        })
    }
}

/// What to plan, beside the migration.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// How the server reads strings.
    pub options: SplitOptions,
    /// Whether migrations that change no schema count too.
    pub data_too: bool,
    /// Whether rows of live tables are asked where they decide.
    pub ask_rows: bool,
    /// What the server said of the statements on an empty copy.
    pub tried: Option<&'a Trial>,
    /// Whether every statement that would be refused is to run as an online change.
    pub online: bool,
    /// The online changes that earlier runs have begun and not settled.
    pub begun: &'a [String],
}

/// The comment before a statement that is to run as an online change where it would block.
pub const ONLINE: &str = "dbtool:online";

/// Plans the remaining statements of `migration` and passes each to `visit`. No error is predicted for a statement
/// that an earlier run started: only the run itself finds out whether it took effect. Without `data_too` a migration
/// that changes no schema is skipped, however large it is.
///
/// # Errors
/// The file cannot be read any more, the connection failed, or `visit` refuses a statement.
pub async fn plan(
    forecast: &mut SchemaForecast<'_>,
    server: &Server,
    migration: &Migration,
    record: Option<&Record>,
    request: &PlanRequest<'_>,
    mut visit: impl FnMut(Planned) -> Result<(), MigrateFailure>,
) -> anyhow::Result<()> {
    let done = record.map_or(0, |record| record.done);
    let unsettled = record
        .and_then(|record| record.intent.as_ref())
        .map(|intent| intent.number);
    let changes_schema = migration
        .outline
        .as_ref()
        .is_none_or(|outline| outline.changes_schema);
    if !request.data_too && !changes_schema {
        return Ok(());
    }
    forecast.begin_migration();
    let mut statements = migration.script(Direction::Up, request.options).open()?;
    while let Some(statement) = statements.next()? {
        forecast.check_cancelled()?;
        let number = statement.number;
        let found = classify(&statement.text);
        if number <= done {
            // The file has changed since the run that started it: the run itself will report that.
            if number == done && record.is_some_and(|record| statement.after.hex() != record.done_hash) {
                forecast.lose_sight();
            }
            // Its effect on the session is restored; its other effects exist.
            if found.class == StatementClass::Session {
                forecast.follow(&statement.text, &found).await?;
            }
            continue;
        }
        let (verdict, size) = judge(forecast, server, &found).await?;
        let begun = request.begun.contains(&online::owner(migration, number));
        let mut rows_say = None;
        let fails = if unsettled == Some(number) || begun {
            forecast.follow_unsettled(&found);
            None
        } else {
            let mut fails = forecast.fault(&statement.text, &found).await?;
            if fails.is_none() && request.ask_rows {
                (rows_say, fails) = said_by(forecast.ask_rows(&statement.text, &found).await?);
            }
            forecast.follow(&statement.text, &found).await?;
            fails
        };
        let mut planned = Planned {
            label: migration.label.clone(),
            file: statement.path.display().to_string(),
            number: statement.number,
            line: statement.line,
            column: statement.column,
            class: found.class,
            summary: summary(&statement.text, 100),
            how: verdict.how,
            why: verdict.why,
            asked_server: false,
            manual: Cow::Borrowed(verdict.manual),
            fails,
            rows_say,
            online: false,
            rows: size.as_ref().map(|size| size.rows),
            bytes: size.as_ref().map(|size| size.bytes),
        };
        if let Some(tried) = request
            .tried
            .and_then(|trial| trial.get(migration.version, statement.number))
        {
            planned.take(tried);
        }
        let marked = statement
            .markers
            .iter()
            .any(|marker| marker.text.trim() == ONLINE);
        planned.online = begun || marked && planned.how.blocks() || request.online && planned.is_heavy();
        visit(planned)?;
    }
    Ok(())
}

/// What the rows say, and the error that they will cause.
fn said_by(answer: RowAnswer) -> (Option<RowsSay>, Option<PredictedError>) {
    match answer {
        RowAnswer::NotAsked => (None, None),
        RowAnswer::Fits => (Some(RowsSay::Fits), None),
        RowAnswer::Unknown => (Some(RowsSay::Unknown), None),
        RowAnswer::Fails(error) => (Some(RowsSay::Fails), Some(error)),
    }
}

/// The impact of a statement and the size of its table: of several tables, the worst and the largest.
async fn judge(
    forecast: &mut SchemaForecast<'_>,
    server: &Server,
    found: &Classification,
) -> Result<(DdlVerdict, Option<TableSize>), DbError> {
    let touched = found
        .objects
        .iter()
        .filter(|object| object.effect != ObjectEffect::Create);
    let mut tables: Vec<ObjectName> = touched.map(|object| object.name.clone()).collect();
    tables.extend(found.maintained.iter().cloned());
    let mut worst: Option<(DdlVerdict, Option<TableSize>)> = None;
    for name in tables {
        let size = forecast.size(&name).await?;
        let table = match (&size, found.actions.is_empty()) {
            (Some(_), false) => forecast.table(&name).await?,
            _ => None,
        };
        let verdict = verdict(found, server, forecast.settings(), table.as_ref());
        let weight = |verdict: &DdlVerdict, size: &Option<TableSize>| {
            let bytes = size.as_ref().map_or((0, 0), |size| (size.rows, size.bytes));
            (verdict.how, bytes)
        };
        if worst
            .as_ref()
            .is_none_or(|(how, bytes)| weight(&verdict, &size) > weight(how, bytes))
        {
            worst = Some((verdict, size));
        }
    }
    Ok(worst.unwrap_or_else(|| (verdict(found, server, forecast.settings(), None), None)))
}

/// Refuses a statement that blocks writers of a large table.
///
/// # Errors
/// The statement, and alternatives.
pub fn refuse_blocking(planned: &Planned, allowed: bool) -> Result<(), MigrateFailure> {
    if allowed || !planned.is_refused() {
        return Ok(());
    }
    Err(MigrateFailure::BlocksWriters {
        statement: planned.place(),
        rows: planned.rows.unwrap_or(0),
        bytes: planned.bytes.unwrap_or(0),
        why: planned.why.to_string(),
    })
}

/// The failure for a statement that will fail. `present` is the newest version whose objects all exist.
pub fn will_fail(planned: &Planned, present: Option<String>) -> MigrateFailure {
    let (what, code) = match &planned.fails {
        Some(fault) => (fault.what.clone(), fault.code),
        None => (String::new(), 0),
    };
    MigrateFailure::WillFail {
        statement: planned.place(),
        what,
        code,
        present,
    }
}
