//! Truth values: what the servers print differently where a condition is negated or where a
//! number stands for one.

use super::lexer::Token;
use super::tree::{BETWEEN, BOUNDARY, COMPARE, Node, TEST, simplify, strength};

/// Brings the nodes between two parentheses to one form. What stands in inner parentheses has
/// been through this already.
pub(super) fn settle(nodes: Vec<Node>) -> Vec<Node> {
    bare_operands(zero_last(positive_is_false(bare_tests(bang(nodes)))))
}

fn word(node: Option<&Node>, text: &str) -> bool {
    matches!(node, Some(Node::Leaf(Token::Word(word))) if word == text)
}

fn zero(node: Option<&Node>) -> bool {
    matches!(node, Some(Node::Leaf(Token::Number(number))) if number == "0")
}

fn operator(node: Option<&Node>, any_of: &[&str]) -> bool {
    matches!(node, Some(Node::Leaf(Token::Operator(one))) if any_of.contains(one))
}

fn group(inner: Vec<Node>) -> Node {
    Node::Group {
        inner: simplify(inner),
        fixed: false,
    }
}

/// How many nodes from `at` on are one operand: a call, a path of names, a literal, a group.
fn primary(nodes: &[Node], at: usize) -> usize {
    match &nodes[at..] {
        rest if word(rest.first(), "case") => whole_case(rest),
        [Node::Leaf(Token::Word(_)), Node::Group { .. }, ..] => 2,
        [Node::Leaf(Token::Name(_)), rest @ ..] => {
            let path = rest
                .chunks(2)
                .take_while(|pair| matches!(pair, [Node::Leaf(Token::Dot), Node::Leaf(Token::Name(_))]));
            1 + 2 * path.count()
        }
        [] => 0,
        _ => 1,
    }
}

/// How many nodes the CASE takes that begins here.
fn whole_case(nodes: &[Node]) -> usize {
    let mut open = 0usize;
    let end = nodes.iter().position(|node| {
        open += usize::from(word(Some(node), "case"));
        let ends = word(Some(node), "end");
        open -= usize::from(ends);
        ends && open == 0
    });
    end.map_or(nodes.len(), |end| end + 1)
}

/// `!x` of MariaDB is `not x`, or `x = 0` where x is a call.
fn bang(nodes: Vec<Node>) -> Vec<Node> {
    let mut out = Vec::with_capacity(nodes.len());
    let mut rest = nodes;
    while let Some(at) = rest.iter().position(|node| operator(Some(node), &["!"])) {
        let used = primary(&rest, at + 1);
        if used == 0 || matches!(rest.get(at + 1), Some(Node::Leaf(Token::Operator(_)))) {
            break;
        }
        let tail = rest.split_off(at);
        out.append(&mut rest);
        let mut tail = tail.into_iter().skip(1);
        let operand: Vec<Node> = tail.by_ref().take(used).collect();
        let call = operand.len() == 2 && !word(operand.first(), "exists");
        out.push(group(match call {
            true => operand.into_iter().chain(compared_to_zero("=")).collect(),
            false => std::iter::once(Node::Leaf(Token::Word("not".into())))
                .chain([group(operand)])
                .collect(),
        }));
        rest = tail.collect();
    }
    out.append(&mut rest);
    out
}

fn compared_to_zero(operator: &'static str) -> [Node; 2] {
    [
        Node::Leaf(Token::Operator(operator)),
        Node::Leaf(Token::Number("0".into())),
    ]
}

/// MySQL makes a test of each operand of `xor` and of `is true`, MariaDB does not.
fn bare_tests(mut nodes: Vec<Node>) -> Vec<Node> {
    for at in 0..nodes.len() {
        let truth = ["true", "false"];
        let is = word(nodes.get(at + 1), "is") && {
            let after = at + 2 + usize::from(word(nodes.get(at + 2), "not"));
            truth.iter().any(|value| word(nodes.get(after), value))
        };
        let xor =
            word(nodes.get(at + 1), "xor") || at.checked_sub(1).is_some_and(|at| word(nodes.get(at), "xor"));
        if !is && !xor {
            continue;
        }
        if let Node::Group { inner, fixed: false } = &mut nodes[at]
            && tested(inner).is_some()
        {
            inner.truncate(inner.len() - 2);
        }
    }
    nodes
}

/// MySQL's `x in (select ...) is false` is what was written as `x not in (select ...)`.
fn positive_is_false(nodes: Vec<Node>) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut rest = nodes.into_iter().peekable();
    while let Some(node) = rest.next() {
        let of_query = match out.as_slice() {
            [.., test, Node::Group { inner, .. }] => word(Some(test), "in") && word(inner.first(), "select"),
            _ => false,
        };
        if of_query && word(Some(&node), "is") && word(rest.peek(), "false") {
            rest.next();
            out.insert(out.len() - 2, Node::Leaf(Token::Word("not".into())));
        } else {
            out.push(node);
        }
    }
    out
}

