//! The error of a statement that the server ended by its own time limit.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::time::timeout;

use super::codes;
use super::driver_panic::catch_panic;
use super::error::DbError;

/// A server's limit on the time of a statement.
struct ServerTimeLimit {
    /// The error with which the server ends a statement.
    code: u16,
    variable: &'static str,
    ask: &'static str,
    unit: &'static str,
    /// How an administrator raises it.
    steps: &'static str,
}

/// MariaDB's is for every statement and may be an account's own; MySQL's is for SELECT.
const LIMITS: [ServerTimeLimit; 2] = [
    ServerTimeLimit {
        code: codes::ER_STATEMENT_TIMEOUT,
        variable: "max_statement_time",
        ask: "SELECT CAST(@@session.max_statement_time AS CHAR)",
        unit: "s",
        steps: "SET GLOBAL max_statement_time = N (seconds, 0 is no limit), or for an account that has a limit of \
                its own ALTER USER … WITH MAX_STATEMENT_TIME N",
    },
    ServerTimeLimit {
        code: codes::ER_QUERY_TIMEOUT,
        variable: "max_execution_time",
        ask: "SELECT CAST(@@session.max_execution_time AS CHAR)",
        unit: "ms",
        steps: "SET GLOBAL max_execution_time = N (milliseconds, 0 is no limit)",
    },
];

/// How long the server may take to report its limit.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Adds the variable and its value if the server's own time limit ended the statement.
pub(super) async fn explain(conn: &mut Conn, error: DbError) -> DbError {
    let Some(limit) = LIMITS.iter().find(|limit| Some(limit.code) == error.code()) else {
        return error;
    };
    let asked = timeout(ASK_TIMEOUT, catch_panic(conn.query_first::<String, _>(limit.ask))).await;
    let value = match asked {
        Ok(Ok(Ok(Some(value)))) => format!(" = {} {}", trim_zeros(&value), limit.unit),
        _ => String::new(),
    };
    let what = format!(
        "{}: the server itself ends statements that take longer ({}{value})",
        error.what(),
        limit.variable
    );
    let next = format!(
        "an administrator raises it with {}; then run the command again. DB_TIMEOUT is dbtool's own limit and \
         changes nothing here",
        limit.steps
    );
    error.with_what(what).with_next(next)
}

/// A number without trailing zeros.
fn trim_zeros(value: &str) -> &str {
    match value.contains('.') {
        true => value.trim_end_matches('0').trim_end_matches('.'),
        false => value,
    }
}
