//! The outcome of `migrate plan`, as text and JSON. A plan may have any number of statements, which are spooled.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::ser::Error as _;
use serde_json::Value;

use super::failure::MigrateFailure;
use super::plan::{Planned, RowsSay};
use crate::exit::Exit;
use crate::memory::spool::Spool;
use crate::memory::streamed::Streamed;
use crate::report::{Json, Outcome, Page, Style, Table, bytes, count, duration, plural, visible};

/// `migrate plan` and `migrate --dry-run`.
#[derive(Debug)]
pub struct PlanOutcome {
    /// The database's name.
    database: String,
    /// The server's name and version.
    server: String,
    /// Every statement that would run.
    statements: Spool<Planned>,
    /// Whether one of them will fail.
    fails: bool,
    /// Requirements that the database does not meet.
    unmet: Vec<String>,
    /// Why statements were not tried on an empty copy, though that was asked for.
    pub not_tried: Option<String>,
}

impl PlanOutcome {
    /// A plan without statements.
    pub fn new(database: &str, server: String, unmet: Vec<String>) -> PlanOutcome {
        PlanOutcome {
            database: database.to_owned(),
            server,
            statements: Spool::default(),
            fails: false,
            unmet,
            not_tried: None,
        }
    }

    /// Adds a statement.
    ///
    /// # Errors
    /// A long plan is kept in a temporary file, which cannot be written.
    pub fn add(&mut self, planned: &Planned) -> Result<(), MigrateFailure> {
        self.fails |= planned.fails.is_some();
        let spooled = self.statements.push(planned);
        spooled.map_err(|error| MigrateFailure::CannotSpool {
            folder: std::env::temp_dir(),
            error,
        })
    }

    /// Passes the statements to `visit`.
    ///
    /// # Errors
    /// The temporary file cannot be read back.
    fn each(&self, visit: &mut dyn FnMut(Planned)) -> io::Result<()> {
        self.statements.iter().try_for_each(|planned| {
            visit(planned?);
            Ok(())
        })
    }

    /// The lines below the table.
    fn remarks(&self, page: &mut Page) -> io::Result<()> {
        let style = page.style();
        self.each(&mut |planned| {
            if planned.why.is_empty() || !planned.how.blocks() {
                return;
            }
            let refused = match planned.is_refused() {
                _ if planned.online => beside(&planned),
                true => "; refused without --online or --allow-blocking".to_owned(),
                false => String::new(),
            };
            page.line(format!(
                "{}.{}: {}{refused}",
                planned.label, planned.number, planned.why
            ));
        })?;
        self.each(&mut |planned| {
            if planned.rows_say == Some(RowsSay::Unknown) {
                page.line(format!(
                    "{}.{}: whether the rows fit is not known: an earlier statement changes them, or there was not \
                     enough time or privilege to read them",
                    planned.label, planned.number
                ));
            }
        })?;
        if let Some(why) = &self.not_tried {
            page.line(format!(
                "dbtool's rules answer where the server was not asked: {}",
                visible(why)
            ));
        }
        for unmet in &self.unmet {
            page.line(style.bad(format!("refused: {unmet}")));
        }
        self.each(&mut |planned| {
            if let Some(fault) = &planned.fails {
                page.line(style.bad(format!(
                    "{}.{} will fail: {} ({})",
                    planned.label,
                    planned.number,
                    visible(&fault.what),
                    fault.code
                )));
            }
        })
    }
}

/// What an online change of its table takes.
fn beside(planned: &Planned) -> String {
    let mut text = "; done beside the table while it stays in use".to_owned();
    if let (Some(disk), Some(seconds)) = (planned.disk_needed(), planned.estimated_seconds()) {
        let time = duration(Duration::from_secs(seconds));
        text += &format!(": about {} of disk, and {time} without pauses", bytes(disk));
    }
    text
}

/// The row of a statement.
fn cells(planned: &Planned, style: Style) -> Vec<String> {
    let effect = match planned.how {
        _ if planned.fails.is_some() => style.bad("fails"),
        how if how.blocks() && planned.is_refused() => style.bad(how.as_str()),
        how if how.blocks() => style.warn(how.as_str()),
        how => how.as_str().to_owned(),
    };
    vec![
        format!("{}.{}", planned.label, planned.number),
        planned.class.as_str().to_owned(),
        effect,
        planned
            .rows
            .map_or(String::new(), |rows| format!("~{}", count(rows))),
        planned.bytes.map_or(String::new(), bytes),
        planned.summary.clone(),
    ]
}

impl Outcome for PlanOutcome {
    fn exit(&self) -> Exit {
        // `migrate` would refuse to start.
        match !self.unmet.is_empty() || self.fails {
            true => Exit::Findings,
            false => Exit::Done,
        }
    }

    fn name(&self) -> &'static str {
        "migrate-plan"
    }

    fn text(&self, page: &mut Page) {
        if self.statements.is_empty() {
            page.line(format!("{}: nothing to do", self.database));
            return;
        }
        let style = page.style();
        let table = Table::new(["STATEMENT", "CLASS", "EFFECT", "ROWS", "SIZE", "WHAT"]).right(&[3, 4]);
        page.long_table(&table, &|sink| {
            // A failure to read shows again below.
            let _ = self.each(&mut |planned| sink(cells(&planned, style)));
        });
        page.blank();
        if let Err(error) = self.remarks(page) {
            page.line(style.bad(format!("the temporary file of the plan cannot be read: {error}")));
        }
        page.line(format!(
            "{} to run on {} ({}); nothing was changed",
            plural(self.statements.len() as u64, "statement"),
            self.database,
            self.server
        ));
    }

    fn json(&self) -> Json<'_> {
        Box::new(PlanJson { plan: self })
    }
}

/// A plan as the JSON object `dbtool.migrate-plan/1`.
struct PlanJson<'a> {
    plan: &'a PlanOutcome,
}

impl Serialize for PlanJson<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Repr<'a, L: Serialize> {
            database: &'a str,
            server: &'a str,
            statements: L,
            unmet: &'a [String],
            not_tried: Option<&'a str>,
        }
        let PlanOutcome {
            database,
            server,
            statements,
            unmet,
            not_tried,
            ..
        } = self.plan;
        let repr = Repr {
            database,
            server,
            statements: Streamed(|| statements.iter().map(StatementJson)),
            unmet,
            not_tried: not_tried.as_deref(),
        };
        repr.serialize(serializer)
    }
}

/// One statement, or why it cannot be read back.
struct StatementJson(io::Result<Planned>);

impl Serialize for StatementJson {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = self.0.as_ref().map_err(S::Error::custom)?.json();
        value.serialize(serializer)
    }
}
