//! The lazy bounded pool: slots first, then connections, with retries while nothing has run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mysql_async::Conn;
use rand::RngExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::budget::{Budget, Lane, NoSlot, Slot};
use super::connect::{Door, Target};
use super::error::{DbError, ErrorKind};
use super::server::Server;
use super::session::Session;
use super::unwind::unpanicked;
use super::{Notice, fleet, wire};
use crate::cancel::Cancel;
use crate::config::{Address, Config};

/// Waiting shorter than this is not worth a word.
const QUIET_WAIT: Duration = Duration::from_millis(300);
/// An orderly close of one connection may take this long.
const QUIT: Duration = Duration::from_millis(300);

/// The database of a run. Clones share one pool; nothing is opened before the first session.
#[derive(Clone)]
pub struct Db {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) target: Target,
    pub(super) admin: Option<Target>,
    pub(super) budget: Budget,
    pub(super) cancel: Cancel,
    pub(super) statement_timeout: Option<Duration>,
    acquire_timeout: Duration,
    pub(super) limit: u32,
    pub(super) port: Option<u16>,
    pub(super) fleet: Option<fleet::Fleet>,
    notice: Notice,
    pub(super) doors: Mutex<Option<Door>>,
    /// One connection is made at a time, so that its socket can be told from the others.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) server: OnceLock<Arc<Server>>,
    live: Arc<watch::Sender<usize>>,
    pub(super) handles: Arc<AtomicUsize>,
    pulse: Mutex<Instant>,
    warned: OnceLock<()>,
}

/// A connection with its slot.
pub(super) struct Link {
    pub(super) conn: Conn,
    pub(super) id: u64,
    pub(super) wait_timeout: u64,
    pub(super) read_only: bool,
    /// No statement may be larger, in bytes; 0 where it is not known.
    pub(super) max_packet: u64,
    pub(super) hold: Option<wire::Hold>,
    pub(super) given_up: bool,
    // After `conn`: the slot is free only when the connection is gone.
    pub(super) slot: Slot,
}

