//! How far a statement of this program is, as the server tells it through another connection.

use crate::context::Context;
use crate::db::row::get;
use crate::db::{DbError, Row, Server, Session};

/// Rows that a connection's transaction has changed; needs PROCESS. Its id is to be appended.
const ROWS_CHANGED: &str =
    "SELECT trx_rows_modified FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ";

/// How far a statement is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementProgress {
    /// What the server is doing, in its words.
    pub state: String,
    /// The work done, and all of it, where the server reports that.
    pub work: Option<(u64, u64)>,
    /// Rows that its transaction has changed so far, where the account may see that.
    pub rows: Option<u64>,
}

/// How far the statement of the connection `id` is; `None` if it is not visible or does nothing.
///
/// # Errors
/// No connection is free now, or the connection failed.
pub async fn statement_progress(ctx: &Context, id: u64) -> Result<Option<StatementProgress>, DbError> {
    let mut session = ctx.db.brief_session_at_once().await?;
    let server = ctx.db.server().await?;
    let Some(mut found) = reported(&server, &mut session, id).await? else {
        return Ok(None);
    };
    if found.work.is_none() {
        let row = allowed(session.first::<Row>(format!("{ROWS_CHANGED}{id}")).await)?;
        found.rows = row.and_then(|row| get(&row, 0)).filter(|rows| *rows > 0);
    }
    Ok(Some(found))
}

async fn reported(
    server: &Server,
    session: &mut Session,
    id: u64,
) -> Result<Option<StatementProgress>, DbError> {
    for query in server.progress_of_connection() {
        let Some(row) = allowed(session.first::<Row>(format!("{query}{id}")).await)? else {
            continue;
        };
        let state = get::<Option<String>>(&row, 0).flatten().unwrap_or_default();
        let done = get::<Option<u64>>(&row, 1).flatten();
        let all = get::<Option<u64>>(&row, 2).flatten();
        return Ok((!state.is_empty()).then(|| StatementProgress {
            state,
            work: done.zip(all).filter(|(done, all)| *done > 0 && all >= done),
            rows: None,
        }));
    }
    Ok(None)
}

/// What this account may not see is not there.
fn allowed<T>(answer: Result<Option<T>, DbError>) -> Result<Option<T>, DbError> {
    match answer {
        Err(error) if error.is_denied() => Ok(None),
        answer => answer,
    }
}
