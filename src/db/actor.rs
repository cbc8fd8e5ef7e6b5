//! The task that owns a connection.
//!
//! A driver connection whose query future is dropped half-way cannot be used or closed in an
//! orderly way afterwards. Here no future of the driver is ever dropped: the task waits for the
//! server's own answer to each statement. A caller that gives up (cancelled, timed out, dropped,
//! panicked) only stops listening; the statement is then killed on the server, and its answer
//! proves that nothing is left running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, QueryResult, Row, Value};
use tokio::sync::{mpsc, watch};

use super::codes;
use super::connection::{Connection, PoolState};
use super::driver_panic::catch_panic;
use super::error::{DbError, ErrorKind};
use super::killer::{self, KillTarget, Killed};
use super::statement::{Batch, Done, Job, Query, TimeLimit};
use super::statement_log;
use super::time_limit;
use crate::cancel::Signal;

/// An idle connection is pinged this often, and at least three times per
/// the server's `wait_timeout`, so that the server does not close it under a command that pauses.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long clean-up statements may run after cancellation.
const CLEANUP_GRACE: Duration = Duration::from_secs(5);
/// Rows are handed over in batches of about this many bytes.
const BATCH_BYTES: usize = 32 * 1024;
const BATCH_ROWS: usize = 128;

/// The reason why a statement is stopped.
#[derive(Debug, Clone, Copy)]
enum StopReason {
    Cancelled(Signal),
    Timeout(Duration),
    Abandoned,
}

/// Serves one session until its handle is dropped, then closes the connection.
pub(super) async fn serve(
    db: Arc<PoolState>,
    mut connection: Connection,
    mut jobs: mpsc::Receiver<Job>,
    in_transaction: Arc<AtomicBool>,
) {
    let keep_alive = KEEP_ALIVE.min(Duration::from_secs(connection.wait_timeout.max(3)) / 3);
    let mut lost: Option<DbError> = None;
    loop {
        match tokio::time::timeout(keep_alive, jobs.recv()).await {
            Ok(None) => break,
            Ok(Some(job)) => {
                let result = match &lost {
                    Some(_) => Err(DbError::lost(false, "it was lost earlier")),
                    None => match logged(&db, &mut connection, &job).await {
                        Err(error) => {
                            let error = error.without_secrets(&job.query.sql);
                            Err(time_limit::explain(&mut connection.conn, error).await)
                        }
                        done => done,
                    },
                };
                if let Some(ok) = connection.conn.last_ok_packet() {
                    let open = ok.status_flags().contains(StatusFlags::SERVER_STATUS_IN_TRANS);
                    in_transaction.store(open, Ordering::Release);
                }
                if let Err(error) = &result
                    && matches!(error.kind(), ErrorKind::Lost { .. })
                {
                    lost = Some(error.clone());
                    connection.give_up();
                }
                // Close the channel of batches first, so that the receiver sees the end of the rows.
                let Job { batches, done, .. } = job;
                drop(batches);
                let _ = done.send(result);
            }
            Err(_) if lost.is_none() => match catch_panic(connection.conn.ping()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => lost = Some(DbError::from_statement(error)),
                Err(panic) => lost = Some(protocol_error(&panic)),
            },
            Err(_) => {}
        }
    }
    connection.quit().await;
}

/// Runs a statement and logs it.
async fn logged(db: &Arc<PoolState>, connection: &mut Connection, job: &Job) -> Result<Done, DbError> {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return run(db, connection, job).await;
    }
    let started = tokio::time::Instant::now();
    let result = run(db, connection, job).await;
    let ended = match &result {
        Ok(done) => format!("{} rows changed", done.affected),
        // The server's message may quote the statement; the caller reports it.
        Err(error) => match error.code() {
            Some(code) => format!("error {code}"),
            None => "not completed".to_owned(),
        },
    };
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    let (id, sql) = (connection.id, statement_log::redacted(&job.query.sql));
    tracing::debug!("connection {id}, {took:.1} ms, {ended}: {sql}");
    result
}

