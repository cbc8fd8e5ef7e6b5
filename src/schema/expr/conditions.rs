//! Normalises conditions, which the servers print differently where a condition is negated or a number
//! is used as a condition.

use super::lexer::ExprToken;
use super::precedence::{BETWEEN, BOUNDARY, COMPARE, Node, TEST, binding_power, simplify};

/// Normalises the conditions of a group, whose inner groups are already normalised.
pub(super) fn normalise_conditions(nodes: Vec<Node>) -> Vec<Node> {
    strip_tests_of_operands(constant_on_right(negate_in_query(strip_redundant_tests(
        rewrite_not_operator(nodes),
    ))))
}

fn word(node: Option<&Node>, text: &str) -> bool {
    matches!(node, Some(Node::Leaf(ExprToken::Word(word))) if word == text)
}

fn zero(node: Option<&Node>) -> bool {
    matches!(node, Some(Node::Leaf(ExprToken::Number(number))) if number == "0")
}

fn operator(node: Option<&Node>, any_of: &[&str]) -> bool {
    matches!(node, Some(Node::Leaf(ExprToken::Operator(operator))) if any_of.contains(operator))
}

fn group(inner: Vec<Node>) -> Node {
    Node::Group {
        inner: simplify(inner),
        fixed: false,
    }
}

/// The number of nodes of the operand at `at`: a call, a path of names, a literal, a group.
fn operand_len(nodes: &[Node], at: usize) -> usize {
    match &nodes[at..] {
        rest if word(rest.first(), "case") => case_len(rest),
        [Node::Leaf(ExprToken::Word(_)), Node::Group { .. }, ..] => 2,
        [Node::Leaf(ExprToken::Name(_)), rest @ ..] => {
            let path = rest.chunks(2).take_while(|pair| {
                matches!(pair, [Node::Leaf(ExprToken::Dot), Node::Leaf(ExprToken::Name(_))])
            });
            1 + 2 * path.count()
        }
        [] => 0,
        _ => 1,
    }
}

/// The number of nodes of the CASE at the start of `nodes`.
fn case_len(nodes: &[Node]) -> usize {
    let mut open = 0usize;
    let end = nodes.iter().position(|node| {
        open += usize::from(word(Some(node), "case"));
        let ends = word(Some(node), "end");
        open -= usize::from(ends);
        ends && open == 0
    });
    end.map_or(nodes.len(), |end| end + 1)
}

