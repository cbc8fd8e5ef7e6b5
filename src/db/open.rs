//! Opening a connection: attempts, retries while no statement has run, and the errors.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use rand::RngExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::connect::{DriverPool, is_transient};
use super::connection::{Connection, PoolState};
use super::driver_panic::catch_panic;
use super::error::{DbError, ErrorKind};
use super::limit_advice::LimitDetail;
use super::server::{DESCRIPTION, DESCRIPTION_WITH_IDENTITY, Flavor, Server};
use super::session::{Session, SessionCount};
use super::slot::Slot;
use super::{actor, socket};

/// One attempt may take this long before it counts as failed.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Minimum time of an attempt, even when the time for all attempts is over: a server that answers at
/// all can then report why it refuses.
const MIN_ATTEMPT: Duration = Duration::from_millis(250);

/// Time for opening a connection that a command can do without.
const OPTIONAL_TIMEOUT: Duration = Duration::from_secs(5);

/// The driver's handshake would set the session's collation; like the command-line clients, use the server's default
/// for this character set. The server's own defaults for the rest would cut off what dbtool reads, refuse its
/// statements by a guess, or leave them uncommitted.
const SESSION: &str = "SET NAMES utf8mb4, SESSION sql_select_limit = 18446744073709551615, SESSION sql_big_selects = 1, \
    SESSION sql_safe_updates = 0, SESSION autocommit = 1, SESSION completion_type = 0";

/// Sets the session up and asks the server about itself, in one round trip.
async fn describe(conn: &mut Conn) -> Result<Option<Row>, mysql_async::Error> {
    let mut result = conn
        .query_iter(format!("{SESSION}; {DESCRIPTION_WITH_IDENTITY}"))
        .await?;
    result.collect::<Row>().await?;
    let row = result.next().await?;
    result.drop_result().await?;
    Ok(row)
}

/// The reason why an attempt failed, and whether another one may succeed.
pub(super) struct FailedAttempt {
    pub(super) error: DbError,
    pub(super) is_transient: bool,
    /// The server turned out to be one whose slots are all taken.
    pub(super) needs_other_slot: bool,
    /// The server sent nothing within the time for the attempt.
    silent: bool,
}

