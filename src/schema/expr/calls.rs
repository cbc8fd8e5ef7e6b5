//! Normalises calls that only one server has, or that the servers print with different arguments.

use super::lexer::{Token, is_keyword};
use super::view::closing;

/// Rewrites calls in the form that both servers accept.
pub(super) fn rewrite(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let name = match &tokens[at..] {
            [Token::Word(name), Token::Open, ..] if REWRITTEN_CALLS.contains(&name.as_str()) => name,
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
        let arguments: Vec<Vec<Token>> = arguments.into_iter().map(rewrite).collect();
        out.extend(call(name, arguments));
        at = end + 1;
    }
    out
}

/// Adds parentheses around each `x member of (y)`, which MySQL prints without.
pub(super) fn parenthesise_member_of(tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    // Positions in `tokens` at which added parentheses must be closed.
    let mut ends: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let member = Token::Word("member".into());
        let of = tokens.get(at + 1) == Some(&Token::Word("of".into()));
        let end = (*token == member && of)
            .then(|| closing(&tokens, at + 2))
            .flatten();
        if let Some(end) = end {
            out.insert(operand_start(&out), Token::Open);
            ends.push(end);
        }
        out.push(token.clone());
        while ends.last() == Some(&at) {
            ends.pop();
            out.push(Token::Close);
        }
    }
    out
}

/// The start of the operand at the end of `tokens`: a path of names, a literal, a call or a group.
fn operand_start(tokens: &[Token]) -> usize {
    let mut start = tokens.len().saturating_sub(1);
    if tokens.last() == Some(&Token::Close) {
        let mut depth = 0usize;
        let open = tokens.iter().rposition(|token| {
            match token {
                Token::Close => depth += 1,
                Token::Open => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        start = open.unwrap_or(0);
        let called = start.checked_sub(1).map(|before| &tokens[before]);
        if matches!(called, Some(Token::Word(word)) if !is_keyword(word)) {
            start -= 1;
        }
    }
    while start >= 2 && tokens[start - 1] == Token::Dot {
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

fn call(name: &str, mut arguments: Vec<Vec<Token>>) -> Vec<Token> {
    let number = |argument: Option<&Vec<Token>>, expected: &str| matches!(argument.map(Vec::as_slice), Some([Token::Number(number)]) if number == expected);
    match (name, arguments.as_mut_slice()) {
        // MySQL prints `a REGEXP b` so; MariaDB has no such function.
        ("regexp_like", [text, pattern]) => {
            let regexp = vec![Token::Word("regexp".into())];
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
                .position(|token| *token == Token::Word("returning".into()));
            if let Some(at) = returning.filter(|at| path[*at..] == returning_default()) {
                path.truncate(at);
            }
            called(name, &arguments)
        }
        _ => called(name, &arguments),
    }
}

/// The clause that MySQL adds to JSON_VALUE.
fn returning_default() -> Vec<Token> {
    vec![
        Token::Word("returning".into()),
        Token::Word("char".into()),
        Token::Open,
        Token::Number("512".into()),
        Token::Close,
    ]
}

fn group(tokens: Vec<Token>) -> Vec<Token> {
    [vec![Token::Open], tokens, vec![Token::Close]].concat()
}

fn called(name: &str, arguments: &[Vec<Token>]) -> Vec<Token> {
    let name = vec![Token::Word(name.to_owned())];
    [name, group(arguments.join(&Token::Comma))].concat()
}

/// The arguments of the call that opens before `start`, and the position at which it closes.
fn arguments(tokens: &[Token], start: usize) -> Option<(Vec<&[Token]>, usize)> {
    let mut out = Vec::new();
    let mut depth = 0usize;
    let mut from = start;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Open => depth += 1,
            Token::Close if depth == 0 => {
                out.push(&tokens[from..at]);
                return Some((out, at));
            }
            Token::Close => depth -= 1,
            Token::Comma if depth == 0 => {
                out.push(&tokens[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    None
}
