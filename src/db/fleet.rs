//! The fleet budget: one limit for dbtool on all hosts, by named locks on the server itself.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::Notice;
use super::error::{DbError, ErrorKind};
use super::session::Session;
use super::statement::Query;
use crate::cancel::Cancel;
use crate::config::Config;
use crate::hex;

/// The longest lock name MySQL takes (manual, "Locking Functions"; MariaDB allows 192).
const NAME_LIMIT: usize = 64;
const POLL: Duration = Duration::from_millis(50);

/// Takes one of the fleet's locks if it is free: 1 taken, 0 held by another session, NULL error.
const TRY_LOCK: &str = "SELECT GET_LOCK(?, 0)";

/// The fleet budget: its limit, and the prefix of its lock names.
pub(super) struct Fleet {
    limit: u32,
    scope: String,
}

impl Fleet {
    /// `None` unless `DB_FLEET_CONNECTION_LIMIT` is set.
    pub(super) fn new(config: &Config) -> Option<Fleet> {
        let limit = config.fleet_limit.as_ref()?.value;
        let database = config.database.as_ref().map_or("", |name| name.value.as_str());
        Some(Fleet {
            limit,
            scope: scope(database),
        })
    }

    /// Returns `session` once it holds one of the fleet's locks; the server frees the lock with
    /// the connection. The connection itself exists while it waits: a lock needs one.
    pub(super) async fn enter(
        &self,
        mut session: Session,
        deadline: Instant,
        cancel: &Cancel,
        notice: &Notice,
    ) -> Result<Session, DbError> {
        let mut notified = false;
        loop {
            for slot in 0..self.limit {
                match self.try_lock(&mut session, slot).await {
                    Ok(true) => return Ok(session),
                    Ok(false) => {}
                    Err(error) if error.is_not_supported() => {
                        notice(&format!(
                            "this server offers no GET_LOCK ({}); DB_FLEET_CONNECTION_LIMIT is not enforced",
                            error.what()
                        ));
                        return Ok(session);
                    }
                    Err(error) => return Err(error),
                }
            }
            if Instant::now() >= deadline {
                return Err(DbError::new(
                    ErrorKind::NoSlot,
                    format!(
                        "all connections of DB_FLEET_CONNECTION_LIMIT ({}) are in use",
                        self.limit
                    ),
                    "wait for the dbtool processes on the other hosts, or raise the limit",
                ));
            }
            if !std::mem::replace(&mut notified, true) {
                notice(&format!(
                    "waiting: all connections of DB_FLEET_CONNECTION_LIMIT ({}) are in use",
                    self.limit
                ));
            }
            cancel.sleep(POLL).await?;
        }
    }

    async fn try_lock(&self, session: &mut Session, slot: u32) -> Result<bool, DbError> {
        let name = format!("{}:slot:{slot}", self.scope);
        let taken = session
            .first::<Option<i64>>(Query::new(TRY_LOCK).bind(name))
            .await?;
        Ok(taken.flatten() == Some(1))
    }
}

/// `dbtool:<db>`, with a database name too long for a lock name replaced by its digest.
fn scope(database: &str) -> String {
    let plain = format!("dbtool:{database}");
    if plain.len() + ":slot:1000".len() <= NAME_LIMIT {
        return plain;
    }
    let digest = hex::encode(&Sha256::digest(database)[..16]);
    format!("dbtool:{digest}")
}

#[cfg(test)]
mod tests {
    use super::scope;

    #[test]
    fn lock_names_fit_whatever_the_database_is_called() {
        assert_eq!(scope("booking"), "dbtool:booking");
        let long = scope(&"x".repeat(64));
        assert!(format!("{long}:slot:999").len() <= 64);
        assert_ne!(long, scope(&"y".repeat(64)));
    }
}
