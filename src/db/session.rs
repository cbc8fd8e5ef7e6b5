//! A command's handle to a connection, which a task of its own owns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mysql_async::Row;
use mysql_async::prelude::FromRow;
use tokio::sync::{mpsc, oneshot};

use super::error::{DbError, ErrorKind};
use super::statement::{Batch, Done, Event, Job, Query};

/// A connection, for as long as the value lives. Dropping it, at any moment, hands the
/// connection back for an orderly end: a statement in flight is killed on the server, an open
/// transaction rolled back, and the connection closed with COM_QUIT.
#[derive(Debug)]
pub struct Session {
    jobs: mpsc::Sender<Job>,
    id: u64,
    pub(super) read_only: bool,
    /// Whether the server may be a node of a cluster that refuses statements without calling itself read-only.
    may_refuse: bool,
    in_transaction: Arc<AtomicBool>,
    _handle: Option<SessionCount>,
}

/// Counts the sessions that commands hold, without connections that are being closed.
#[derive(Debug)]
pub(super) struct SessionCount(Arc<AtomicUsize>);

impl SessionCount {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> SessionCount {
        count.fetch_add(1, Ordering::Relaxed);
        SessionCount(Arc::clone(count))
    }
}

impl Drop for SessionCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Checks without writing whether writes are allowed: refused with 1290 or 1836 on a read-only server unless
/// the account may write all the same (manual, "START TRANSACTION"; measured on MariaDB 10.11).
const BEGIN_WRITING: &str = "START TRANSACTION READ WRITE";

impl Session {
    pub(super) fn new(
        jobs: mpsc::Sender<Job>,
        id: u64,
        read_only: bool,
        may_refuse: bool,
        in_transaction: Arc<AtomicBool>,
        handle: SessionCount,
    ) -> Session {
        Session {
            jobs,
            id,
            read_only,
            may_refuse,
            in_transaction,
            _handle: Some(handle),
        }
    }

    /// Ends the connection, as dropping the session does, and leaves the session unusable: for a caller
    /// that then opens another one and must not have two connections at any time.
    pub fn end(&mut self) {
        let (closed, _) = mpsc::channel(1);
        self.jobs = closed;
        self._handle = None;
    }

    /// Whether a transaction is open according to the server's last successful answer
    /// (SERVER_STATUS_IN_TRANS); an error packet has no such flag.
    pub fn in_transaction(&self) -> bool {
        self.in_transaction.load(Ordering::Acquire)
    }

    /// Checks that writes are allowed here; asks the server only if it reported itself read-only, or may be a node that
    /// its cluster has left behind. A read-only server is respected even where the account may write all the same, unless
    /// `insist`: what is written on a replica is lost, or stops its replication.
    pub(super) async fn check_writable(&mut self, insist: bool) -> Result<(), DbError> {
        if self.read_only || self.may_refuse {
            self.execute(BEGIN_WRITING).await?;
            self.execute("ROLLBACK").await?;
        }
        if self.read_only && !insist {
            return Err(DbError::read_only_for_others());
        }
        Ok(())
    }

    /// Whether the server called itself read-only.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The server's number for this connection, as in its processlist.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Runs a statement and ignores its rows.
    ///
    /// # Errors
    /// See [`ErrorKind`]; the last result set's outcome otherwise.
    pub async fn execute(&mut self, query: impl Into<Query>) -> Result<Done, DbError> {
        self.run(query, |_| {}).await
    }

