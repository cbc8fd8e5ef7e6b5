//! The task that owns a connection.
//!
//! A driver connection whose query future is dropped half-way cannot be used or closed in an
//! orderly way afterwards. Here no future of the driver is ever dropped: the task sees each
//! statement through to the server's own answer, and who gives up (cancelled, timed out, dropped,
//! panicked) is only somebody who stops listening. The statement is then killed on the server, and
//! its answer is the proof that nothing is left running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, QueryResult, Row, Value};
use tokio::sync::{mpsc, oneshot, watch};

use super::codes;
use super::error::{DbError, ErrorKind};
use super::killer::{self, Killed};
use super::pool::{Inner, Link};
use super::session::{Done, Limit, Query};
use super::statement_log;
use super::time_limit;
use super::unwind::unpanicked;
use crate::cancel::Signal;

/// An idle connection is asked for a sign of life this often, and at least three times per
/// the server's `wait_timeout`, so that the server does not close it under a command that pauses.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long clean-up statements may go on after cancellation.
const SHIELD: Duration = Duration::from_secs(5);
/// Rows are handed over in batches of about this many bytes.
const BATCH_BYTES: usize = 32 * 1024;
const BATCH_ROWS: usize = 128;

/// A statement to run, and where its answer goes.
pub(super) struct Job {
    pub(super) query: Query,
    pub(super) batches: mpsc::Sender<Batch>,
    pub(super) done: oneshot::Sender<Result<Done, DbError>>,
}

/// A part of an answer.
#[derive(Debug)]
pub(super) enum Batch {
    Columns(Vec<String>),
    Rows(Vec<Row>),
    SetDone(Done),
}

/// Why a statement is ended before its time.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Cancelled(Signal),
    Timeout(Duration),
    Abandoned,
}

/// Serves one session until its handle is dropped, then closes the connection.
pub(super) async fn serve(
    db: Arc<Inner>,
    mut link: Link,
    mut jobs: mpsc::Receiver<Job>,
    in_transaction: Arc<AtomicBool>,
) {
    let keep_alive = KEEP_ALIVE.min(Duration::from_secs(link.wait_timeout.max(3)) / 3);
    let mut lost: Option<DbError> = None;
    loop {
        match tokio::time::timeout(keep_alive, jobs.recv()).await {
            Ok(None) => break,
            Ok(Some(job)) => {
                let result = match &lost {
                    Some(_) => Err(DbError::lost(false, "it was lost earlier")),
                    None => match logged(&db, &mut link, &job).await {
                        Err(error) => {
                            let error = error.without_secrets(&job.query.sql);
                            Err(time_limit::named(&mut link.conn, error).await)
                        }
                        done => done,
                    },
                };
                if let Some(ok) = link.conn.last_ok_packet() {
                    let open = ok.status_flags().contains(StatusFlags::SERVER_STATUS_IN_TRANS);
                    in_transaction.store(open, Ordering::Release);
                }
                if let Err(error) = &result
                    && matches!(error.kind(), ErrorKind::Lost { .. })
                {
                    lost = Some(error.clone());
                    link.give_up();
                }
                // Closing the batches first lets the listener see the end of the rows.
                let Job { batches, done, .. } = job;
                drop(batches);
                let _ = done.send(result);
            }
            Err(_) if lost.is_none() => match unpanicked(link.conn.ping()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => lost = Some(DbError::of_statement(error)),
                Err(panic) => lost = Some(nonsense(&panic)),
            },
            Err(_) => {}
        }
    }
    link.quit().await;
}

/// Runs a statement and tells the log about it.
async fn logged(db: &Arc<Inner>, link: &mut Link, job: &Job) -> Result<Done, DbError> {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return run(db, link, job).await;
    }
    let begun = tokio::time::Instant::now();
    let result = run(db, link, job).await;
    let ended = match &result {
        Ok(done) => format!("{} rows changed", done.affected),
        // The server repeats a part of the statement in its own words; the caller tells them.
        Err(error) => match error.code() {
            Some(code) => format!("error {code}"),
            None => "not completed".to_owned(),
        },
    };
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    let (id, sql) = (link.id, statement_log::shown(&job.query.sql));
    tracing::debug!("connection {id}, {took:.1} ms, {ended}: {sql}");
    result
}

async fn run(db: &Arc<Inner>, link: &mut Link, job: &Job) -> Result<Done, DbError> {
    if !job.query.shielded {
        db.cancel.check()?;
    }
    if job.query.values.is_empty() {
        // The server would close the connection in the middle of it.
        DbError::refuse_too_large(job.query.sql.len(), link.max_packet)?;
    }
    let id = link.id;
    let (discard, discarding) = watch::channel(false);
    let mut outlet = Outlet {
        batches: &job.batches,
        discarding,
        rows: Vec::new(),
        bytes: 0,
        had_rows: false,
    };
    let (stop, result) = {
        let work = unpanicked(feed(&mut link.conn, &job.query, &mut outlet));
        tokio::pin!(work);
        let stop = tokio::select! {
            biased;
            result = &mut work => return answer(result),
            stop = reason_to_stop(db, job) => stop,
        };
        discard.send_replace(true);
        let (mut finished, killer) = killer::start(db, id);
        tokio::select! {
            result = &mut work => {
                // The killer must be gone before the next statement, or its kill could hit that one.
                drop(finished);
                let _ = killer.await;
                (stop, Ok(result))
            }
            killed = finished.given_up() => (stop, Err(killed)),
        }
    };
    let had_rows = outlet.had_rows;
    match result {
        Err(killed) => {
            link.give_up();
            Err(unconfirmed(stop, id, &killed))
        }
        Ok(Ok(Ok(done))) => {
            // The kill may have come too late for this statement; let a harmless one take it.
            let _ = unpanicked(link.conn.query_drop("DO 0")).await;
            completed(stop, done, had_rows)
        }
        Ok(result) => Err(answer(result).map_or_else(|error| ended(stop, error), |_| nonsense(""))),
    }
}

