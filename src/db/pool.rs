//! The lazy bounded pool: slots first, then connections, with retries while nothing has run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use rand::RngExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::budget::{Budget, Lane, Slot};
use super::connect::{Door, Target, is_full, is_transient};
use super::error::{DbError, ErrorKind};
use super::server::Server;
use super::session::{Handle, Session};
use super::{Notice, actor, fleet, wire};
use crate::cancel::Cancel;
use crate::config::{Address, Config};

/// One attempt may take this long before it counts as failed.
const ATTEMPT: Duration = Duration::from_secs(10);
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
    target: Target,
    admin: Option<Target>,
    pub(super) budget: Budget,
    pub(super) cancel: Cancel,
    pub(super) statement_timeout: Option<Duration>,
    acquire_timeout: Duration,
    limit: u32,
    port: Option<u16>,
    pub(super) fleet: Option<fleet::Fleet>,
    notice: Notice,
    doors: Mutex<Option<Door>>,
    /// One connection is made at a time, so that its socket can be told from the others.
    turn: tokio::sync::Mutex<()>,
    server: OnceLock<Arc<Server>>,
    live: Arc<watch::Sender<usize>>,
    handles: Arc<AtomicUsize>,
    pulse: Mutex<Instant>,
    warned: OnceLock<()>,
}

/// A connection with its slot.
pub(super) struct Link {
    pub(super) conn: Conn,
    pub(super) id: u64,
    pub(super) wait_timeout: u64,
    read_only: bool,
    hold: Option<wire::Hold>,
    given_up: bool,
    // After `conn`: the slot is free only when the connection is gone.
    slot: Slot,
}

