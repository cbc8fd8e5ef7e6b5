//! The session's state of an unfinished migration, saved with its progress in the same transaction, so that a
//! run that resumes in another session has the same variables.
//!
//! Only variables that the file mentions or sets are saved, and only while the migration is unfinished.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::consts::{ColumnFlags, ColumnType};
use serde::{Deserialize, Serialize};

use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_name};
use crate::hex;
use crate::migrate::files::ScriptOutline;
use crate::sql::session::{Executed, Prepared, deallocates, executes, prepares};
use crate::sql::{Classification, ObjectEffect, ObjectKind, StatementClass, assigned_variables};

/// A value longer than this many bytes is not saved.
const MAX_VALUE: usize = 64 * 1024;
/// Maximum bytes of all values together.
const MAX_TOTAL: usize = 1024 * 1024;

/// Variables that change by themselves, or that another field saves.
const MOMENTARY: [&str; 6] = [
    "insert_id",
    "last_insert_id",
    "identity",
    "rand_seed1",
    "rand_seed2",
    "autocommit",
];

/// A value with its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedValue {
    /// A signed integer.
    Int(String),
    /// An unsigned integer.
    Unsigned(String),
    /// A DECIMAL.
    Decimal(String),
    /// A DOUBLE.
    Double(String),
    /// A string: its bytes in hexadecimal digits, character set and collation.
    Text(String, String, String),
    /// NULL.
    Null,
}

/// The saved state of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSession {
    /// The database that USE chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// System variables that the file set, in order of their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    system: BTreeMap<String, SavedValue>,
    /// User variables that are not NULL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    user: BTreeMap<String, SavedValue>,
    /// The texts of prepared statements.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    prepared: BTreeMap<String, String>,
    /// The value of LAST_INSERT_ID().
    #[serde(default, skip_serializing_if = "is_zero")]
    last_insert_id: u64,
    /// Temporary tables, with the number of the statement that created them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    temporary: BTreeMap<String, u32>,
    /// User variables too long to be saved.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    too_long: BTreeSet<String>,
    /// Whether a transaction started by AND CHAIN is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chained: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The session state that a file reads.
#[derive(Debug, Clone, Default)]
pub struct SessionWatch {
    user: BTreeSet<String>,
    last_insert_id: bool,
}

impl SessionWatch {
    /// For the statements of a script.
    pub fn from_outline(outline: &ScriptOutline) -> SessionWatch {
        SessionWatch {
            user: outline.user_variables.iter().cloned().collect(),
            last_insert_id: outline.reads_last_insert_id,
        }
    }

    /// Whether the file mentions a user variable; its name in lower case.
    pub fn mentions(&self, variable: &str) -> bool {
        self.user.contains(variable)
    }

    /// Whether a statement may have changed anything that is watched, unless it is a plain write.
    pub fn is_empty(&self) -> bool {
        self.user.is_empty() && !self.last_insert_id
    }
}

