//! Normalises a SELECT as a whole.

use super::lexer::{ExprToken, is_word};
use crate::schema::model::Symbol;

/// Unifies conditions that are a single column: MariaDB 11.8 prints `where x is true` and `is false`,
/// other servers print the equivalent `x <> 0` and `x = 0`.
pub(super) fn unify_column_conditions(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    const CONDITIONS: [&str; 3] = ["where", "on", "having"];
    const MORE: [&str; 4] = ["and", "or", "xor", "is"];
    let mut out: Vec<ExprToken> = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let test = match (out.last(), token) {
            (Some(ExprToken::Word(is)), ExprToken::Word(value)) if is == "is" && value == "true" => "<>",
            (Some(ExprToken::Word(is)), ExprToken::Word(value)) if is == "is" && value == "false" => "=",
            _ => {
                out.push(token.clone());
                continue;
            }
        };
        let path = out.iter().rev().skip(1);
        let path = path
            .take_while(|token| matches!(token, ExprToken::Name(_) | ExprToken::Dot))
            .count();
        let before = (out.len() - 1 - path).checked_sub(1).and_then(|at| out.get(at));
        let after = tokens.get(at + 1);
        let ends = !is_word(after, &MORE) && !matches!(after, Some(ExprToken::Operator(_)));
        if path > 0 && is_word(before, &CONDITIONS) && ends {
            out.pop();
            out.extend([ExprToken::Operator(test), ExprToken::Number("0".into())]);
        } else {
            out.push(token.clone());
        }
    }
    out
}

/// Replaces names of windows, which MySQL prints, by their definitions, which MariaDB prints.
pub(super) fn inline_windows(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    let mut windows: Vec<(ExprToken, Vec<ExprToken>)> = Vec::new();
    let mut out: Vec<ExprToken> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let first = is_word(Some(token), &["window"]);
        let next = !windows.is_empty() && *token == ExprToken::Comma;
        match &tokens[at + 1..] {
            [name @ ExprToken::Name(_), as_word, ExprToken::Open, ..]
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
fn insert_definitions(tokens: Vec<ExprToken>, windows: &[(ExprToken, Vec<ExprToken>)]) -> Vec<ExprToken> {
    let mut out: Vec<ExprToken> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let definition = windows
            .iter()
            .find(|(name, _)| *name == token)
            .map(|(_, text)| text);
        match (definition, out.as_slice()) {
            (Some(definition), [.., over]) if is_word(Some(over), &["over"]) => {
                out.push(ExprToken::Open);
                out.extend_from_slice(definition);
                out.push(ExprToken::Close);
            }
            (Some(definition), [.., over, ExprToken::Open]) if is_word(Some(over), &["over"]) => {
                out.extend_from_slice(definition);
            }
            _ => out.push(token),
        }
    }
    out
}

/// Renames the columns of a SELECT; `None` if nothing changes or the number of names differs.
pub(super) fn rename_columns(tokens: Vec<ExprToken>, columns: &[Symbol]) -> Option<Vec<ExprToken>> {
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
    let mut names: Vec<(ExprToken, ExprToken)> = Vec::new();
    for (place, column) in positions.into_iter().zip(columns) {
        let new = ExprToken::Name(column.to_string());
        names.push((std::mem::replace(&mut out[place], new.clone()), new));
    }
    // Replace the old names in the clauses after the SELECT.
    let start = (end..out.len()).find(|at| depths[*at] == 0 && is_word(out.get(*at), &BY_ALIAS));
    for at in start.unwrap_or(out.len())..out.len() {
        let alone = out[at - 1] != ExprToken::Dot && out.get(at + 1) != Some(&ExprToken::Dot);
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
pub(super) fn closing(tokens: &[ExprToken], at: usize) -> Option<usize> {
    if tokens.get(at) != Some(&ExprToken::Open) {
        return None;
    }
    let mut depth = 0usize;
    (at..tokens.len()).find(|place| {
        match tokens[*place] {
            ExprToken::Open => depth += 1,
            ExprToken::Close => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// The nesting depth of each token; a parenthesis itself counts as inside.
pub(super) fn depths(tokens: &[ExprToken]) -> Vec<usize> {
    let mut depth = 0usize;
    let step = |token: &ExprToken| match token {
        ExprToken::Open => {
            depth += 1;
            depth
        }
        ExprToken::Close => {
            depth = depth.saturating_sub(1);
            depth + 1
        }
        _ => depth,
    };
    tokens.iter().map(step).collect()
}

/// The ranges between commas.
pub(super) fn items<'a>(
    tokens: &'a [ExprToken],
    depths: &'a [usize],
    start: usize,
    end: usize,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let commas = (start..end).filter(|at| depths[*at] == 0 && tokens[*at] == ExprToken::Comma);
    let mut from = start;
    commas
        .chain([end])
        .map(move |at| (std::mem::replace(&mut from, at + 1), at))
        .filter(|(from, to)| from <= to)
}

/// The expression and the alias of an item with an alias.
pub(super) fn aliased(item: &[ExprToken]) -> Option<(&[ExprToken], &ExprToken)> {
    match item {
        [expression @ .., ExprToken::Word(word), alias @ ExprToken::Name(_)] if word == "as" => {
            Some((expression, alias))
        }
        _ => None,
    }
}
