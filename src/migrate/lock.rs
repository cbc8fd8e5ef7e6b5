//! One run at a time: a named lock on the connection that does the work, so that it is held exactly as
//! long as that connection works, and freed by the server when the process dies.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::db::row::get;
use crate::db::server::{mariadb, mysql};
use crate::db::{DbError, Query, Row, Server, Session};
use crate::exit::Failure;
use crate::hex;

/// Takes the lock; 1 if it was free in time, 0 if not.
const GET_LOCK: &str = "SELECT GET_LOCK(?, ?)";
/// Releases the lock.
const RELEASE_LOCK: &str = "SELECT RELEASE_LOCK(?)";
/// Whether this connection holds the lock.
const HELD: &str = "SELECT IS_USED_LOCK(?) = CONNECTION_ID()";
/// Which connection holds the lock.
const HOLDER: &str = "SELECT IS_USED_LOCK(?)";
/// The account of a connection, as far as this account may see it.
const WHO: &str = "SELECT USER, HOST, TIME, LEFT(INFO, 80) FROM information_schema.PROCESSLIST WHERE ID = ?";
/// The statement that another connection is running.
const AT_WORK: &str = "SELECT LEFT(INFO, 80) FROM information_schema.PROCESSLIST \
  WHERE ID = ? AND ID <> CONNECTION_ID() AND COMMAND IN ('Query', 'Execute') AND USER = SUBSTRING_INDEX(USER(), '@', 1)";
/// Sessions with an open transaction: a lock on a table is held until its end. Needs PROCESS on both families.
const TRANSACTIONS: &str = "SELECT p.ID, p.USER, p.HOST, p.TIME, COALESCE(LEFT(p.INFO, 60), p.COMMAND) \
  FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS p ON p.ID = t.trx_mysql_thread_id \
  WHERE p.ID <> CONNECTION_ID() AND COALESCE(p.STATE, '') NOT LIKE 'Waiting for table metadata lock%' \
  ORDER BY t.trx_started LIMIT 3";
/// Sessions that may hold a table's lock: those with an open transaction or a running statement,
/// longest first, other than this one. Without PROCESS only those of the same account are visible.
const SUSPECTS: &str = "SELECT ID, USER, HOST, TIME, COALESCE(LEFT(INFO, 60), COMMAND) FROM information_schema.PROCESSLIST \
  WHERE DB = ? AND ID <> CONNECTION_ID() AND COALESCE(STATE, '') NOT LIKE 'Waiting for table metadata lock%' \
  ORDER BY TIME DESC LIMIT 3";

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

/// Takes the lock for `database`, waiting for another run at most `wait`.
///
/// # Errors
/// Another run holds it (exit 5), named as far as it is visible.
pub async fn acquire(
    ctx: &Context,
    session: &mut Session,
    database: &str,
    wait: Duration,
) -> anyhow::Result<()> {
    let name = lock_name(database);
    if take(session, &name, 0).await? {
        return Ok(());
    }
    let holder = holder(session, &name).await?;
    if !wait.is_zero() {
        ctx.report
            .status(format!("waiting up to {} s for {holder}", wait.as_secs()));
        if take(session, &name, wait.as_secs()).await? {
            return Ok(());
        }
    }
    Err(Failure::locked(
        format!("another run is migrating {database}: {holder}"),
        "wait for it to end and run the command again, or wait longer with --lock-wait SECONDS",
    )
    .into())
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
pub async fn keep(session: &mut Session, database: &str) -> Result<Option<String>, DbError> {
    let name = lock_name(database);
    let held = session.first::<Option<u8>>(Query::new(HELD).bind(&name)).await?;
    if held.flatten() == Some(1) || take(session, &name, 0).await? {
        return Ok(None);
    }
    holder(session, &name).await.map(Some)
}

async fn take(session: &mut Session, name: &str, seconds: u64) -> Result<bool, DbError> {
    let query = Query::new(GET_LOCK).bind(name).bind(seconds).timeout(None);
    Ok(session.first::<Option<u8>>(query).await?.flatten() == Some(1))
}

async fn holder(session: &mut Session, name: &str) -> Result<String, DbError> {
    let id = session
        .first::<Option<u64>>(Query::new(HOLDER).bind(name))
        .await?
        .flatten();
    let Some(id) = id else {
        return Ok("a run that has just ended".to_owned());
    };
    let who = session
        .first::<Row>(Query::new(WHO).bind(id))
        .await
        .ok()
        .flatten();
    Ok(match who {
        Some(row) => {
            let user: String = get(&row, 0).unwrap_or_default();
            let host: String = get(&row, 1).unwrap_or_default();
            let doing = get::<String>(&row, 3).map_or(String::new(), |info| {
                format!(", running {}", crate::sql::summary(&info, 60))
            });
            format!("connection {id} of {user}@{host}{doing}")
        }
        None => format!("connection {id} (another account's, not visible to this one)"),
    })
}

/// The statement that a connection is running, if it exists and this account sees it.
///
/// # Errors
/// The connection failed.
pub async fn at_work(session: &mut Session, id: u64) -> Result<Option<String>, DbError> {
    let row = session.first::<Row>(Query::new(AT_WORK).bind(id)).await?;
    Ok(row.map(|row| crate::sql::summary(&get::<String>(&row, 0).unwrap_or_default(), 60)))
}

/// Lists the sessions that may hold the lock a statement waited for, as far as this account can see them.
pub async fn blockers(session: &mut Session, server: &Server, database: &str) -> String {
    let exact = server.flavor.pick(mysql::LOCK_HOLDERS, mariadb::LOCK_HOLDERS);
    // Exact if the server lists its locks; else sessions with open transactions, which keep locks; without the
    // privilege to see either, any connected session.
    for (query, verb) in [
        (
            Query::new(exact).bind(database),
            "locks in this database are held by",
        ),
        (Query::new(TRANSACTIONS), "a transaction is held open by"),
        (Query::new(SUSPECTS).bind(database), "it may be held by"),
    ] {
        let rows = session.rows::<Row>(query).await.unwrap_or_default();
        if !rows.is_empty() {
            let list: Vec<String> = rows.iter().map(suspect).collect();
            return format!("{verb} {}", list.join(", "));
        }
    }
    "its holder is not visible to this account (it lacks PROCESS)".to_owned()
}

fn suspect(row: &Row) -> String {
    let text = |index| get::<String>(row, index).unwrap_or_default();
    let id: u64 = get(row, 0).unwrap_or_default();
    let seconds: i64 = get(row, 3).unwrap_or_default();
    let doing = crate::sql::summary(&text(4), 60);
    format!(
        "connection {id} of {}@{} ({doing}, {seconds} s)",
        text(1),
        text(2)
    )
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