/// Counts a task that may own a connection.
pub(super) struct Live(Arc<watch::Sender<usize>>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Link {
    /// COM_QUIT, then waits for the server's end of the socket to close, so that the server has
    /// let go of the connection before the slot is free. Bounded for a server that hangs.
    pub(super) async fn quit(self) {
        drop(self.quit_keeping_slot().await);
    }

    /// As [`Link::quit`]; gives the slot back.
    pub(super) async fn quit_keeping_slot(self) -> Slot {
        let Link {
            conn,
            hold,
            given_up,
            mut slot,
            id,
            ..
        } = self;
        let said_goodbye = !given_up
            && timeout(QUIT, unpanicked(conn.disconnect()))
                .await
                .is_ok_and(|result| matches!(result, Ok(Ok(()))));
        tracing::debug!("closed connection {id}");
        if !said_goodbye {
            // The server may work on for it: the next holder of the slot looks.
            slot.abandon();
        } else if let Some(hold) = hold {
            hold.closed_by_server(QUIT).await;
        }
        slot
    }

    /// The server does not answer any more: close without a word.
    pub(super) fn give_up(&mut self) {
        self.given_up = true;
    }
}

impl Db {
    /// A pool for the configured server. `command` is what other processes and the DBA see.
    pub fn new(config: &Config, command: &str, cancel: Cancel, notice: Notice) -> Db {
        let target = Target::new(config, command);
        let admin = config
            .admin_port
            .as_ref()
            .and_then(|port| target.through_port(port.value));
        Db {
            inner: Arc::new(Inner {
                admin,
                target,
                budget: Budget::new(config, command),
                cancel,
                statement_timeout: config.timeout.value,
                acquire_timeout: config.acquire_timeout.value,
                limit: config.connection_limit.value,
                port: match &config.address.value {
                    Address::Tcp { port, .. } => Some(*port),
                    Address::Socket(_) => None,
                },
                fleet: fleet::Fleet::new(config),
                notice,
                doors: Mutex::default(),
                turn: tokio::sync::Mutex::default(),
                server: OnceLock::new(),
                live: Arc::new(watch::Sender::new(0)),
                handles: Arc::default(),
                pulse: Mutex::new(Instant::now()),
                warned: OnceLock::new(),
            }),
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
        let slot = self.inner.slot(Lane::Work, deadline).await?;
        self.inner.open(slot, deadline).await
    }

    /// As [`Db::session`], on a server that takes writes. A failover leaves the old primary
    /// read-only for a while: as long as no statement has run, it is waited for, with a new
    /// connection each time, since the name may lead to another server meanwhile.
    ///
    /// # Errors
    /// As [`Db::session`]; the server's own refusal (1290, 1836) when it stays read-only.
    pub async fn writable_session(&self) -> Result<Session, DbError> {
        let deadline = Instant::now() + self.inner.acquire_timeout;
        let mut told = false;
        loop {
            let mut session = self.session().await?;
            let refused = match session.check_writable().await {
                Ok(()) => return Ok(session),
                Err(error) if error.is_read_only() => error,
                Err(error) => return Err(error),
            };
            drop(session);
            let pause = Duration::from_millis(rand::rng().random_range(200..600));
            if Instant::now() + pause >= deadline {
                return Err(refused);
            }
            if !std::mem::replace(&mut told, true) {
                self.inner.say(&format!(
                    "the server is read-only; waiting up to {} s for one that takes writes",
                    deadline.duration_since(Instant::now()).as_secs().max(1)
                ));
            }
            self.inner.cancel.sleep(pause).await?;
        }
    }

    /// A further connection, if a slot is free this moment, nobody waits for it, and the server lets
    /// it in at the first attempt.
    ///
    /// # Errors
    /// The run was cancelled.
    pub async fn try_session(&self) -> Result<Option<Session>, DbError> {
        self.inner.cancel.check()?;
        let Some(slot) = self.inner.try_slot(Lane::Work).await? else {
            return Ok(None);
        };
        match self.inner.open_at_once(slot).await {
            // A server or an account without room for a second connection is no reason to stop the first.
            Err(error) if matches!(error.kind(), ErrorKind::Connect | ErrorKind::NoSlot) => {
                tracing::info!("going on without a further connection: {error}");
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    /// A connection for diagnostics that take well under a second: uses the reserved slot when
    /// all slots for work are taken, so that it answers while long runs go on.
    ///
    /// # Errors
    /// As [`Db::session`].
    pub async fn brief_session(&self) -> Result<Session, DbError> {
        let deadline = Instant::now() + self.inner.acquire_timeout;
        let slot = match self.inner.try_slot(Lane::Work).await? {
            Some(slot) => slot,
            None => self.inner.slot(Lane::Reserve, deadline).await?,
        };
        self.inner.open(slot, deadline).await
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
            .ok_or_else(|| DbError::lost(false, "the server said nothing about itself"))
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

    /// Closes everything in an orderly way. Bounded: a server that shows no sign of life for
    /// `bound` is left to the kernel; so is everything a moment after a second signal.
    pub(super) async fn close_within(&self, bound: Duration) {
        let mut count = self.inner.live.subscribe();
        *self.inner.pulse.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let all_gone = count.wait_for(|count| *count == 0);
        let hurried = async {
            self.inner.cancel.wait_hurried().await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        let silent = async {
            loop {
                let last = *self.inner.pulse.lock().unwrap_or_else(PoisonError::into_inner);
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
        let door = self
            .inner
            .doors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(door) = door {
            let _ = timeout(Duration::from_millis(100), door.close()).await;
        }
    }
}

impl Inner {
    pub(super) fn say(&self, text: &str) {
        tracing::debug!("{text}");
        (self.notice)(text);
    }

    pub(super) fn live(&self) -> Live {
        self.live.send_modify(|count| *count += 1);
        Live(Arc::clone(&self.live))
    }

    pub(super) fn sign_of_life(&self) {
        *self.pulse.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Completes when no task owns a connection.
    async fn idle(&self) {
        let mut count = self.live.subscribe();
        let _ = count.wait_for(|count| *count == 0).await;
    }

    pub(super) fn max_connections(&self) -> usize {
        // One more for the kill when the limit leaves nothing to reserve.
        self.limit.max(2) as usize
    }

    async fn slot(&self, lane: Lane, deadline: Instant) -> Result<Slot, DbError> {
        self.cancel.check()?;
        if let Some(reason) = self.budget.trouble()
            && self.warned.set(()).is_ok()
        {
            self.say(&format!(
                "the connection limit cannot be shared with other dbtool processes ({reason}); this process \
                 counts alone. Set DB_BUDGET_DIR to a folder it may write to, or --no-shared-budget to accept it"
            ));
        }
        let closing = self.handles.load(Ordering::Relaxed) == 0;
        if lane == Lane::Work && closing && self.budget.held_work() > 0 {
            // What we hold is being closed; it is waited for like any other's.
            self.cancel.or(timeout_at(deadline, self.idle())).await?.ok();
        }
        if lane == Lane::Work && self.budget.held_work() > 0 {
            let slot = self.try_slot(lane).await?;
            return slot.ok_or_else(|| self.no_slot("no further connection is free"));
        }
        self.wait_for_slot(lane, deadline).await
    }

    /// A slot that is free now.
    async fn try_slot(&self, lane: Lane) -> Result<Option<Slot>, DbError> {
        let taken = self.budget.try_take(lane, &self.cancel).await;
        taken.map_err(|reason| self.without_slot(reason))
    }

    pub(super) async fn wait_for_slot(&self, lane: Lane, deadline: Instant) -> Result<Slot, DbError> {
        let started = Instant::now();
        let take = self.budget.take(lane, &self.cancel);
        tokio::pin!(take);
        let quiet = (started + QUIET_WAIT).min(deadline);
        if let Ok(slot) = timeout_at(quiet, &mut take).await {
            return slot.map_err(|reason| self.without_slot(reason));
        }
        self.say(&format!(
            "waiting for a free connection (limit {}){}",
            self.limit,
            self.held_by()
        ));
        match timeout_at(deadline, take).await {
            Ok(slot) => {
                tracing::debug!("took a slot after {} ms", started.elapsed().as_millis());
                slot.map_err(|reason| self.without_slot(reason))
            }
            Err(_) => Err(self.no_slot(&format!(
                "no connection became free within {} ms",
                self.acquire_timeout.as_millis()
            ))),
        }
    }

    fn without_slot(&self, reason: NoSlot) -> DbError {
        match reason {
            NoSlot::Cancelled(cancelled) => cancelled.into(),
            NoSlot::Unusable(reasons) => DbError::new(
                ErrorKind::NoSlot,
                format!("the files that limit connections on this host cannot be used: {reasons}"),
                "remove what stands in their place, name another folder in DB_BUDGET_DIR, or let this process count \
                 alone with --no-shared-budget",
            ),
        }
    }

    fn no_slot(&self, what: &str) -> DbError {
        DbError::new(
            ErrorKind::NoSlot,
            format!("{what} (limit {}){}", self.limit, self.held_by()),
            "wait for the other dbtool processes or end them, raise DB_ACQUIRE_TIMEOUT, or raise \
             DB_CONNECTION_LIMIT",
        )
    }

    pub(super) fn held_by(&self) -> String {
        let others = self
            .budget
            .holders()
            .into_iter()
            .filter(|holder| holder.pid != std::process::id());
        let mut holders: Vec<String> = others.map(|holder| holder.describe()).collect();
        holders.dedup();
        if holders.is_empty() {
            String::new()
        } else {
            format!(": held by {}", holders.join(", "))
        }
    }
}
