//! The table `dbtool_online_changes`: a row for each change that has begun and whose end is not settled yet.
//!
//! The position is written in the transaction that copies a range, so that the row never says more or less than
//! was copied. Whether the swap has happened is not in the row but in the tables themselves (`swap`).

use std::time::Duration;

use serde_json::{Value, json};

use super::table::TriggerText;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_qualified};
use crate::report::{count, duration, plural, visible};

/// The table's name; it lives in the database whose tables are changed.
pub const TABLE: &str = "dbtool_online_changes";

const CREATE: &str = "CREATE TABLE IF NOT EXISTS {record} (
  table_name VARCHAR(64) NOT NULL,
  owner VARCHAR(255) NOT NULL COMMENT 'what asked for the change: a migration and the number of its statement',
  statement MEDIUMTEXT NOT NULL,
  phase VARCHAR(16) NOT NULL COMMENT 'preparing, copying, verifying, swapping',
  position MEDIUMTEXT NULL COMMENT 'JSON: the last key copied, or verified',
  rows_copied BIGINT UNSIGNED NOT NULL DEFAULT 0,
  rows_estimated BIGINT UNSIGNED NOT NULL DEFAULT 0,
  definition MEDIUMTEXT NOT NULL COMMENT 'of the table as the change began',
  triggers MEDIUMTEXT NOT NULL COMMENT 'JSON: names of its own triggers, and the statements that create them',
  pause TINYINT NOT NULL DEFAULT 0 COMMENT '1: copy nothing until it is 0',
  hold TINYINT NOT NULL DEFAULT 0 COMMENT '1: do not swap until it is 0',
  started_at DATETIME(6) NOT NULL COMMENT 'UTC',
  heartbeat_at DATETIME(6) NOT NULL COMMENT 'UTC',
  PRIMARY KEY (table_name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='online schema changes of dbtool that run'";

const FIND: &str = "SELECT owner, statement, phase, position, rows_copied, rows_estimated, definition, pause, hold, triggers \
  FROM {record} WHERE table_name = ?";
const ALL: &str = "SELECT table_name, owner, phase, rows_copied, rows_estimated, pause, hold, \
  CAST(started_at AS CHAR), TIMESTAMPDIFF(SECOND, heartbeat_at, UTC_TIMESTAMP(6)) FROM {record} ORDER BY table_name";
const BEGIN: &str = "INSERT INTO {record} (table_name, owner, statement, phase, definition, triggers, rows_estimated, hold, \
  started_at, heartbeat_at) VALUES (?, ?, ?, 'preparing', ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";
const ENTER: &str = "UPDATE {record} SET phase = ?, position = NULL, heartbeat_at = UTC_TIMESTAMP(6) \
  WHERE table_name = ? AND owner = ?";
const RESTART: &str = "UPDATE {record} SET phase = 'preparing', position = NULL, rows_copied = 0, definition = ?, triggers = ?, \
  heartbeat_at = UTC_TIMESTAMP(6) WHERE table_name = ? AND owner = ?";
const ADVANCE: &str = "UPDATE {record} SET position = ?, rows_copied = rows_copied + ?, \
  heartbeat_at = UTC_TIMESTAMP(6) WHERE table_name = ? AND owner = ?";
const FORGET: &str = "DELETE FROM {record} WHERE table_name = ?";
const SET: &str = "UPDATE {record} SET {flag} = ? WHERE table_name = ?";

/// The parts of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The shadow, the log and the triggers are created; nothing of it counts yet.
    Preparing,
    /// Rows are copied.
    Copying,
    /// Rows of both tables are compared.
    Verifying,
    /// The tables change places.
    Swapping,
}

