//! The requirements of a migration before its first statement: `-- dbtool:requires-empty`
//! and `-- dbtool:requires-absent`.

use super::failure::{MigrateFailure, Unmet, UnmetFault};
use super::history::Record;
use crate::db::row::get;
use crate::db::{DbError, Row, Session, quote_name};
use crate::migrate::files::Migration;

/// The type of a name in the session's database: `BASE TABLE`, `VIEW`, …
const KIND: &str = "SELECT TABLE_TYPE FROM information_schema.TABLES \
  WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";

/// Tables whose foreign keys reference a table.
const REFERRING: &str = "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE \
  WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ? ORDER BY 1, 2, 3";

/// Maximum number of rows that are counted.
const COUNTED: u64 = 1_000;

/// The unmet requirements of the migrations, of these. The requirements of a migration that is already
/// started are not checked.
///
/// # Errors
/// The connection failed, or a table may not be read.
pub(super) async fn unmet(
    session: &mut Session,
    targets: &[(&Migration, Option<&Record>)],
) -> Result<Vec<Unmet>, DbError> {
    let mut unmet = Vec::new();
    let is_started = |record: &Record| record.done > 0 || record.intent.is_some();
    for (migration, record) in targets {
        let mut faults = Vec::new();
        match record.filter(|record| is_started(record)) {
            Some(record) => {
                let earlier = record.checksum != migration.checksum && migration.has_been(&record.checksum);
                faults.extend(earlier.then(|| UnmetFault::EarlierForm {
                    path: migration.up.clone(),
                    done: record.done,
                    total: record.total,
                }));
            }
            None => before_the_first(session, migration, &mut faults).await?,
        }
        unmet.extend(faults.into_iter().map(|fault| Unmet {
            migration: migration.name.clone(),
            fault,
        }));
    }
    Ok(unmet)
}

/// The unmet requirements of a migration that is not started.
async fn before_the_first(
    session: &mut Session,
    migration: &Migration,
    faults: &mut Vec<UnmetFault>,
) -> Result<(), DbError> {
    let directives = &migration.directives;
    for name in &directives.requires_absent {
        if let Some(kind) = kind(session, name).await? {
            faults.push(UnmetFault::NameTaken {
                name: name.clone(),
                kind: if kind == "VIEW" { "view" } else { "table" },
            });
        }
    }
    for name in &directives.requires_empty {
        faults.extend(replaceable(session, name, &directives.requires_empty).await?);
    }
    Ok(())
}

/// Refuses to start while a requirement is unmet.
///
/// # Errors
/// The unmet requirements.
pub(super) fn refuse(requirements: Vec<Unmet>) -> Result<(), MigrateFailure> {
    match requirements.is_empty() {
        true => Ok(()),
        false => Err(MigrateFailure::Unmet { requirements }),
    }
}

async fn kind(session: &mut Session, name: &str) -> Result<Option<String>, DbError> {
    let row = session
        .first::<Row>(crate::db::Query::new(KIND).bind(name))
        .await?;
    Ok(row.and_then(|row| get(&row, 0)))
}

/// The reasons why a table may not be replaced by an empty one. Those in `together` are replaced with it.
async fn replaceable(
    session: &mut Session,
    name: &str,
    together: &[String],
) -> Result<Vec<UnmetFault>, DbError> {
    let mut reasons = Vec::new();
    match kind(session, name).await?.as_deref() {
        None => return Ok(reasons),
        Some("BASE TABLE") => {}
        Some(kind) => {
            reasons.push(UnmetFault::NotATable {
                name: name.to_owned(),
                kind: kind.to_owned(),
            });
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
        reasons.push(UnmetFault::NotEmpty {
            name: name.to_owned(),
            rows: (rows <= COUNTED).then_some(rows),
            counted: COUNTED,
        });
    }
    for row in session
        .rows::<Row>(crate::db::Query::new(REFERRING).bind(name))
        .await?
    {
        let column = |index| get::<String>(&row, index).unwrap_or_default();
        let (table, key) = (column(1), column(2));
        if !together.iter().any(|other| other.eq_ignore_ascii_case(&table)) {
            reasons.push(UnmetFault::Referenced {
                name: name.to_owned(),
                key,
                table,
            });
        }
    }
    Ok(reasons)
}
