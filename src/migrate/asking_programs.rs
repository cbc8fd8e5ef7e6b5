//! Stored programs, views and prepared statements that read results of the statement before the one that runs
//! them: ROW_COUNT(), FOUND_ROWS(), LAST_INSERT_ID(), the number of warnings.

use std::collections::BTreeSet;

use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session};
use crate::sql::mentions;
use crate::sql::session::{asks_first, executes_name, mentions_name, reads_last_insert_id};

/// Each program with a word in its definition: the name under which a statement runs it, and the definition. A
/// trigger runs for its table.
const PROGRAMS: &str = "SELECT name, definition FROM ( \
    SELECT ROUTINE_NAME AS name, ROUTINE_DEFINITION AS definition FROM information_schema.ROUTINES \
    WHERE ROUTINE_SCHEMA = ? UNION ALL \
    SELECT EVENT_OBJECT_TABLE, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? UNION ALL \
    SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?) AS programs \
  WHERE LOWER(CONVERT(definition USING utf8mb4)) REGEXP ?";
/// The functions and variables.
const RESULTS: &str = "row_count|found_rows|warning_count|error_count|last_insert_id";
/// Maximum number of programs that are followed from one to the next.
const MAX_NAMES: usize = 200;

/// Names of programs that ask about the statement before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskingPrograms {
    /// Routines, views, and tables with such triggers, in lower case.
    names: BTreeSet<String>,
    /// Prepared statements, in lower case.
    prepared: BTreeSet<String>,
    /// Whether any prepared statement may be one.
    any_prepared: bool,
}

impl AskingPrograms {
    /// Notes a program that a file creates.
    pub fn add(&mut self, name: &str) {
        self.names.insert(name.to_lowercase());
    }

    /// Notes a statement that a file prepares; `None` if its text is somewhere else.
    pub fn add_prepared(&mut self, name: Option<String>) {
        match name {
            Some(name) => drop(self.prepared.insert(name)),
            None => self.any_prepared = true,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.prepared.is_empty() && !self.any_prepared
    }

    /// Whether a statement runs one of them.
    pub fn run_by(&self, statement: &str) -> bool {
        if let Some(name) = executes_name(statement) {
            return self.any_prepared || self.prepared.contains(&name);
        }
        !self.names.is_empty() && mentions_name(statement, |name| self.names.contains(name))
    }

    /// Adds those of a database; returns whether any program there reads LAST_INSERT_ID().
    ///
    /// # Errors
    /// A query failed.
    pub async fn look(&mut self, session: &mut Session, database: &str) -> Result<bool, DbError> {
        let programs = programs(session, database, RESULTS).await?;
        let mut found = BTreeSet::new();
        let mut last_insert_id = false;
        for (name, definition) in &programs {
            last_insert_id |= reads_last_insert_id(definition);
            if asks_first(definition) {
                found.insert(name.to_lowercase());
            }
        }
        // Programs that run these ones.
        let mut next = found.clone();
        while !next.is_empty() && found.len() < MAX_NAMES {
            let words: Vec<&str> = next
                .iter()
                .filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
                .map(String::as_str)
                .collect();
            if words.is_empty() {
                break;
            }
            let callers = self::programs(session, database, &words.join("|")).await?;
            next = callers
                .into_iter()
                .filter(|(_, definition)| mentions_name(definition, |name| next.contains(name)))
                .map(|(name, _)| name.to_lowercase())
                .filter(|name| !found.contains(name))
                .collect();
            found.extend(next.iter().cloned());
        }
        self.names.extend(found);
        Ok(last_insert_id)
    }
}

async fn programs(
    session: &mut Session,
    database: &str,
    words: &str,
) -> Result<Vec<(String, String)>, DbError> {
    let query = Query::new(PROGRAMS).bind(database).bind(database).bind(database);
    let rows = session.rows::<Row>(query.bind(words)).await?;
    let pair = |row: &Row| Some((get::<String>(row, 0)?, get::<String>(row, 1)?));
    Ok(rows.iter().filter_map(pair).collect())
}

/// Whether a string in a statement may be the text of one that asks.
pub fn in_a_string(statement: &str) -> bool {
    ["ROW_COUNT", "FOUND_ROWS", "WARNING_COUNT", "ERROR_COUNT"]
        .iter()
        .any(|word| mentions(statement, word))
}
