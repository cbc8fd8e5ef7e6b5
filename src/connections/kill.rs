//! Ending connections and statements: each is looked at again right before, so that nothing but what was
//! planned is ended.

use std::time::Duration;

use super::filter::Filter;
use super::gather::{connection, number};
use super::model::{Connection, Facts};
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

/// Rows that the transaction of a connection changed; needs PROCESS.
const ROWS_CHANGED: &str =
    "SELECT trx_rows_modified FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ";

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
    for target in targets {
        order.cancel.check()?;
        let fate = kill_one(session, server, facts, order, &target).await?;
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
) -> Result<Fate, DbError> {
    let Some((mut now, statement)) = look(session, server, target.id).await? else {
        return Ok(Fate::EndedMeanwhile);
    };
    now.process.clone_from(&target.process);
    now.program.clone_from(&target.program);
    if facts.sees_transactions {
        let rows = session
            .first::<Row>(format!("{ROWS_CHANGED}{}", target.id))
            .await?;
        // A lock lasts as long as its transaction.
        now.blocks = target.blocks && (rows.is_some() || target.transaction.is_none());
        now.rows_changed = rows.map(|row| number(&row, 0));
    }
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