impl Phase {
    /// Its name in the table and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Preparing => "preparing",
            Phase::Copying => "copying",
            Phase::Verifying => "verifying",
            Phase::Swapping => "swapping",
        }
    }

    fn parse(text: &str) -> Phase {
        [Phase::Copying, Phase::Verifying, Phase::Swapping]
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .unwrap_or(Phase::Preparing)
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRecord {
    /// What asked for the change.
    pub owner: String,
    /// The statement.
    pub statement: String,
    /// How far it is.
    pub phase: Phase,
    /// The last key copied or verified, as SQL literals.
    pub position: Option<Vec<String>>,
    /// Rows copied.
    pub rows_copied: u64,
    /// Rows of the table, as the server estimated them at the beginning.
    pub rows_estimated: u64,
    /// The table's definition as the change began.
    pub definition: String,
    /// Its own triggers as the change began.
    pub triggers: Vec<TriggerText>,
    /// Whether it pauses.
    pub pause: bool,
    /// Whether it must not swap yet.
    pub hold: bool,
}

/// A change that runs or was interrupted, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSummary {
    /// The table.
    pub table: String,
    /// What asked for it.
    pub owner: String,
    /// How far it is.
    pub phase: Phase,
    /// Rows copied.
    pub rows_copied: u64,
    /// Rows as estimated at the beginning.
    pub rows_estimated: u64,
    /// Whether it pauses.
    pub pause: bool,
    /// Whether it must not swap yet.
    pub hold: bool,
    /// When it began, UTC.
    pub started_at: String,
    /// Seconds since its last write.
    pub quiet_for: u64,
}

impl ChangeSummary {
    /// In one line, for people.
    pub fn line(&self) -> String {
        let waits = match self {
            ChangeSummary { pause: true, .. } => ", paused",
            ChangeSummary { hold: true, .. } => ", its swap is held back",
            _ => "",
        };
        format!(
            "{}: online change for {}: {}, {} of ~{}{waits}, last write {} ago",
            visible(&self.table),
            visible(&self.owner),
            self.phase.as_str(),
            count(self.rows_copied),
            plural(self.rows_estimated, "row"),
            duration(Duration::from_secs(self.quiet_for))
        )
    }

    /// As an object of JSON.
    pub fn json(&self) -> Value {
        json!({
            "table": self.table, "for": self.owner, "phase": self.phase.as_str(), "rows_copied": self.rows_copied,
            "rows_estimated": self.rows_estimated, "paused": self.pause, "swap_held": self.hold,
            "started_at": self.started_at, "seconds_since_write": self.quiet_for,
        })
    }
}

/// A flag that a person sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// Copy nothing.
    Pause,
    /// Do not swap.
    Hold,
}

fn text_of(triggers: &[TriggerText]) -> String {
    serde_json::to_string(triggers).unwrap_or_default()
}

/// The table of records in one database.
#[derive(Debug, Clone)]
pub struct Records {
    record: String,
}

impl Records {
    /// In `database`.
    pub fn new(database: &str) -> Records {
        Records {
            record: quote_qualified(database, TABLE),
        }
    }

    fn sql(&self, text: &str) -> Query {
        Query::new(text.replace("{record}", &self.record))
    }

