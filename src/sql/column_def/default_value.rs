//! The default of a column.

use super::parentheses;
use crate::sql::cursor::{SqlToken, TokenCursor};

/// The value of DEFAULT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultValue {
    /// NULL.
    Null,
    /// A literal, or the current time: the server stores the same value in every row.
    Literal,
    /// An expression in parentheses or a function.
    Expression {
        /// Whether it consists of literals and operators alone.
        constant: bool,
    },
}

/// Parses the value after DEFAULT.
pub(super) fn default_value(cursor: &mut TokenCursor<'_>) -> DefaultValue {
    if cursor.at('(') {
        let start = cursor.clone();
        parentheses(cursor);
        return DefaultValue::Expression {
            constant: constant(start),
        };
    }
    while cursor.eat_char('-') || cursor.eat_char('+') {}
    match cursor.next() {
        Some(SqlToken::Word(word)) => {
            let upper = word.to_ascii_uppercase();
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                // 1.5, 1e-3: a word, a character, a word.
                let exponent = upper.ends_with('E') && !upper.starts_with("0X");
                if cursor.eat_char('.') || exponent && (cursor.eat_char('-') || cursor.eat_char('+')) {
                    let fraction = cursor.word().unwrap_or_default();
                    if fraction.ends_with('E') && (cursor.eat_char('-') || cursor.eat_char('+')) {
                        cursor.word();
                    }
                }
                return DefaultValue::Literal;
            }
            match upper.as_str() {
                "NULL" => DefaultValue::Null,
                "CURRENT_TIMESTAMP" | "NOW" | "LOCALTIME" | "LOCALTIMESTAMP" => {
                    parentheses(cursor);
                    DefaultValue::Literal
                }
                _ => {
                    // b'1', x'ff', _utf8mb4'x', DATE '2020-01-01', N'x'.
                    if matches!(cursor.peek(), Some(SqlToken::Text(_))) {
                        cursor.next();
                        return DefaultValue::Literal;
                    }
                    if cursor.at('(') {
                        parentheses(cursor);
                        return DefaultValue::Expression { constant: false };
                    }
                    match upper.as_str() {
                        "TRUE" | "FALSE" => DefaultValue::Literal,
                        _ => {
                            // NEXT VALUE FOR s; anything else is not known.
                            if upper == "NEXT" && cursor.eat("VALUE") && cursor.eat("FOR") {
                                cursor.name();
                            }
                            DefaultValue::Expression { constant: false }
                        }
                    }
                }
            }
        }
        Some(SqlToken::Char('.')) => {
            cursor.word();
            DefaultValue::Literal
        }
        Some(SqlToken::Text(_) | SqlToken::Name(_)) => DefaultValue::Literal,
        _ => DefaultValue::Expression { constant: false },
    }
}

/// Whether the parentheses that begin here hold literals and operators alone.
fn constant(mut cursor: TokenCursor<'_>) -> bool {
    let mut depth = 0_usize;
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => {
                depth -= 1;
                if depth == 0 {
                    return true;
                }
            }
            SqlToken::Word(word) => {
                let upper = word.to_ascii_uppercase();
                let literal = word.starts_with(|c: char| c.is_ascii_digit())
                    || matches!(upper.as_str(), "NULL" | "TRUE" | "FALSE");
                if !literal {
                    return false;
                }
            }
            SqlToken::Name(_) => return false,
            SqlToken::Char(_) | SqlToken::Text(_) => {}
        }
    }
    false
}
