//! What a statement leaves in the session, and what it takes from the statement before it.

mod plain_write;
mod prepared;

pub use plain_write::plain_write;
pub use prepared::{Executed, HandlerUse, Prepared, deallocates, executes, handles, prepares};

use super::cursor::{SqlToken, TokenCursor};
use super::mention::mentions;

/// Names of the user variables that a statement mentions, lower case. An account's host
/// (`'u'@'h'`) may be among them: a name too many does no harm.
pub fn user_variables(statement: &str) -> Vec<String> {
    let mut names = Vec::new();
    if !statement.contains('@') {
        return names;
    }
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        if tok != SqlToken::Char('@') {
            continue;
        }
        if cursor.eat_char('@') {
            cursor.next();
            continue;
        }
        let mut name = match cursor.peek() {
            Some(SqlToken::Text(text)) => {
                cursor.next();
                text[1..text.len() - 1].to_owned()
            }
            _ => match cursor.identifier() {
                Some(name) => name,
                None => continue,
            },
        };
        while cursor.at('.') {
            let mut ahead = cursor.clone();
            ahead.next();
            match ahead.word() {
                Some(part) => {
                    name = format!("{name}.{part}");
                    cursor = ahead;
                }
                None => break,
            }
        }
        names.push(name.to_lowercase());
    }
    names.sort();
    names.dedup();
    names
}

/// Whether a statement reads LAST_INSERT_ID or a synonym of it.
pub fn reads_last_insert_id(statement: &str) -> bool {
    if !mentions(statement, "LAST_INSERT_ID") && !mentions(statement, "IDENTITY") {
        return false;
    }
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        if tok.is("LAST_INSERT_ID") || tok.is("IDENTITY") {
            return true;
        }
    }
    false
}

/// Whether a statement reads results of the previous one: ROW_COUNT(), FOUND_ROWS(), its warnings.
/// No other statement may come between them.
pub fn reads_diagnostics(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    let shows = cursor.at_any(&["SHOW", "GET"]);
    if !shows && !mentions(statement, "_COUNT") && !mentions(statement, "FOUND_ROWS") {
        return false;
    }
    let mut before = None;
    let mut first = None;
    while let Some(tok) = cursor.next() {
        let asks = match (before, tok) {
            (_, SqlToken::Word(word)) if is_any(word, &["ROW_COUNT", "FOUND_ROWS"]) => cursor.at('('),
            (Some(SqlToken::Char('@')), SqlToken::Word(word)) => {
                is_any(word, &["WARNING_COUNT", "ERROR_COUNT"])
                    // @@session.warning_count
                    || is_any(word, &["SESSION", "LOCAL"])
                        && { let mut ahead = cursor.clone(); ahead.eat_char('.') && ahead.at_any(&["WARNING_COUNT", "ERROR_COUNT"]) }
            }
            (_, SqlToken::Word(word)) => match first {
                Some("SHOW") => is_any(word, &["WARNINGS", "ERRORS"]),
                Some("GET") => is_any(word, &["DIAGNOSTICS"]),
                _ => false,
            },
            _ => false,
        };
        if asks {
            return creates_program(statement).is_none();
        }
        if before.is_none() {
            first = Some(match tok {
                SqlToken::Word(word) if word.eq_ignore_ascii_case("SHOW") => "SHOW",
                SqlToken::Word(word) if word.eq_ignore_ascii_case("GET") => "GET",
                _ => "",
            });
        }
        before = Some(tok);
    }
    false
}

/// Whether a stored program's body reads results of the statement that ran before it: before any statement of its
/// own is over, judged by the order in the text.
pub fn asks_first(body: &str) -> bool {
    let mut cursor = TokenCursor::new(body);
    let mut own = false;
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Word(word) if is_any(word, &["ROW_COUNT", "FOUND_ROWS"]) && cursor.at('(') => {
                return true;
            }
            SqlToken::Word(word) if is_any(word, &["WARNING_COUNT", "ERROR_COUNT"]) => return true,
            SqlToken::Word(word)
                if is_any(
                    word,
                    &[
                        "INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "CALL", "EXECUTE",
                    ],
                ) =>
            {
                own = true;
            }
            SqlToken::Char(';') if own => return false,
            _ => {}
        }
    }
    false
}

/// Whether a statement mentions a name, quoted or not; names are compared in lower case.
pub fn mentions_name(statement: &str, wanted: impl Fn(&str) -> bool) -> bool {
    let mut cursor = TokenCursor::new(statement);
    loop {
        match cursor.peek() {
            None => return false,
            Some(SqlToken::Word(_) | SqlToken::Name(_)) => {
                if cursor
                    .identifier()
                    .is_some_and(|name| wanted(&name.to_lowercase()))
                {
                    return true;
                }
            }
            Some(_) => drop(cursor.next()),
        }
    }
}

/// The prepared statement that EXECUTE runs, lower case.
pub fn executes_name(statement: &str) -> Option<String> {
    match executes(statement)? {
        Executed::Name(name) => Some(name),
        Executed::Immediate(_) => None,
    }
}

/// Whether a statement creates a stored program or a view, and the name under which others run it: for a trigger
/// that of its table.
pub fn creates_program(statement: &str) -> Option<String> {
    let found = super::classify(statement);
    let object = found.objects.first()?;
    match found.verb.as_str() {
        "CREATE PROCEDURE" | "CREATE FUNCTION" | "CREATE VIEW" | "CREATE EVENT" => {
            Some(object.name.name.clone())
        }
        "CREATE TRIGGER" => {
            let mut cursor = TokenCursor::new(statement);
            while let Some(tok) = cursor.next() {
                if tok.is("ON") {
                    return cursor.name().map(|table| table.name);
                }
            }
            None
        }
        _ => None,
    }
}

/// Whether a statement is a SET that affects only the next statement: INSERT_ID.
pub fn sets_for_next_statement(statement: &str) -> bool {
    super::assigned_variables(statement)
        .iter()
        .any(|name| name == "insert_id")
}

/// Whether a statement is SET TRANSACTION without a scope, which affects only the next transaction.
pub fn sets_next_transaction(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("SET") && cursor.eat("TRANSACTION")
}

/// Whether a statement is SET ROLE or SET DEFAULT ROLE … : rights of the session.
pub fn sets_role(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("SET") && cursor.eat("ROLE")
}

/// Whether a SET may do more than assign: it calls a function or reads a table.
pub fn may_call(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        let calls = match tok {
            SqlToken::Word(word) => word.eq_ignore_ascii_case("SELECT") || cursor.at('('),
            SqlToken::Name(_) => cursor.at('('),
            _ => false,
        };
        if calls {
            return true;
        }
    }
    false
}

/// Whether a statement contains a query.
pub fn has_query(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        if matches!(tok, SqlToken::Word(word) if is_any(word, &["SELECT"])) {
            return true;
        }
    }
    false
}

fn is_any(word: &str, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests;