/// Counts a task that may own a connection.
pub(super) struct Live(Arc<watch::Sender<usize>>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Why an attempt failed, and whether another may succeed.
pub(super) struct Failed {
    pub(super) error: DbError,
    pub(super) may_pass: bool,
}

impl Link {
    /// COM_QUIT, then waits for the server's end of the socket to close, so that the server has
    /// let go of the connection before the slot is free. Bounded for a server that hangs.
    pub(super) async fn quit(self) {
        let Link {
            conn,
            hold,
            given_up,
            slot,
            ..
        } = self;
        if !given_up
            && timeout(QUIT, conn.disconnect())
                .await
                .is_ok_and(|result| result.is_ok())
            && let Some(hold) = hold
        {
            hold.closed_by_server(QUIT).await;
        }
        drop(slot);
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

    /// A further connection, if a slot is free this moment and nobody waits for it.
    ///
    /// # Errors
    /// The connection could not be made, or the run was cancelled.
    pub async fn try_session(&self) -> Result<Option<Session>, DbError> {
        self.inner.cancel.check()?;
        let Some(slot) = self.inner.budget.try_take(Lane::Work) else {
            return Ok(None);
        };
        let deadline = Instant::now() + self.inner.acquire_timeout;
        self.inner.open(slot, deadline).await.map(Some)
    }

    /// A connection for diagnostics that take well under a second: uses the reserved slot when
    /// all slots for work are taken, so that it answers while long runs go on.
    ///
    /// # Errors
    /// As [`Db::session`].
    pub async fn brief_session(&self) -> Result<Session, DbError> {
        let deadline = Instant::now() + self.inner.acquire_timeout;
        let slot = match self.inner.budget.try_take(Lane::Work) {
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

    fn max_connections(&self) -> usize {
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
            return self
                .budget
                .try_take(lane)
                .ok_or_else(|| self.no_slot("no further connection is free"));
        }
        let take = self.budget.take(lane, &self.cancel);
        tokio::pin!(take);
        if let Ok(slot) = timeout(QUIET_WAIT.min(self.acquire_timeout), &mut take).await {
            return Ok(slot?);
        }
        self.say(&format!(
            "waiting for a free connection (limit {}){}",
            self.limit,
            self.held_by()
        ));
        match timeout_at(deadline, take).await {
            Ok(slot) => Ok(slot?),
            Err(_) => Err(self.no_slot(&format!(
                "no connection became free within {} ms",
                self.acquire_timeout.as_millis()
            ))),
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

    fn held_by(&self) -> String {
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

    /// Connects on `slot`, trying again while that can help, and starts the connection's task.
    async fn open(self: &Arc<Self>, mut slot: Slot, deadline: Instant) -> Result<Session, DbError> {
        let mut pause = Duration::from_millis(40);
        let mut told = false;
        loop {
            match self.attempt_unless_cancelled(slot, deadline).await? {
                Ok(link) => return self.start(link, deadline).await,
                Err((_, failed)) if !failed.may_pass => return Err(failed.error),
                Err((back, failed)) => {
                    let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.5));
                    if Instant::now() + jittered >= deadline {
                        return Err(self.diagnosed(failed.error));
                    }
                    if !std::mem::replace(&mut told, true) {
                        self.say(&format!(
                            "{}; trying again for up to {} s",
                            failed.error.what(),
                            deadline.duration_since(Instant::now()).as_secs().max(1)
                        ));
                    }
                    self.cancel.sleep(jittered).await?;
                    pause = (pause * 2).min(Duration::from_secs(2));
                    slot = back;
                }
            }
        }
    }

    /// An attempt that is not broken off half-way: when the run is cancelled meanwhile, a task
    /// sees it through and closes what it opened.
    async fn attempt_unless_cancelled(
        self: &Arc<Self>,
        slot: Slot,
        deadline: Instant,
    ) -> Result<Result<Link, (Slot, Failed)>, DbError> {
        let bound = ATTEMPT.min(deadline.saturating_duration_since(Instant::now()));
        let (sender, receiver) = oneshot::channel();
        let live = self.live();
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _live = live;
            let result = this.attempt(slot, bound).await;
            if let Err(Ok(link)) = sender.send(result) {
                link.quit().await;
            }
        });
        match self.cancel.or(receiver).await? {
            Ok(result) => Ok(result),
            Err(_) => Err(DbError::lost(false, "connecting was broken off")),
        }
    }

    /// One attempt through each door that is worth trying.
    pub(super) async fn attempt(&self, mut slot: Slot, bound: Duration) -> Result<Link, (Slot, Failed)> {
        tokio::time::sleep(slot.settling()).await;
        let turn = self.turn.lock().await;
        let before = wire::sockets();
        let entered = match timeout(bound, self.enter()).await {
            Ok(entered) => entered,
            Err(_) => Err(Failed {
                error: DbError::new(
                    ErrorKind::Connect,
                    format!(
                        "cannot connect to {}: it did not answer within {} ms",
                        self.target.label,
                        bound.as_millis()
                    ),
                    "the server may hang or be overloaded, or a firewall drops packets: look at the server",
                ),
                may_pass: false,
            }),
        };
        let mut conn = match entered {
            Ok(conn) => conn,
            Err(failed) => return Err((slot, failed)),
        };
        let hold = wire::hold_new(&before);
        drop(turn);
        let id = u64::from(conn.id());
        let (wait_timeout, read_only) = match timeout(bound, self.ask_server(&mut conn)).await {
            Ok(Ok(about)) => about,
            other => {
                let error = match other {
                    Ok(Err(error)) => DbError::of_connect(&error, &self.target.label),
                    _ => DbError::new(
                        ErrorKind::Connect,
                        format!(
                            "{} accepted the connection and then stopped answering",
                            self.target.label
                        ),
                        "look at the server: it may hang",
                    ),
                };
                return Err((
                    slot,
                    Failed {
                        error,
                        may_pass: false,
                    },
                ));
            }
        };
        Ok(Link {
            conn,
            id,
            wait_timeout,
            read_only,
            hold,
            given_up: false,
            slot,
        })
    }

    async fn enter(&self) -> Result<Conn, Failed> {
        let max = self.max_connections();
        let remembered = self.doors.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let door = remembered.unwrap_or_else(|| self.target.first_door(max));
        let error = match door.enter().await {
            Ok(conn) => {
                self.remember(door);
                return Ok(conn);
            }
            Err(error) => error,
        };
        if let Some(other) = self.target.other_door(max, &error)
            && let Ok(conn) = other.enter().await
        {
            self.remember(other);
            return Ok(conn);
        }
        let failed = Failed {
            may_pass: is_transient(&error),
            error: DbError::of_connect(&error, &self.target.label),
        };
        if is_full(&failed.error)
            && let Some(admin) = &self.admin
            && let Ok(conn) = admin.first_door(1).enter().await
        {
            self.say("the server is full; connected through DB_ADMIN_PORT");
            return Ok(conn);
        }
        Err(failed)
    }

    fn remember(&self, door: Door) {
        *self.doors.lock().unwrap_or_else(PoisonError::into_inner) = Some(door);
    }

    /// Asks the server about itself; gives its `wait_timeout`, and whether it is read-only.
    async fn ask_server(&self, conn: &mut Conn) -> Result<(u64, bool), mysql_async::Error> {
        let row: Option<Row> = conn.query_first(super::server::FACTS).await?;
        let server = row.as_ref().map(Server::from_row).unwrap_or_default();
        let about = (server.wait_timeout, server.read_only);
        let _ = self.server.set(Arc::new(server));
        Ok(about)
    }

    async fn start(self: &Arc<Self>, link: Link, deadline: Instant) -> Result<Session, DbError> {
        let (jobs, queue) = mpsc::channel(1);
        let session = Session::new(jobs, link.id, link.read_only, Handle::new(&self.handles));
        let live = self.live();
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _live = live;
            actor::serve(this, link, queue).await;
        });
        match &self.fleet {
            Some(fleet) => fleet.enter(self, session, deadline).await,
            None => Ok(session),
        }
    }

    /// Adds what can be seen from here to a refusal that did not pass.
    fn diagnosed(&self, error: DbError) -> DbError {
        if !is_full(&error) {
            return error;
        }
        let mut seen = vec![format!(
            "dbtool itself holds {} of its {} on this host{}",
            self.budget
                .holders()
                .iter()
                .filter(|holder| holder.pid != std::process::id())
                .count(),
            self.limit,
            self.held_by()
        )];
        if let Some(port) = self.port {
            seen.extend(clients_on_this_host(port));
        }
        let what = format!("{}; {}", error.what(), seen.join("; "));
        error.with_what(what)
    }
}

/// Who on this host is connected to that port, as far as the kernel shows it.
fn clients_on_this_host(port: u16) -> Option<String> {
    let (clients, hidden) = crate::hostproc::clients_of(None, port);
    let others = clients
        .iter()
        .filter(|(process, _)| process.pid != std::process::id());
    let mut parts: Vec<String> = others
        .take(5)
        .map(|(process, count)| format!("{count} by pid {} ({})", process.pid, process.command))
        .collect();
    if hidden > 0 {
        parts.push(format!("{hidden} by processes of other users"));
    }
    (!parts.is_empty()).then(|| format!("connections from this host to port {port}: {}", parts.join(", ")))
}
