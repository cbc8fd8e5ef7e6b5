//! What has to be known of a table before a write to it: whether a transaction can undo it.

use std::collections::HashMap;

use super::history::get;
use super::reach::{Reach, Reached};
use crate::db::{DbError, Query, Row, Session};
use crate::sql::Name;

/// A table's engine (NULL for a view), and whether it has triggers.
const TABLE: &str = "SELECT t.TABLE_TYPE, t.ENGINE, (SELECT COUNT(*) FROM information_schema.TRIGGERS AS r \
  WHERE r.EVENT_OBJECT_SCHEMA = t.TABLE_SCHEMA AND r.EVENT_OBJECT_TABLE = t.TABLE_NAME) \
  FROM information_schema.TABLES AS t WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?";

/// Whether any table that this account can see is of an engine without transactions.
const ANY_PLAIN: &str = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' \
  AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') \
  AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'ndbcluster', 'TokuDB') LIMIT 1";

/// What is known of a table.
#[derive(Debug, Clone, Copy, Default)]
struct Table {
    /// `None`: a view, or no such table (a temporary one is not in the catalogue).
    transactional: Option<bool>,
    triggers: bool,
}

/// Tables asked about, until a statement may have changed them.
#[derive(Debug, Default)]
pub struct Tables {
    known: HashMap<Name, Table>,
    any_plain: Option<bool>,
    reached: Reached,
}

impl Tables {
    /// After a statement that may have changed definitions.
    pub fn forget(&mut self) {
        self.known.clear();
        self.any_plain = None;
        self.reached.forget();
    }

    /// What a statement reaches, run in `database`; tables of the session's own are `temporary`.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn reach(
        &mut self,
        session: &mut Session,
        database: &str,
        statement: &str,
        temporary: impl Fn(&str) -> bool,
    ) -> Result<Reach, DbError> {
        self.reached.of(session, database, statement, temporary).await
    }

    /// Whether writes to `name` touch nothing else: a transactional base table without triggers.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn alone(
        &mut self,
        session: &mut Session,
        database: &str,
        name: &Name,
    ) -> Result<bool, DbError> {
        let table = self.table(session, database, name).await?;
        Ok(table.transactional == Some(true) && !table.triggers)
    }

    /// Whether there is any table without transactions.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn any_plain(&mut self, session: &mut Session) -> Result<bool, DbError> {
        if self.any_plain.is_none() {
            self.any_plain = Some(session.first::<u8>(ANY_PLAIN).await?.is_some());
        }
        Ok(self.any_plain.unwrap_or(true))
    }

    async fn table(&mut self, session: &mut Session, database: &str, name: &Name) -> Result<Table, DbError> {
        let schema = name.schema.as_deref().unwrap_or(database);
        let key = Name {
            schema: Some(schema.to_owned()),
            name: name.name.clone(),
        };
        if let Some(table) = self.known.get(&key) {
            return Ok(*table);
        }
        let row = session
            .first::<Row>(Query::new(TABLE).bind(schema).bind(&name.name))
            .await?;
        let table = row.map_or(Table::default(), |row| Table {
            transactional: get::<String>(&row, 1)
                .filter(|_| get::<String>(&row, 0).is_some_and(|kind| kind != "VIEW"))
                .map(|engine| {
                    ["InnoDB", "ROCKSDB", "ndbcluster", "TokuDB"]
                        .iter()
                        .any(|known| engine.eq_ignore_ascii_case(known))
                }),
            triggers: get::<u64>(&row, 2).unwrap_or(1) > 0,
        });
        self.known.insert(key, table);
        Ok(table)
    }
}
