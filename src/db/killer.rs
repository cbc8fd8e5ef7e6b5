//! Ends a statement on the server through a short connection on the reserved slot.
//!
//! A proxy may lead that connection to another server, where the number of ours is a stranger's. So it first proves that
//! it reached the same one: by the server's identity, and by its uptime, since a server that was started again gives the
//! same numbers again. If it did not, new connections are tried for a moment.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::codes;
use super::connection::{Connection, PoolState};
use super::server::Server;
use super::slot::{Slot, SlotKind};

/// A server that accepts no connection within this time counts as hung.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);
/// A server that responds but is full is tried for this long.
const FULL_SERVER_TIMEOUT: Duration = Duration::from_secs(10);
/// A killed statement may roll back for this long while the server answers.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a KILL that the server refuses is repeated.
const NOT_OWNER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long new connections are tried until one reaches the server of the statement.
const OTHER_SERVER_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that the server does not have any more: its last answer may still be on its way for so long.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Seconds since the server started; every account may read it (manual, "SHOW STATUS").
const UPTIME: &str = "SHOW GLOBAL STATUS LIKE 'Uptime'";
/// Pause before another connection is opened.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);
/// Interval of KILL attempts; each also shows whether the server still responds.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Time left for the kill after a second signal.
const SECOND_SIGNAL_GRACE: Duration = Duration::from_millis(150);

/// How a kill ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Killed {
    /// The statement has ended.
    Ended,
    /// The server gave no answer in time.
    Silent,
    /// The server refused with this message: while a routine runs as its definer, its caller may not
    /// kill it (1095, measured on MariaDB 10.11 and MySQL 9.7, KILL CONNECTION as KILL QUERY).
    Refused(String),
    /// No connection reached the server of the statement, which is named.
    OtherServer(String),
    /// The server does not have the connection, and its answer has not arrived.
    Gone,
}

/// The connection whose statement is to be ended.
pub(super) struct KillTarget {
    /// The server's number for it.
    pub(super) id: u64,
    /// The server that gave the number.
    pub(super) server: Arc<Server>,
    /// When it was made.
    pub(super) since: Instant,
}

impl KillTarget {
    /// Whether another connection speaks to the same server, which has not been started again since.
    async fn is_on(&self, connection: &mut Connection) -> bool {
        if connection.server.identity != self.server.identity {
            return false;
        }
        match timeout(CONNECT_TIMEOUT, uptime(&mut connection.conn)).await {
            // The server rounds down.
            Ok(Some(uptime)) => uptime + Duration::from_secs(1) >= self.since.elapsed(),
            _ => false,
        }
    }
}

async fn uptime(conn: &mut Conn) -> Option<Duration> {
    let row: Option<(String, u64)> = conn.query_first(UPTIME).await.ok()?;
    row.map(|(_, seconds)| Duration::from_secs(seconds))
}

/// Held by the statement's task: dropping it signals the killer that the statement has ended.
pub(super) struct StatementGuard {
    _ended: oneshot::Sender<()>,
    gave_up: oneshot::Receiver<Killed>,
}

