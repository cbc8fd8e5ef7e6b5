//! The requirements of a migration before its first statement: `-- dbtool:requires-empty`
//! and `-- dbtool:requires-absent`.

use super::history::Record;
use crate::db::row::get;
use crate::db::{DbError, Row, Session, quote_name};
use crate::exit::Failure;
use crate::migrate::files::Migration;
use crate::report::visible;

/// The type of a name in the session's database: `BASE TABLE`, `VIEW`, …
const KIND: &str = "SELECT TABLE_TYPE FROM information_schema.TABLES \
  WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";

/// Tables whose foreign keys reference a table.
const REFERRING: &str = "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE \
  WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ? ORDER BY 1, 2, 3";

/// Maximum number of rows that are counted.
const COUNTED: u64 = 1_000;

/// The unmet requirements of the migrations, as messages. The requirements of a migration that is already
/// started are not checked.
///
/// # Errors
/// The connection failed, or a table may not be read.
pub(super) async fn unmet(
    session: &mut Session,
    targets: &[(&Migration, Option<&Record>)],
) -> Result<Vec<String>, DbError> {
    let mut unmet = Vec::new();
    let is_started = |record: &Record| record.done > 0 || record.intent.is_some();
    for (migration, record) in targets {
        if let Some(record) = record.filter(|record| is_started(record)) {
            if record.checksum != migration.checksum && migration.has_been(&record.checksum) {
                unmet.push(format!(
                    "{} was started with an earlier form of its file ({} of {} statements done), which this one cannot \
                     go on with: take the database back to where it was as the comments at the head of {} say",
                    migration.name,
                    record.done,
                    record.total,
                    migration.up.display()
                ));
            }
            continue;
        }
        let directives = &migration.directives;
        for name in &directives.requires_absent {
            if let Some(kind) = kind(session, name).await? {
                let word = if kind == "VIEW" { "view" } else { "table" };
                unmet.push(format!(
                    "{} makes {}, and there is a {word} of this name already: rename it, or drop it if it is not needed",
                    migration.name,
                    visible(name)
                ));
            }
        }
        for name in &directives.requires_empty {
            for reason in replaceable(session, name, &directives.requires_empty).await? {
                unmet.push(format!("{} replaces {}, {reason}", migration.name, visible(name)));
            }
        }
    }
    Ok(unmet)
}

/// Refuses to start while a requirement is unmet.
///
/// # Errors
/// The unmet requirements.
pub(super) fn refuse(unmet: &[String]) -> Result<(), Failure> {
    if unmet.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(
        format!("nothing was run: {}", unmet.join("; ")),
        "see to this, then run the command again; what the migration requires stands in its comments \
         (`-- dbtool:requires-empty`, `-- dbtool:requires-absent`, `-- dbtool:replaces`)",
    ))
}

async fn kind(session: &mut Session, name: &str) -> Result<Option<String>, DbError> {
    let row = session
        .first::<Row>(crate::db::Query::new(KIND).bind(name))
        .await?;
    Ok(row.and_then(|row| get(&row, 0)))
}

/// The reasons why a table may not be replaced by an empty one. Those in `together` are replaced with it.
async fn replaceable(session: &mut Session, name: &str, together: &[String]) -> Result<Vec<String>, DbError> {
    let mut reasons = Vec::new();
    match kind(session, name).await?.as_deref() {
        None => return Ok(reasons),
        Some("BASE TABLE") => {}
        Some(kind) => {
            reasons.push(format!(
                "which is no table but a {}: rename it, or drop it if it is not needed",
                kind.to_lowercase()
            ));
            return Ok(reasons);
        }
    }
    let count = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT {}) AS counted",
        quote_name(name),
        COUNTED + 1
    );
    let rows: u64 = session
        .first::<Row>(count)
        .await?
        .and_then(|row| get(&row, 0))
        .unwrap_or_default();
    if rows > 0 {
        let rows = match rows {
            1 => "1 row".to_owned(),
            2..=COUNTED => format!("{rows} rows"),
            _ => format!("more than {COUNTED} rows"),
        };
        reasons.push(format!(
            "which holds {rows} and has to be empty: move them to another table, or delete them if they are not needed"
        ));
    }
    for row in session
        .rows::<Row>(crate::db::Query::new(REFERRING).bind(name))
        .await?
    {
        let column = |index| get::<String>(&row, index).unwrap_or_default();
        let (table, key) = (column(1), column(2));
        if !together.iter().any(|other| other.eq_ignore_ascii_case(&table)) {
            reasons.push(format!(
                "to which the foreign key {} of {} leads: drop the key, and add it again afterwards",
                visible(&key),
                visible(&table)
            ));
        }
    }
    Ok(reasons)
}
