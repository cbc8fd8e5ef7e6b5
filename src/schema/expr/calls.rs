//! Calls that one server prints and the other does not know, or prints with other arguments.

use super::lexer::Token;

/// Brings calls to the form that both servers read.
pub(super) fn rewrite(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let name = match &tokens[at..] {
            [Token::Word(name), Token::Open, ..] if KNOWN.contains(&name.as_str()) => name,
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

const KNOWN: [&str; 8] = [
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
    let number = |argument: Option<&Vec<Token>>, wanted: &str| matches!(argument.map(Vec::as_slice), Some([Token::Number(number)]) if number == wanted);
    match (name, arguments.as_mut_slice()) {
        // What MySQL makes of `a REGEXP b`, and MariaDB has no such function.
        ("regexp_like", [text, pattern]) => {
            let regexp = vec![Token::Word("regexp".into())];
            group([group(text.clone()), regexp, group(pattern.clone())].concat())
        }
        // MySQL's inner functions of WITH ROLLUP, which it does not read again.
        ("rollup_group_item", [item, ..]) | ("rollup_sum_switcher", [item]) => item.clone(),
        // Arguments that one of the servers adds.
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

/// What MySQL adds to JSON_VALUE.
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

/// The arguments of the call that is open before `start`, and where it closes.
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