/// MySQL writes `0 <> x` where it makes a test of a number, MariaDB `x <> 0`.
fn zero_last(nodes: Vec<Node>) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut rest = nodes.into_iter().peekable();
    while let Some(node) = rest.next() {
        let test = match rest.peek() {
            Some(Node::Leaf(Token::Operator(one @ ("=" | "<>")))) if zero(Some(&node)) => *one,
            _ => {
                out.push(node);
                continue;
            }
        };
        if out.last().map_or(BOUNDARY, weight) >= COMPARE || matches!(out.last(), Some(Node::Group { .. })) {
            out.push(node);
            continue;
        }
        rest.next();
        let mut operand = Vec::new();
        while let Some(next) = rest.next_if(|next| weight(next) > COMPARE) {
            operand.push(next);
        }
        let literal = matches!(operand.as_slice(), [Node::Leaf(Token::Number(_))])
            || (operand.is_empty() && word(rest.peek(), "null"));
        match (literal, test) {
            (true, "<>") => out.extend(operand),
            _ => {
                out.extend(operand);
                out.extend(rest.next_if(|next| word(Some(next), "null")));
                out.extend(compared_to_zero(test));
            }
        }
    }
    out
}

/// MySQL makes a test of everything that stands for a truth value in a condition, MariaDB only of
/// columns: `length(a) <> 0` is `length(a)` there.
fn bare_operands(nodes: Vec<Node>) -> Vec<Node> {
    const OPENS: [&str; 3] = ["where", "on", "having"];
    const JOINS: [&str; 3] = ["and", "or", "xor"];
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let (mut condition, mut betweens) = (false, 0usize);
    let mut operand = Vec::new();
    for node in nodes {
        let is = |any_of: &[&str]| any_of.iter().any(|one| word(Some(&node), one));
        betweens += usize::from(is(&["between"]));
        let joins = is(&JOINS) && (betweens == 0 || !is(&["and"]));
        if is(&["and"]) && !joins {
            betweens -= 1;
        }
        let opens = joins || is(&OPENS);
        if opens || (weight(&node) == BOUNDARY && !is_operand(&node)) {
            out.append(&mut bare(std::mem::take(&mut operand), condition || joins));
            condition = opens;
            out.push(node);
        } else {
            operand.push(node);
        }
    }
    out.append(&mut bare(operand, condition));
    out
}

/// An operand of a condition without its test.
fn bare(mut operand: Vec<Node>, condition: bool) -> Vec<Node> {
    if !condition {
        return operand;
    }
    match operand.as_mut_slice() {
        [Node::Group { inner, fixed: false }] if is_test(inner) => inner.truncate(inner.len() - 2),
        nodes if is_test(nodes) => operand.truncate(operand.len() - 2),
        _ => {}
    }
    operand
}

/// What is compared to zero: `x` of `x <> 0`.
fn tested(nodes: &[Node]) -> Option<&[Node]> {
    match nodes {
        [tested @ .., test, last] if zero(Some(last)) && operator(Some(test), &["<>"]) => {
            (!tested.is_empty()).then_some(tested)
        }
        _ => None,
    }
}

/// Whether this compares something other than a column to zero.
fn is_test(nodes: &[Node]) -> bool {
    let Some(tested) = tested(nodes) else {
        return false;
    };
    let whole = primary(tested, 0) == tested.len();
    match tested.first() {
        Some(Node::Leaf(Token::Name(_))) if whole => false,
        first if word(first, "case") && whole => true,
        _ => tested
            .iter()
            .all(|node| weight(node) > COMPARE || is_operand(node)),
    }
}

/// A keyword that is, or begins, an operand.
fn is_operand(node: &Node) -> bool {
    ["interval", "null"].iter().any(|one| word(Some(node), one))
}

/// How weakly a node binds what stands beside it; what is no operator binds nothing apart.
fn weight(node: &Node) -> u8 {
    match node {
        Node::Leaf(Token::Comma) => BOUNDARY,
        Node::Leaf(Token::Word(word)) => {
            strength(&Token::Word(word.clone())).unwrap_or_else(|| match super::lexer::is_keyword(word) {
                true => BOUNDARY,
                false => u8::MAX,
            })
        }
        Node::Leaf(token) => strength(token).unwrap_or(u8::MAX),
        Node::Group { .. } => u8::MAX,
    }
}

/// `not x like y` as `x not like y`, and the same with the other tests that have such a form.
pub(super) fn not_inside(tokens: Vec<Token>) -> Vec<Token> {
    let mut out = tokens;
    let mut at = 0;
    while at < out.len() {
        if out[at] == Token::Word("not".into())
            && let Some(test) = negatable(&out, at + 1)
        {
            out[at..test].rotate_left(1);
        }
        at += 1;
    }
    out
}

/// Where the only comparison after a `not` at `start - 1` stands, if it has a negative form.
fn negatable(tokens: &[Token], start: usize) -> Option<usize> {
    let before = start.checked_sub(2).map(|at| &tokens[at]);
    if before.is_some_and(|before| !before.wants_operand() && !matches!(before, Token::Word(_))) {
        return None;
    }
    if matches!(before, Some(Token::Word(word)) if word == "is") {
        return None;
    }
    let mut depth = 0usize;
    let mut found = None;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Open => depth += 1,
            Token::Close if depth == 0 => break,
            Token::Close => depth -= 1,
            _ if depth > 0 => {}
            Token::Comma => break,
            Token::Word(word) => match (word.as_str(), found) {
                ("like" | "regexp" | "in", None) => found = Some(at),
                ("escape", Some(_)) => {}
                ("exists" | "not" | "case" | "between", None) => return None,
                _ => match strength(token) {
                    Some(COMPARE | BETWEEN | TEST) => return None,
                    Some(weaker) if weaker < COMPARE => break,
                    None if super::lexer::is_keyword(word) && word != "null" => break,
                    _ => {}
                },
            },
            Token::Operator(_) if strength(token) == Some(COMPARE) => return None,
            _ => {}
        }
    }
    found
}
