//! Normalises a SELECT as a whole.

use super::lexer::{Token, is_word};
use crate::schema::model::Symbol;

/// Unifies conditions that are a single column: MariaDB 11.8 prints `where x is true` and `is false`,
/// other servers print the equivalent `x <> 0` and `x = 0`.
pub(super) fn unify_column_conditions(tokens: Vec<Token>) -> Vec<Token> {
    const CONDITIONS: [&str; 3] = ["where", "on", "having"];
    const MORE: [&str; 4] = ["and", "or", "xor", "is"];
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let test = match (out.last(), token) {
            (Some(Token::Word(is)), Token::Word(value)) if is == "is" && value == "true" => "<>",
            (Some(Token::Word(is)), Token::Word(value)) if is == "is" && value == "false" => "=",
            _ => {
                out.push(token.clone());
                continue;
            }
        };
        let path = out.iter().rev().skip(1);
        let path = path
            .take_while(|token| matches!(token, Token::Name(_) | Token::Dot))
            .count();
        let before = (out.len() - 1 - path).checked_sub(1).and_then(|at| out.get(at));
        let after = tokens.get(at + 1);
        let ends = !is_word(after, &MORE) && !matches!(after, Some(Token::Operator(_)));
        if path > 0 && is_word(before, &CONDITIONS) && ends {
            out.pop();
            out.extend([Token::Operator(test), Token::Number("0".into())]);
        } else {
            out.push(token.clone());
        }
    }
    out
}

/// Replaces names of windows, which MySQL prints, by their definitions, which MariaDB prints.
pub(super) fn inline_windows(tokens: Vec<Token>) -> Vec<Token> {
    let mut windows: Vec<(Token, Vec<Token>)> = Vec::new();
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let first = is_word(Some(token), &["window"]);
        let next = !windows.is_empty() && *token == Token::Comma;
        match &tokens[at + 1..] {
            [name @ Token::Name(_), as_word, Token::Open, ..]
                if (first || next) && is_word(Some(as_word), &["as"]) =>
            {
                let inner = at + 4;
                let close = closing(&tokens, inner - 1).unwrap_or(tokens.len());
                windows.push((name.clone(), tokens[inner..close].to_vec()));
                at = close + 1;
            }
            _ => {
                out.push(token.clone());
                at += 1;
            }
        }
    }
    if windows.is_empty() {
        return out;
    }
    insert_definitions(out, &windows)
}

/// Replaces the names of windows by their definitions: after `over`, or first in its parentheses.
fn insert_definitions(tokens: Vec<Token>, windows: &[(Token, Vec<Token>)]) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let definition = windows
            .iter()
            .find(|(name, _)| *name == token)
            .map(|(_, text)| text);
        match (definition, out.as_slice()) {
            (Some(definition), [.., over]) if is_word(Some(over), &["over"]) => {
                out.push(Token::Open);
                out.extend_from_slice(definition);
                out.push(Token::Close);
            }
            (Some(definition), [.., over, Token::Open]) if is_word(Some(over), &["over"]) => {
                out.extend_from_slice(definition);
            }
            _ => out.push(token),
        }
    }
    out
}

/// Renames the columns of a SELECT; `None` if nothing changes or the number of names differs.
pub(super) fn rename_columns(tokens: Vec<Token>, columns: &[Symbol]) -> Option<Vec<Token>> {
    let depths = depths(&tokens);
    let word = |at: usize, any_of: &[&str]| depths[at] == 0 && is_word(tokens.get(at), any_of);
    let start = (0..tokens.len()).find(|at| word(*at, &["select"]))? + 1;
    let ends = ["from", "union", "except", "intersect", "where", "limit", "order"];
    let end = (start..tokens.len())
        .find(|at| word(*at, &ends))
        .unwrap_or(tokens.len());
    let positions: Vec<usize> = items(&tokens, &depths, start, end)
        .map(|(from, to)| aliased(&tokens[from..to]).map(|_| to - 1))
        .collect::<Option<_>>()?;
    if positions.len() != columns.len() {
        return None;
    }
    let mut out = tokens.clone();
    let mut names: Vec<(Token, Token)> = Vec::new();
    for (place, column) in positions.into_iter().zip(columns) {
        let new = Token::Name(column.to_string());
        names.push((std::mem::replace(&mut out[place], new.clone()), new));
    }
    // Replace the old names in the clauses after the SELECT.
    let start = (end..out.len()).find(|at| depths[*at] == 0 && is_word(out.get(*at), &BY_ALIAS));
    for at in start.unwrap_or(out.len())..out.len() {
        let alone = out[at - 1] != Token::Dot && out.get(at + 1) != Some(&Token::Dot);
        let renamed = names.iter().find(|(old, _)| alone && out[at] == *old);
        if let Some((_, new)) = renamed {
            out[at] = new.clone();
        }
    }
    (out != tokens).then_some(out)
}

/// Clauses that refer to the columns of a SELECT by name.
const BY_ALIAS: [&str; 3] = ["group", "having", "order"];

/// The position at which the parenthesis at `at` closes.
pub(super) fn closing(tokens: &[Token], at: usize) -> Option<usize> {
    if tokens.get(at) != Some(&Token::Open) {
        return None;
    }
    let mut depth = 0usize;
    (at..tokens.len()).find(|place| {
        match tokens[*place] {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// The nesting depth of each token; a parenthesis itself counts as inside.
pub(super) fn depths(tokens: &[Token]) -> Vec<usize> {
    let mut depth = 0usize;
    let step = |token: &Token| match token {
        Token::Open => {
            depth += 1;
            depth
        }
        Token::Close => {
            depth = depth.saturating_sub(1);
            depth + 1
        }
        _ => depth,
    };
    tokens.iter().map(step).collect()
}

/// The ranges between commas.
pub(super) fn items<'a>(
    tokens: &'a [Token],
    depths: &'a [usize],
    start: usize,
    end: usize,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let commas = (start..end).filter(|at| depths[*at] == 0 && tokens[*at] == Token::Comma);
    let mut from = start;
    commas
        .chain([end])
        .map(move |at| (std::mem::replace(&mut from, at + 1), at))
        .filter(|(from, to)| from <= to)
}

/// The expression and the alias of an item with an alias.
pub(super) fn aliased(item: &[Token]) -> Option<(&[Token], &Token)> {
    match item {
        [expression @ .., Token::Word(word), alias @ Token::Name(_)] if word == "as" => {
            Some((expression, alias))
        }
        _ => None,
    }
}
