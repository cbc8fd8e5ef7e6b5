//! What any account may ask a server about its connections, several questions in one round trip.

use std::time::Duration;

use super::limits::Hourly;
use super::model::{Connection, Facts, split_host};
use crate::db::row::{get, text};
use crate::db::{DbError, Event, Row, Server, Session};
use crate::memory::symbol::Symbol;

/// A question to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// The limits in force.
    Limits,
    /// Counters since the server's start.
    Counters,
    /// The account's own limits; a proxy, or an account that a plugin maps, may have no answer.
    Account,
    /// Who is connected, as far as this account may see.
    Clients,
    /// The same from the table that takes no global lock (MySQL manual, "The processlist Table").
    ClientsWithoutLock,
}

impl Question {
    /// How this server tells who is connected.
    pub(super) fn of_clients(server: &Server) -> Question {
        if server.has_performance_schema_processlist() {
            Question::ClientsWithoutLock
        } else {
            Question::Clients
        }
    }

    fn sql(self) -> &'static str {
        match self {
            // The session's max_user_connections is the account's own limit, or the global one when the account has
            // none (MariaDB and MySQL manuals, "max_user_connections").
            Question::Limits => {
                "SELECT @@global.max_connections, @@session.max_user_connections, \
                 @@global.max_user_connections, @@global.wait_timeout, @@global.performance_schema"
            }
            Question::Counters => {
                "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Threads_running', \
                 'Max_used_connections', 'Max_used_connections_time', 'Connection_errors_max_connections', \
                 'Aborted_clients', 'Aborted_connects', 'Connections', 'Uptime')"
            }
            Question::Account => "SHOW CREATE USER CURRENT_USER()",
            // Statements are cut so that a large one costs nothing.
            Question::Clients => {
                "SELECT id, user, host, db, command, time, state, LEFT(info, 200) FROM information_schema.processlist"
            }
            Question::ClientsWithoutLock => {
                "SELECT id, user, host, db, command, time, state, LEFT(info, 200) FROM performance_schema.processlist"
            }
        }
    }

    /// Keeps a row of the answer.
    fn take(self, row: &Row, own: u64, facts: &mut Facts) {
        match self {
            Question::Limits => limits(row, facts),
            Question::Counters => counter(row, facts),
            Question::Account => facts.hourly = Hourly::read(&text(row, 0).unwrap_or_default()),
            Question::Clients | Question::ClientsWithoutLock => facts.connections.push(connection(row, own)),
        }
    }
}

/// Asks all of these at once; rows are kept as they come, because thousands would take more memory than what is kept
/// of them.
pub(super) async fn ask(
    session: &mut Session,
    questions: &[Question],
    facts: &mut Facts,
) -> Result<(), DbError> {
    match ask_at_once(session, questions, facts).await {
        // A proxy that takes one statement at a time, or has no answer to one of them.
        Err(error) if error.code().is_some() => {
            facts.connections.clear();
            for question in questions {
                match ask_at_once(session, &[*question], facts).await {
                    Err(error) if *question == Question::Account && error.code().is_some() => {}
                    answer => answer?,
                }
            }
        }
        answer => answer?,
    }
    // The table of a server without performance_schema is empty.
    if !facts.performance_schema && questions.contains(&Question::ClientsWithoutLock) {
        facts.connections.clear();
        ask_at_once(session, &[Question::Clients], facts).await?;
    }
    facts.connections.shrink_to_fit();
    Ok(())
}

async fn ask_at_once(
    session: &mut Session,
    questions: &[Question],
    facts: &mut Facts,
) -> Result<(), DbError> {
    let statements: Vec<&str> = questions.iter().map(|question| question.sql()).collect();
    let own = session.id();
    let mut left = questions.iter();
    let mut answered = left.next();
    let answer = session.run(statements.join("; "), |event| match (event, answered) {
        (Event::Row(row), Some(question)) => question.take(&row, own, facts),
        (Event::SetDone(_), _) => answered = left.next(),
        _ => {}
    });
    answer.await.map(|_| ())
}

pub(super) fn number(row: &Row, index: usize) -> u64 {
    // Some servers answer with a signed number that may briefly be negative.
    get::<i64>(row, index).map_or_else(
        || get(row, index).unwrap_or(0),
        |value| value.max(0).unsigned_abs(),
    )
}

fn limits(row: &Row, facts: &mut Facts) {
    let limit = |index| Some(number(row, index)).filter(|limit| *limit > 0);
    facts.max_connections = number(row, 0);
    facts.account_limit = limit(1);
    facts.user_limit = limit(2);
    facts.wait_timeout = number(row, 3);
    facts.performance_schema = number(row, 4) != 0;
}

fn counter(row: &Row, facts: &mut Facts) {
    let value = text(row, 1).unwrap_or_default();
    let number = value.parse().unwrap_or(0);
    match text(row, 0).unwrap_or_default().as_str() {
        "Threads_connected" => facts.in_use = number,
        "Threads_running" => facts.running = number,
        "Max_used_connections" => facts.peak = number,
        "Max_used_connections_time" => facts.peak_at = Some(value).filter(|at| !at.is_empty()),
        "Connection_errors_max_connections" => facts.refused = number,
        "Aborted_clients" => facts.aborted_clients = number,
        "Aborted_connects" => facts.aborted_connects = number,
        "Connections" => facts.attempts = number,
        "Uptime" => facts.uptime = Duration::from_secs(number),
        _ => {}
    }
}

fn symbol(row: &Row, index: usize) -> Symbol {
    Symbol::from(text(row, index).unwrap_or_default())
}

/// A row of the processlist.
pub(super) fn connection(row: &Row, own: u64) -> Connection {
    let id = number(row, 0);
    let (host, port) = split_host(&text(row, 2).unwrap_or_default());
    Connection {
        id,
        user: symbol(row, 1),
        host: Symbol::from(host),
        port,
        database: text(row, 3).map(Symbol::from),
        command: symbol(row, 4),
        time: Duration::from_secs(number(row, 5)),
        state: symbol(row, 6),
        statement: text(row, 7)
            .filter(|statement| !statement.is_empty())
            .map(without_password),
        own: id == own,
        ..Connection::default()
    }
}

/// Keeps quiet about a statement that may set a password: servers show it in clear text.
pub(super) fn without_password(statement: String) -> String {
    let lower = statement.to_ascii_lowercase();
    if ["password", "identified", "master_", "source_"]
        .iter()
        .any(|word| lower.contains(word))
    {
        let verb = statement.split_whitespace().next().unwrap_or_default();
        return format!("{verb} … (not shown: it may hold a password)");
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn statements_that_set_a_password_are_not_shown() {
        for statement in ["ALTER USER a IDENTIFIED BY 'hunter2'", "SET PASSWORD = 'hunter2'"] {
            assert!(
                !without_password(statement.into()).contains("hunter2"),
                "{statement}"
            );
        }
        assert_eq!(without_password("SELECT 1".into()), "SELECT 1");
    }
}
