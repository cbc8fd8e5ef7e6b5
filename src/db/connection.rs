//! A connection with its slot, and the state that the pool's parts share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mysql_async::Conn;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::Notice;
use super::budget::{Budget, NoSlot};
use super::connect::{ConnectTarget, DriverPool};
use super::driver_panic::catch_panic;
use super::error::{DbError, ErrorKind};
use super::fleet::Fleet;
use super::server::Server;
use super::slot::{Slot, SlotKind};
use super::socket::SocketHandle;
use crate::cancel::Cancel;
use crate::config::Config;

/// Waits shorter than this are not reported.
const QUIET_WAIT: Duration = Duration::from_millis(300);
/// Bound on the orderly close of one connection.
const QUIT_TIMEOUT: Duration = Duration::from_millis(300);
/// How often the sessions of this process are counted while one of its connections is being closed.
const SETTLED_POLL: Duration = Duration::from_millis(20);
/// How long a process that has a connection waits for a further one.
const FURTHER_WAIT: Duration = Duration::from_secs(2);

/// Everything that the pool's parts share: the target, the budget, and the connections in existence.
pub(super) struct PoolState {
    pub(super) target: ConnectTarget,
    pub(super) admin: Option<ConnectTarget>,
    pub(super) budget: Budget,
    pub(super) cancel: Cancel,
    pub(super) statement_timeout: Option<Duration>,
    pub(super) acquire_timeout: Duration,
    pub(super) limit: u32,
    pub(super) config: Config,
    pub(super) fleet: Option<Fleet>,
    pub(super) notice: Notice,
    pub(super) driver_pool: Mutex<Option<DriverPool>>,
    /// One connection is made at a time, so that its socket can be identified.
    pub(super) connecting: tokio::sync::Mutex<()>,
    pub(super) server: OnceLock<Arc<Server>>,
    pub(super) live: Arc<watch::Sender<usize>>,
    pub(super) sessions: Arc<AtomicUsize>,
    pub(super) last_response: Mutex<Instant>,
    warned: OnceLock<()>,
}

/// A connection with its slot.
pub(super) struct Connection {
    pub(super) conn: Conn,
    pub(super) id: u64,
    pub(super) wait_timeout: u64,
    pub(super) read_only: bool,
    /// The server as it described itself to this connection: behind a proxy, the next one may reach another.
    pub(super) server: Arc<Server>,
    /// When it was made.
    pub(super) since: Instant,
    /// The largest statement in bytes; 0 if unknown.
    pub(super) max_packet: u64,
    pub(super) socket: Option<SocketHandle>,
    pub(super) given_up: bool,
    // After `conn`: the slot is free only when the connection is gone.
    pub(super) slot: Slot,
}

/// Counts a task that may own a connection.
pub(super) struct TaskCount(Arc<watch::Sender<usize>>);

impl Drop for TaskCount {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Connection {
    /// COM_QUIT, then waits for the server's end of the socket to close, so that the server has
    /// released the connection before the slot is free. Bounded for a server that hangs.
    pub(super) async fn quit(self) {
        drop(self.quit_keeping_slot().await);
    }

    /// As [`Connection::quit`]; returns the slot.
    pub(super) async fn quit_keeping_slot(self) -> Slot {
        let Connection {
            conn,
            socket,
            given_up,
            mut slot,
            id,
            ..
        } = self;
        let closed_orderly = !given_up
            && timeout(QUIT_TIMEOUT, catch_panic(conn.disconnect()))
                .await
                .is_ok_and(|result| matches!(result, Ok(Ok(()))));
        tracing::debug!("closed connection {id}");
        if !closed_orderly {
            // The server may still work for it: the next holder of the slot checks.
            slot.abandon();
        } else if let Some(socket) = socket {
            socket.closed_by_server(QUIT_TIMEOUT).await;
        }
        slot
    }

    /// The server does not answer any more: close without COM_QUIT.
    pub(super) fn give_up(&mut self) {
        self.given_up = true;
    }
}

impl PoolState {
    pub(super) fn new(config: &Config, command: &str, cancel: Cancel, notice: Notice) -> PoolState {
        let target = ConnectTarget::new(config, command);
        let admin = config
            .admin_port
            .as_ref()
            .and_then(|port| target.through_port(port.value));
        PoolState {
            admin,
            target,
            budget: Budget::new(config, command),
            cancel,
            statement_timeout: config.timeout.value,
            acquire_timeout: config.acquire_timeout.value,
            limit: config.connection_limit.value,
            config: config.clone(),
            fleet: Fleet::new(config),
            notice,
            driver_pool: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            server: OnceLock::new(),
            live: Arc::new(watch::Sender::new(0)),
            sessions: Arc::default(),
            last_response: Mutex::new(Instant::now()),
            warned: OnceLock::new(),
        }
    }

