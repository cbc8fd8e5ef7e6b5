//! Ending connections and statements: each is looked at again right before, so that nothing but what was
//! planned is ended.

use std::collections::HashMap;
use std::time::Duration;

use super::filter::Filter;
use super::model::{Connection, Facts};
use super::questions::{connection, number};
use crate::cancel::Cancel;
use crate::db::row::text;
use crate::db::{DbError, Row, Server, Session};

/// What is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The connection.
    Connection,
    /// The statement that it runs.
    Query,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was done: a dry run.
    Planned,
    /// The server has ended it.
    Ended,
    /// The server was told to end it, and has not yet.
    Ending,
    /// It had ended before.
    EndedMeanwhile,
    /// It is not what was planned any more.
    Changed,
    /// The server or the system refused.
    Refused(String),
}

impl Fate {
    /// One word for a program.
    pub fn id(&self) -> &'static str {
        match self {
            Fate::Planned => "planned",
            Fate::Ended => "ended",
            Fate::Ending => "ending",
            Fate::EndedMeanwhile => "ended_meanwhile",
            Fate::Changed => "changed",
            Fate::Refused(_) => "refused",
        }
    }
}

/// How long the server is given to let go of what it was told to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is asked meanwhile.
const PULSE: Duration = Duration::from_millis(20);

/// Rows that each connection's transaction has changed; needs PROCESS.
const ROWS_CHANGED: &str = "SELECT trx_mysql_thread_id, trx_rows_modified FROM information_schema.innodb_trx";

/// The server renews that table only when nobody has read it for 100 ms (manual, "Persistence and Consistency of
/// InnoDB Transaction and Locking Information").
const RENEWED: Duration = Duration::from_millis(110);

/// What is known of open transactions may be this old when a connection is ended.
const FRESH: Duration = Duration::from_millis(100);

/// The open transactions: connection, and how many rows it changed.
#[derive(Default)]
struct Transactions {
    seen: Option<tokio::time::Instant>,
    rows: HashMap<u64, u64>,
}

impl Transactions {
    /// Looks again, unless that was just done.
    async fn renew(&mut self, session: &mut Session, cancel: &Cancel) -> Result<(), DbError> {
        if self.seen.is_some_and(|seen| seen.elapsed() < FRESH) {
            return Ok(());
        }
        cancel.sleep(RENEWED).await?;
        self.seen = Some(tokio::time::Instant::now());
        let rows = session.rows::<Row>(ROWS_CHANGED).await?;
        self.rows = rows.iter().map(|row| (number(row, 0), number(row, 1))).collect();
        Ok(())
    }
}

/// Ends what `targets` are, and waits until the server has let go of them.
///
/// # Errors
/// The connection was lost, or the run was cancelled.
pub async fn kill(
    session: &mut Session,
    server: &Server,
    facts: &Facts,
    order: &Order<'_>,
    targets: Vec<Connection>,
) -> Result<Vec<(Connection, Fate)>, DbError> {
    let mut done = Vec::new();
    let mut open = Transactions::default();
    for target in targets {
        order.cancel.check()?;
        if facts.sees_transactions {
            open.renew(session, order.cancel).await?;
        }
        let fate = kill_one(session, server, facts, order, &target, &open).await?;
        done.push((target, fate));
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for (target, fate) in done.iter_mut().filter(|(_, fate)| *fate == Fate::Ending) {
        loop {
            let now = look(session, server, target.id).await?;
            if now.is_none_or(|(now, _)| order.what == What::Query && is_other_statement(target, &now)) {
                *fate = Fate::Ended;
                break;
            }
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            order.cancel.sleep(PULSE).await?;
        }
    }
    Ok(done)
}

/// How many connections the server has open.
///
/// # Errors
/// The connection was lost.
pub async fn in_use(session: &mut Session) -> Result<u64, DbError> {
    let row = session
        .first::<Row>("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        .await?;
    Ok(row.map_or(0, |row| {
        text(&row, 1).and_then(|text| text.parse().ok()).unwrap_or(0)
    }))
}

/// What to end, and what must still be true of it.
#[derive(Debug)]
pub struct Order<'a> {
    /// Connections or statements.
    pub what: What,
    /// Which.
    pub filter: &'a Filter,
    /// Whether transactions that changed rows may be ended.
    pub including_writers: bool,
    /// The run's.
    pub cancel: &'a Cancel,
}

async fn kill_one(
    session: &mut Session,
    server: &Server,
    facts: &Facts,
    order: &Order<'_>,
    target: &Connection,
    open: &Transactions,
) -> Result<Fate, DbError> {
    let Some((mut now, statement)) = look(session, server, target.id).await? else {
        return Ok(Fate::EndedMeanwhile);
    };
    now.process.clone_from(&target.process);
    now.program.clone_from(&target.program);
    now.rows_changed = open.rows.get(&target.id).copied();
    // A lock lasts as long as its transaction.
    let in_transaction = now.rows_changed.is_some() || !facts.sees_transactions;
    now.blocks = target.blocks && (in_transaction || target.transaction.is_none());
    let same =
        (now.id, &now.user, &now.host, now.port) == (target.id, &target.user, &target.host, target.port);
    let protected = facts.protection(&now, order.including_writers).is_some();
    let other = order.what == What::Query && is_other_statement(target, &now);
    if !same || protected || other || !order.filter.matches(&now) {
        return Ok(Fate::Changed);
    }
    let command = match order.what {
        What::Connection => server.kill_connection(target.id),
        What::Query => server.kill_query(target.id, statement),
    };
    match session.execute(command).await {
        Ok(_) => Ok(Fate::Ending),
        Err(error) if error.is_unknown_thread() => Ok(Fate::EndedMeanwhile),
        Err(error) if error.code().is_some() => Ok(Fate::Refused(error.what().to_owned())),
        Err(error) => Err(error),
    }
}

/// Whether the statement that was seen has ended: a later one may have the same text, but not its age.
fn is_other_statement(seen: &Connection, now: &Connection) -> bool {
    now.sleeps() || now.statement != seen.statement || now.time < seen.time
}

/// A connection as it is now, and the server's number for its statement.
async fn look(session: &mut Session, server: &Server, id: u64) -> Result<Option<(Connection, u64)>, DbError> {
    let own = session.id();
    let row = session
        .first::<Row>(format!("{}{id}", server.one_connection()))
        .await?;
    Ok(row.map(|row| (connection(&row, own), number(&row, 8))))
}
