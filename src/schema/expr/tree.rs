//! Which parentheses an expression needs.

use super::lexer::{Token, is_keyword, is_word};
use super::query::SET_OPERATORS;
use super::truth;

/// A token, or what stands between two parentheses, which are `fixed` if they belong to what
/// stands before them.
pub(super) enum Node {
    Leaf(Token),
    Group { inner: Vec<Node>, fixed: bool },
}

/// Binding strengths, weakest first. The manuals' tables ("Operator Precedence") put all comparisons
/// on one level; the grammars of both servers do not: `a = b like c` is `a = (b like c)`.
const JOIN: u8 = 1;
const OR: u8 = 2;
const XOR: u8 = 3;
const AND: u8 = 4;
const NOT: u8 = 5;
pub(super) const COMPARE: u8 = 6;
pub(super) const BETWEEN: u8 = 7;
pub(super) const TEST: u8 = 8;
const SUM: u8 = 12;
const SIGN: u8 = 15;
const COLLATE: u8 = 17;
const ATOM: u8 = 100;
/// What ends an operand: a comma, `then`, `where`, the end of the text.
pub(super) const BOUNDARY: u8 = 0;

/// The tokens without the parentheses that precedence makes needless; nothing if they do not pair up.
pub(super) fn reduce(tokens: Vec<Token>) -> Option<Vec<Token>> {
    let mut stack: Vec<(Vec<Node>, bool)> = vec![(Vec::new(), true)];
    for at in 0..tokens.len() {
        match &tokens[at] {
            Token::Open => stack.push((Vec::new(), opens_fixed(&tokens, at))),
            Token::Close => {
                let (inner, fixed) = stack.pop()?;
                let (outer, _) = stack.last_mut()?;
                outer.push(Node::Group {
                    inner: simplify(inner),
                    fixed,
                });
            }
            other => stack.last_mut()?.0.push(Node::Leaf(other.clone())),
        }
    }
    let (nodes, _) = stack.pop()?;
    if !stack.is_empty() {
        return None;
    }
    let mut nodes = simplify(nodes);
    while let [Node::Group { fixed: false, inner }] = &mut nodes[..] {
        nodes = std::mem::take(inner);
    }
    let mut out = Vec::new();
    flatten(nodes, &mut out);
    Some(out)
}

/// Whether the parenthesis at `at` belongs to what stands before it.
fn opens_fixed(tokens: &[Token], at: usize) -> bool {
    match at.checked_sub(1).map(|before| &tokens[before]) {
        Some(Token::Word(word)) => {
            !is_keyword(word)
                || matches!(
                    word.as_str(),
                    "in" | "of" | "exists" | "using" | "over" | "as" | "any" | "all" | "some"
                )
                || ends_hint(&tokens[..at])
        }
        Some(Token::Name(_)) => true,
        _ => false,
    }
}

/// Whether an index hint ends here, before its list: `use index for order by`.
fn ends_hint(before: &[Token]) -> bool {
    let word = |token: &Token, text: &str| is_word(Some(token), &[text]);
    match before {
        [.., to, join] if word(join, "join") => word(to, "for"),
        [.., to, verb, by] if word(by, "by") => {
            word(to, "for") && (word(verb, "order") || word(verb, "group"))
        }
        _ => false,
    }
}

fn flatten(nodes: Vec<Node>, out: &mut Vec<Token>) {
    for node in nodes {
        match node {
            Node::Leaf(token) => out.push(token),
            Node::Group { inner, .. } => {
                out.push(Token::Open);
                flatten(inner, out);
                out.push(Token::Close);
            }
        }
    }
}

/// Splices needless groups into `nodes`, one after the other from the left.
pub(super) fn simplify(nodes: Vec<Node>) -> Vec<Node> {
    let nodes = truth::settle(nodes);
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut rest = nodes.into_iter().peekable();
    let mut betweens = 0usize;
    while let Some(node) = rest.next() {
        match node {
            Node::Group { inner, .. } if is_plain_branch(&inner, &out, rest.peek()) => out.extend(inner),
            Node::Group { inner, fixed: false } => {
                let left = strength_before(&out, betweens);
                let right = rest
                    .peek()
                    .map_or(BOUNDARY, |next| strength_after(next, betweens));
                if needless(&inner, left, right) {
                    out.extend(inner);
                } else {
                    out.push(Node::Group { inner, fixed: true });
                }
            }
            node => {
                betweens = count_between(&node, betweens);
                out.push(node);
            }
        }
    }
    out
}

/// Whether a group is a SELECT of a union that needs no parentheses.
fn is_plain_branch(inner: &[Node], before: &[Node], after: Option<&Node>) -> bool {
    const ENDS: [&str; 8] = [
        "union",
        "except",
        "intersect",
        "order",
        "limit",
        "for",
        "into",
        "with",
    ];
    let word = |node: Option<&Node>, any_of: &[&str]| matches!(node, Some(Node::Leaf(token)) if is_word(Some(token), any_of));
    let joined = match before {
        [] => word(after, &SET_OPERATORS),
        [.., union, last] if word(Some(last), &["all", "distinct"]) => word(Some(union), &SET_OPERATORS),
        [.., last] => word(Some(last), &SET_OPERATORS),
    };
    joined && word(inner.first(), &["select"]) && !inner.iter().any(|node| word(Some(node), &ENDS))
}

/// `and` belongs to a `between` while one is open.
fn count_between(node: &Node, open: usize) -> usize {
    match node {
        Node::Leaf(Token::Word(word)) if word == "between" => open + 1,
        Node::Leaf(Token::Word(word)) if word == "and" => open.saturating_sub(1),
        Node::Leaf(Token::Comma) => 0,
        _ => open,
    }
}