    /// Creates the table unless it exists.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn create(&self, session: &mut Session) -> Result<(), DbError> {
        session.execute(self.sql(CREATE)).await.map(drop)
    }

    /// The record of a table's change; none if there is no table of records yet.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn find(&self, session: &mut Session, table: &str) -> Result<Option<ChangeRecord>, DbError> {
        let row = match session.first::<Row>(self.sql(FIND).bind(table)).await {
            Err(error) if error.is_missing_object() => return Ok(None),
            other => other?,
        };
        Ok(row.map(|row| ChangeRecord {
            owner: get(&row, 0).unwrap_or_default(),
            statement: get(&row, 1).unwrap_or_default(),
            phase: Phase::parse(&get::<String>(&row, 2).unwrap_or_default()),
            position: get::<String>(&row, 3).and_then(|text| serde_json::from_str(&text).ok()),
            rows_copied: get(&row, 4).unwrap_or_default(),
            rows_estimated: get(&row, 5).unwrap_or_default(),
            definition: get(&row, 6).unwrap_or_default(),
            pause: get::<u8>(&row, 7) == Some(1),
            hold: get::<u8>(&row, 8) == Some(1),
            triggers: get::<String>(&row, 9)
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
        }))
    }

    /// All records; none if there is no table of records.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn all(&self, session: &mut Session) -> Result<Vec<ChangeSummary>, DbError> {
        let rows = match session.rows::<Row>(self.sql(ALL)).await {
            Err(error) if error.is_missing_object() || error.is_denied() => return Ok(Vec::new()),
            other => other?,
        };
        Ok(rows
            .iter()
            .map(|row| ChangeSummary {
                table: get(row, 0).unwrap_or_default(),
                owner: get(row, 1).unwrap_or_default(),
                phase: Phase::parse(&get::<String>(row, 2).unwrap_or_default()),
                rows_copied: get(row, 3).unwrap_or_default(),
                rows_estimated: get(row, 4).unwrap_or_default(),
                pause: get::<u8>(row, 5) == Some(1),
                hold: get::<u8>(row, 6) == Some(1),
                started_at: get(row, 7).unwrap_or_default(),
                quiet_for: get::<i64>(row, 8).unwrap_or_default().unsigned_abs(),
            })
            .collect())
    }

    /// Records that a change begins. A record of the same table is an error (1062).
    ///
    /// # Errors
    /// The statement fails.
    pub async fn begin(
        &self,
        session: &mut Session,
        table: &str,
        change: &ChangeRecord,
    ) -> Result<(), DbError> {
        let query = self
            .sql(BEGIN)
            .bind(table)
            .bind(&change.owner)
            .bind(&change.statement)
            .bind(&change.definition)
            .bind(text_of(&change.triggers))
            .bind(change.rows_estimated)
            .bind(u8::from(change.hold));
        session.execute(query).await.map(drop)
    }

    /// Records that a phase begins.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn enter(
        &self,
        session: &mut Session,
        table: &str,
        owner: &str,
        phase: Phase,
    ) -> Result<(), DbError> {
        let query = self.sql(ENTER).bind(phase.as_str()).bind(table).bind(owner);
        session.execute(query).await.map(drop)
    }

    /// Records that the change starts from its beginning.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn restart(
        &self,
        session: &mut Session,
        table: &str,
        change: &ChangeRecord,
    ) -> Result<(), DbError> {
        let query = self
            .sql(RESTART)
            .bind(&change.definition)
            .bind(text_of(&change.triggers))
            .bind(table)
            .bind(&change.owner);
        session.execute(query).await.map(drop)
    }

    /// Records how far rows were copied or verified; part of the transaction that copies them. False if the record
    /// is not there.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn advance(
        &self,
        session: &mut Session,
        table: &str,
        owner: &str,
        position: Option<&[String]>,
        rows: u64,
    ) -> Result<bool, DbError> {
        let position = position.map(|position| serde_json::Value::from(position).to_string());
        let query = self
            .sql(ADVANCE)
            .bind(position)
            .bind(rows)
            .bind(table)
            .bind(owner);
        Ok(session.execute(query).await?.affected == 1)
    }

    /// Sets a flag of a running change. False if there is none of this table, or the flag was set so.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn set(
        &self,
        session: &mut Session,
        table: &str,
        flag: Flag,
        value: bool,
    ) -> Result<bool, DbError> {
        let flag = match flag {
            Flag::Pause => "pause",
            Flag::Hold => "hold",
        };
        let query = Query::new(SET.replace("{record}", &self.record).replace("{flag}", flag))
            .bind(u8::from(value))
            .bind(table);
        Ok(session.execute(query).await?.affected == 1)
    }

    /// Removes the record of a change that is settled.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn forget(&self, session: &mut Session, table: &str) -> Result<(), DbError> {
        match session.execute(self.sql(FORGET).bind(table).shielded()).await {
            Err(error) if error.is_missing_object() => Ok(()),
            other => other.map(drop),
        }
    }
}