/// Rewrites MariaDB's `!x` as `not x`, or as `x = 0` if x is a call.
fn rewrite_not_operator(nodes: Vec<Node>) -> Vec<Node> {
    let mut out = Vec::with_capacity(nodes.len());
    let mut rest = nodes;
    while let Some(at) = rest.iter().position(|node| operator(Some(node), &["!"])) {
        let used = operand_len(&rest, at + 1);
        if used == 0 || matches!(rest.get(at + 1), Some(Node::Leaf(ExprToken::Operator(_)))) {
            break;
        }
        let tail = rest.split_off(at);
        out.append(&mut rest);
        let mut tail = tail.into_iter().skip(1);
        let operand: Vec<Node> = tail.by_ref().take(used).collect();
        let call = operand.len() == 2 && !word(operand.first(), "exists");
        out.push(group(match call {
            true => operand.into_iter().chain(compared_to_zero("=")).collect(),
            false => std::iter::once(Node::Leaf(ExprToken::Word("not".into())))
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
        Node::Leaf(ExprToken::Operator(operator)),
        Node::Leaf(ExprToken::Number("0".into())),
    ]
}

/// Removes the tests (`<> 0`) that MySQL adds to each operand of `xor` and `is true`.
fn strip_redundant_tests(mut nodes: Vec<Node>) -> Vec<Node> {
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
            && tested_operand(inner).is_some()
        {
            inner.truncate(inner.len() - 2);
        }
    }
    nodes
}

/// Rewrites `x in (select ...) is false`, as MySQL prints `x not in (select ...)`.
fn negate_in_query(nodes: Vec<Node>) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut rest = nodes.into_iter().peekable();
    while let Some(node) = rest.next() {
        let of_query = match out.as_slice() {
            [.., test, Node::Group { inner, .. }] => word(Some(test), "in") && word(inner.first(), "select"),
            _ => false,
        };
        if of_query && word(Some(&node), "is") && word(rest.peek(), "false") {
            rest.next();
            out.insert(out.len() - 2, Node::Leaf(ExprToken::Word("not".into())));
        } else {
            out.push(node);
        }
    }
    out
}

/// Rewrites `0 <> x`, MySQL's test of a number, as `x <> 0`, which MariaDB prints.
fn constant_on_right(nodes: Vec<Node>) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut rest = nodes.into_iter().peekable();
    while let Some(node) = rest.next() {
        let test = match rest.peek() {
            Some(Node::Leaf(ExprToken::Operator(operator @ ("=" | "<>")))) if zero(Some(&node)) => *operator,
            _ => {
                out.push(node);
                continue;
            }
        };
        if out.last().map_or(BOUNDARY, binding_power_of) >= COMPARE
            || matches!(out.last(), Some(Node::Group { .. }))
        {
            out.push(node);
            continue;
        }
        rest.next();
        let mut operand = Vec::new();
        while let Some(next) = rest.next_if(|next| binding_power_of(next) > COMPARE) {
            operand.push(next);
        }
        let literal = matches!(operand.as_slice(), [Node::Leaf(ExprToken::Number(_))])
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

/// Removes tests of operands other than columns: MySQL adds `<> 0` to every number used as a condition,
/// MariaDB only to columns and prints `length(a)` for `length(a) <> 0`.
fn strip_tests_of_operands(nodes: Vec<Node>) -> Vec<Node> {
    const OPENS: [&str; 3] = ["where", "on", "having"];
    const JOINS: [&str; 3] = ["and", "or", "xor"];
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let (mut condition, mut betweens) = (false, 0usize);
    let mut operand = Vec::new();
    for node in nodes {
        let is = |any_of: &[&str]| any_of.iter().any(|keyword| word(Some(&node), keyword));
        betweens += usize::from(is(&["between"]));
        let joins = is(&JOINS) && (betweens == 0 || !is(&["and"]));
        if is(&["and"]) && !joins {
            betweens -= 1;
        }
        let opens = joins || is(&OPENS);
        if opens || (binding_power_of(&node) == BOUNDARY && !is_operand(&node)) {
            out.append(&mut strip_test(std::mem::take(&mut operand), condition || joins));
            condition = opens;
            out.push(node);
        } else {
            operand.push(node);
        }
    }
    out.append(&mut strip_test(operand, condition));
    out
}

/// Removes the test of an operand of a condition.
fn strip_test(mut operand: Vec<Node>, condition: bool) -> Vec<Node> {
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

/// The operand that is compared to zero: `x` of `x <> 0`.
fn tested_operand(nodes: &[Node]) -> Option<&[Node]> {
    match nodes {
        [tested @ .., test, last] if zero(Some(last)) && operator(Some(test), &["<>"]) => {
            (!tested.is_empty()).then_some(tested)
        }
        _ => None,
    }
}

/// Whether `nodes` compare an operand other than a column to zero.
fn is_test(nodes: &[Node]) -> bool {
    let Some(tested) = tested_operand(nodes) else {
        return false;
    };
    let whole = operand_len(tested, 0) == tested.len();
    match tested.first() {
        Some(Node::Leaf(ExprToken::Name(_))) if whole => false,
        first if word(first, "case") && whole => true,
        _ => tested
            .iter()
            .all(|node| binding_power_of(node) > COMPARE || is_operand(node)),
    }
}

/// Whether a keyword is or starts an operand.
fn is_operand(node: &Node) -> bool {
    ["interval", "null"]
        .iter()
        .any(|keyword| word(Some(node), keyword))
}

/// Binding power of a node; the maximum if it is not an operator.
fn binding_power_of(node: &Node) -> u8 {
    match node {
        Node::Leaf(ExprToken::Comma) => BOUNDARY,
        Node::Leaf(ExprToken::Word(word)) => {
            binding_power(&ExprToken::Word(word.clone())).unwrap_or_else(|| {
                match super::lexer::is_keyword(word) {
                    true => BOUNDARY,
                    false => u8::MAX,
                }
            })
        }
        Node::Leaf(token) => binding_power(token).unwrap_or(u8::MAX),
        Node::Group { .. } => u8::MAX,
    }
}

/// Rewrites `not x like y` as `x not like y`, and other tests with a negated form alike.
pub(super) fn not_inside(tokens: Vec<ExprToken>) -> Vec<ExprToken> {
    let mut out = tokens;
    let mut at = 0;
    while at < out.len() {
        if out[at] == ExprToken::Word("not".into())
            && let Some(test) = negatable(&out, at + 1)
        {
            out[at..test].rotate_left(1);
        }
        at += 1;
    }
    out
}

/// The position of the only comparison after a `not` at `start - 1`, if it has a negated form.
fn negatable(tokens: &[ExprToken], start: usize) -> Option<usize> {
    let before = start.checked_sub(2).map(|at| &tokens[at]);
    if before.is_some_and(|before| !before.wants_operand() && !matches!(before, ExprToken::Word(_))) {
        return None;
    }
    if matches!(before, Some(ExprToken::Word(word)) if word == "is") {
        return None;
    }
    let mut depth = 0usize;
    let mut found = None;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            ExprToken::Open => depth += 1,
            ExprToken::Close if depth == 0 => break,
            ExprToken::Close => depth -= 1,
            _ if depth > 0 => {}
            ExprToken::Comma => break,
            ExprToken::Word(word) => match (word.as_str(), found) {
                ("like" | "regexp" | "in", None) => found = Some(at),
                ("escape", Some(_)) => {}
                ("exists" | "not" | "case" | "between", None) => return None,
                _ => match binding_power(token) {
                    Some(COMPARE | BETWEEN | TEST) => return None,
                    Some(weaker) if weaker < COMPARE => break,
                    None if super::lexer::is_keyword(word) && word != "null" => break,
                    _ => {}
                },
            },
            ExprToken::Operator(_) if binding_power(token) == Some(COMPARE) => return None,
            _ => {}
        }
    }
    found
}
