//! The lazy bounded pool: slots first, then connections, with retries while nothing has run.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, timeout};

use super::Notice;
use super::budget::Budget;
use super::connection::PoolState;
use super::error::{DbError, ErrorKind};
use super::limit_advice::LimitDetail;
use super::server::Server;
use super::session::Session;
use super::slot::SlotKind;
use crate::cancel::Cancel;
use crate::config::Config;

/// The database of a run. Clones share one pool; nothing is opened before the first session.
#[derive(Clone)]
pub struct Db {
    pub(super) inner: Arc<PoolState>,
}

impl Db {
    /// A pool for the configured server. `command` is what other processes and the DBA see.
    pub fn new(config: &Config, command: &str, cancel: Cancel, notice: Notice) -> Db {
        Db {
            inner: Arc::new(PoolState::new(config, command, cancel, notice)),
        }
    }

    /// A connection for work; waits for a slot up to `DB_ACQUIRE_TIMEOUT`. A command calls this
    /// once and keeps the session: a process that waits for a slot while it holds one could
    /// deadlock with another, so a second call fails instead of waiting.
    ///
    /// # Errors
    /// No slot or no connection in time, or the run was cancelled.
    pub async fn session(&self) -> Result<Session, DbError> {
        let deadline = Instant::now() + self.inner.acquire_timeout;
        self.session_until(deadline, None).await
    }

    /// `earlier` is what the server said last: the error to report when the time is over before it says more.
    async fn session_until(&self, deadline: Instant, earlier: Option<&DbError>) -> Result<Session, DbError> {
        let slot = match (self.inner.slot(SlotKind::Work, deadline).await, earlier) {
            (Err(error), Some(earlier)) if error.kind() == ErrorKind::NoSlot => return Err(earlier.clone()),
            (slot, _) => slot?,
        };
        let detail = LimitDetail::WithProcesses;
        self.inner.open_in(slot, deadline, detail, earlier.cloned()).await
    }

    /// As [`Db::session`], on a server that accepts writes. A failover leaves the old primary
    /// read-only for a while: before any statement has run, this waits for a writable server, with a
    /// new connection each time, since the host name may resolve to another server by then.
    ///
    /// # Errors
    /// As [`Db::session`]; the server's own refusal (1290, 1836, 1047, 3100) when it stays so, as a failure to connect.
    pub async fn writable_session(&self) -> Result<Session, DbError> {
        let deadline = Instant::now() + self.inner.acquire_timeout;
        let mut earlier: Option<DbError> = None;
        loop {
            let mut session = self.session_until(deadline, earlier.as_ref()).await?;
            let insist = self.inner.config.allow_replica.value;
            let refused = match session.check_writable(insist).await {
                Ok(()) => return Ok(session),
                Err(error) if error.is_wrong_server() => error.with_kind(ErrorKind::Connect),
                Err(error) => return Err(error),
            };
            drop(session);
            let pause = Duration::from_millis(rand::rng().random_range(200..600));
            if Instant::now() + pause >= deadline {
                return Err(refused);
            }
            let read_only = refused.is_read_only();
            if earlier.replace(refused).is_none() {
                self.inner.notify(&format!(
                    "the server {}; waiting up to {} s for one that accepts writes",
                    if read_only {
                        "is read-only"
                    } else {
                        "accepts no statements"
                    },
                    deadline.duration_since(Instant::now()).as_secs().max(1)
                ));
            }
            self.inner.cancel.sleep(pause).await?;
        }
    }

