//! A statement to run, the parts of its answer, and its result.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Row, Value};
use tokio::sync::{mpsc, oneshot};

use super::error::DbError;

/// A statement with its values and limits.
#[derive(Debug, Clone)]
pub struct Query {
    pub(super) sql: Arc<String>,
    pub(super) values: Vec<Value>,
    pub(super) limit: TimeLimit,
    pub(super) shielded: bool,
}

/// How long a statement may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeLimit {
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
            limit: TimeLimit::Configured,
            shielded: false,
        }
    }

    /// As [`Query::new`], with a shared text that is not copied.
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
        self.limit = TimeLimit::Own(limit);
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

/// The server's result of a statement, or of one of its result sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Rows changed.
    pub affected: u64,
    /// First generated AUTO_INCREMENT value, if any.
    pub last_insert_id: Option<u64>,
    /// Number of warnings; `SHOW WARNINGS` on the same session returns their text.
    pub warnings: u16,
    /// The server's remark, such as `Records: 3  Duplicates: 0  Warnings: 0`.
    pub info: String,
}

/// A part of a running statement's answer.
#[derive(Debug)]
pub enum Event {
    /// A result set begins, with these column names.
    Columns(Vec<String>),
    /// One row of it.
    Row(Row),
    /// A result set, or a statement without one, is done.
    SetDone(Done),
}

/// A statement to run, and the channels for its answer.
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
