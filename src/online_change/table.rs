//! What is known of the table to change.

use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session, quote_qualified};
use crate::sql::{TableDef, foreign_key_texts};

const TRIGGERS: &str = "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, DEFINER, SQL_MODE, \
  CHARACTER_SET_CLIENT, COLLATION_CONNECTION FROM information_schema.TRIGGERS \
  WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ? ORDER BY EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER";
const REFERENCING: &str = "SELECT DISTINCT TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS \
  WHERE UNIQUE_CONSTRAINT_SCHEMA = ? AND REFERENCED_TABLE_NAME = ? ORDER BY TABLE_NAME";
const SIZE: &str = "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";

/// One of the table's own triggers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTrigger {
    /// Its name.
    pub name: String,
    /// BEFORE or AFTER.
    pub timing: String,
    /// INSERT, UPDATE or DELETE.
    pub event: String,
    /// The account it runs as, as the server shows it: `user@host`.
    pub definer: String,
    /// The sql_mode it was created in.
    pub sql_mode: String,
    /// character_set_client as it was created.
    pub charset: String,
    /// collation_connection as it was created.
    pub collation: String,
}

/// A trigger's name, and the statement that creates it.
pub type TriggerText = (String, String);

/// Each of these triggers with the statement that creates it.
///
/// # Errors
/// The connection failed, or the account may not see one.
pub async fn with_texts(
    session: &mut Session,
    database: &str,
    triggers: Vec<OwnTrigger>,
) -> Result<Vec<(OwnTrigger, TriggerText)>, DbError> {
    let mut found = Vec::new();
    for trigger in triggers {
        let sql = format!("SHOW CREATE TRIGGER {}", quote_qualified(database, &trigger.name));
        let row: Option<Row> = session.first(sql).await?;
        let create = row.and_then(|row| text(&row, 2)).unwrap_or_default();
        let named = (trigger.name.clone(), create);
        found.push((trigger, named));
    }
    Ok(found)
}

/// The statement that created a table, as the server shows it; none if there is no such table.
///
/// # Errors
/// The connection failed, or the account may not see it.
pub async fn definition(
    session: &mut Session,
    database: &str,
    table: &str,
) -> Result<Option<String>, DbError> {
    let query = format!("SHOW CREATE TABLE {}", quote_qualified(database, table));
    match session.first::<Row>(query).await {
        Ok(row) => Ok(row.and_then(|row| text(&row, 1))),
        Err(error) if error.is_missing_object() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A definition without the counter of AUTO_INCREMENT, which changes with the rows.
pub fn without_counter(definition: &str) -> String {
    let Some(start) = definition.rfind(" AUTO_INCREMENT=") else {
        return definition.to_owned();
    };
    let digits = &definition[start + 16..];
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    // Not in a comment or a default: the options follow the last parenthesis of the columns.
    if end == 0 || definition[start..].contains("\n)") {
        return definition.to_owned();
    }
    format!("{}{}", &definition[..start], &digits[end..])
}

/// The counter of AUTO_INCREMENT in a definition, if it shows one.
pub fn counter(definition: &str) -> Option<u64> {
    let bare = without_counter(definition);
    let length = definition.len() - bare.len();
    let start = definition.rfind(" AUTO_INCREMENT=")?;
    (length > 0)
        .then(|| definition[start + 16..start + length].parse().ok())
        .flatten()
}

/// The triggers of a table, in the order in which they run, without those named.
///
/// # Errors
/// The connection failed.
pub async fn triggers(
    session: &mut Session,
    database: &str,
    table: &str,
    without: &[String],
) -> Result<Vec<OwnTrigger>, DbError> {
    let rows: Vec<Row> = session
        .rows(Query::new(TRIGGERS).bind(database).bind(table))
        .await?;
    let mut found: Vec<OwnTrigger> = rows
        .iter()
        .map(|row| {
            let cell = |index| text(row, index).unwrap_or_default();
            OwnTrigger {
                name: cell(0),
                timing: cell(1),
                event: cell(2),
                definer: cell(3),
                sql_mode: cell(4),
                charset: cell(5),
                collation: cell(6),
            }
        })
        .collect();
    found.retain(|trigger| !without.contains(&trigger.name));
    Ok(found)
}

/// The tables of the database whose foreign keys refer to this one, itself included.
///
/// # Errors
/// The connection failed.
pub async fn referencing(session: &mut Session, database: &str, table: &str) -> Result<Vec<String>, DbError> {
    session
        .rows(Query::new(REFERENCING).bind(database).bind(table))
        .await
}

/// Rows and bytes as the server estimates them.
///
/// # Errors
/// The connection failed.
pub async fn estimated_size(
    session: &mut Session,
    database: &str,
    table: &str,
) -> Result<(u64, u64), DbError> {
    let row: Option<Row> = session.first(Query::new(SIZE).bind(database).bind(table)).await?;
    Ok(row.map_or((0, 0), |row| {
        (get(&row, 0).unwrap_or_default(), get(&row, 1).unwrap_or_default())
    }))
}

/// Whether a change of another table changes rows of this one: a foreign key with CASCADE or SET NULL. No trigger
/// runs for such a row (manual, "FOREIGN KEY Constraints").
pub fn is_changed_by_others(definition: &str) -> bool {
    foreign_key_texts(definition).iter().any(|key| {
        let text = key.definition.to_ascii_uppercase();
        ["CASCADE", "SET NULL", "SET DEFAULT"].iter().any(|action| {
            text.contains(&format!("ON DELETE {action}")) || text.contains(&format!("ON UPDATE {action}"))
        })
    })
}

/// An option of the table that a second table cannot have.
pub fn place_of_its_own(def: &TableDef) -> Option<String> {
    ["DATA", "INDEX", "TABLESPACE", "UNION", "CONNECTION"]
        .into_iter()
        .find(|option| def.option_value(option).is_some())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_read_and_left_out() {
        let text = "CREATE TABLE `t` (\n  `a` int COMMENT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB AUTO_INCREMENT=77 CHARSET=x";
        assert_eq!(counter(text), Some(77));
        assert!(without_counter(text).ends_with(") ENGINE=InnoDB CHARSET=x"));
        let text = "CREATE TABLE `t` (\n  `a` int COMMENT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB";
        assert_eq!(counter(text), None);
        assert_eq!(without_counter(text), text);
    }

    #[test]
    fn cascades_are_found() {
        let with = |action: &str| {
            format!(
                "CREATE TABLE `t` (\n `a` int,\n CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`id`){action}\n)"
            )
        };
        assert!(!is_changed_by_others(&with("")));
        assert!(!is_changed_by_others(&with(" ON DELETE RESTRICT")));
        assert!(is_changed_by_others(&with(
            " ON DELETE CASCADE ON UPDATE NO ACTION"
        )));
        assert!(is_changed_by_others(&with(" ON UPDATE SET NULL")));
    }
}
