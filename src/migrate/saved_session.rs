//! The session's state of an unfinished migration, saved with its progress in the same transaction, so that a
//! run that resumes in another session has the same variables.
//!
//! Only variables that the file mentions or sets are saved, and only while the migration is unfinished.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::consts::{ColumnFlags, ColumnType};
use serde::{Deserialize, Serialize};

use super::asking_programs::AskingPrograms;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_name};
use crate::hex;
use crate::migrate::files::ScriptOutline;
use crate::sql::session::{
    Executed, HandlerUse, Prepared, creates_program, deallocates, executes, handles, prepares,
    reads_diagnostics,
};
use crate::sql::{
    Classification, ObjectEffect, ObjectKind, SessionLeftovers, StatementClass, assigned_variables,
};

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
    /// Where they were prepared, if not in the run's database and its sql_mode: both are theirs for good.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    prepared_in: BTreeMap<String, PreparedIn>,
    /// The value of LAST_INSERT_ID().
    #[serde(default, skip_serializing_if = "is_zero")]
    last_insert_id: u64,
    /// Temporary tables, with the number of the statement that created them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    temporary: BTreeMap<String, u32>,
    /// Tables that a HANDLER has open, with the number of the statement that opened it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    handlers: BTreeMap<String, u32>,
    /// User variables too long to be saved.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    too_long: BTreeSet<String>,
    /// Whether a transaction started by AND CHAIN is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chained: bool,
}

/// Where a statement was prepared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PreparedIn {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sql_mode: Option<SavedValue>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The session state that a file reads.
#[derive(Debug, Clone, Default)]
pub struct SessionWatch {
    user: BTreeSet<String>,
    last_insert_id: bool,
    asking: AskingPrograms,
}

impl SessionWatch {
    /// For the statements of a script.
    pub fn from_outline(outline: &ScriptOutline) -> SessionWatch {
        SessionWatch {
            user: outline.user_variables.iter().cloned().collect(),
            last_insert_id: outline.reads_last_insert_id,
            asking: outline.asking_programs.clone(),
        }
    }

    /// Adds what the programs of a database read.
    ///
    /// # Errors
    /// A query failed.
    pub async fn look_at_programs(&mut self, session: &mut Session, database: &str) -> Result<(), DbError> {
        self.last_insert_id |= self.asking.look(session, database).await?;
        Ok(())
    }

    /// Whether a statement reads results of the one before it.
    pub fn asks(&self, statement: &str) -> bool {
        reads_diagnostics(statement) || self.asks_by_program(statement)
    }

    /// Whether it does so through a program that it runs.
    pub fn asks_by_program(&self, statement: &str) -> bool {
        !self.asking.is_empty() && self.asking.run_by(statement) && creates_program(statement).is_none()
    }

