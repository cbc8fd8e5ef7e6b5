//! Normalises calls that only one server has, or that the servers print with different arguments.

use super::lexer::{ExprToken, is_keyword};
use super::view::closing;

/// Rewrites calls in the form that both servers accept.
pub(super) fn rewrite(tokens: &[ExprToken]) -> Vec<ExprToken> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let name = match &tokens[at..] {
            [ExprToken::Word(name), ExprToken::Open, ..] if REWRITTEN_CALLS.contains(&name.as_str()) => name,
            _ => {
                out.push(tokens[at].clone());
                at += 1;
                continue;
            }
        };
        let Some((arguments, end)) = arguments(tokens, at + 2) else {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        };
        let arguments: Vec<Vec<ExprToken>> = arguments.into_iter().map(rewrite).collect();
        out.extend(call(name, arguments));
        at = end + 1;
    }
    out
}

/// Adds parentheses around each `x member of (y)`, which MySQL prints without.
pub(super) fn parenthesise_member_of(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    let mut out: Vec<ExprToken> = Vec::with_capacity(tokens.len());
    // Positions in `tokens` at which added parentheses must be closed.
    let mut ends: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let member = ExprToken::Word("member".into());
        let of = tokens.get(at + 1) == Some(&ExprToken::Word("of".into()));
        let end = (*token == member && of)
            .then(|| closing(&tokens, at + 2))
            .flatten();
        if let Some(end) = end {
            out.insert(operand_start(&out), ExprToken::Open);
            ends.push(end);
        }
        out.push(token.clone());
        while ends.last() == Some(&at) {
            ends.pop();
            out.push(ExprToken::Close);
        }
    }
    out
}

/// The start of the operand at the end of `tokens`: a path of names, a literal, a call or a group.
fn operand_start(tokens: &[ExprToken]) -> usize {
    let mut start = tokens.len().saturating_sub(1);
    if tokens.last() == Some(&ExprToken::Close) {
        let mut depth = 0usize;
        let open = tokens.iter().rposition(|token| {
            match token {
                ExprToken::Close => depth += 1,
                ExprToken::Open => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        start = open.unwrap_or(0);
        let called = start.checked_sub(1).map(|before| &tokens[before]);
        if matches!(called, Some(ExprToken::Word(word)) if !is_keyword(word)) {
            start -= 1;
        }
    }
    while start >= 2 && tokens[start - 1] == ExprToken::Dot {
        start -= 2;
    }
    start
}

const REWRITTEN_CALLS: [&str; 8] = [
    "json_value",
    "lag",
    "lead",
    "regexp_like",
    "rollup_group_item",
    "rollup_sum_switcher",
    "week",
    "yearweek",
];

fn call(name: &str, mut arguments: Vec<Vec<ExprToken>>) -> Vec<ExprToken> {
    let number = |argument: Option<&Vec<ExprToken>>, expected: &str| matches!(argument.map(Vec::as_slice), Some([ExprToken::Number(number)]) if number == expected);
    match (name, arguments.as_mut_slice()) {
        // MySQL prints `a REGEXP b` so; MariaDB has no such function.
        ("regexp_like", [text, pattern]) => {
            let regexp = vec![ExprToken::Word("regexp".into())];
            group([group(text.clone()), regexp, group(pattern.clone())].concat())
        }
        // MySQL's internal functions of WITH ROLLUP, which it does not accept.
        ("rollup_group_item", [item, ..]) | ("rollup_sum_switcher", [item]) => item.clone(),
        // Default arguments that one of the servers prints.
        ("lag" | "lead", [_, distance]) if number(Some(distance), "1") => called(name, &arguments[..1]),
        ("week" | "yearweek", [_, mode]) if number(Some(mode), "0") => called(name, &arguments[..1]),
        ("json_value", [_, path]) => {
            let returning = path
                .iter()
                .position(|token| *token == ExprToken::Word("returning".into()));
            if let Some(at) = returning.filter(|at| path[*at..] == returning_default()) {
                path.truncate(at);
            }
            called(name, &arguments)
        }
        _ => called(name, &arguments),
    }
}

/// The clause that MySQL adds to JSON_VALUE.
fn returning_default() -> Vec<ExprToken> {
    vec![
        ExprToken::Word("returning".into()),
        ExprToken::Word("char".into()),
        ExprToken::Open,
        ExprToken::Number("512".into()),
        ExprToken::Close,
    ]
}

fn group(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    [vec![ExprToken::Open], tokens, vec![ExprToken::Close]].concat()
}

fn called(name: &str, arguments: &[Vec<ExprToken>]) -> Vec<ExprToken> {
    let name = vec![ExprToken::Word(name.to_owned())];
    [name, group(arguments.join(&ExprToken::Comma))].concat()
}

/// The arguments of the call that opens before `start`, and the position at which it closes.
fn arguments(tokens: &[ExprToken], start: usize) -> Option<(Vec<&[ExprToken]>, usize)> {
    let mut out = Vec::new();
    let mut depth = 0usize;
    let mut from = start;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            ExprToken::Open => depth += 1,
            ExprToken::Close if depth == 0 => {
                out.push(&tokens[from..at]);
                return Some((out, at));
            }
            ExprToken::Close => depth -= 1,
            ExprToken::Comma if depth == 0 => {
                out.push(&tokens[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    None
}
