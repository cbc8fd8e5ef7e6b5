//! Normalises expressions printed by the servers to a canonical form.
//!
//! MySQL prints `((`a` > 0) and (`b` = _utf8mb4\'x\'))` where MariaDB prints
//! `` `a` > 0 and `b` = 'x' ``. Both become the latter: without character set introducers, with
//! quoted names, keywords and functions in lower case, and parentheses only where precedence
//! needs them. Text that cannot be parsed is unchanged.

mod calls;
mod conditions;
pub(crate) mod lexer;
mod precedence;
mod query;
mod view;

use super::model::Symbol;
use lexer::ExprToken;

/// The canonical form of an expression or a SELECT. Qualifiers equal to `database` are removed.
pub fn canonical(text: &str, database: &str) -> String {
    let unescaped;
    let text = match lexer::has_bare_backslash(text) {
        true => {
            unescaped = lexer::unescape(text);
            unescaped.as_str()
        }
        false => text,
    };
    let Some(tokens) = lexer::tokens(text) else {
        return text.trim().to_owned();
    };
    let tokens = calls::rewrite(&calls::parenthesise_member_of(rewrite(strip_database(
        tokens, database,
    ))));
    match precedence::reduce(view::inline_windows(tokens)) {
        Some(tokens) => {
            let tokens = conditions::not_inside(tokens);
            // A NOT that became part of an operator needs no parentheses.
            let tokens = precedence::reduce(tokens.clone()).unwrap_or(tokens);
            print(&query::normalise_queries(tokens))
        }
        None => text.trim().to_owned(),
    }
}

/// The canonical SELECT of a view whose columns have these names: MySQL shows them separately,
/// MariaDB writes them as aliases.
pub fn with_columns(select: &str, columns: &[Symbol]) -> String {
    match lexer::tokens(select).and_then(|tokens| view::rename_columns(tokens, columns)) {
        Some(tokens) => print(&tokens),
        None => select.to_owned(),
    }
}

/// An expression with names replaced by `other`; `None` if none is replaced.
pub fn with_names(text: &str, other: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut tokens = lexer::tokens(text)?;
    let mut changed = false;
    for token in &mut tokens {
        if let ExprToken::Name(name) = token
            && let Some(other) = other(name)
        {
            *name = other;
            changed = true;
        }
    }
    changed.then(|| print(&tokens))
}

/// Whether `text` is a literal or NULL, which needs no parentheses as a default.
pub fn is_literal(text: &str) -> bool {
    match lexer::tokens(text).as_deref() {
        Some([ExprToken::Text(_) | ExprToken::Number(_)]) => true,
        Some([ExprToken::Operator("-"), ExprToken::Number(_)]) => true,
        Some([ExprToken::Word(word)]) => word == "null",
        Some([ExprToken::Word(word), ExprToken::Text(_)]) => word == "b" || word == "x",
        _ => false,
    }
}

/// The names in a SELECT or a body.
pub fn names(text: &str) -> Vec<String> {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let name = |token: ExprToken| match token {
        ExprToken::Name(name) => Some(name),
        _ => None,
    };
    tokens.into_iter().filter_map(name).collect()
}

/// Removes the qualifier `` `database`. ``.
fn strip_database(tokens: Vec<ExprToken>, database: &str) -> Vec<ExprToken> {
    let mut out: Vec<ExprToken> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let qualifies = matches!(&token, ExprToken::Name(name) if name == database)
            && tokens.peek() == Some(&ExprToken::Dot)
            && out.last() != Some(&ExprToken::Dot);
        if qualifies {
            tokens.next();
        } else {
            out.push(token);
        }
    }
    out
}

