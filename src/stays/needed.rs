//! The tables and columns that a command works on. Where the database lacks one, every command ends
//! with the same words and the same exit code: it is pointed at the wrong database, or at one that
//! its migrations have not reached.

use super::failure::{Remedy, StaysFailure};
use crate::db::{Query, Session};

/// A table with its columns, and the migration that brings them.
pub(crate) struct Needed {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) migration: &'static str,
}

/// Columns of the tables asked for, as far as the account may see them.
const COLUMNS: &str = "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN";

/// Looks whether everything is there, in one statement.
///
/// # Errors
/// [`StaysFailure::Lacking`], naming all that is missing; or the statement failed.
pub(crate) async fn check(session: &mut Session, database: &str, needed: &[Needed]) -> anyhow::Result<()> {
    let places = vec!["?"; needed.len()].join(", ");
    let query = needed
        .iter()
        .fold(Query::new(format!("{COLUMNS} ({places})")), |query, needed| {
            query.bind(needed.table)
        });
    let found: Vec<(String, String)> = session.rows(query).await?;
    let mut missing = Vec::new();
    let mut migration = "";
    for Needed {
        table,
        columns,
        migration: brings,
    } in needed
    {
        let has = |column: &str| {
            found
                .iter()
                .any(|(name, other)| name == table && other.eq_ignore_ascii_case(column))
        };
        let before = missing.len();
        if !found.iter().any(|(name, _)| name == table) {
            missing.push(format!("table {table}"));
        } else {
            missing.extend(
                columns
                    .iter()
                    .filter(|column| !has(column))
                    .map(|column| format!("column {table}.{column}")),
            );
        }
        if missing.len() > before {
            migration = migration.max(brings);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(StaysFailure::Lacking {
        database: database.to_owned(),
        missing,
        remedy: Remedy::Migration(migration),
    }
    .into())
}