impl SavedSession {
    /// Parses a record of an earlier run.
    pub fn parse(text: Option<&str>) -> SavedSession {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The text to record; `None` if there is no state.
    pub fn to_text(&self) -> Option<String> {
        (self != &SavedSession::default())
            .then(|| serde_json::to_string(self).ok())
            .flatten()
    }

    /// The text that an EXECUTE runs, if it is known.
    pub fn executed(&self, statement: &str) -> Option<String> {
        match executes(statement)? {
            Executed::Name(name) => self.prepared.get(&name).cloned(),
            Executed::Immediate(Prepared::Text(text)) => Some(text),
            Executed::Immediate(Prepared::Variable(name)) => match self.user.get(&name)? {
                SavedValue::Text(bytes, ..) => String::from_utf8(hex::decode(bytes)?).ok(),
                _ => None,
            },
            Executed::Immediate(Prepared::Expression) => None,
        }
    }

    /// A temporary table, which another session lacks, and the number of the statement that created it.
    pub fn temporary(&self) -> Option<(&str, u32)> {
        self.temporary
            .first_key_value()
            .map(|(name, number)| (name.as_str(), *number))
    }

    /// Whether a temporary table of that name was created.
    pub fn is_temporary(&self, name: &str) -> bool {
        self.temporary.contains_key(&name.to_lowercase())
    }

    /// `completion_type` as a number, where the file has set it: 1 is CHAIN, 2 is RELEASE.
    pub fn completion_type(&self) -> Option<u8> {
        match self.system.get("completion_type")? {
            SavedValue::Int(text) => text.parse().ok(),
            SavedValue::Text(digits, ..) => match hex::decode(digits)?.as_slice() {
                b"CHAIN" => Some(1),
                b"RELEASE" => Some(2),
                _ => Some(0),
            },
            _ => None,
        }
    }

    /// A variable that was too long to be saved.
    pub fn too_long(&self) -> Option<&str> {
        self.too_long.first().map(String::as_str)
    }

    /// Saves the session state left by a statement, number `number` of its file.
    ///
    /// # Errors
    /// A query failed.
    pub async fn learn(
        &mut self,
        session: &mut Session,
        statement: &str,
        found: &Classification,
        number: u32,
    ) -> Result<(), DbError> {
        for object in &found.objects {
            let key = object.name.name.to_lowercase();
            match object.effect {
                ObjectEffect::Create if found.temporary => drop(self.temporary.insert(key, number)),
                ObjectEffect::Drop if object.kind == ObjectKind::Table => drop(self.temporary.remove(&key)),
                _ => {}
            }
        }
        if found.class == StatementClass::Session || found.verb == "SET" {
            if found.verb == "USE" {
                self.database = session
                    .first::<Option<String>>(Query::new("SELECT DATABASE()").shielded())
                    .await?
                    .flatten();
            }
            if let Some((name, source)) = prepares(statement) {
                // Read it before the variable can change again.
                let text = match source {
                    Prepared::Text(text) => Some(text),
                    Prepared::Variable(variable) => {
                        let query = Query::new(format!("SELECT @{}", quote_name(&variable)));
                        session.first::<Option<String>>(query.shielded()).await?.flatten()
                    }
                    Prepared::Expression => None,
                };
                match text {
                    Some(text) => drop(self.prepared.insert(name, text)),
                    None => drop(self.prepared.remove(&name)),
                }
            }
            if let Some(name) = deallocates(statement) {
                self.prepared.remove(&name);
            }
            self.learn_system(session, statement).await?;
        }
        Ok(())
    }

    async fn learn_system(&mut self, session: &mut Session, statement: &str) -> Result<(), DbError> {
        for name in assigned_variables(statement) {
            if MOMENTARY.contains(&name.as_str()) {
                continue;
            }
            // MariaDB before 11.1 knows the isolation by its old name only.
            let old = name.replace("transaction_", "tx_");
            for name in [name, old] {
                let query = format!("SELECT @@SESSION.{}", quote_name(&name));
                match session.first::<Row>(Query::new(query).shielded()).await {
                    Ok(Some(row)) => {
                        if name == "timestamp" && statement.to_ascii_uppercase().contains("DEFAULT") {
                            self.system.remove(&name);
                        } else {
                            self.system.insert(name, system_value(&row));
                        }
                        break;
                    }
                    Ok(None) => {}
                    // A global variable, or one of another name.
                    Err(error) if error.code().is_some() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Saves the variables that the file reads.
    ///
    /// # Errors
    /// A query failed.
    pub async fn look(&mut self, session: &mut Session, watch: &SessionWatch) -> Result<(), DbError> {
        if watch.is_empty() {
            return Ok(());
        }
        let mut columns = vec!["LAST_INSERT_ID()".to_owned()];
        for name in &watch.user {
            let name = format!("@{}", quote_name(name));
            columns.push(format!(
                "IF(LENGTH({name}) > {MAX_VALUE}, NULL, {name}), HEX(IF(LENGTH({name}) > {MAX_VALUE}, NULL, {name})), \
                 CHARSET({name}), COLLATION({name}), LENGTH({name})"
            ));
        }
        let query = Query::new(format!("SELECT {}", columns.join(", "))).shielded();
        let Some(row) = session.first::<Row>(query).await? else {
            return Ok(());
        };
        self.last_insert_id = get(&row, 0).unwrap_or_default();
        self.user.clear();
        self.too_long.clear();
        let mut total = 0;
        for (name, first) in watch.user.iter().zip((1..).step_by(5)) {
            let length: usize = get(&row, first + 4).unwrap_or_default();
            total += length;
            if length > MAX_VALUE || total > MAX_TOTAL {
                self.too_long.insert(name.clone());
            } else if let Some(value) = user_value(&row, first) {
                self.user.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    /// Restores the user variables and LAST_INSERT_ID(), before the same statements are run again.
    ///
    /// # Errors
    /// The session refuses a value.
    pub async fn put_back(&self, session: &mut Session, watch: &SessionWatch) -> Result<(), DbError> {
        if watch.is_empty() {
            return Ok(());
        }
        let mut assignments = vec![format!("last_insert_id = {}", self.last_insert_id)];
        for name in &watch.user {
            let value = self.user.get(name).unwrap_or(&SavedValue::Null);
            assignments.push(format!("@{} = {}", quote_name(name), literal(value)));
        }
        let query = Query::new(format!("SET {}", assignments.join(", ")));
        session.execute(query.shielded()).await.map(drop)
    }

    /// Restores the state in a new session.
    ///
    /// # Errors
    /// The session refuses a value.
    pub async fn restore(&self, session: &mut Session, watch: &SessionWatch) -> Result<(), DbError> {
        if let Some(database) = &self.database {
            session.execute(format!("USE {}", quote_name(database))).await?;
        }
        for (name, value) in &self.system {
            session
                .execute(format!("SET SESSION {} = {}", quote_name(name), literal(value)))
                .await?;
        }
        for (name, text) in &self.prepared {
            // PREPARE takes no parameter; a user variable of dbtool passes the text.
            let text = literal(&SavedValue::Text(
                hex::encode(text.as_bytes()),
                "utf8mb4".to_owned(),
                "utf8mb4_bin".to_owned(),
            ));
            session.execute(format!("SET @dbtool_text = {text}")).await?;
            session
                .execute(format!("PREPARE {} FROM @dbtool_text", quote_name(name)))
                .await?;
            session.execute("SET @dbtool_text = NULL").await?;
        }
        self.put_back(session, watch).await
    }
}

/// The value of a system variable: a number or a string, whatever its declared type.
fn system_value(row: &Row) -> SavedValue {
    match row.as_ref(0) {
        None | Some(crate::db::Value::NULL) => SavedValue::Null,
        _ => {
            let text: String = get(row, 0).unwrap_or_default();
            match row.columns_ref().first().map(|column| column.column_type()) {
                Some(ColumnType::MYSQL_TYPE_LONG | ColumnType::MYSQL_TYPE_LONGLONG) => SavedValue::Int(text),
                Some(ColumnType::MYSQL_TYPE_DOUBLE | ColumnType::MYSQL_TYPE_NEWDECIMAL) => {
                    SavedValue::Decimal(text)
                }
                _ => SavedValue::Text(
                    hex::encode(text.as_bytes()),
                    "utf8mb4".to_owned(),
                    "utf8mb4_bin".to_owned(),
                ),
            }
        }
    }
}

fn user_value(row: &Row, first: usize) -> Option<SavedValue> {
    let column = row.columns_ref().get(first)?;
    let digits: String = get(row, first + 1)?;
    let number = || get::<String>(row, first);
    Some(match column.column_type() {
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_INT24
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_LONGLONG => match column.flags().contains(ColumnFlags::UNSIGNED_FLAG) {
            true => SavedValue::Unsigned(number()?),
            false => SavedValue::Int(number()?),
        },
        ColumnType::MYSQL_TYPE_FLOAT | ColumnType::MYSQL_TYPE_DOUBLE => SavedValue::Double(number()?),
        ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => SavedValue::Decimal(number()?),
        _ => SavedValue::Text(digits, get(row, first + 2)?, get(row, first + 3)?),
    })
}

/// A value as SQL. A malformed value in a record becomes NULL: the record is data and must not become a
/// statement.
fn literal(value: &SavedValue) -> String {
    let number = |text: &String| {
        let sound = !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        sound.then(|| text.clone())
    };
    let name = |text: &String| {
        let sound = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (sound && !text.is_empty()).then(|| text.clone())
    };
    let sql = match value {
        SavedValue::Null => None,
        SavedValue::Int(text) => number(text),
        SavedValue::Unsigned(text) => number(text).map(|text| format!("CAST({text} AS UNSIGNED)")),
        SavedValue::Decimal(text) => number(text),
        SavedValue::Double(text) => number(text).map(|text| match text.contains(['e', 'E']) {
            true => text,
            false => format!("{text}e0"),
        }),
        SavedValue::Text(digits, charset, collation) => {
            let sound = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            match (sound, name(charset), name(collation)) {
                (true, Some(charset), Some(_)) if charset == "binary" => Some(format!("_binary X'{digits}'")),
                (true, Some(charset), Some(collation)) => {
                    Some(format!("_{charset} X'{digits}' COLLATE {collation}"))
                }
                _ => None,
            }
        }
    };
    sql.unwrap_or_else(|| "NULL".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_data_and_never_a_statement() {
        for (value, sql) in [
            (SavedValue::Int("-5".into()), "-5"),
            (SavedValue::Unsigned("5".into()), "CAST(5 AS UNSIGNED)"),
            (SavedValue::Double("0.1".into()), "0.1e0"),
            (SavedValue::Double("1e300".into()), "1e300"),
            (SavedValue::Decimal("1.50".into()), "1.50"),
            (SavedValue::Int("1; DROP TABLE t".into()), "NULL"),
            (
                SavedValue::Text("4142".into(), "utf8mb4".into(), "utf8mb4_bin".into()),
                "_utf8mb4 X'4142' COLLATE utf8mb4_bin",
            ),
            (
                SavedValue::Text("00".into(), "binary".into(), "binary".into()),
                "_binary X'00'",
            ),
            (
                SavedValue::Text("41' OR '".into(), "utf8mb4".into(), "utf8mb4_bin".into()),
                "NULL",
            ),
            (
                SavedValue::Text("41".into(), "utf8mb4".into(), "x, @b = 1".into()),
                "NULL",
            ),
            (SavedValue::Null, "NULL"),
        ] {
            assert_eq!(literal(&value), sql);
        }
    }

    #[test]
    fn a_state_survives_its_record() {
        let mut state = SavedSession {
            database: Some("other".into()),
            last_insert_id: 7,
            ..SavedSession::default()
        };
        state.user.insert("a".into(), SavedValue::Unsigned("5".into()));
        state.prepared.insert("s".into(), "SELECT 1".into());
        let text = state.to_text();
        assert_eq!(SavedSession::parse(text.as_deref()), state);
        assert_eq!(SavedSession::default().to_text(), None);
        assert_eq!(SavedSession::parse(Some("no json")), SavedSession::default());
        assert_eq!(state.executed("EXECUTE s").as_deref(), Some("SELECT 1"));
    }
}
