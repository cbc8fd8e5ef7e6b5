//! Ends a statement on the server through a short connection on the reserved slot.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::budget::Lane;
use super::codes;
use super::pool::{Inner, Link};

/// A server that accepts no connection in this time counts as hung.
const CONNECT: Duration = Duration::from_millis(900);
/// A server that is alive but full is tried for this long.
const FULL: Duration = Duration::from_secs(10);
/// A killed statement may roll back for this long while the server answers.
const ROLLBACK: Duration = Duration::from_secs(60);
/// How long a kill that the server forbids is tried again.
const NOT_OWNER: Duration = Duration::from_secs(2);
/// How often the server is asked whether it still answers during a rollback.
const PULSE: Duration = Duration::from_millis(300);
/// After a second signal this much is still tried.
const HURRY: Duration = Duration::from_millis(150);

/// How a kill ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Killed {
    /// The statement has ended.
    Ended,
    /// The server gave no answer in time.
    Silent,
    /// The server refused, in these words: while a routine runs as its definer, its caller may not
    /// kill it (1095, measured on MariaDB 10.11 and MySQL 9.7, KILL CONNECTION as KILL QUERY).
    Refused(String),
}

/// The side of the statement: dropping it tells the killer that the statement has ended.
pub(super) struct Finished {
    _ended: oneshot::Sender<()>,
    gave_up: oneshot::Receiver<Killed>,
}

impl Finished {
    /// Completes when the killer has given up on the server.
    pub(super) async fn given_up(&mut self) -> Killed {
        match (&mut self.gave_up).await {
            Ok(killed) => killed,
            // It ended because the statement did; that answer is on its way.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Starts killing the statement of connection `id`. The killer is a task of its own, so that its
/// connection is closed in an orderly way even when the statement ends first.
pub(super) fn start(db: &Arc<Inner>, id: u64) -> (Finished, JoinHandle<()>) {
    let (ended_sender, ended) = oneshot::channel();
    let (gave_up_sender, gave_up) = oneshot::channel();
    let live = db.live();
    let db = Arc::clone(db);
    let task = tokio::spawn(async move {
        let _live = live;
        let killed = kill(&db, id, ended).await;
        if killed != Killed::Ended {
            let _ = gave_up_sender.send(killed);
        }
    });
    (
        Finished {
            _ended: ended_sender,
            gave_up,
        },
        task,
    )
}

async fn kill(db: &Arc<Inner>, id: u64, mut ended: oneshot::Receiver<()>) -> Killed {
    let hurried = async {
        db.cancel.wait_hurried().await;
        tokio::time::sleep(HURRY).await;
    };
    tokio::pin!(hurried);
    let connecting = tokio::spawn(connect(Arc::clone(db)));
    tokio::pin!(connecting);
    let link = tokio::select! {
        _ = &mut ended => {
            // The connection attempt ends by itself; its task closes what it opened.
            if let Ok(Some(link)) = connecting.await {
                link.quit().await;
            }
            return Killed::Ended;
        }
        () = &mut hurried => return Killed::Silent,
        link = &mut connecting => link.ok().flatten(),
    };
    let Some(mut link) = link else {
        return Killed::Silent;
    };
    let killed = watch_over(db, &mut link, id, &mut ended, &mut hurried).await;
    link.quit().await;
    killed
}

async fn watch_over(
    db: &Arc<Inner>,
    link: &mut Link,
    id: u64,
    ended: &mut oneshot::Receiver<()>,
    hurried: &mut (impl Future<Output = ()> + Unpin),
) -> Killed {
    let started = Instant::now();
    let mut told = false;
    loop {
        // Sent again each time: a statement may be between two waits when the first arrives.
        let kill = link.conn.query_drop(format!("KILL QUERY {id}"));
        match timeout(CONNECT, kill).await {
            Err(_) => return Killed::Silent,
            // 1094: no such connection, so no such statement.
            Ok(Err(mysql_async::Error::Server(error))) if error.code == codes::ER_NO_SUCH_THREAD => {
                return Killed::Ended;
            }
            // 1095: not the owner, as seen from here while a routine runs as its definer. It may
            // be the caller's own again in a moment.
            Ok(Err(mysql_async::Error::Server(error))) if error.code == codes::ER_KILL_DENIED_ERROR => {
                if started.elapsed() > NOT_OWNER {
                    return Killed::Refused(format!("{}: {}", error.code, error.message));
                }
                db.sign_of_life();
            }
            Ok(Err(mysql_async::Error::Server(_)) | Ok(())) => db.sign_of_life(),
            Ok(Err(_)) => return Killed::Silent,
        }
        tokio::select! {
            _ = &mut *ended => return Killed::Ended,
            () = &mut *hurried => return Killed::Silent,
            () = tokio::time::sleep(PULSE) => {}
        }
        if started.elapsed() > Duration::from_secs(1) && !told {
            told = true;
            db.say("the server is still rolling back the killed statement; a second Ctrl+C leaves at once");
        }
        if started.elapsed() > ROLLBACK {
            return Killed::Silent;
        }
    }
}

/// A connection for the kill. A full server is tried again, a silent one is not.
async fn connect(db: Arc<Inner>) -> Option<Link> {
    let slot = timeout(FULL, db.budget.take_uncancelled(Lane::Reserve))
        .await
        .ok()?
        .ok()?;
    let mut slot = Some(slot);
    let started = Instant::now();
    loop {
        match db.attempt(slot.take()?, CONNECT).await {
            Ok(link) => return Some(link),
            Err((back, error)) => {
                if !error.may_pass || started.elapsed() > FULL || db.cancel.hurried() {
                    return None;
                }
                db.sign_of_life();
                slot = Some(back);
                if error.elsewhere {
                    drop(slot.take());
                    let again = timeout(FULL, db.budget.take_uncancelled(Lane::Reserve)).await;
                    slot = Some(again.ok()?.ok()?);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
