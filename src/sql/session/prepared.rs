//! Statements and handlers that a session keeps under a name: PREPARE, EXECUTE, HANDLER.

use crate::sql::cursor::{SqlToken, TokenCursor};

/// The source of a prepared statement's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// A string in the statement: as it is written, and its value where a backslash escapes.
    Text {
        /// With its quotes.
        written: String,
        /// Its value.
        value: String,
    },
    /// A user variable's value; its name, lower case.
    Variable(String),
    /// An expression.
    Expression,
}

/// The name of the statement that PREPARE defines, lower case, and the source of its text.
pub fn prepares(statement: &str) -> Option<(String, Prepared)> {
    let mut cursor = TokenCursor::new(statement);
    if !cursor.eat("PREPARE") {
        return None;
    }
    let name = cursor.identifier()?.to_lowercase();
    cursor.eat("FROM").then(|| (name, source(&mut cursor)))
}

/// The prepared statement that DEALLOCATE PREPARE or DROP PREPARE drops, lower case.
pub fn deallocates(statement: &str) -> Option<String> {
    let mut cursor = TokenCursor::new(statement);
    (cursor.eat("DEALLOCATE") || cursor.eat("DROP")).then_some(())?;
    cursor.eat("PREPARE").then_some(())?;
    cursor.identifier().map(|name| name.to_lowercase())
}

/// What EXECUTE runs: a prepared statement by its name, lower case, or (MariaDB) a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executed {
    /// EXECUTE name.
    Name(String),
    /// EXECUTE IMMEDIATE.
    Immediate(Prepared),
}

/// What an EXECUTE runs.
pub fn executes(statement: &str) -> Option<Executed> {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("EXECUTE").then_some(())?;
    if cursor.eat("IMMEDIATE") {
        return Some(Executed::Immediate(source(&mut cursor)));
    }
    cursor
        .identifier()
        .map(|name| Executed::Name(name.to_lowercase()))
}

/// What a HANDLER statement does with its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerUse {
    /// Opens it for the session.
    Open,
    /// Reads it.
    Read,
    /// Closes it.
    Close,
}

/// The name under which a HANDLER statement knows its table, lower case, and what it does with it.
pub fn handles(statement: &str) -> Option<(String, HandlerUse)> {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("HANDLER").then_some(())?;
    let name = cursor.name()?.name;
    if !cursor.eat("OPEN") {
        let found = match cursor.eat("CLOSE") {
            true => HandlerUse::Close,
            false => HandlerUse::Read,
        };
        return Some((name.to_lowercase(), found));
    }
    cursor.eat("AS");
    let name = cursor.identifier().unwrap_or(name);
    Some((name.to_lowercase(), HandlerUse::Open))
}

fn source(cursor: &mut TokenCursor<'_>) -> Prepared {
    let found = match cursor.next() {
        Some(SqlToken::Text(text) | SqlToken::Name(text)) if !text.starts_with('`') => Prepared::Text {
            written: text.to_owned(),
            value: unquote(text),
        },
        Some(SqlToken::Char('@')) if !cursor.at('@') => match cursor.identifier() {
            Some(name) => Prepared::Variable(name.to_lowercase()),
            None => Prepared::Expression,
        },
        _ => Prepared::Expression,
    };
    if cursor.at_end() || cursor.at_any(&["USING"]) {
        found
    } else {
        Prepared::Expression
    }
}

/// A string's value, from its text with quotes (manual, "String Literals").
fn unquote(quoted: &str) -> String {
    let quote = quoted.chars().next().unwrap_or('\'');
    let mut value = String::new();
    let mut chars = quoted[1..quoted.len() - 1].chars().peekable();
    while let Some(c) = chars.next() {
        if c == quote {
            chars.next_if_eq(&quote);
            value.push(c);
        } else if c == '\\' {
            match chars.next() {
                Some('0') => value.push('\0'),
                Some('b') => value.push('\u{8}'),
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('Z') => value.push('\u{1a}'),
                // Left as they are, for LIKE.
                Some(other @ ('%' | '_')) => value.extend(['\\', other]),
                Some(other) => value.push(other),
                None => {}
            }
        } else {
            value.push(c);
        }
    }
    value
}
