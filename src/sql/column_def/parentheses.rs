//! An expression in parentheses, in a form that can be compared.

use super::unquoted;
use crate::sql::cursor::{SqlToken, TokenCursor};

/// Takes a pair of parentheses, if it is next, and gives what it holds in a form that does not depend on white
/// space, quotes around identifiers and further parentheses around the whole.
pub(in crate::sql) fn parentheses(cursor: &mut TokenCursor<'_>) -> String {
    let mut tokens: Vec<String> = Vec::new();
    if !cursor.at('(') {
        return String::new();
    }
    let mut depth = 0_usize;
    while let Some(tok) = cursor.next() {
        tokens.push(match tok {
            SqlToken::Char(c) => c.to_string(),
            SqlToken::Word(word) => word.to_lowercase(),
            SqlToken::Text(text) => text.to_owned(),
            SqlToken::Name(quoted) if quoted.starts_with('`') => unquoted(quoted).to_lowercase(),
            SqlToken::Name(quoted) => quoted.to_owned(),
        });
        match tok {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let mut inner: &[String] = &tokens;
    while let Some(less) = without_outer(inner) {
        inner = less;
    }
    inner.join(" ")
}

/// The tokens within, when one pair of parentheses surrounds all of them.
fn without_outer(tokens: &[String]) -> Option<&[String]> {
    if tokens.len() < 2 || tokens[0] != "(" {
        return None;
    }
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (index + 1 == tokens.len()).then(|| &tokens[1..index]);
        }
    }
    None
}