/// The driver's answer; `Err` outside is its panic.
fn answer(result: Result<Result<Done, mysql_async::Error>, String>) -> Result<Done, DbError> {
    match result {
        Ok(result) => result.map_err(DbError::of_statement),
        Err(panic) => Err(nonsense(&panic)),
    }
}

fn nonsense(panic: &str) -> DbError {
    DbError::lost(
        true,
        &format!("what the server sent breaks the protocol: {panic}"),
    )
}

async fn reason_to_stop(db: &Arc<Inner>, job: &Job) -> Stop {
    let limit = match job.query.limit {
        Limit::Own(limit) => limit,
        Limit::Configured => db.statement_timeout,
    };
    let cancelled = async {
        let signal = db.cancel.wait().await;
        if job.query.shielded {
            tokio::select! {
                () = tokio::time::sleep(SHIELD) => {}
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
        signal = cancelled => Stop::Cancelled(signal),
        limit = timed_out => Stop::Timeout(limit),
        () = job.batches.closed() => Stop::Abandoned,
    }
}

/// The statement was done before the kill arrived: say so, do not pretend it was undone.
fn completed(stop: Stop, done: Done, had_rows: bool) -> Result<Done, DbError> {
    match stop {
        // Rows were thrown away after the stop, so the answer is not whole.
        Stop::Cancelled(signal) if had_rows => Err(DbError::cancelled(signal)),
        Stop::Cancelled(_) | Stop::Abandoned => Ok(done),
        Stop::Timeout(limit) => Err(timed_out(limit, true)),
    }
}

fn ended(stop: Stop, error: DbError) -> DbError {
    // MariaDB's own time limit is told as the limit that it is here.
    let by_kill = error.is_killed() || error.code() == Some(codes::ER_STATEMENT_TIMEOUT);
    match stop {
        _ if !by_kill => error,
        Stop::Cancelled(signal) => DbError::cancelled(signal),
        Stop::Timeout(limit) => timed_out(limit, false),
        Stop::Abandoned => error,
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

fn unconfirmed(stop: Stop, id: u64, killed: &Killed) -> DbError {
    let (what, next) = match killed {
        Killed::Refused(words) => (
            format!(
                "the server refuses to end the statement for this account (error {words}): it runs in a routine as \
                 the routine's DEFINER, and may go on as connection {id}"
            ),
            format!("end it as the definer or as an administrator, with KILL {id}"),
        ),
        _ => (
            "the server did not confirm that the statement was killed".to_owned(),
            format!("once the server answers again, see whether connection {id} still runs: KILL {id}"),
        ),
    };
    let error = DbError::lost(true, &what).with_next(next);
    match stop {
        Stop::Cancelled(signal) => {
            let what = format!("interrupted by {signal}, but {what}");
            error.with_what(what).with_kind(ErrorKind::Cancelled(signal))
        }
        Stop::Timeout(_) | Stop::Abandoned => error,
    }
}

/// Where rows go until nobody wants them any more.
struct Outlet<'a> {
    batches: &'a mpsc::Sender<Batch>,
    discarding: watch::Receiver<bool>,
    rows: Vec<Row>,
    bytes: usize,
    had_rows: bool,
}

impl Outlet<'_> {
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

/// What a value takes in memory, its place in the row and the allocator's share included.
fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len() + 64,
        _ => 32,
    }
}

async fn feed(conn: &mut Conn, query: &Query, outlet: &mut Outlet<'_>) -> Result<Done, mysql_async::Error> {
    if query.values.is_empty() {
        pump(conn.query_iter(query.sql.as_str()).await?, outlet).await
    } else {
        pump(
            conn.exec_iter(query.sql.as_str(), query.values.clone()).await?,
            outlet,
        )
        .await
    }
}

async fn pump<P: Protocol>(
    mut result: QueryResult<'_, '_, P>,
    outlet: &mut Outlet<'_>,
) -> Result<Done, mysql_async::Error> {
    loop {
        let names: Vec<String> = result
            .columns_ref()
            .iter()
            .map(|column| column.name_str().into_owned())
            .collect();
        if !names.is_empty() {
            outlet.had_rows = true;
            outlet.send(Batch::Columns(names)).await;
        }
        while let Some(row) = result.next().await? {
            outlet.row(row).await;
        }
        outlet.flush().await;
        let done = Done {
            affected: result.affected_rows(),
            last_insert_id: result.last_insert_id(),
            warnings: result.warnings(),
            info: result.info().into_owned(),
        };
        if result.is_empty() {
            outlet.send(Batch::SetDone(done.clone())).await;
            return Ok(done);
        }
        outlet.send(Batch::SetDone(done)).await;
    }
}