    /// All rows of a statement whose result is known to be small.
    ///
    /// # Errors
    /// As [`Session::execute`], and a row that does not convert to `T`.
    pub async fn rows<T: FromRow>(&mut self, query: impl Into<Query>) -> Result<Vec<T>, DbError> {
        let mut stream = self.stream(query).await?;
        let mut rows = Vec::new();
        while let Some(row) = stream.next().await? {
            rows.push(convert(row)?);
        }
        Ok(rows)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Session::rows`].
    pub async fn first<T: FromRow>(&mut self, query: impl Into<Query>) -> Result<Option<T>, DbError> {
        let mut stream = self.stream(query).await?;
        let mut first = None;
        while let Some(row) = stream.next().await? {
            first.get_or_insert(row);
        }
        first.map(convert).transpose()
    }

    /// The rows one by one; memory stays bounded whatever their number. Dropping the stream
    /// before its end kills the statement on the server.
    ///
    /// # Errors
    /// The statement could not be handed over: the connection is gone.
    pub async fn stream(&mut self, query: impl Into<Query>) -> Result<RowStream<'_>, DbError> {
        let (batches, done) = self.begin(query.into()).await?;
        Ok(RowStream {
            batches,
            done: Some(done),
            ready: Vec::new().into_iter(),
            _session: std::marker::PhantomData,
        })
    }

    /// Runs a statement and passes on its columns, rows and results, result set by result set.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn run(
        &mut self,
        query: impl Into<Query>,
        mut on_event: impl FnMut(Event),
    ) -> Result<Done, DbError> {
        let (mut batches, done) = self.begin(query.into()).await?;
        while let Some(batch) = batches.recv().await {
            match batch {
                Batch::Columns(names) => on_event(Event::Columns(names)),
                Batch::Rows(rows) => rows.into_iter().for_each(|row| on_event(Event::Row(row))),
                Batch::SetDone(done) => on_event(Event::SetDone(done)),
            }
        }
        outcome(done).await
    }

    async fn begin(
        &mut self,
        query: Query,
    ) -> Result<(mpsc::Receiver<Batch>, oneshot::Receiver<Result<Done, DbError>>), DbError> {
        // Batches are bounded in bytes, so a small number of them bounds the memory.
        let (batch_sender, batches) = mpsc::channel(1);
        let (done_sender, done) = oneshot::channel();
        let job = Job {
            query,
            batches: batch_sender,
            done: done_sender,
        };
        self.jobs
            .send(job)
            .await
            .map_err(|_| DbError::lost(false, "its task has ended"))?;
        Ok((batches, done))
    }
}

async fn outcome(done: oneshot::Receiver<Result<Done, DbError>>) -> Result<Done, DbError> {
    done.await
        .unwrap_or_else(|_| Err(DbError::lost(true, "its task has ended")))
}

fn convert<T: FromRow>(row: Row) -> Result<T, DbError> {
    mysql_async::from_row_opt(row).map_err(|error| {
        DbError::new(
            ErrorKind::Statement,
            format!("the server's answer has another shape than expected: {error}"),
            "this server may be of an unsupported kind or version; see `dbtool check-connections` for its version",
        )
    })
}

/// Rows as they arrive.
#[derive(Debug)]
pub struct RowStream<'a> {
    batches: mpsc::Receiver<Batch>,
    done: Option<oneshot::Receiver<Result<Done, DbError>>>,
    ready: std::vec::IntoIter<Row>,
    /// One statement at a time: the session is busy while the stream lives.
    _session: std::marker::PhantomData<&'a mut Session>,
}

impl RowStream<'_> {
    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn next(&mut self) -> Result<Option<Row>, DbError> {
        loop {
            if let Some(row) = self.ready.next() {
                return Ok(Some(row));
            }
            match self.batches.recv().await {
                Some(Batch::Rows(rows)) => self.ready = rows.into_iter(),
                Some(Batch::Columns(_) | Batch::SetDone(_)) => {}
                None => break,
            }
        }
        match self.done.take() {
            Some(done) => outcome(done).await.map(|_| None),
            None => Ok(None),
        }
    }

    /// As [`RowStream::next`], converted.
    ///
    /// # Errors
    /// As [`RowStream::next`], and a row that does not convert to `T`.
    pub async fn next_as<T: FromRow>(&mut self) -> Result<Option<T>, DbError> {
        self.next().await?.map(convert).transpose()
    }
}
