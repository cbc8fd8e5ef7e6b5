//! One run at a time: a named lock on the connection that does the work, so that it is held exactly as
//! long as that connection works, and freed by the server when the process dies.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::failure::MigrateFailure;
use crate::connections;
use crate::context::Context;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session};
use crate::hex;
use crate::run_lease::RunLease;

/// Takes the lock; 1 if it was free in time, 0 if not.
const GET_LOCK: &str = "SELECT GET_LOCK(?, ?)";
/// Releases the lock.
const RELEASE_LOCK: &str = "SELECT RELEASE_LOCK(?)";
/// Whether this connection holds the lock.
const HELD: &str = "SELECT IS_USED_LOCK(?) = CONNECTION_ID()";
/// Which connection holds the lock.
const HOLDER: &str = "SELECT IS_USED_LOCK(?)";
/// The statement that another connection is running.
const AT_WORK: &str = "SELECT LEFT(INFO, 80) FROM information_schema.PROCESSLIST \
  WHERE ID = ? AND ID <> CONNECTION_ID() AND COMMAND IN ('Query', 'Execute') AND USER = SUBSTRING_INDEX(USER(), '@', 1)";

/// The lock's name for a database: at most 64 characters (manual, "Locking Functions").
fn lock_name(database: &str) -> String {
    let name = format!("dbtool:migrate:{database}");
    if name.chars().count() <= 64 {
        return name;
    }
    format!(
        "dbtool:migrate:{}",
        &hex::encode(&Sha256::digest(database.as_bytes()))[..40]
    )
}

/// Takes the lock for `database`, waiting for another run at most `wait`; in a cluster, `lease` too.
///
/// # Errors
/// Another run holds it (exit 5), named as far as it is visible.
pub async fn acquire(
    ctx: &Context,
    session: &mut Session,
    database: &str,
    wait: Duration,
    lease: Option<&RunLease>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    acquire_here(ctx, session, database, wait).await?;
    let Some(lease) = lease else { return Ok(()) };
    lease.prepare(session).await?;
    match lease
        .take(ctx, session, wait.saturating_sub(begun.elapsed()))
        .await?
    {
        None => Ok(()),
        Some(holder) => {
            let database = database.to_owned();
            Err(MigrateFailure::AnotherRun { database, holder }.into())
        }
    }
}

/// Takes the named lock of the session's server.
async fn acquire_here(
    ctx: &Context,
    session: &mut Session,
    database: &str,
    wait: Duration,
) -> anyhow::Result<()> {
    let name = lock_name(database);
    if take(session, &name, 0).await? {
        return Ok(());
    }
    let holder = holder(ctx, session, &name).await?;
    if !wait.is_zero() {
        ctx.report
            .status(format!("waiting up to {} s for {holder}", wait.as_secs()));
        if take(session, &name, wait.as_secs()).await? {
            return Ok(());
        }
    }
    let database = database.to_owned();
    Err(MigrateFailure::AnotherRun { database, holder }.into())
}

/// Releases the lock.
///
/// # Errors
/// The connection failed.
pub async fn release(session: &mut Session, database: &str) -> Result<(), DbError> {
    let query = Query::new(RELEASE_LOCK).bind(lock_name(database));
    session.execute(query).await.map(drop)
}

/// Ensures that this run still holds the lock, which a statement (RELEASE_ALL_LOCKS), a proxy or a cluster may
/// have released. If it is free, it is taken again.
///
/// # Errors
/// The connection failed; `Ok(Some(holder))` when another connection has the lock.
pub async fn keep(
    ctx: &Context,
    session: &mut Session,
    database: &str,
    lease: Option<&RunLease>,
) -> Result<Option<String>, DbError> {
    let name = lock_name(database);
    let held = session.first::<Option<u8>>(Query::new(HELD).bind(&name)).await?;
    if held.flatten() == Some(1) || take(session, &name, 0).await? {
        return match lease {
            Some(lease) => lease.keep(session).await,
            None => Ok(None),
        };
    }
    holder(ctx, session, &name).await.map(Some)
}

async fn take(session: &mut Session, name: &str, seconds: u64) -> Result<bool, DbError> {
    let query = Query::new(GET_LOCK).bind(name).bind(seconds).timeout(None);
    Ok(session.first::<Option<u8>>(query).await?.flatten() == Some(1))
}

async fn holder(ctx: &Context, session: &mut Session, name: &str) -> Result<String, DbError> {
    let id = session
        .first::<Option<u64>>(Query::new(HOLDER).bind(name))
        .await?
        .flatten();
    match id {
        Some(id) => {
            let server = ctx.db.server().await?;
            connections::described(ctx, &server, session, id).await
        }
        None => Ok("a run that has just ended".to_owned()),
    }
}

/// The statement that a connection is running, if it exists and this account sees it.
///
/// # Errors
/// The connection failed.
pub async fn at_work(session: &mut Session, id: u64) -> Result<Option<String>, DbError> {
    let row = session.first::<Row>(Query::new(AT_WORK).bind(id)).await?;
    Ok(row.map(|row| crate::sql::summary(&get::<String>(&row, 0).unwrap_or_default(), 60)))
}

#[cfg(test)]
mod tests {
    use super::lock_name;

    #[test]
    fn names_fit_the_servers_limit() {
        assert_eq!(lock_name("shop"), "dbtool:migrate:shop");
        let (long, other) = (lock_name(&"x".repeat(64)), lock_name(&"y".repeat(64)));
        assert!(long.len() <= 64 && long != other);
        assert!(lock_name(&"é".repeat(49)).chars().count() <= 64);
    }
}
