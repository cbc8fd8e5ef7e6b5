//! The tables in which other tools keep what is applied: whether the database has one, and what it says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Migrator;
use super::failure::MigrateFailure;
use super::history::Record;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_qualified};
use crate::migrate::files::{ForeignHistory, ForeignRow, ForeignState, Layout};
use crate::report::{plural, visible};

/// The columns of tables with these names.
const COLUMNS: &str = "SELECT table_name AS name, column_name AS col FROM information_schema.columns \
    WHERE table_schema = ? AND table_name IN ({names})";

/// The table of another tool, with migrations in it.
#[derive(Debug, Clone)]
pub struct OtherHistory {
    /// The tool.
    pub tool: Layout,
    /// How its tables look.
    pub history: &'static ForeignHistory,
    /// The table's name in this database.
    pub table: String,
    /// Its rows, in the order in which the tool wrote them.
    pub rows: Vec<ForeignRow>,
}

impl OtherHistory {
    /// What to do about it.
    pub const ADVICE: &'static str = "take over what it has applied with `dbtool migrate adopt` (see it first with \
        --dry-run); if that table is not about these files, --ignore-other-history begins beside it";

    /// What it is, in a sentence.
    pub fn describe(&self, database: &str) -> String {
        format!(
            "{} has no history of dbtool, and one of {} ({} with {})",
            visible(database),
            self.tool.name,
            visible(&self.table),
            plural(self.rows.len() as u64, "row")
        )
    }

    /// For `other_history` in JSON.
    pub fn json(&self) -> Value {
        json!({ "tool": self.tool.id, "table": self.table, "rows": self.rows.len() })
    }
}

impl Migrator<'_> {
    /// The history of another tool, where dbtool has none.
    pub(super) async fn other_history(
        &mut self,
        records: &[Record],
    ) -> Result<Option<OtherHistory>, DbError> {
        if !records.is_empty() || self.run.ignore_other_history {
            return Ok(None);
        }
        let database = self.database.clone();
        let found = find(&mut self.session, &database, None, None).await?;
        Ok(found.into_iter().next())
    }

    /// Refuses to begin at the first migration where another tool has begun already.
    pub(super) async fn refuse_other_history(&mut self, records: &[Record]) -> anyhow::Result<()> {
        match self.other_history(records).await? {
            None => Ok(()),
            Some(other) => {
                let what = other.describe(&self.database);
                Err(MigrateFailure::OtherHistory { what }.into())
            }
        }
    }
}

/// The tables of other tools that have migrations; of one tool, or in one table, where that is wanted.
///
/// # Errors
/// The database cannot be read.
pub(super) async fn find(
    session: &mut Session,
    database: &str,
    tool: Option<Layout>,
    table: Option<&str>,
) -> Result<Vec<OtherHistory>, DbError> {
    let wanted: Vec<(Layout, &'static ForeignHistory)> = Layout::with_history()
        .filter(|(layout, _)| tool.is_none_or(|tool| tool == *layout))
        .collect();
    let columns = columns(session, database, &wanted, table).await?;
    let is = |name: &str, called: &str| name.eq_ignore_ascii_case(called);
    let has = |called: &str| columns.keys().any(|name| is(name, called));
    let mut found = Vec::new();
    for (layout, history) in wanted {
        let called = table.unwrap_or(history.table);
        let Some((name, columns)) = columns.iter().find(|(name, _)| is(name, called)) else {
            continue;
        };
        let fits = history.columns.iter().all(|column| columns.contains(*column))
            && !history.without.iter().any(|column| columns.contains(*column))
            && (tool.is_some() || history.beside.is_none_or(has) && !history.not_beside.is_some_and(has));
        if !fits {
            continue;
        }
        let rows = read(session, database, name, history).await?;
        if rows
            .iter()
            .any(|row| !matches!(row.state, ForeignState::Other | ForeignState::Undone))
        {
            found.push(OtherHistory {
                tool: layout,
                history,
                table: name.clone(),
                rows,
            });
        }
    }
    Ok(found)
}

/// The columns of the tables that could be meant, in lower case.
async fn columns(
    session: &mut Session,
    database: &str,
    wanted: &[(Layout, &'static ForeignHistory)],
    table: Option<&str>,
) -> Result<BTreeMap<String, BTreeSet<String>>, DbError> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (_, history) in wanted {
        let called = [
            Some(table.unwrap_or(history.table)),
            history.beside,
            history.not_beside,
        ];
        for name in called.into_iter().flatten() {
            names.insert(name.to_owned());
            names.insert(name.to_lowercase());
        }
    }
    let places = vec!["?"; names.len()].join(", ");
    let mut query = Query::new(COLUMNS.replace("{names}", &places)).bind(database);
    for name in &names {
        query = query.bind(name);
    }
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in session.rows::<Row>(query).await? {
        let (name, column): (Option<String>, Option<String>) = (get(&row, 0), get(&row, 1));
        let columns = found.entry(name.unwrap_or_default()).or_default();
        columns.insert(column.unwrap_or_default().to_lowercase());
    }
    Ok(found)
}

/// The rows of a tool's table.
async fn read(
    session: &mut Session,
    database: &str,
    table: &str,
    history: &ForeignHistory,
) -> Result<Vec<ForeignRow>, DbError> {
    let query = history
        .select
        .replace("{table}", &quote_qualified(database, table));
    let rows = session.rows::<Row>(Query::new(query)).await?;
    let row = |row: &Row| ForeignRow {
        version: get(row, 0),
        name: get(row, 1),
        checksum: get(row, 2),
        state: ForeignState::from_word(&get::<String>(row, 3).unwrap_or_default()),
    };
    Ok(rows.iter().map(row).collect())
}
