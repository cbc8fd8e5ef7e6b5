//! What the server has now, and the settings of the session.

use super::{KnownObject, TableSize};
use crate::db::row::get;
use crate::db::server::{mariadb, mysql};
use crate::db::{DbError, Query, Row, Server, Session, quote_name};
use crate::migrate::online_ddl::{Charsets, LiveTable};
use crate::sql::{ObjectKind, TableDef};

/// A table's size as the server estimates it, its engine, and whether it is a table.
pub(super) const TABLE: &str = "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH, ENGINE, TABLE_TYPE FROM information_schema.TABLES \
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";

/// Columns of a table that foreign keys refer to.
const REFERENCED: &str = "SELECT REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
  WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME = ?";

/// The number of instant column changes of a table; needs PROCESS.
const VERSIONS: &str =
    "SELECT TOTAL_ROW_VERSIONS FROM information_schema.INNODB_TABLES WHERE NAME = CONCAT(?, '/', ?)";

/// Character sets.
const CHARSETS: &str =
    "SELECT CHARACTER_SET_NAME, DEFAULT_COLLATE_NAME, MAXLEN FROM information_schema.CHARACTER_SETS";

/// The result of a query that an older server may refuse: `None` then.
pub(super) fn optional<T>(answer: Result<T, DbError>) -> Result<Option<T>, DbError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) async fn charsets(session: &mut Session, server: &Server) -> Result<Charsets, DbError> {
    let rows = session.rows::<Row>(Query::new(CHARSETS)).await?;
    let text = |row: &Row, index| get::<String>(row, index).unwrap_or_default().to_lowercase();
    let mut list: Vec<(String, String, u64)> = rows
        .iter()
        .map(|row| (text(row, 0), text(row, 1), get(row, 2).unwrap_or(4)))
        .collect();
    for (name, collation, _) in &mut list {
        if name == "utf8" {
            *name = "utf8mb3".to_owned();
            *collation = collation.replacen("utf8_", "utf8mb3_", 1);
        }
    }
    let query = server
        .flavor
        .pick(mysql::DEFAULT_COLLATIONS, mariadb::DEFAULT_COLLATIONS);
    let defaults = optional(session.first::<Option<String>>(Query::new(query)).await)?
        .flatten()
        .flatten();
    for pair in defaults.unwrap_or_default().to_lowercase().split(',') {
        let (name, collation) = pair.split_once('=').unwrap_or(("utf8mb4", pair));
        if let Some(entry) = list
            .iter_mut()
            .find(|(charset, _, _)| charset == name && !collation.is_empty())
        {
            entry.1 = collation.to_owned();
        }
    }
    Ok(Charsets { list })
}

pub(super) async fn live_table(
    session: &mut Session,
    server: &Server,
    schema: &str,
    name: &str,
) -> Result<Option<LiveTable>, DbError> {
    let show = format!("SHOW CREATE TABLE {}.{}", quote_name(schema), quote_name(name));
    let Some(row) = optional(session.first::<Row>(Query::new(show)).await)?.flatten() else {
        return Ok(None);
    };
    let Some(def) = get::<String>(&row, 1).and_then(|text| TableDef::parse(&text)) else {
        return Ok(None);
    };
    let rows = session
        .rows::<Row>(Query::new(REFERENCED).bind(schema).bind(name))
        .await?;
    let referenced = rows
        .iter()
        .filter_map(|row| get::<String>(row, 0))
        .map(|name| name.to_lowercase());
    let referenced = referenced.collect();
    let mut versions_are_used_up = false;
    if let Some(most) = server.max_row_versions() {
        let versions = session
            .first::<Option<u64>>(Query::new(VERSIONS).bind(schema).bind(name))
            .await;
        versions_are_used_up = optional(versions)?
            .flatten()
            .flatten()
            .is_some_and(|versions| versions >= most);
    }
    Ok(Some(LiveTable {
        def,
        referenced,
        versions_are_used_up,
    }))
}

/// Reads the state of a name from the server.
pub(super) async fn live(
    session: &mut Session,
    kind: ObjectKind,
    schema: &str,
    name: &str,
) -> Result<KnownObject, DbError> {
    if matches!(kind, ObjectKind::Table | ObjectKind::View) {
        let row = session
            .first::<Row>(Query::new(TABLE).bind(schema).bind(name))
            .await?;
        return Ok(match row {
            Some(row) if get::<String>(&row, 3).is_some_and(|kind| kind.contains("VIEW")) => {
                KnownObject::View
            }
            Some(row) => {
                let size = TableSize {
                    rows: get(&row, 0).unwrap_or_default(),
                    bytes: get(&row, 1).unwrap_or_default(),
                };
                KnownObject::Table(size, None)
            }
            None => KnownObject::Missing,
        });
    }
    let sql = match kind {
        ObjectKind::Trigger => {
            "SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? AND TRIGGER_NAME = ?"
        }
        ObjectKind::Event => {
            "SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? AND EVENT_NAME = ?"
        }
        ObjectKind::Procedure => {
            "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ? AND ROUTINE_TYPE = 'PROCEDURE'"
        }
        ObjectKind::Function => {
            "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ? AND ROUTINE_TYPE = 'FUNCTION'"
        }
        // A database of another account is not visible.
        _ => return Ok(KnownObject::Unknown),
    };
    let row = session
        .first::<u64>(Query::new(sql).bind(schema).bind(name))
        .await?;
    Ok(if row.is_some() {
        KnownObject::Other
    } else {
        KnownObject::Missing
    })
}