async fn run(db: &Arc<PoolState>, connection: &mut Connection, job: &Job) -> Result<Done, DbError> {
    if !job.query.shielded {
        db.cancel.check()?;
    }
    if job.query.values.is_empty() {
        // The server would close the connection while it receives the statement.
        DbError::refuse_too_large(job.query.sql.len(), connection.max_packet)?;
    }
    let id = connection.id;
    let (discard, discarding) = watch::channel(false);
    let mut rows = RowSender {
        batches: &job.batches,
        discarding,
        rows: Vec::new(),
        bytes: 0,
        had_rows: false,
    };
    let (stop, result) = {
        let work = catch_panic(run_statement(&mut connection.conn, &job.query, &mut rows));
        tokio::pin!(work);
        let stop = tokio::select! {
            biased;
            result = &mut work => return driver_answer(result),
            stop = reason_to_stop(db, job) => stop,
        };
        discard.send_replace(true);
        let target = KillTarget {
            id,
            server: Arc::clone(&connection.server),
            since: connection.since,
        };
        let (mut guard, killer) = killer::start(db, target);
        tokio::select! {
            result = &mut work => {
                // The killer must have ended before the next statement, or its KILL could hit that one.
                drop(guard);
                let _ = killer.await;
                (stop, Ok(result))
            }
            killed = guard.given_up() => (stop, Err(killed)),
        }
    };
    let had_rows = rows.had_rows;
    match result {
        Err(killed) => {
            connection.give_up();
            Err(unconfirmed(stop, id, &killed))
        }
        Ok(Ok(Ok(done))) => {
            let cut_short = done.warnings > 0 && was_cut_short(connection).await;
            // The KILL may have come too late for this statement; let a harmless one receive it.
            let _ = catch_panic(connection.conn.query_drop("DO 0")).await;
            match stop {
                StopReason::Cancelled(signal) if cut_short => Err(DbError::cancelled(signal)),
                StopReason::Timeout(limit) if cut_short => Err(timed_out(limit, false)),
                _ => completed(stop, done, had_rows),
            }
        }
        Ok(result) => {
            Err(driver_answer(result).map_or_else(|error| stopped(stop, error), |_| protocol_error("")))
        }
    }
}

/// Whether the statement was killed although the server reports success: DO turns every error into a warning.
async fn was_cut_short(connection: &mut Connection) -> bool {
    let warnings = catch_panic(connection.conn.query::<Row, _>("SHOW WARNINGS")).await;
    let killed = |row: &Row| row.get_opt::<u16, _>(1) == Some(Ok(codes::ER_QUERY_INTERRUPTED));
    matches!(warnings, Ok(Ok(rows)) if rows.iter().any(killed))
}

/// The result of the driver's call; the outer `Err` is a panic of the driver.
fn driver_answer(result: Result<Result<Done, mysql_async::Error>, String>) -> Result<Done, DbError> {
    match result {
        Ok(result) => result.map_err(DbError::from_statement),
        Err(panic) => Err(protocol_error(&panic)),
    }
}

fn protocol_error(panic: &str) -> DbError {
    DbError::lost(true, &format!("the server's answer breaks the protocol: {panic}"))
}

async fn reason_to_stop(db: &Arc<PoolState>, job: &Job) -> StopReason {
    let limit = match job.query.limit {
        TimeLimit::Own(limit) => limit,
        TimeLimit::Configured => db.statement_timeout,
    };
    let cancelled = async {
        let signal = db.cancel.wait().await;
        if job.query.shielded {
            tokio::select! {
                () = tokio::time::sleep(CLEANUP_GRACE) => {}
                () = db.cancel.wait_hurried() => {}
            }
        }
        signal
    };
    let timed_out = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
        limit.unwrap_or_default()
    };
    tokio::select! {
        signal = cancelled => StopReason::Cancelled(signal),
        limit = timed_out => StopReason::Timeout(limit),
        () = job.batches.closed() => StopReason::Abandoned,
    }
}

/// The result of a statement that completed before the KILL arrived.
fn completed(stop: StopReason, done: Done, had_rows: bool) -> Result<Done, DbError> {
    match stop {
        // Rows were discarded after the stop, so the result is incomplete.
        StopReason::Cancelled(signal) if had_rows => Err(DbError::cancelled(signal)),
        StopReason::Cancelled(_) | StopReason::Abandoned => Ok(done),
        StopReason::Timeout(limit) => Err(timed_out(limit, true)),
    }
}

fn stopped(stop: StopReason, error: DbError) -> DbError {
    // Each statement of MariaDB's own time limit (1969) counts as killed here.
    let by_kill = error.is_killed() || error.code() == Some(codes::ER_STATEMENT_TIMEOUT);
    match stop {
        _ if !by_kill => error,
        StopReason::Cancelled(signal) => DbError::cancelled(signal),
        StopReason::Timeout(limit) => timed_out(limit, false),
        StopReason::Abandoned => error,
    }
}

