//! What a killed process left on the server is ended before its slot is used again.
//!
//! The kernel frees the slot of a killed process at once, but the server notices the closed socket only
//! when the statement is done. The slot's file says which connection it was. The next holder that finds
//! no clean slot ends it, over a connection on the reserved slot, so that at no moment the server has more
//! connections than the limit.
//!
//! It is certain whose connection a number means as long as the server has been up for longer than
//! the connection is old: a server gives each number once. Only then, and only where a process of this
//! user had it, the connection is killed; otherwise its end is waited for.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::time::{Instant, timeout};

use super::budget::{Lane, Orphan, Slot, now};
use super::codes;
use super::error::{DbError, ErrorKind};
use super::pool::Inner;
use super::unwind::unpanicked;

/// Seconds since the server started; every account may ask (manual, "SHOW STATUS").
const UPTIME: &str = "SHOW GLOBAL STATUS LIKE 'Uptime'";
/// One look may take this long.
const LOOK: Duration = Duration::from_secs(5);
/// How long one connection stays for looking.
const STAY: Duration = Duration::from_millis(600);
/// Pause between looks with one connection.
const PULSE: Duration = Duration::from_millis(10);
/// Pause before the next connection.
const PAUSE: Duration = Duration::from_millis(200);

/// What the server has of it.
#[derive(Debug)]
enum State {
    Gone,
    /// It is there and will end, by itself or because it was killed.
    Ending,
    /// It is there and may not be killed, for this reason.
    Refused(String),
    /// No connection could be made to look.
    Unreachable(DbError),
}

impl Inner {
    /// Makes sure that the last holder of `slot` has no connection any more.
    pub(super) async fn clear(self: &Arc<Self>, slot: &mut Slot, deadline: Instant) -> Result<(), DbError> {
        let Some(orphan) = slot.orphan() else {
            return Ok(());
        };
        let mut told = false;
        loop {
            let state = self.look_for(&orphan, deadline).await?;
            if matches!(state, State::Gone) {
                slot.orphan_is_gone();
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left <= PAUSE {
                return Err(match state {
                    State::Unreachable(error) => self.diagnosed(error),
                    state => left_running(&orphan, &state),
                });
            }
            if !std::mem::replace(&mut told, true) {
                self.say(&match &state {
                    State::Unreachable(error) => {
                        format!(
                            "{}; trying again for up to {} s",
                            error.what(),
                            left.as_secs().max(1)
                        )
                    }
                    _ => format!(
                        "waiting for the server to end connection {} of {}, which was killed",
                        orphan.connection,
                        orphan.holder.describe()
                    ),
                });
            }
            self.cancel.sleep(PAUSE).await?;
        }
    }

    async fn look_for(self: &Arc<Self>, orphan: &Orphan, deadline: Instant) -> Result<State, DbError> {
        let reserve = self.wait_for_slot(Lane::Reserve, deadline).await?;
        let mut link = match self.attempt_unless_cancelled(reserve, deadline).await? {
            Ok(link) => link,
            Err((_, failed)) if failed.may_pass => return Ok(State::Unreachable(failed.error)),
            Err((_, failed)) => return Err(failed.error),
        };
        let until = Instant::now() + STAY;
        let state = loop {
            let state = match timeout(LOOK, unpanicked(look(&mut link.conn, orphan))).await {
                Ok(Ok(Ok(state))) => state,
                Ok(Ok(Err(_))) => break State::Ending,
                _ => {
                    link.give_up();
                    break State::Ending;
                }
            };
            if matches!(state, State::Gone) || Instant::now() >= until {
                break state;
            }
            tokio::time::sleep(PULSE).await;
        };
        link.quit().await;
        Ok(state)
    }
}

async fn look(conn: &mut Conn, orphan: &Orphan) -> Result<State, mysql_async::Error> {
    let uptime: Option<(String, u64)> = conn.query_first(UPTIME).await?;
    let uptime = Duration::from_secs(uptime.map_or(0, |(_, seconds)| seconds));
    let age = now().saturating_sub(Duration::from_millis(orphan.connected));
    // The server rounds down.
    if age > uptime + Duration::from_secs(1) {
        tracing::debug!("the server was started after connection {}", orphan.connection);
        return Ok(State::Gone);
    }
    if !orphan.own || age > uptime {
        let seen: Option<Row> = conn
            .query_first(format!(
                "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {}",
                orphan.connection
            ))
            .await?;
        return Ok(if seen.is_some() {
            State::Ending
        } else {
            State::Gone
        });
    }
    match conn.query_drop(format!("KILL {}", orphan.connection)).await {
        Ok(()) => Ok(State::Ending),
        // 1094: no such connection.
        Err(mysql_async::Error::Server(error)) if error.code == codes::ER_NO_SUCH_THREAD => Ok(State::Gone),
        Err(mysql_async::Error::Server(error)) => Ok(State::Refused(error.message)),
        Err(error) => Err(error),
    }
}

fn left_running(orphan: &Orphan, state: &State) -> DbError {
    let why = match state {
        State::Refused(message) => format!(" and may not be killed by this account ({message})"),
        _ => String::new(),
    };
    DbError::new(
        ErrorKind::NoSlot,
        format!(
            "the server still works for connection {} of {}, which was killed{why}; all other connections of the \
             limit are in use",
            orphan.connection,
            orphan.holder.describe()
        ),
        format!(
            "wait until it is done, end it with KILL {} as an account that may, or raise DB_ACQUIRE_TIMEOUT",
            orphan.connection
        ),
    )
}