    /// Whether any program asks.
    pub fn has_asking_programs(&self) -> bool {
        !self.asking.is_empty()
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
            Executed::Immediate(Prepared::Text { value, .. }) => Some(value),
            Executed::Immediate(Prepared::Variable(name)) => match self.user.get(&name)? {
                SavedValue::Text(bytes, ..) => String::from_utf8(hex::decode(bytes)?).ok(),
                _ => None,
            },
            Executed::Immediate(Prepared::Expression) => None,
        }
    }

    /// The database of the unqualified names in the statement that an EXECUTE runs: that of its PREPARE, `None` for
    /// the run's own; no answer if that is the current one.
    pub fn executed_in(&self, statement: &str) -> Option<Option<String>> {
        match executes(statement)? {
            Executed::Name(name) => {
                self.prepared.get(&name)?;
                Some(
                    self.prepared_in
                        .get(&name)
                        .and_then(|place| place.database.clone()),
                )
            }
            Executed::Immediate(_) => None,
        }
    }

    /// What another session lacks, and the number of the statement that left it.
    pub fn lost(&self) -> Option<(&'static str, u32)> {
        let temporary = self
            .temporary
            .values()
            .next()
            .map(|number| ("a temporary table", *number));
        let handler = self.handlers.values().next();
        temporary.or(handler.map(|number| ("an open HANDLER", *number)))
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
        if found.verb == "HANDLER" {
            self.learn_handler(statement, number);
        }
        if found.class == StatementClass::Session || found.verb == "SET" {
            if found.verb == "USE" {
                self.database = session
                    .first::<Option<String>>(Query::new("SELECT DATABASE()").shielded())
                    .await?
                    .flatten();
            }
            if let Some((name, source)) = prepares(statement) {
                // Read it before the variable can change again, and a string as the server reads it.
                let source = match source {
                    Prepared::Text { written, .. } => Some(written),
                    Prepared::Variable(variable) => Some(format!("@{}", quote_name(&variable))),
                    Prepared::Expression => None,
                };
                let text = match source {
                    Some(source) => {
                        let query = Query::new(format!("SELECT {source}"));
                        session.first::<Option<String>>(query.shielded()).await?.flatten()
                    }
                    None => None,
                };
                self.forget_prepared(&name);
                if let Some(text) = text {
                    let place = PreparedIn {
                        database: self.database.clone(),
                        sql_mode: self.system.get("sql_mode").cloned(),
                    };
                    if place != PreparedIn::default() {
                        self.prepared_in.insert(name.clone(), place);
                    }
                    self.prepared.insert(name, text);
                }
            }
            if let Some(name) = deallocates(statement) {
                self.forget_prepared(&name);
            }
            self.learn_system(session, assigned_variables(statement), statement)
                .await?;
        }
        Ok(())
    }

    /// Saves what stored programs may have left in the session, after statement `number`.
    ///
    /// # Errors
    /// A query failed.
    pub async fn learn_leftovers(
        &mut self,
        session: &mut Session,
        leaves: &SessionLeftovers,
        number: u32,
    ) -> Result<(), DbError> {
        let variables = leaves
            .variables
            .iter()
            .filter(|name| *name != "timestamp")
            .cloned();
        self.learn_system(session, variables.collect(), "").await?;
        for name in &leaves.prepared {
            self.forget_prepared(name);
        }
        for table in &leaves.temporary {
            let key = table.name.to_lowercase();
            let target = match &table.schema {
                Some(schema) => format!("{}.{}", quote_name(schema), quote_name(&table.name)),
                None => quote_name(&table.name),
            };
            let query = Query::new(format!("SHOW CREATE TABLE {target}")).shielded();
            let definition = match session.first::<Row>(query).await {
                Ok(row) => row.and_then(|row| get::<String>(&row, 1)),
                Err(error) if error.code().is_some() => None,
                Err(error) => return Err(error),
            };
            match definition.is_some_and(|definition| definition.starts_with("CREATE TEMPORARY")) {
                true => drop(self.temporary.entry(key).or_insert(number)),
                false => drop(self.temporary.remove(&key)),
            }
        }
        Ok(())
    }

    fn forget_prepared(&mut self, name: &str) {
        self.prepared.remove(name);
        self.prepared_in.remove(name);
    }

    fn learn_handler(&mut self, statement: &str, number: u32) {
        match handles(statement) {
            Some((name, HandlerUse::Open)) => drop(self.handlers.insert(name, number)),
            Some((name, HandlerUse::Close)) => drop(self.handlers.remove(&name)),
            _ => {}
        }
    }

    async fn learn_system(
        &mut self,
        session: &mut Session,
        names: Vec<String>,
        statement: &str,
    ) -> Result<(), DbError> {
        for name in names {
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
        self.restore_prepared(session).await?;
        if let Some(database) = &self.database {
            session.execute(format!("USE {}", quote_name(database))).await?;
        }
        for (name, value) in &self.system {
            session
                .execute(format!("SET SESSION {} = {}", quote_name(name), literal(value)))
                .await?;
        }
        self.put_back(session, watch).await
    }

    async fn restore_prepared(&self, session: &mut Session) -> Result<(), DbError> {
        let elsewhere = !self.prepared_in.is_empty();
        let own = match elsewhere {
            true => {
                session
                    .first::<(Option<String>, String)>("SELECT DATABASE(), @@SESSION.sql_mode")
                    .await?
            }
            false => None,
        };
        let (database, sql_mode) = own.unwrap_or_default();
        let sql_mode = SavedValue::Text(
            hex::encode(sql_mode.as_bytes()),
            "utf8mb4".to_owned(),
            "utf8mb4_bin".to_owned(),
        );
        let place = async |session: &mut Session, place: &PreparedIn| {
            if let Some(database) = place.database.as_ref().or(database.as_ref()) {
                session.execute(format!("USE {}", quote_name(database))).await?;
            }
            let mode = literal(place.sql_mode.as_ref().unwrap_or(&sql_mode));
            session
                .execute(format!("SET SESSION sql_mode = {mode}"))
                .await
                .map(drop)
        };
        for (name, text) in &self.prepared {
            if elsewhere {
                let own = PreparedIn::default();
                place(session, self.prepared_in.get(name).unwrap_or(&own)).await?;
            }
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
        if elsewhere {
            place(session, &PreparedIn::default()).await?;
        }
        Ok(())
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
