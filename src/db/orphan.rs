//! Ends the connection that a killed process left on the server before its slot is used again.
//!
//! The kernel frees the slot of a killed process at once, but the server notices the closed socket only
//! when the statement is done. The slot's file records the connection's number. The next process that
//! finds no clean slot kills that connection, over a connection on the reserved slot, so that the server
//! never has more connections than the limit.
//!
//! A number identifies the connection with certainty if the server has been up for longer than the
//! connection is old: a server gives each number once. Only then, and only if the process ran as this
//! user, the connection is killed; otherwise its end is awaited. A proxy may lead to another server, where the number is
//! a stranger's: nothing is asked or killed there.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::time::{Instant, timeout};

use super::codes;
use super::connection::PoolState;
use super::driver_panic::catch_panic;
use super::error::{DbError, ErrorKind};
use super::limit_advice::LimitDetail;
use super::slot::{Orphan, Slot, SlotKind, now};

/// Seconds since the server started; every account may read it (manual, "SHOW STATUS").
const UPTIME: &str = "SHOW GLOBAL STATUS LIKE 'Uptime'";
/// Time limit of one look.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one connection is used for looking.
const CONNECTION_TIME: Duration = Duration::from_millis(600);
/// Pause between looks with one connection.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Pause before another connection is opened for looking.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// The state of an orphaned connection on the server.
#[derive(Debug)]
enum OrphanState {
    Gone,
    /// It exists and will end, by itself or because it was killed.
    Ending,
    /// It exists and this account may not kill it, for this reason.
    Refused(String),
    /// No connection could be made to look.
    Unreachable(DbError),
}

impl PoolState {
    /// Ensures that the previous holder of `slot` has no connection left.
    pub(super) async fn clear(self: &Arc<Self>, slot: &mut Slot, deadline: Instant) -> Result<(), DbError> {
        let Some(orphan) = slot.orphan() else {
            return Ok(());
        };
        let mut notified = false;
        loop {
            let state = self.look_for(&orphan, slot.server_key(), deadline).await?;
            if matches!(state, OrphanState::Gone) {
                slot.orphan_is_gone();
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left <= RECONNECT_PAUSE {
                return Err(match state {
                    OrphanState::Unreachable(error) => {
                        self.with_limit_advice(error, LimitDetail::WithProcesses)
                    }
                    state => left_running(&orphan, &state),
                });
            }
            if !std::mem::replace(&mut notified, true) {
                self.notify(&match &state {
                    OrphanState::Unreachable(error) => {
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
            self.cancel.sleep(RECONNECT_PAUSE).await?;
        }
    }

    async fn look_for(
        self: &Arc<Self>,
        orphan: &Orphan,
        server_key: Option<&str>,
        deadline: Instant,
    ) -> Result<OrphanState, DbError> {
        let reserve = self.wait_for_slot(SlotKind::Reserve, deadline).await?;
        let mut connection = match self.attempt_unless_cancelled(reserve, deadline).await? {
            Ok(connection) => connection,
            Err((_, failed)) if failed.is_transient => return Ok(OrphanState::Unreachable(failed.error)),
            Err((_, failed)) => return Err(failed.error),
        };
        if connection.slot.server_key() != server_key {
            connection.quit().await;
            return Ok(OrphanState::Ending);
        }
        let until = Instant::now() + CONNECTION_TIME;
        let state = loop {
            let state = match timeout(LOOK_TIMEOUT, catch_panic(look(&mut connection.conn, orphan))).await {
                Ok(Ok(Ok(state))) => state,
                Ok(Ok(Err(_))) => break OrphanState::Ending,
                _ => {
                    connection.give_up();
                    break OrphanState::Ending;
                }
            };
            if matches!(state, OrphanState::Gone) || Instant::now() >= until {
                break state;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        };
        connection.quit().await;
        Ok(state)
    }
}

async fn look(conn: &mut Conn, orphan: &Orphan) -> Result<OrphanState, mysql_async::Error> {
    let uptime: Option<(String, u64)> = conn.query_first(UPTIME).await?;
    let uptime = Duration::from_secs(uptime.map_or(0, |(_, seconds)| seconds));
    let age = now().saturating_sub(Duration::from_millis(orphan.connected));
    // The server rounds down.
    if age > uptime + Duration::from_secs(1) {
        tracing::debug!("the server was started after connection {}", orphan.connection);
        return Ok(OrphanState::Gone);
    }
    if !orphan.own || age > uptime {
        let seen: Option<Row> = conn
            .query_first(format!(
                "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {}",
                orphan.connection
            ))
            .await?;
        return Ok(if seen.is_some() {
            OrphanState::Ending
        } else {
            OrphanState::Gone
        });
    }
    match conn.query_drop(format!("KILL {}", orphan.connection)).await {
        Ok(()) => Ok(OrphanState::Ending),
        // 1094: no such connection.
        Err(mysql_async::Error::Server(error)) if error.code == codes::ER_NO_SUCH_THREAD => {
            Ok(OrphanState::Gone)
        }
        Err(mysql_async::Error::Server(error)) => Ok(OrphanState::Refused(error.message)),
        Err(error) => Err(error),
    }
}

fn left_running(orphan: &Orphan, state: &OrphanState) -> DbError {
    let why = match state {
        OrphanState::Refused(message) => format!(" and this account may not kill it ({message})"),
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