fn timed_out(limit: Duration, completed: bool) -> DbError {
    let what = if completed {
        format!(
            "the statement took longer than {} ms, though the server finished it",
            limit.as_millis()
        )
    } else {
        format!(
            "the statement ran longer than {} ms and was killed on the server",
            limit.as_millis()
        )
    };
    DbError::new(
        ErrorKind::Timeout { completed },
        what,
        "raise DB_TIMEOUT (0 is no limit), or make the statement lighter",
    )
}

fn unconfirmed(stop: StopReason, id: u64, killed: &Killed) -> DbError {
    let (what, next) = match killed {
        Killed::Refused(message) => (
            format!(
                "the server refuses to end the statement for this account (error {message}): it runs in a routine as \
                 the routine's DEFINER, and may go on as connection {id}"
            ),
            format!("end it as the definer or as an administrator, with KILL {id}"),
        ),
        Killed::OtherServer(place) => (
            format!(
                "the statement may still run as connection {id} on {place}: each new connection reaches another server, \
                 where that number is a stranger's, so nothing was killed"
            ),
            format!("end it there with KILL {id}, or connect to that server without the proxy in between"),
        ),
        Killed::Gone => (
            format!("the server no longer has connection {id}, and sent no answer to its statement"),
            "look at the data whether the statement took effect: what was not committed is rolled back"
                .to_owned(),
        ),
        _ => (
            "the server did not confirm that the statement was killed".to_owned(),
            format!("once the server answers again, see whether connection {id} still runs: KILL {id}"),
        ),
    };
    let error = DbError::lost(true, &what).with_next(next);
    match stop {
        StopReason::Cancelled(signal) => {
            let what = format!("interrupted by {signal}, but {what}");
            error.with_what(what).with_kind(ErrorKind::Cancelled(signal))
        }
        StopReason::Timeout(_) | StopReason::Abandoned => error,
    }
}

/// Sends rows to the session in batches, until they are to be discarded.
struct RowSender<'a> {
    batches: &'a mpsc::Sender<Batch>,
    discarding: watch::Receiver<bool>,
    rows: Vec<Row>,
    bytes: usize,
    had_rows: bool,
}

impl RowSender<'_> {
    async fn send(&mut self, batch: Batch) {
        if *self.discarding.borrow() {
            return;
        }
        tokio::select! {
            _ = self.batches.send(batch) => {}
            _ = self.discarding.wait_for(|discarding| *discarding) => {}
        }
    }

    async fn row(&mut self, row: Row) {
        self.bytes += (0..row.len())
            .filter_map(|index| row.as_ref(index))
            .map(size)
            .sum::<usize>();
        self.rows.push(row);
        if self.bytes >= BATCH_BYTES || self.rows.len() >= BATCH_ROWS {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        self.bytes = 0;
        if !self.rows.is_empty() {
            let rows = std::mem::take(&mut self.rows);
            self.send(Batch::Rows(rows)).await;
        }
    }
}

/// Memory of a value in bytes, including its place in the row and the allocator's overhead.
fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len() + 64,
        _ => 32,
    }
}

async fn run_statement(
    conn: &mut Conn,
    query: &Query,
    rows: &mut RowSender<'_>,
) -> Result<Done, mysql_async::Error> {
    if query.values.is_empty() {
        send_results(conn.query_iter(query.sql.as_str()).await?, rows).await
    } else {
        send_results(
            conn.exec_iter(query.sql.as_str(), query.values.clone()).await?,
            rows,
        )
        .await
    }
}

async fn send_results<P: Protocol>(
    mut result: QueryResult<'_, '_, P>,
    rows: &mut RowSender<'_>,
) -> Result<Done, mysql_async::Error> {
    loop {
        let names: Vec<String> = result
            .columns_ref()
            .iter()
            .map(|column| column.name_str().into_owned())
            .collect();
        if !names.is_empty() {
            rows.had_rows = true;
            rows.send(Batch::Columns(names)).await;
        }
        while let Some(row) = result.next().await? {
            rows.row(row).await;
        }
        rows.flush().await;
        let done = Done {
            affected: result.affected_rows(),
            last_insert_id: result.last_insert_id(),
            warnings: result.warnings(),
            info: result.info().into_owned(),
        };
        if result.is_empty() {
            rows.send(Batch::SetDone(done.clone())).await;
            return Ok(done);
        }
        rows.send(Batch::SetDone(done)).await;
    }
}
