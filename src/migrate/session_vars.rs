//! The session that a migration runs in: a new connection with corrections of those server defaults that
//! would prevent applying each statement exactly once.
//!
//! The model is the command line client's session. A default that only changes the meaning of a
//! statement (`sql_mode`, `time_zone`, `foreign_key_checks`, the isolation level, …) stays as the
//! server has it, as for that client. init_connect has run before this.

use std::sync::Arc;

use super::lock;
use crate::context::Context;
use crate::db::{DbError, Session};
use crate::run_lease::RunLease;

/// A corrected default: the statement that sets it, and the reason.
struct SessionDefault {
    /// Sets the session's value.
    set: &'static str,
    /// What the server's default would break.
    #[cfg_attr(
        not(test),
        allow(dead_code, reason = "the reason is for the reader and the test")
    )]
    why: &'static str,
}

/// Every corrected default. A variable that this server does not have (1193) is skipped.
const SESSION_DEFAULTS: &[SessionDefault] = &[
    SessionDefault {
        set: "SET SESSION autocommit = 1",
        why: "off, the last statement and its record would never be committed",
    },
    SessionDefault {
        set: "SET SESSION completion_type = 0",
        why: "CHAIN and RELEASE would act on the commits that keep a statement and its record together",
    },
    SessionDefault {
        set: "SET SESSION TRANSACTION READ WRITE",
        why: "a read-only session cannot keep its record; a read-only server refuses all the same",
    },
    SessionDefault {
        set: "SET SESSION sql_select_limit = 18446744073709551615",
        why: "a limit cuts off the rows of SELECTs that later statements use",
    },
    SessionDefault {
        set: "SET SESSION sql_safe_updates = 0",
        why: "it refuses writes without a key, which migrations often contain",
    },
    SessionDefault {
        set: "SET SESSION sql_big_selects = 1",
        why: "a guess at the number of rows would decide whether a migration can run",
    },
    SessionDefault {
        set: "SET SESSION max_statement_time = 0",
        why: "the limit is --timeout's; the server's would end long statements in the middle (MariaDB)",
    },
    SessionDefault {
        set: "SET SESSION max_execution_time = 0",
        why: "the limit is --timeout's; the server's would end long SELECTs in the middle (MySQL)",
    },
];

/// Limits how long a statement that waits for a table's lock blocks all later statements on that table.
const SHORT_LOCK_WAIT: &str = "SET SESSION lock_wait_timeout = ";

/// Corrects the defaults of a new session, and how long it waits for a table's lock.
///
/// # Errors
/// The connection failed, or a value is refused.
pub async fn prepare(session: &mut Session, ddl_lock_wait: u64) -> Result<(), DbError> {
    correct_defaults(session).await?;
    session
        .execute(format!("{SHORT_LOCK_WAIT}{ddl_lock_wait}"))
        .await
        .map(drop)
}

/// Corrects the defaults of a new session.
///
/// # Errors
/// The connection failed, or a value is refused.
pub async fn correct_defaults(session: &mut Session) -> Result<(), DbError> {
    for neutral in SESSION_DEFAULTS {
        match session.execute(neutral.set).await {
            // The other family's variable.
            Err(error) if error.is_unknown_variable() => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// Opens a session, and a new one between two migrations.
#[derive(Debug, Clone)]
pub struct SessionOpener {
    /// `--ddl-lock-wait`, in seconds.
    pub ddl_lock_wait: u64,
    /// `--lock-wait`, in seconds.
    pub lock_wait: u64,
    /// The run's row in a cluster.
    pub lease: Option<Arc<RunLease>>,
}

/// Minimum wait for the lock when this run held it a moment before, in seconds.
const MIN_RELOCK_WAIT: u64 = 30;

impl SessionOpener {
    /// Replaces `session` by a new connection, so that no state of one migration (variables, temporary tables,
    /// prepared statements) reaches the next. Resetting the connection would not be enough: it does not run
    /// init_connect. The lock is released and taken again; another run may get it in between, so the history
    /// has to be read again.
    ///
    /// # Errors
    /// No connection, or another run holds the lock for too long.
    pub async fn renew(&self, ctx: &Context, session: &mut Session, database: &str) -> anyhow::Result<()> {
        lock::release(session, database).await?;
        // Two connections for a moment would be one too many for a limit of one.
        session.end();
        *session = ctx.db.writable_session().await?;
        prepare(session, self.ddl_lock_wait).await?;
        let wait = std::time::Duration::from_secs(self.lock_wait.max(MIN_RELOCK_WAIT));
        lock::acquire(ctx, session, database, wait, self.lease.as_deref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::SESSION_DEFAULTS;

    #[test]
    fn each_default_has_its_reason() {
        for neutral in SESSION_DEFAULTS {
            assert!(neutral.set.starts_with("SET SESSION "), "{}", neutral.set);
            assert!(neutral.why.len() > 20, "{}", neutral.set);
        }
    }
}