    /// A further connection, if a slot is free now, no process waits for it, and the first attempt
    /// succeeds.
    ///
    /// # Errors
    /// The run was cancelled.
    pub async fn try_session(&self) -> Result<Option<Session>, DbError> {
        self.inner.cancel.check()?;
        let Some(slot) = self.inner.try_slot(SlotKind::Work).await? else {
            return Ok(None);
        };
        match self.inner.open_at_once(slot).await {
            // A server or an account without room for a second connection is no reason to stop the first.
            Err(error) if matches!(error.kind(), ErrorKind::Connect | ErrorKind::NoSlot) => {
                tracing::info!("continuing without a further connection: {error}");
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    /// A connection for diagnostics that take well under a second: uses the reserved slot when
    /// all slots for work are taken, so that it works during long runs.
    ///
    /// # Errors
    /// As [`Db::session`].
    pub async fn brief_session(&self) -> Result<Session, DbError> {
        self.brief(
            Instant::now() + self.inner.acquire_timeout,
            LimitDetail::WithProcesses,
        )
        .await
    }

    /// As [`Db::brief_session`], with one attempt and no more; the refusal is told as it is.
    ///
    /// # Errors
    /// No slot is free, the attempt failed, or the run was cancelled.
    pub async fn brief_session_at_once(&self) -> Result<Session, DbError> {
        for kind in [SlotKind::Work, SlotKind::Reserve] {
            if let Some(slot) = self.inner.try_slot(kind).await? {
                return self.inner.open_at_once(slot).await;
            }
        }
        Err(self.inner.no_slot("no connection is free"))
    }

    /// As [`Db::brief_session`], with this patience. A final refusal does not name processes of this host:
    /// the caller has shown them.
    ///
    /// # Errors
    /// As [`Db::session`].
    pub async fn brief_session_within(&self, patience: Duration) -> Result<Session, DbError> {
        self.brief(Instant::now() + patience, LimitDetail::WithoutProcesses)
            .await
    }

    async fn brief(&self, deadline: Instant, detail: LimitDetail) -> Result<Session, DbError> {
        let slot = match self.inner.try_slot(SlotKind::Work).await? {
            Some(slot) => slot,
            None => self.inner.slot(SlotKind::Reserve, deadline).await?,
        };
        self.inner.open_in(slot, deadline, detail, None).await
    }

    /// Flavour, version and capabilities of the server; asked once.
    ///
    /// # Errors
    /// As [`Db::brief_session`].
    pub async fn server(&self) -> Result<Arc<Server>, DbError> {
        if self.inner.server.get().is_none() {
            drop(self.brief_session().await?);
        }
        self.inner
            .server
            .get()
            .cloned()
            .ok_or_else(|| DbError::lost(false, "the server did not describe itself"))
    }

    /// Whether a connection that is kept between short questions should be closed until the next one: another
    /// process waits for a connection, or it is the reserve that this one keeps. Other hosts cannot be asked
    /// whether they wait.
    pub fn should_give_way(&self) -> bool {
        self.inner.fleet.is_some() || self.inner.budget.is_wanted()
    }

    /// The budget, for reports about it.
    pub fn budget(&self) -> &Budget {
        &self.inner.budget
    }

    /// Closes every connection in an orderly way before the run ends; the guard does so at its
    /// end anyway. All sessions must have been dropped.
    pub async fn close(&self) {
        self.close_within(Duration::from_secs(2)).await;
    }

    /// Closes everything in an orderly way. Bounded: connections to a server that does not respond for
    /// `bound` are left to the kernel, and all connections a moment after a second signal.
    pub(super) async fn close_within(&self, bound: Duration) {
        let mut count = self.inner.live.subscribe();
        *self
            .inner
            .last_response
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let all_gone = count.wait_for(|count| *count == 0);
        let hurried = async {
            self.inner.cancel.wait_hurried().await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        let silent = async {
            loop {
                let last = *self
                    .inner
                    .last_response
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if last.elapsed() >= bound {
                    return;
                }
                tokio::time::sleep_until(last + bound).await;
            }
        };
        tokio::select! {
            _ = all_gone => {}
            () = hurried => {}
            () = silent => {}
        }
        let pool = self
            .inner
            .driver_pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(pool) = pool {
            let _ = timeout(Duration::from_millis(100), pool.close()).await;
        }
    }
}
