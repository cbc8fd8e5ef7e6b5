//! Removes redundant parentheses by operator precedence.

use super::conditions;
use super::lexer::{ExprToken, is_keyword, is_word};
use super::query::SET_OPERATORS;

/// A token, or a parenthesised group, which is `fixed` if it belongs to the preceding token, e.g. as
/// an argument list.
pub(super) enum Node {
    Leaf(ExprToken),
    Group { inner: Vec<Node>, fixed: bool },
}

/// Binding powers, weakest first. The manuals' tables ("Operator Precedence") list all comparisons on
/// one level; the grammars of both servers do not: `a = b like c` is `a = (b like c)`.
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
/// The end of an operand: a comma, `then`, `where`, the end of the text.
pub(super) const BOUNDARY: u8 = 0;

/// The tokens without redundant parentheses; `None` if the parentheses are unbalanced.
pub(super) fn reduce(tokens: Vec<ExprToken>) -> Option<Vec<ExprToken>> {
    let mut stack: Vec<(Vec<Node>, bool)> = vec![(Vec::new(), true)];
    for at in 0..tokens.len() {
        match &tokens[at] {
            ExprToken::Open => stack.push((Vec::new(), opens_fixed(&tokens, at))),
            ExprToken::Close => {
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

/// Whether the parenthesis at `at` belongs to the preceding token.
fn opens_fixed(tokens: &[ExprToken], at: usize) -> bool {
    match at.checked_sub(1).map(|before| &tokens[before]) {
        Some(ExprToken::Word(word)) => {
            !is_keyword(word)
                || matches!(
                    word.as_str(),
                    "in" | "of" | "exists" | "using" | "over" | "as" | "any" | "all" | "some"
                )
                || ends_hint(&tokens[..at])
        }
        Some(ExprToken::Name(_)) => true,
        _ => false,
    }
}

/// Whether an index hint ends here, before its list: `use index for order by`.
fn ends_hint(before: &[ExprToken]) -> bool {
    let word = |token: &ExprToken, text: &str| is_word(Some(token), &[text]);
    match before {
        [.., to, join] if word(join, "join") => word(to, "for"),
        [.., to, verb, by] if word(by, "by") => {
            word(to, "for") && (word(verb, "order") || word(verb, "group"))
        }
        _ => false,
    }
}

fn flatten(nodes: Vec<Node>, out: &mut Vec<ExprToken>) {
    for node in nodes {
        match node {
            Node::Leaf(token) => out.push(token),
            Node::Group { inner, .. } => {
                out.push(ExprToken::Open);
                flatten(inner, out);
                out.push(ExprToken::Close);
            }
        }
    }
}

/// Splices redundant groups into `nodes`, from left to right.
pub(super) fn simplify(nodes: Vec<Node>) -> Vec<Node> {
    let nodes = conditions::normalise_conditions(nodes);
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut rest = nodes.into_iter().peekable();
    let mut betweens = 0usize;
    while let Some(node) = rest.next() {
        match node {
            Node::Group { inner, .. } if is_plain_branch(&inner, &out, rest.peek()) => out.extend(inner),
            Node::Group { inner, fixed: false } => {
                let left = binding_power_before(&out, betweens);
                let right = rest
                    .peek()
                    .map_or(BOUNDARY, |next| binding_power_after(next, betweens));
                if is_redundant(&inner, left, right) {
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
        Node::Leaf(ExprToken::Word(word)) if word == "between" => open + 1,
        Node::Leaf(ExprToken::Word(word)) if word == "and" => open.saturating_sub(1),
        Node::Leaf(ExprToken::Comma) => 0,
        _ => open,
    }
}

/// Binding power of the operator to the left of a group.
fn binding_power_before(before: &[Node], betweens: usize) -> u8 {
    let Some(Node::Leaf(token)) = before.last() else {
        return BOUNDARY;
    };
    // The preceding token determines whether it is a sign or a binary operator.
    let sign = matches!(token, ExprToken::Operator("-" | "+" | "~" | "!"))
        && match before.len().checked_sub(2).and_then(|at| before.get(at)) {
            None => true,
            Some(Node::Leaf(token)) => token.wants_operand(),
            Some(Node::Group { .. }) => false,
        };
    match token {
        _ if sign => SIGN,
        // MySQL accepts no operator after these.
        ExprToken::Word(word) if word == "interval" || word == "like" => ATOM - 1,
        // Its second operand can contain a test, its first cannot.
        ExprToken::Word(word) if word == "between" => TEST,
        // The `and` of this BETWEEN has been counted already.
        ExprToken::Word(word) if word == "and" && betweens == 0 && is_between_and(before) => BETWEEN,
        token => binding_power(token).unwrap_or(BOUNDARY),
    }
}

/// Whether the `and` at the end of `before` is the second half of a between.
fn is_between_and(before: &[Node]) -> bool {
    let words = before.iter().rev().skip(1).filter_map(|node| match node {
        Node::Leaf(ExprToken::Word(word)) => Some(word.as_str()),
        Node::Leaf(ExprToken::Comma) => Some(","),
        _ => None,
    });
    words
        .take_while(|word| !matches!(*word, "and" | "or" | ","))
        .any(|word| word == "between")
}

/// Binding power of the operator to the right of a group.
fn binding_power_after(after: &Node, betweens: usize) -> u8 {
    match after {
        Node::Leaf(ExprToken::Word(word)) if word == "and" && betweens > 0 => BETWEEN,
        Node::Leaf(ExprToken::Word(word)) if word == "not" || word == "between" => TEST,
        // An alias or a dot: keep the group.
        Node::Leaf(ExprToken::Name(_) | ExprToken::Dot) => ATOM,
        Node::Leaf(ExprToken::Word(word)) if word == "member" => ATOM,
        Node::Leaf(token) => binding_power(token).unwrap_or(BOUNDARY),
        Node::Group { .. } => ATOM,
    }
}

/// Binding power of an operator.
pub(super) fn binding_power(token: &ExprToken) -> Option<u8> {
    Some(match token {
        ExprToken::Operator(operator) => match *operator {
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
        ExprToken::Word(word) => match word.as_str() {
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

/// Whether a group with this content needs no parentheses between operators of these binding powers.
fn is_redundant(inner: &[Node], left: u8, right: u8) -> bool {
    let Some(content) = weakest_operator(inner) else {
        return false;
    };
    let associative = content == left && (content == AND || content == OR);
    let chains = content == right && ![NOT, BETWEEN, TEST].contains(&content);
    (content > left || associative) && (content > right || chains)
}

/// Binding power of the weakest operator in `nodes`; `None` if the parentheses enclose a list or a query.
fn weakest_operator(nodes: &[Node]) -> Option<u8> {
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
            ExprToken::Comma => return None,
            ExprToken::Word(word) if word == "select" || word == "with" || word == "values" => return None,
            ExprToken::Word(word) if word == "case" => cases += 1,
            ExprToken::Word(word) if word == "end" => {
                cases = cases.saturating_sub(1);
                operand = true;
                continue;
            }
            _ if cases > 0 => {}
            ExprToken::Word(word) if word == "and" && betweens > 0 => {
                betweens -= 1;
                weakest = weakest.min(BETWEEN);
            }
            ExprToken::Operator("-" | "+") if !operand => weakest = weakest.min(SIGN),
            // Part of the preceding IS or of the following test.
            ExprToken::Word(word) if word == "not" && after_is => continue,
            ExprToken::Word(word) if word == "not" && operand => {}
            // Unlike IS NULL, these cannot be operands of a comparison.
            ExprToken::Word(word) if after_is && ["true", "false", "unknown"].contains(&word.as_str()) => {
                weakest = weakest.min(NOT);
            }
            ExprToken::Word(word) if word == "interval" => weakest = weakest.min(SUM),
            token => {
                betweens += usize::from(matches!(token, ExprToken::Word(word) if word == "between"));
                weakest = weakest.min(binding_power(token).unwrap_or(ATOM));
            }
        }
        operand = !token.wants_operand();
        after_is = matches!(token, ExprToken::Word(word) if word == "is");
    }
    Some(weakest)
}
