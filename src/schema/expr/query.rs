//! Normalises queries, also within expressions.

use super::lexer::{ExprToken, is_word};
use super::print;
use super::view::{aliased, closing, depths, items, rename_columns, unify_column_conditions};
use crate::schema::model::Symbol;

/// The set operators. INTERSECT binds more strongly than the others.
pub(super) const SET_OPERATORS: [&str; 3] = ["union", "except", "intersect"];

/// Words that can follow SELECT before its first item.
const MODIFIERS: [&str; 8] = [
    "all",
    "distinct",
    "high_priority",
    "sql_big_result",
    "sql_buffer_result",
    "sql_calc_found_rows",
    "sql_small_result",
    "straight_join",
];

/// Words that end GROUP BY.
const AFTER_GROUP: [&str; 6] = ["having", "order", "limit", "with", "for", "lock"];

/// Words that end ORDER BY.
const AFTER_ORDER: [&str; 3] = ["limit", "for", "lock"];

/// Normalises every query.
pub(super) fn normalise_queries(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    normalise_query(sort_hints(unify_column_conditions(tokens)))
}

/// Normalises the query `tokens` and those in its parentheses.
fn normalise_query(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    let tokens = normalise_inner_queries(&unwrapped(&tokens));
    let Some(query) = ParsedQuery::read(&tokens) else {
        return tokens;
    };
    let grouped = query.group_by_expressions();
    match ParsedQuery::read(&grouped) {
        Some(query) => query.order_by_names(),
        None => grouped,
    }
}

fn normalise_inner_queries(tokens: &[ExprToken]) -> Vec<ExprToken> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        out.push(tokens[at].clone());
        match closing(tokens, at) {
            Some(close) if is_query(&tokens[at + 1..]) => {
                let inner = with_listed_names(&tokens[..at], tokens[at + 1..close].to_vec());
                out.extend(normalise_query(inner));
                at = close;
            }
            _ => at += 1,
        }
    }
    out
}

/// Renames the items of a common table expression that lists its columns, as MariaDB does.
fn with_listed_names(before: &[ExprToken], query: Vec<ExprToken>) -> Vec<ExprToken> {
    let Some(([.., ExprToken::Close], [last])) = before.split_at_checked(before.len().saturating_sub(1))
    else {
        return query;
    };
    let open = before.iter().rposition(|token| *token == ExprToken::Open);
    let list = open.map_or(&[][..], |open| &before[open + 1..before.len() - 2]);
    let names: Option<Vec<Symbol>> = list
        .split(|token| *token == ExprToken::Comma)
        .map(|item| match item {
            [ExprToken::Name(name)] => Some(Symbol::new(name)),
            _ => None,
        })
        .collect();
    let renamed = names
        .filter(|_| is_word(Some(last), &["as"]))
        .and_then(|names| rename_columns(query.clone(), &names));
    renamed.unwrap_or(query)
}

/// Whether a query starts here, possibly in parentheses.
fn is_query(tokens: &[ExprToken]) -> bool {
    let first = tokens.iter().find(|token| **token != ExprToken::Open);
    is_word(first, &["select", "with"])
}

/// Removes the parentheses around the whole query, which MySQL does not print, and those that MySQL
/// prints around the first queries of a chain, which is evaluated from left to right anyway.
fn unwrapped(tokens: &[ExprToken]) -> Vec<ExprToken> {
    let Some(close) = closing(tokens, 0).filter(|_| is_query(&tokens[1..])) else {
        return tokens.to_vec();
    };
    let (inner, rest) = (&tokens[1..close], &tokens[close + 1..]);
    if rest.is_empty() {
        return unwrapped(inner);
    }
    let depths = depths(inner);
    let has = |words: &[&str]| (0..inner.len()).any(|at| depths[at] == 0 && is_word(inner.get(at), words));
    let chain = has(&SET_OPERATORS) && !has(&["order", "limit", "with"]);
    if chain && is_word(rest.first(), &["union", "except"]) {
        return unwrapped(&[inner, rest].concat());
    }
    tokens.to_vec()
}

/// A query and the positions of its parts.
struct ParsedQuery<'a> {
    tokens: &'a [ExprToken],
    depths: Vec<usize>,
    /// The ranges of the SELECTs between set operators.
    branches: Vec<(usize, usize)>,
}