/// How strongly what stands on the left pulls at a group.
fn strength_before(before: &[Node], betweens: usize) -> u8 {
    let Some(Node::Leaf(token)) = before.last() else {
        return BOUNDARY;
    };
    // A sign or a binary operator: what stands one further to the left tells.
    let sign = matches!(token, Token::Operator("-" | "+" | "~" | "!"))
        && match before.len().checked_sub(2).and_then(|at| before.get(at)) {
            None => true,
            Some(Node::Leaf(token)) => token.wants_operand(),
            Some(Node::Group { .. }) => false,
        };
    match token {
        _ if sign => SIGN,
        // MySQL reads no operator after them.
        Token::Word(word) if word == "interval" || word == "like" => ATOM - 1,
        // Its second operand may hold a test, its first may not.
        Token::Word(word) if word == "between" => TEST,
        // The `and` of a between has closed it already.
        Token::Word(word) if word == "and" && betweens == 0 && is_between_and(before) => BETWEEN,
        token => strength(token).unwrap_or(BOUNDARY),
    }
}

/// Whether the `and` at the end of `before` is the second half of a between.
fn is_between_and(before: &[Node]) -> bool {
    let words = before.iter().rev().skip(1).filter_map(|node| match node {
        Node::Leaf(Token::Word(word)) => Some(word.as_str()),
        Node::Leaf(Token::Comma) => Some(","),
        _ => None,
    });
    words
        .take_while(|word| !matches!(*word, "and" | "or" | ","))
        .any(|word| word == "between")
}

/// How strongly what stands on the right pulls at a group.
fn strength_after(after: &Node, betweens: usize) -> u8 {
    match after {
        Node::Leaf(Token::Word(word)) if word == "and" && betweens > 0 => BETWEEN,
        Node::Leaf(Token::Word(word)) if word == "not" || word == "between" => TEST,
        // An alias or a dot: leave the group alone.
        Node::Leaf(Token::Name(_) | Token::Dot) => ATOM,
        Node::Leaf(Token::Word(word)) if word == "member" => ATOM,
        Node::Leaf(token) => strength(token).unwrap_or(BOUNDARY),
        Node::Group { .. } => ATOM,
    }
}

/// Binding strength of an operator.
pub(super) fn strength(token: &Token) -> Option<u8> {
    Some(match token {
        Token::Operator(operator) => match *operator {
            ":=" => OR - 1,
            "=" | "<=>" | ">=" | ">" | "<=" | "<" | "<>" => COMPARE,
            "|" => 9,
            "&" => 10,
            "<<" | ">>" => 11,
            "+" | "-" => SUM,
            "*" | "/" | "%" => 13,
            "^" => 14,
            "~" => SIGN,
            "!" => 16,
            "->" | "->>" | "@" => COLLATE,
            _ => BOUNDARY,
        },
        Token::Word(word) => match word.as_str() {
            "join" | "left" | "right" | "inner" | "cross" | "outer" | "natural" | "straight_join" | "on" => {
                JOIN
            }
            "or" => OR,
            "xor" => XOR,
            "and" => AND,
            "not" => NOT,
            "is" => COMPARE,
            "between" => BETWEEN,
            "like" | "regexp" | "in" | "member" | "escape" | "sounds" => TEST,
            "div" => 13,
            "collate" | "binary" => COLLATE,
            _ => return None,
        },
        _ => return None,
    })
}

/// Whether a group with this content needs no parentheses between such neighbours.
fn needless(inner: &[Node], left: u8, right: u8) -> bool {
    let Some(content) = weakest(inner) else {
        return false;
    };
    let associative = content == left && (content == AND || content == OR);
    let chains = content == right && ![NOT, BETWEEN, TEST].contains(&content);
    (content > left || associative) && (content > right || chains)
}

/// The weakest operator at the top of `nodes`; nothing if parentheses around it mean a list or a query.
fn weakest(nodes: &[Node]) -> Option<u8> {
    let mut weakest = ATOM;
    let mut cases = 0usize;
    let mut betweens = 0usize;
    let mut operand = false;
    let mut after_is = false;
    if nodes.is_empty() {
        return None;
    }
    for node in nodes {
        let token = match node {
            Node::Leaf(token) => token,
            Node::Group { .. } => {
                operand = true;
                continue;
            }
        };
        match token {
            Token::Comma => return None,
            Token::Word(word) if word == "select" || word == "with" || word == "values" => return None,
            Token::Word(word) if word == "case" => cases += 1,
            Token::Word(word) if word == "end" => {
                cases = cases.saturating_sub(1);
                operand = true;
                continue;
            }
            _ if cases > 0 => {}
            Token::Word(word) if word == "and" && betweens > 0 => {
                betweens -= 1;
                weakest = weakest.min(BETWEEN);
            }
            Token::Operator("-" | "+") if !operand => weakest = weakest.min(SIGN),
            // Part of the IS before, or of the test that follows.
            Token::Word(word) if word == "not" && after_is => continue,
            Token::Word(word) if word == "not" && operand => {}
            // Unlike IS NULL these are no operand of a comparison.
            Token::Word(word) if after_is && ["true", "false", "unknown"].contains(&word.as_str()) => {
                weakest = weakest.min(NOT);
            }
            Token::Word(word) if word == "interval" => weakest = weakest.min(SUM),
            token => {
                betweens += usize::from(matches!(token, Token::Word(word) if word == "between"));
                weakest = weakest.min(strength(token).unwrap_or(ATOM));
            }
        }
        operand = !token.wants_operand();
        after_is = matches!(token, Token::Word(word) if word == "is");
    }
    Some(weakest)
}
