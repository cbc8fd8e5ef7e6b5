//! Caches whether a transaction can undo writes to tables.

use super::write_effects::{WriteEffects, WriteEffectsByStatement};
use crate::db::{DbError, Session};
use crate::sql::Classification;

/// Whether any table that this account can see is of an engine without transactions.
const ANY_PLAIN: &str = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' \
  AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') \
  AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'ndbcluster', 'TokuDB') LIMIT 1";

/// Write effects and engines, cached until a statement may have changed a definition.
#[derive(Debug, Default)]
pub struct EffectsCache {
    any_plain: Option<bool>,
    reached: WriteEffectsByStatement,
}

impl EffectsCache {
    /// Clears the cache after a statement that may have changed definitions.
    pub fn forget(&mut self) {
        self.any_plain = None;
        self.reached.forget();
    }

    /// What a statement, which is `found`, reaches, run in `database`; tables of the session's own are `temporary`.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn write_effects(
        &mut self,
        session: &mut Session,
        database: &str,
        statement: &str,
        found: &Classification,
        temporary: impl Fn(&str) -> bool,
    ) -> Result<WriteEffects, DbError> {
        self.reached
            .of(session, database, statement, found, temporary)
            .await
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
}
