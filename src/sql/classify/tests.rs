//! The cases are in `tests/cases/classify.txt`, which documents their format.

use super::{Classification, ObjectEffect, classify};

const CASES: &str = include_str!("../../../tests/cases/classify.txt");

/// The first column of every case, the rest of its line, and its line number.
fn cases() -> impl Iterator<Item = (&'static str, &'static str, usize)> {
    let lines = CASES.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|(line, number)| {
        let (first, rest) = line
            .split_once('|')
            .unwrap_or_else(|| panic!("line {number}: columns are separated by |"));
        (first.trim(), rest.trim(), number)
    })
}

/// A name as the file writes it.
fn full(name: &crate::sql::ObjectName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    }
}

/// The objects as the file writes them.
fn objects(found: &Classification) -> String {
    let objects = found.objects.iter().map(|object| {
        let (effect, to) = match &object.effect {
            ObjectEffect::Create => ("creates", None),
            ObjectEffect::Drop => ("drops", None),
            ObjectEffect::Alter => ("alters", None),
            ObjectEffect::Truncate => ("truncates", None),
            ObjectEffect::Write => ("writes", None),
            ObjectEffect::Rename(to) => ("renames", Some(to)),
        };
        let to = to.map_or(String::new(), |to| format!(" to {}", full(to)));
        format!("{effect} {} {}{to}", object.kind.keyword(), full(&object.name))
    });
    or_dash(objects.collect::<Vec<_>>().join(", "))
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

const FLAGS: [&str; 3] = ["session-state", "no-session-state", "opaque"];

#[test]
fn statements_are_told_apart() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (class, rest, line) in cases().filter(|(first, ..)| !FLAGS.contains(first)) {
        let columns: Vec<&str> = rest.splitn(4, '|').map(str::trim).collect();
        let [verb, commits, changed, statement] = columns[..] else {
            panic!("line {line}: class | verb | commits | objects | statement");
        };
        seen += 1;
        let found = classify(statement);
        let commits_found = if found.implicit_commit { "commits" } else { "-" };
        let expected = [class, verb, commits, changed].join(" | ");
        let found = [found.class.as_str(), &found.verb, commits_found, &objects(&found)].join(" | ");
        if found != expected {
            wrong.push(format!(
                "line {line}: {statement}\n  expected {expected}\n  found    {found}"
            ));
        }
    }
    assert!(seen >= 40, "the cases are read: {seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_new_session_would_lack_is_noticed() {
    let mut seen = 0;
    for (flag, statement, line) in cases().filter(|(first, ..)| FLAGS.contains(first)) {
        seen += 1;
        let found = classify(statement);
        let holds = match flag {
            "session-state" => found.session_state,
            "no-session-state" => !found.session_state,
            _ => found.opaque,
        };
        assert!(holds, "line {line}: {flag} | {statement}");
    }
    assert!(seen >= 9, "the cases are read: {seen}");
}