/// Unifies equivalent spellings that differ between the servers.
fn rewrite(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    let mut out: Vec<ExprToken> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let called = tokens.peek() == Some(&ExprToken::Open);
        match token {
            ExprToken::Word(word)
                if word.starts_with('_') && matches!(tokens.peek(), Some(ExprToken::Text(_))) => {}
            // x'6162' equals 0x6162.
            ExprToken::Word(word) if word == "x" && matches!(tokens.peek(), Some(ExprToken::Text(_))) => {
                if let Some(ExprToken::Text(digits)) = tokens.next() {
                    out.push(bytes(&digits));
                }
            }
            // b'' equals the empty string, as which MySQL prints it.
            ExprToken::Word(word)
                if word == "b" && tokens.peek() == Some(&ExprToken::Text(String::new())) => {}
            ExprToken::Number(number) if number == "0x" => out.push(bytes("")),
            // Hints that MySQL no longer supports.
            ExprToken::Word(word) if word == "sql_no_cache" || word == "sql_cache" => {}
            ExprToken::Word(word) => out.extend(synonym(&word, called, out.last())),
            ExprToken::Operator("<>") => out.push(ExprToken::Operator("<>")),
            ExprToken::Operator("!=") => out.push(ExprToken::Operator("<>")),
            ExprToken::Operator("&&") => out.push(ExprToken::Word("and".into())),
            ExprToken::Operator("||") => out.push(ExprToken::Word("or".into())),
            other => out.push(other),
        }
    }
    drop_limit_of_exists(out)
}

/// A literal of bytes; `0x` alone is not SQL.
fn bytes(digits: &str) -> ExprToken {
    match digits {
        "" => ExprToken::Text(String::new()),
        digits => ExprToken::Number(format!("0x{}", digits.to_ascii_lowercase())),
    }
}

/// The canonical tokens of a word.
fn synonym(word: &str, called: bool, before: Option<&ExprToken>) -> Vec<ExprToken> {
    let one = |text: &str| vec![ExprToken::Word(text.to_owned())];
    let after_is = matches!(before, Some(ExprToken::Word(word)) if word == "is" || word == "not");
    match word {
        "octet_length" if called => one("length"),
        "character_length" if called => one("char_length"),
        "substr" | "mid" if called => one("substring"),
        "ucase" if called => one("upper"),
        "lcase" if called => one("lower"),
        "now" | "localtimestamp" | "localtime" if called => one("current_timestamp"),
        "current_timestamp" | "localtimestamp" | "localtime" if !called => {
            vec![
                ExprToken::Word("current_timestamp".into()),
                ExprToken::Open,
                ExprToken::Close,
            ]
        }
        "current_date" if called => one("curdate"),
        "true" if !after_is => vec![ExprToken::Number("1".into())],
        "false" if !after_is => vec![ExprToken::Number("0".into())],
        "rlike" => one("regexp"),
        // MariaDB's operator `mod` may also precede a parenthesis.
        "mod" if !called || before.is_some_and(|before| !before.wants_operand()) => {
            vec![ExprToken::Operator("%")]
        }
        // The functions, in upper case to distinguish them from the joins.
        "left" | "right" if called => one(&word.to_ascii_uppercase()),
        word => one(word),
    }
}

/// Removes the limit that MariaDB adds to `exists(select 1 from t limit 1)`.
fn drop_limit_of_exists(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    let mut out: Vec<ExprToken> = Vec::with_capacity(tokens.len());
    let mut exists: Vec<bool> = Vec::new();
    for token in tokens {
        match token {
            ExprToken::Open => {
                let word = |token: Option<&ExprToken>| matches!(token, Some(ExprToken::Word(word)) if word == "exists");
                exists.push(word(out.last()));
            }
            ExprToken::Close => {
                let added = matches!(
                    out.as_slice(),
                    [.., ExprToken::Word(limit), ExprToken::Number(one)] if limit == "limit" && one == "1"
                );
                if exists.pop() == Some(true) && added {
                    out.truncate(out.len() - 2);
                }
            }
            _ => {}
        }
        out.push(token);
    }
    out
}

/// Prints tokens with conventional spacing.
fn print(tokens: &[ExprToken]) -> String {
    let mut out = String::new();
    let mut unary = false;
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let tight = match (before, token) {
            (None, _)
            | (Some(ExprToken::Open | ExprToken::Dot), _)
            | (_, ExprToken::Close | ExprToken::Comma | ExprToken::Dot) => true,
            (Some(ExprToken::Word(word)), ExprToken::Open) => !lexer::is_keyword(word),
            (Some(ExprToken::Name(_)), ExprToken::Open) => true,
            (Some(ExprToken::Word(word)), ExprToken::Text(_)) => word == "b" || word == "x" || word == "n",
            (Some(ExprToken::Operator(_)), _) => unary,
            _ => false,
        };
        if !tight {
            out.push(' ');
        }
        unary = match token {
            ExprToken::Operator("-" | "+" | "~" | "!" | "@") => before.is_none_or(ExprToken::wants_operand),
            _ => false,
        };
        token.print(&mut out);
    }
    out
}

#[cfg(test)]
mod tests;