    pub(super) fn notify(&self, text: &str) {
        tracing::debug!("{text}");
        (self.notice)(text);
    }

    pub(super) fn live(&self) -> TaskCount {
        self.live.send_modify(|count| *count += 1);
        TaskCount(Arc::clone(&self.live))
    }

    pub(super) fn record_response(&self) {
        *self.last_response.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Completes when each connection belongs to a session, so that none is being closed. A session of another task,
    /// which looks at the server for a moment, does not count: it may last.
    async fn settled(&self) {
        let mut count = self.live.subscribe();
        while *count.borrow_and_update() > self.sessions.load(Ordering::Relaxed) {
            // A session that begins does not change the count.
            let _ = timeout(SETTLED_POLL, count.changed()).await;
        }
    }

    pub(super) fn max_connections(&self) -> usize {
        // One more for the kill when the limit leaves nothing to reserve.
        self.limit.max(2) as usize
    }

    pub(super) async fn slot(&self, kind: SlotKind, deadline: Instant) -> Result<Slot, DbError> {
        self.cancel.check()?;
        if let Some(reason) = self.budget.trouble()
            && self.warned.set(()).is_ok()
        {
            self.notify(&format!(
                "the connection limit cannot be shared with other dbtool processes ({reason}); this process \
                 counts alone. Set DB_BUDGET_DIR to a folder it may write to, or --no-shared-budget to accept it"
            ));
        }
        if kind == SlotKind::Work && self.budget.held_work() > 0 {
            // Connections of this process that are being closed make room in a moment.
            self.cancel.or(timeout_at(deadline, self.settled())).await?.ok();
        }
        if kind == SlotKind::Work && self.budget.held_work() > 0 {
            return self.further_slot(deadline).await;
        }
        self.wait_for_slot(kind, deadline).await
    }

    /// A slot for a process that has one. Two processes that wait for each other's would wait for ever, so it waits only
    /// as long as looks at the server take, which end by themselves.
    async fn further_slot(&self, deadline: Instant) -> Result<Slot, DbError> {
        let until = deadline.min(Instant::now() + FURTHER_WAIT);
        loop {
            if let Some(slot) = self.try_slot(SlotKind::Work).await? {
                return Ok(slot);
            }
            if self.budget.held_work() == 0 {
                return self.wait_for_slot(SlotKind::Work, deadline).await;
            }
            if Instant::now() >= until {
                return Err(self.no_slot("no further connection is free"));
            }
            self.cancel.sleep(SETTLED_POLL).await?;
        }
    }

    /// A slot that is free now.
    pub(super) async fn try_slot(&self, kind: SlotKind) -> Result<Option<Slot>, DbError> {
        let taken = self.budget.try_take(kind, &self.cancel).await;
        taken.map_err(|reason| self.without_slot(reason))
    }

    pub(super) async fn wait_for_slot(&self, kind: SlotKind, deadline: Instant) -> Result<Slot, DbError> {
        self.wait_for(self.budget.take(kind, &self.cancel), deadline)
            .await
    }

    /// Several slots for work at once.
    pub(super) async fn wait_for_slots(&self, count: u32, deadline: Instant) -> Result<Vec<Slot>, DbError> {
        self.wait_for(self.budget.take_many(count, &self.cancel), deadline)
            .await
    }

    async fn wait_for<T>(
        &self,
        take: impl Future<Output = Result<T, NoSlot>>,
        deadline: Instant,
    ) -> Result<T, DbError> {
        let started = Instant::now();
        tokio::pin!(take);
        let quiet = (started + QUIET_WAIT).min(deadline);
        if let Ok(slot) = timeout_at(quiet, &mut take).await {
            return slot.map_err(|reason| self.without_slot(reason));
        }
        self.notify(&format!(
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
                "remove whatever is in their place, name another folder in DB_BUDGET_DIR, or let this process count \
                 alone with --no-shared-budget",
            ),
        }
    }

    pub(super) fn no_slot(&self, what: &str) -> DbError {
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