impl StatementGuard {
    /// Completes when the killer has given up on the server.
    pub(super) async fn given_up(&mut self) -> Killed {
        match (&mut self.gave_up).await {
            Ok(killed) => killed,
            // The killer ended because the statement did; its result is about to arrive.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Starts killing the statement of the connection `target`. The killer is a task of its own, so that its
/// connection is closed in an orderly way even when the statement ends first.
pub(super) fn start(db: &Arc<PoolState>, target: KillTarget) -> (StatementGuard, JoinHandle<()>) {
    let (ended_sender, ended) = oneshot::channel();
    let (gave_up_sender, gave_up) = oneshot::channel();
    let live = db.live();
    let db = Arc::clone(db);
    let task = tokio::spawn(async move {
        let _live = live;
        let killed = kill(&db, &target, ended).await;
        if killed != Killed::Ended {
            let _ = gave_up_sender.send(killed);
        }
    });
    (
        StatementGuard {
            _ended: ended_sender,
            gave_up,
        },
        task,
    )
}

async fn kill(db: &Arc<PoolState>, target: &KillTarget, mut ended: oneshot::Receiver<()>) -> Killed {
    let hurried = async {
        db.cancel.wait_hurried().await;
        tokio::time::sleep(SECOND_SIGNAL_GRACE).await;
    };
    tokio::pin!(hurried);
    // The slot is waited for here: it may be the statement's own connection that holds it.
    let slot = tokio::select! {
        _ = &mut ended => return Killed::Ended,
        () = &mut hurried => return Killed::Silent,
        slot = timeout(FULL_SERVER_TIMEOUT, db.budget.take_uncancelled(SlotKind::Reserve)) => slot,
    };
    let Ok(Ok(slot)) = slot else {
        return Killed::Silent;
    };
    let begun = Instant::now();
    let mut slot = Some(slot);
    while let Some(free) = slot.take() {
        let connecting = tokio::spawn(connect(Arc::clone(db), free));
        tokio::pin!(connecting);
        let connection = tokio::select! {
            _ = &mut ended => {
                // The connection attempt ends by itself; its task closes what it opened.
                if let Ok(Some(connection)) = connecting.await {
                    connection.quit().await;
                }
                return Killed::Ended;
            }
            () = &mut hurried => return Killed::Silent,
            connection = &mut connecting => connection.ok().flatten(),
        };
        let Some(mut connection) = connection else {
            return Killed::Silent;
        };
        if target.is_on(&mut connection).await {
            let killed = kill_until_ended(db, &mut connection, target.id, &mut ended, &mut hurried).await;
            connection.quit().await;
            return killed;
        }
        slot = Some(connection.quit_keeping_slot().await);
        if begun.elapsed() > OTHER_SERVER_TIMEOUT {
            break;
        }
        tokio::select! {
            _ = &mut ended => return Killed::Ended,
            () = &mut hurried => return Killed::Silent,
            () = tokio::time::sleep(RECONNECT_PAUSE) => {}
        }
    }
    Killed::OtherServer(target.server.place())
}

async fn kill_until_ended(
    db: &Arc<PoolState>,
    connection: &mut Connection,
    id: u64,
    ended: &mut oneshot::Receiver<()>,
    hurried: &mut (impl Future<Output = ()> + Unpin),
) -> Killed {
    let started = Instant::now();
    let mut notified = false;
    loop {
        // Sent again each time: a statement may be between two waits when the first arrives.
        let kill = connection.conn.query_drop(format!("KILL QUERY {id}"));
        match timeout(CONNECT_TIMEOUT, kill).await {
            Err(_) => return Killed::Silent,
            // 1094: no such connection. Ours has an answer outstanding, which may be on its way.
            Ok(Err(mysql_async::Error::Server(error))) if error.code == codes::ER_NO_SUCH_THREAD => {
                return tokio::select! {
                    _ = &mut *ended => Killed::Ended,
                    () = &mut *hurried => Killed::Silent,
                    () = tokio::time::sleep(LAST_ANSWER_TIMEOUT) => Killed::Gone,
                };
            }
            // 1095: not the owner while a routine runs as its definer. The statement may belong to
            // this account again in a moment.
            Ok(Err(mysql_async::Error::Server(error))) if error.code == codes::ER_KILL_DENIED_ERROR => {
                if started.elapsed() > NOT_OWNER_TIMEOUT {
                    return Killed::Refused(format!("{}: {}", error.code, error.message));
                }
                db.record_response();
            }
            Ok(Err(mysql_async::Error::Server(_)) | Ok(())) => db.record_response(),
            Ok(Err(_)) => return Killed::Silent,
        }
        tokio::select! {
            _ = &mut *ended => return Killed::Ended,
            () = &mut *hurried => return Killed::Silent,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        if started.elapsed() > Duration::from_secs(1) && !notified {
            notified = true;
            db.notify("the server is still rolling back the killed statement; a second Ctrl+C exits at once");
        }
        if started.elapsed() > ROLLBACK_TIMEOUT {
            return Killed::Silent;
        }
    }
}

/// A connection for the kill. A full server is tried again, an unresponsive one is not.
async fn connect(db: Arc<PoolState>, slot: Slot) -> Option<Connection> {
    let mut slot = Some(slot);
    let started = Instant::now();
    loop {
        match db.attempt(slot.take()?, CONNECT_TIMEOUT).await {
            Ok(connection) => return Some(connection),
            Err((returned_slot, error)) => {
                if !error.is_transient || started.elapsed() > FULL_SERVER_TIMEOUT || db.cancel.hurried() {
                    return None;
                }
                db.record_response();
                slot = Some(returned_slot);
                if error.needs_other_slot {
                    drop(slot.take());
                    let again =
                        timeout(FULL_SERVER_TIMEOUT, db.budget.take_uncancelled(SlotKind::Reserve)).await;
                    slot = Some(again.ok()?.ok()?);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
