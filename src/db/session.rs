//! What a command holds: a handle to a connection that a task of its own keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mysql_async::prelude::FromRow;
use mysql_async::{Row, Value};
use tokio::sync::{mpsc, oneshot};

use super::actor::{Batch, Job};
use super::error::{DbError, ErrorKind};

/// A statement with its values and limits.
#[derive(Debug, Clone)]
pub struct Query {
    pub(super) sql: Arc<String>,
    pub(super) values: Vec<Value>,
    pub(super) limit: Limit,
    pub(super) shielded: bool,
}

/// How long a statement may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// As configured (`DB_TIMEOUT`).
    Configured,
    /// This long; `None` is no limit.
    Own(Option<Duration>),
}

impl Query {
    /// A statement without values: sent as text.
    pub fn new(sql: impl Into<String>) -> Query {
        Query {
            sql: Arc::new(sql.into()),
            values: Vec::new(),
            limit: Limit::Configured,
            shielded: false,
        }
    }

    /// As [`Query::new`], of a text that others hold too: it is not copied.
    pub fn shared(sql: &Arc<String>) -> Query {
        Query {
            sql: Arc::clone(sql),
            ..Query::new(String::new())
        }
    }

    /// Binds the next `?`. A statement with values is prepared on the server.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Query {
        self.values.push(value.into());
        self
    }

    /// Lets the statement run this long instead of `DB_TIMEOUT`; `None` is no limit.
    #[must_use]
    pub fn timeout(mut self, limit: Option<Duration>) -> Query {
        self.limit = Limit::Own(limit);
        self
    }

    /// Runs the statement even after the run was cancelled: for short clean-up only,
    /// such as recording progress or dropping a scratch database.
    #[must_use]
    pub fn shielded(mut self) -> Query {
        self.shielded = true;
        self
    }
}

impl From<&str> for Query {
    fn from(sql: &str) -> Query {
        Query::new(sql)
    }
}

impl From<String> for Query {
    fn from(sql: String) -> Query {
        Query::new(sql)
    }
}

/// What the server said when a statement, or one of its result sets, was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Rows changed.
    pub affected: u64,
    /// First AUTO_INCREMENT value made, if any.
    pub last_insert_id: Option<u64>,
    /// Number of warnings; `SHOW WARNINGS` on the same session has their text.
    pub warnings: u16,
    /// The server's remark, such as `Records: 3  Duplicates: 0  Warnings: 0`.
    pub info: String,
}

/// Something a running statement has to say.
#[derive(Debug)]
pub enum Event {
    /// A result set begins, with these column names.
    Columns(Vec<String>),
    /// One row of it.
    Row(Row),
    /// A result set, or a statement without one, is done.
    SetDone(Done),
}

/// A connection, for as long as the value lives. Dropping it, at any moment, hands the
/// connection back for an orderly end: a statement in flight is killed on the server, an open
/// transaction rolled back, and the connection closed with COM_QUIT.
#[derive(Debug)]
pub struct Session {
    jobs: mpsc::Sender<Job>,
    id: u64,
    pub(super) read_only: bool,
    in_transaction: Arc<AtomicBool>,
    _handle: Option<Handle>,
}

/// Counts the sessions that commands hold; connections being closed are no longer among them.
#[derive(Debug)]
pub(super) struct Handle(Arc<AtomicUsize>);

impl Handle {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Handle {
        count.fetch_add(1, Ordering::Relaxed);
        Handle(Arc::clone(count))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks for leave to write without writing: refused with 1290 or 1836 on a read-only server unless
/// the account may write all the same (manual, "START TRANSACTION"; measured on MariaDB 10.11).
const BEGIN_WRITING: &str = "START TRANSACTION READ WRITE";

impl Session {
    pub(super) fn new(
        jobs: mpsc::Sender<Job>,
        id: u64,
        read_only: bool,
        in_transaction: Arc<AtomicBool>,
        handle: Handle,
    ) -> Session {
        Session {
            jobs,
            id,
            read_only,
            in_transaction,
            _handle: Some(handle),
        }
    }

    /// Ends the connection, as dropping the session does, and leaves the session lost: for a place
    /// that is to be given another one, with no more than one connection at any time.
    pub fn end(&mut self) {
        let (closed, _) = mpsc::channel(1);
        self.jobs = closed;
        self._handle = None;
    }

    /// Whether the server said with its last answer that a transaction is open
    /// (SERVER_STATUS_IN_TRANS). An answer that is an error does not say; the one before it stands.
    pub fn in_transaction(&self) -> bool {
        self.in_transaction.load(Ordering::Acquire)
    }

    /// Whether the account may write here; asks the server only where it called itself read-only.
    pub(super) async fn check_writable(&mut self) -> Result<(), DbError> {
        if self.read_only {
            self.execute(BEGIN_WRITING).await?;
            self.execute("ROLLBACK").await?;
        }
        Ok(())
    }

    /// The server's number for this connection, as in its processlist.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Runs a statement whose rows are of no interest.
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

    /// Runs a statement and hands over everything it says, result set by result set.
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
