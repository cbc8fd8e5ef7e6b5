//! Opening a connection: attempts, retries while nothing has run, and what is said when it fails.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use rand::RngExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::budget::Slot;
use super::connect::{Door, is_transient};
use super::error::{DbError, ErrorKind};
use super::pool::{Inner, Link};
use super::server::{FACTS, FACTS_AND_IDENTITY, Server};
use super::session::{Handle, Session};
use super::unwind::unpanicked;
use super::{actor, wire};

/// One attempt may take this long before it counts as failed.
const ATTEMPT: Duration = Duration::from_secs(10);

/// An attempt is given this long even when the time for all of them is over: a server that answers at
/// all says why it refuses.
const LEAST: Duration = Duration::from_millis(250);

/// A connection that a command can do without may take this long.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Why an attempt failed, and whether another may succeed.
pub(super) struct Failed {
    pub(super) error: DbError,
    pub(super) may_pass: bool,
    /// The server turned out to be one whose slots are all taken.
    pub(super) elsewhere: bool,
    /// The server said nothing within the time for the attempt.
    silent: bool,
}

impl Inner {
    /// Connects on `slot`, trying again while that can help, and starts the connection's task.
    pub(super) async fn open(
        self: &Arc<Self>,
        mut slot: Slot,
        deadline: Instant,
    ) -> Result<Session, DbError> {
        let mut pause = Duration::from_millis(40);
        let mut refusal: Option<DbError> = None;
        loop {
            self.clear(&mut slot, deadline).await?;
            match self.attempt_unless_cancelled(slot, deadline).await? {
                Ok(link) => return self.start(link, deadline).await,
                Err((back, failed)) if failed.elsewhere => {
                    let lane = back.lane();
                    drop(back);
                    slot = self.wait_for_slot(lane, deadline).await?;
                }
                // The last attempt may have had no time left to be refused; the reason stands.
                Err((_, failed)) if !failed.may_pass => match refusal {
                    Some(refusal) if failed.silent => return Err(self.diagnosed(refusal)),
                    _ => return Err(failed.error),
                },
                Err((back, failed)) => {
                    let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.5));
                    if Instant::now() + jittered >= deadline {
                        return Err(self.diagnosed(failed.error));
                    }
                    if refusal.is_none() {
                        self.say(&format!(
                            "{}; trying again for up to {} s",
                            failed.error.what(),
                            deadline.duration_since(Instant::now()).as_secs().max(1)
                        ));
                    }
                    pause = (pause * 2).min(Duration::from_secs(2));
                    slot = self
                        .pause_between(back, jittered, deadline, &failed.error)
                        .await?;
                    refusal = Some(failed.error);
                }
            }
        }
    }

    /// Waits before the next attempt. A first contact is given up meanwhile, as those with other
    /// servers of this host wait for it.
    async fn pause_between(
        &self,
        slot: Slot,
        pause: Duration,
        deadline: Instant,
        refusal: &DbError,
    ) -> Result<Slot, DbError> {
        if !slot.holds_contact() {
            self.cancel.sleep(pause).await?;
            return Ok(slot);
        }
        let lane = slot.lane();
        drop(slot);
        self.cancel.sleep(pause).await?;
        match self.wait_for_slot(lane, deadline).await {
            Err(error) if error.kind() == ErrorKind::NoSlot => Err(self.diagnosed(refusal.clone())),
            other => other,
        }
    }

    /// Connects on `slot` with one attempt, and starts the connection's task.
    pub(super) async fn open_at_once(self: &Arc<Self>, mut slot: Slot) -> Result<Session, DbError> {
        let deadline = Instant::now() + AT_ONCE;
        self.clear(&mut slot, deadline).await?;
        match self.attempt_unless_cancelled(slot, deadline).await? {
            Ok(link) => self.start(link, deadline).await,
            Err((_, failed)) => Err(failed.error),
        }
    }

    /// An attempt that is not broken off half-way: when the run is cancelled meanwhile, a task
    /// sees it through and closes what it opened.
    pub(super) async fn attempt_unless_cancelled(
        self: &Arc<Self>,
        slot: Slot,
        deadline: Instant,
    ) -> Result<Result<Link, (Slot, Failed)>, DbError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let bound = ATTEMPT.min(left.max(LEAST));
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
        let entered = match timeout(bound, unpanicked(self.enter())).await {
            Ok(Ok(entered)) => entered,
            Ok(Err(panic)) => Err(Failed {
                silent: false,
                elsewhere: false,
                error: self.nonsense(&panic),
                may_pass: false,
            }),
            Err(_) => Err(Failed {
                silent: true,
                elsewhere: false,
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
        tracing::info!("connected to {} as connection {id}", self.target.label);
        slot.connected(id);
        let asked = timeout(bound, unpanicked(self.ask_server(&mut conn))).await;
        let server = match asked {
            Ok(Ok(Ok(server))) => server,
            other => {
                let silent = other.is_err();
                let error = match other {
                    Ok(Ok(Err(error))) => DbError::of_connect(&error, &self.target.label),
                    Ok(Err(panic)) => self.nonsense(&panic),
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
                        silent,
                        elsewhere: false,
                        error,
                        may_pass: false,
                    },
                ));
            }
        };
        let at_home = self.budget.identified(&mut slot, &server);
        slot.connected(id);
        let link = Link {
            conn,
            id,
            wait_timeout: server.wait_timeout,
            read_only: server.read_only,
            max_packet: server.max_allowed_packet,
            hold,
            given_up: false,
            slot,
        };
        if at_home {
            return Ok(link);
        }
        tracing::info!("the server at {} has no free slot; closing", self.target.label);
        let slot = link.quit_keeping_slot().await;
        Err((
            slot,
            Failed {
                error: DbError::new(
                    ErrorKind::NoSlot,
                    format!(
                        "no further connection to the server of {} is free",
                        self.target.label
                    ),
                    "wait for the other dbtool processes or end them",
                ),
                may_pass: true,
                elsewhere: true,
                silent: false,
            },
        ))
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
            silent: false,
            elsewhere: false,
            may_pass: is_transient(&error),
            error: DbError::of_connect(&error, &self.target.label),
        };
        if failed.error.is_full()
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

    fn nonsense(&self, panic: &str) -> DbError {
        DbError::new(
            ErrorKind::Connect,
            format!(
                "cannot connect to {}: what answers there breaks the protocol ({panic})",
                self.target.label
            ),
            "check that the address is that of a MySQL or MariaDB server, and what stands between",
        )
    }

    /// Asks the server about itself.
    async fn ask_server(&self, conn: &mut Conn) -> Result<Arc<Server>, mysql_async::Error> {
        let row: Option<Row> = match conn.query_first(FACTS_AND_IDENTITY).await {
            // Something that only speaks like a server, and does not know all of its variables.
            Err(mysql_async::Error::Server(_)) => conn.query_first(FACTS).await?,
            other => other?,
        };
        let server = Arc::new(row.as_ref().map(Server::from_row).unwrap_or_default());
        let _ = self.server.set(Arc::clone(&server));
        Ok(server)
    }

    async fn start(self: &Arc<Self>, link: Link, deadline: Instant) -> Result<Session, DbError> {
        let (jobs, queue) = mpsc::channel(1);
        let in_transaction = Arc::default();
        let session = Session::new(
            jobs,
            link.id,
            link.read_only,
            Arc::clone(&in_transaction),
            Handle::new(&self.handles),
        );
        let live = self.live();
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _live = live;
            actor::serve(this, link, queue, in_transaction).await;
        });
        match &self.fleet {
            Some(fleet) => fleet.enter(self, session, deadline).await,
            None => Ok(session),
        }
    }
}