impl PoolState {
    /// Connects on `slot`, trying again while that can help, and starts the connection's task. `detail` is how much is
    /// said about a refusal, `refusal` what the server said before, which is reported when it says no more in time.
    pub(super) async fn open_in(
        self: &Arc<Self>,
        mut slot: Slot,
        deadline: Instant,
        detail: LimitDetail,
        mut refusal: Option<DbError>,
    ) -> Result<Session, DbError> {
        let mut pause = Duration::from_millis(40);
        loop {
            self.clear(&mut slot, deadline).await?;
            match self.attempt_unless_cancelled(slot, deadline).await? {
                Ok(connection) => return self.start(connection, deadline).await,
                Err((returned_slot, failed)) if failed.needs_other_slot => {
                    let kind = returned_slot.kind();
                    drop(returned_slot);
                    slot = self.wait_for_slot(kind, deadline).await?;
                }
                // The last attempt may have had no time left for an answer; report the earlier reason.
                Err((_, failed)) if !failed.is_transient => match refusal {
                    Some(refusal) if failed.silent => return Err(self.with_limit_advice(refusal, detail)),
                    _ => return Err(failed.error),
                },
                Err((returned_slot, failed)) => {
                    let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.5));
                    if Instant::now() + jittered >= deadline {
                        return Err(self.with_limit_advice(failed.error, detail));
                    }
                    if refusal.is_none() {
                        self.notify(&format!(
                            "{}; trying again for up to {} s",
                            failed.error.what(),
                            deadline.duration_since(Instant::now()).as_secs().max(1)
                        ));
                    }
                    pause = (pause * 2).min(Duration::from_secs(2));
                    slot = self
                        .pause_between(returned_slot, jittered, deadline, &failed.error, detail)
                        .await?;
                    refusal = Some(failed.error);
                }
            }
        }
    }

    /// Waits before the next attempt. A first contact is released meanwhile, because first contacts
    /// with other servers of this host wait for it.
    async fn pause_between(
        &self,
        slot: Slot,
        pause: Duration,
        deadline: Instant,
        refusal: &DbError,
        detail: LimitDetail,
    ) -> Result<Slot, DbError> {
        if !slot.holds_contact() {
            self.cancel.sleep(pause).await?;
            return Ok(slot);
        }
        let kind = slot.kind();
        drop(slot);
        self.cancel.sleep(pause).await?;
        match self.wait_for_slot(kind, deadline).await {
            Err(error) if error.kind() == ErrorKind::NoSlot => {
                Err(self.with_limit_advice(refusal.clone(), detail))
            }
            other => other,
        }
    }

    /// Connects on `slot` with one attempt, and starts the connection's task.
    pub(super) async fn open_at_once(self: &Arc<Self>, mut slot: Slot) -> Result<Session, DbError> {
        let deadline = Instant::now() + OPTIONAL_TIMEOUT;
        self.clear(&mut slot, deadline).await?;
        match self.attempt_unless_cancelled(slot, deadline).await? {
            Ok(connection) => self.start(connection, deadline).await,
            Err((_, failed)) => Err(failed.error),
        }
    }

    /// An attempt that is never dropped half-way: when the run is cancelled meanwhile, a task
    /// completes it and closes the connection.
    pub(super) async fn attempt_unless_cancelled(
        self: &Arc<Self>,
        slot: Slot,
        deadline: Instant,
    ) -> Result<Result<Connection, (Slot, FailedAttempt)>, DbError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let bound = ATTEMPT_TIMEOUT.min(left.max(MIN_ATTEMPT));
        let (sender, receiver) = oneshot::channel();
        let live = self.live();
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _live = live;
            let result = this.attempt(slot, bound).await;
            if let Err(Ok(connection)) = sender.send(result) {
                connection.quit().await;
            }
        });
        match self.cancel.or(receiver).await? {
            Ok(result) => Ok(result),
            Err(_) => Err(DbError::lost(false, "connecting was interrupted")),
        }
    }

    /// One attempt through each suitable driver pool.
    pub(super) async fn attempt(
        &self,
        mut slot: Slot,
        bound: Duration,
    ) -> Result<Connection, (Slot, FailedAttempt)> {
        let settle_time = slot.settle_time();
        // A timer has a granularity of a millisecond, and no time at all would take one as well.
        if !settle_time.is_zero() {
            tokio::time::sleep(settle_time).await;
        }
        let connecting = self.connecting.lock().await;
        let before = socket::open_sockets();
        let attempted = match timeout(bound, catch_panic(self.connect())).await {
            Ok(Ok(attempted)) => attempted,
            Ok(Err(panic)) => Err(FailedAttempt {
                silent: false,
                needs_other_slot: false,
                error: self.protocol_error(&panic),
                is_transient: false,
            }),
            Err(_) => Err(FailedAttempt {
                silent: true,
                needs_other_slot: false,
                error: DbError::new(
                    ErrorKind::Connect,
                    format!(
                        "cannot connect to {}: it did not answer within {} ms",
                        self.target.label,
                        bound.as_millis()
                    ),
                    "the server may hang or be overloaded, or a firewall drops packets: look at the server",
                ),
                is_transient: false,
            }),
        };
        let mut conn = match attempted {
            Ok(conn) => conn,
            Err(failed) => return Err((slot, failed)),
        };
        let socket = socket::duplicate_new(&before);
        drop(connecting);
        let id = u64::from(conn.id());
        tracing::info!("connected to {} as connection {id}", self.target.label);
        slot.connected(id);
        let asked = timeout(bound, catch_panic(self.ask_server(&mut conn))).await;
        let server = match asked {
            Ok(Ok(Ok(server))) => server,
            other => {
                let silent = other.is_err();
                let error = match other {
                    Ok(Ok(Err(error))) => DbError::from_connect(&error, &self.target.label),
                    Ok(Err(panic)) => self.protocol_error(&panic),
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
                    FailedAttempt {
                        silent,
                        needs_other_slot: false,
                        error,
                        is_transient: false,
                    },
                ));
            }
        };
        let slot_fits = self.budget.identified(&mut slot, &server);
        slot.connected(id);
        let connection = Connection {
            conn,
            id,
            wait_timeout: server.wait_timeout,
            read_only: server.read_only,
            max_packet: server.max_allowed_packet,
            server,
            since: Instant::now(),
            socket,
            given_up: false,
            slot,
        };
        if slot_fits {
            return Ok(connection);
        }
        tracing::info!("the server at {} has no free slot; closing", self.target.label);
        let slot = connection.quit_keeping_slot().await;
        Err((
            slot,
            FailedAttempt {
                error: DbError::new(
                    ErrorKind::NoSlot,
                    format!(
                        "no further connection to the server of {} is free",
                        self.target.label
                    ),
                    "wait for the other dbtool processes or end them",
                ),
                is_transient: true,
                needs_other_slot: true,
                silent: false,
            },
        ))
    }

    async fn connect(&self) -> Result<Conn, FailedAttempt> {
        let max = self.max_connections();
        let remembered = self
            .driver_pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let pool = remembered.unwrap_or_else(|| self.target.first_pool(max));
        let error = match pool.connect().await {
            Ok(conn) => {
                self.remember(pool);
                return Ok(conn);
            }
            Err(error) => error,
        };
        if let Some(other) = self.target.fallback_pool(max, &error)
            && let Ok(conn) = other.connect().await
        {
            self.remember(other);
            return Ok(conn);
        }
        let failed = FailedAttempt {
            silent: false,
            needs_other_slot: false,
            is_transient: is_transient(&error),
            error: DbError::from_connect(&error, &self.target.label),
        };
        if failed.error.is_full()
            && let Some(admin) = &self.admin
            && let Ok(conn) = admin.first_pool(1).connect().await
        {
            self.notify("the server is full; connected through DB_ADMIN_PORT");
            return Ok(conn);
        }
        Err(failed)
    }

    fn remember(&self, pool: DriverPool) {
        *self.driver_pool.lock().unwrap_or_else(PoisonError::into_inner) = Some(pool);
    }

    fn protocol_error(&self, panic: &str) -> DbError {
        DbError::new(
            ErrorKind::Connect,
            format!(
                "cannot connect to {}: the answer breaks the protocol ({panic})",
                self.target.label
            ),
            "check that the address is that of a MySQL or MariaDB server, and check any proxy in between",
        )
    }

    /// Asks the server about itself.
    async fn ask_server(&self, conn: &mut Conn) -> Result<Arc<Server>, mysql_async::Error> {
        let row = match describe(conn).await {
            Ok(Some(row)) => Some(row),
            // A proxy or a look-alike that does not have all of a server's variables, or takes one statement at a time.
            Ok(None) | Err(mysql_async::Error::Server(_)) => {
                conn.query_drop(SESSION).await?;
                conn.query_first(DESCRIPTION).await?
            }
            Err(error) => return Err(error),
        };
        let server = Arc::new(row.as_ref().map(Server::from_row).unwrap_or_default());
        let _ = self.server.set(Arc::clone(&server));
        Ok(server)
    }

    async fn start(self: &Arc<Self>, connection: Connection, deadline: Instant) -> Result<Session, DbError> {
        let (jobs, queue) = mpsc::channel(1);
        let in_transaction = Arc::default();
        let session = Session::new(
            jobs,
            connection.id,
            connection.read_only,
            connection.server.flavor == Flavor::MariaDb,
            Arc::clone(&in_transaction),
            SessionCount::new(&self.sessions),
        );
        let live = self.live();
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _live = live;
            actor::serve(this, connection, queue, in_transaction).await;
        });
        match &self.fleet {
            Some(fleet) => fleet.enter(session, deadline, &self.cancel, &self.notice).await,
            None => Ok(session),
        }
    }
}
