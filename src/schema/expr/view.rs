//! What the servers print differently in a whole SELECT.

use super::lexer::Token;

/// MySQL prints `order by` an alias where MariaDB prints what the alias stands for: the alias wins.
pub(super) fn order_by_alias(tokens: Vec<Token>) -> Vec<Token> {
    let depths = depths(&tokens);
    let word =
        |at: usize, text: &str| depths[at] == 0 && matches!(&tokens[at], Token::Word(word) if word == text);
    let find = |text: &str| (0..tokens.len()).find(|at| word(*at, text));
    let (Some(from), Some(order)) = (find("from"), find("order")) else {
        return tokens;
    };
    if !word(0, "select") || find("union").is_some() || order < from {
        return tokens;
    }
    let aliases: Vec<(&[Token], &Token)> = items(&tokens, &depths, 1, from)
        .filter_map(|(start, end)| aliased(&tokens[start..end]))
        .collect();
    let end = (order..tokens.len())
        .find(|at| word(*at, "limit") || word(*at, "for"))
        .unwrap_or(tokens.len());
    let mut out = tokens[..(order + 2).min(tokens.len())].to_vec();
    for (at, (start, end)) in items(&tokens, &depths, order + 2, end).enumerate() {
        if at > 0 {
            out.push(Token::Comma);
        }
        let item = &tokens[start..end];
        let (key, direction) = match item.split_last() {
            Some((Token::Word(word), key)) if word == "desc" || word == "asc" => (key, &item[key.len()..]),
            _ => (item, &item[item.len()..]),
        };
        match aliases.iter().find(|(expression, _)| *expression == key) {
            Some((_, alias)) => out.push((*alias).clone()),
            None => out.extend_from_slice(key),
        }
        out.extend_from_slice(direction);
    }
    out.extend_from_slice(&tokens[end..]);
    out
}

/// How deep in parentheses each token stands; a parenthesis itself is inside.
fn depths(tokens: &[Token]) -> Vec<usize> {
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

/// The places between commas.
fn items<'a>(
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

/// An item with an alias: the expression and the alias.
fn aliased(item: &[Token]) -> Option<(&[Token], &Token)> {
    match item {
        [expression @ .., Token::Word(word), alias @ Token::Name(_)] if word == "as" => {
            Some((expression, alias))
        }
        _ => None,
    }
}