impl<'a> ParsedQuery<'a> {
    /// Parses a query; `None` if `tokens` is not a query.
    fn read(tokens: &'a [ExprToken]) -> Option<ParsedQuery<'a>> {
        if !is_query(tokens) {
            return None;
        }
        let depths = depths(tokens);
        let mut branches = Vec::new();
        let mut from = 0;
        for (at, token) in tokens.iter().enumerate() {
            if depths[at] == 0 && is_word(Some(token), &SET_OPERATORS) {
                branches.push((from, at));
                from = at + 1;
            }
        }
        branches.push((from, tokens.len()));
        Some(ParsedQuery {
            tokens,
            depths,
            branches,
        })
    }

    fn find(&self, (from, to): (usize, usize), words: &[&str]) -> Option<usize> {
        (from..to).find(|at| self.depths[*at] == 0 && is_word(self.tokens.get(*at), words))
    }

    /// The items of a SELECT: expression and alias, `None` without an alias.
    fn listed(&self, branch: (usize, usize)) -> Vec<Option<(&'a [ExprToken], &'a ExprToken)>> {
        let Some(mut start) = self.find(branch, &["select"]).map(|at| at + 1) else {
            return Vec::new();
        };
        while is_word(self.tokens.get(start), &MODIFIERS) {
            start += 1;
        }
        let ends = ["from", "where", "group", "having", "order", "limit"];
        let end = self.find((start, branch.1), &ends).unwrap_or(branch.1);
        items(self.tokens, &self.depths, start, end)
            .map(|(from, to)| aliased(&self.tokens[from..to]))
            .collect()
    }

    /// Replaces aliases and positions in GROUP BY by their expressions: MariaDB prints the expression of
    /// an alias and the position as written; MySQL prints the alias and the expression of a position.
    fn group_by_expressions(&self) -> Vec<ExprToken> {
        let mut out = Vec::with_capacity(self.tokens.len());
        let mut done = 0;
        for branch in &self.branches {
            let Some(group) = self.find(*branch, &["group"]) else {
                continue;
            };
            let listed = self.listed(*branch);
            let start = (group + 2).min(branch.1);
            let end = self.find((start, branch.1), &AFTER_GROUP).unwrap_or(branch.1);
            out.extend_from_slice(&self.tokens[done..start]);
            for (at, (from, to)) in items(self.tokens, &self.depths, start, end).enumerate() {
                if at > 0 {
                    out.push(ExprToken::Comma);
                }
                let key = &self.tokens[from..to];
                let replacement = match (position(key), key) {
                    (Some(place), _) => listed.get(place).copied().flatten(),
                    (None, [name]) => listed.iter().flatten().find(|(_, alias)| *alias == name).copied(),
                    _ => None,
                };
                out.extend_from_slice(replacement.map_or(key, |(expression, _)| expression));
            }
            done = end;
        }
        out.extend_from_slice(&self.tokens[done..]);
        out
    }

    /// Replaces expressions and positions in ORDER BY by aliases: MySQL prints the alias, MariaDB its
    /// expression, and in a chain the position as written.
    fn order_by_names(&self) -> Vec<ExprToken> {
        let Some(last) = self.branches.last() else {
            return self.tokens.to_vec();
        };
        let Some(order) = self.find(*last, &["order"]) else {
            return self.tokens.to_vec();
        };
        let alone = self.branches.len() == 1;
        let listed = self.listed_first();
        let start = (order + 2).min(last.1);
        let end = self.find((start, last.1), &AFTER_ORDER).unwrap_or(last.1);
        let mut out = self.tokens[..start].to_vec();
        for (at, (from, to)) in items(self.tokens, &self.depths, start, end).enumerate() {
            if at > 0 {
                out.push(ExprToken::Comma);
            }
            let item = &self.tokens[from..to];
            let key = match item.split_last() {
                Some((ExprToken::Word(word), key)) if word == "desc" || word == "asc" => key,
                _ => item,
            };
            let numbered = position(key).and_then(|place| listed.get(place)?.as_ref());
            let expressed = || {
                listed
                    .iter()
                    .flatten()
                    .find(|(expression, _)| alone && expression == key)
            };
            // MariaDB keeps the name that a column had before a list of columns renamed it.
            let renamed = || {
                let [name @ ExprToken::Name(_)] = key else {
                    return None;
                };
                let mut listed = listed.iter().flatten();
                let is_path = |path: &[ExprToken]| path.ends_with(&[ExprToken::Dot, name.clone()]);
                let taken = !alone && listed.clone().all(|(_, alias)| alias != name);
                listed.find(|(expression, _)| taken && is_path(expression))
            };
            match numbered.or_else(expressed).or_else(renamed) {
                Some((_, alias)) => out.push(alias.clone()),
                None => out.extend_from_slice(key),
            }
            out.extend_from_slice(&item[key.len()..]);
        }
        out.extend_from_slice(&self.tokens[end..]);
        out
    }

    /// The items of the first SELECT, which determine the column names of a chain.
    fn listed_first(&self) -> Vec<Option<(Vec<ExprToken>, ExprToken)>> {
        let (from, to) = self.branches[0];
        let first = &self.tokens[from..to];
        let owned = |listed: Vec<Option<(&[ExprToken], &ExprToken)>>| {
            let pairs = listed.into_iter();
            pairs
                .map(|item| item.map(|(expression, alias)| (expression.to_vec(), alias.clone())))
                .collect()
        };
        match closing(first, 0) {
            Some(close) if is_query(first) => {
                ParsedQuery::read(&first[1..close]).map_or(Vec::new(), |query| query.listed_first())
            }
            _ => owned(self.listed((from, to))),
        }
    }
}

/// The index of the SELECT's item that a number in ORDER BY or GROUP BY refers to, from 0.
fn position(item: &[ExprToken]) -> Option<usize> {
    match item {
        [ExprToken::Number(number)] => number.parse::<usize>().ok()?.checked_sub(1),
        _ => None,
    }
}

/// Sorts the index hints of a table, which the servers print in reverse order.
fn sort_hints(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let mut hints: Vec<&[ExprToken]> = Vec::new();
        while let Some(end) = hint(&tokens, at) {
            hints.push(&tokens[at..end]);
            at = end;
        }
        hints.sort_by_cached_key(|hint| print(hint));
        hints.into_iter().for_each(|hint| out.extend_from_slice(hint));
        if let Some(token) = tokens.get(at) {
            out.push(token.clone());
            at += 1;
        }
    }
    out
}

/// The end of the index hint that starts at `at`.
fn hint(tokens: &[ExprToken], at: usize) -> Option<usize> {
    let begins = is_word(tokens.get(at), &["use", "force", "ignore"])
        && is_word(tokens.get(at + 1), &["index", "key"]);
    let open = (at + 2..tokens.len()).find(|place| tokens[*place] == ExprToken::Open)?;
    // FOR JOIN, FOR ORDER BY
    let near = open - at <= 5;
    if begins && near {
        closing(tokens, open).map(|close| close + 1)
    } else {
        None
    }
}
