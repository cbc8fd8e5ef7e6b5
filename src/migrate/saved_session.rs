//! The session's state of an unfinished migration, saved with its progress in the same transaction, so that a
//! run that resumes in another session has the same variables.
//!
//! Only variables that the file mentions or sets are saved, and only while the migration is unfinished.

mod learn;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::asking_programs::AskingPrograms;
use crate::db::{DbError, Query, Session, quote_name};
use crate::hex;
use crate::migrate::files::ScriptOutline;
use crate::sql::session::{Executed, Prepared, creates_program, executes, reads_diagnostics};

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
mod tests;
