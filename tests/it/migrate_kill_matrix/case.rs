//! The migrations of `tests/cases/kill/`, each with what is in the database before it.

use std::path::Path;

/// A migration with what is in the database before it, and what may come of its interruption.
#[derive(Debug, Default, Clone)]
pub struct Case {
    pub name: String,
    /// Statements of the file, from 1, at which an interruption may end in a question; `any` is 0.
    pub asks: Vec<usize>,
    /// The same for an account without the privilege PROCESS; such a case runs with both accounts.
    pub asks_without_process: Option<Vec<usize>>,
    /// Statements at which a question is also allowed when the server itself was killed.
    pub asks_after_crash: Vec<usize>,
    /// Whether the account has PROCESS.
    pub process: bool,
    pub only: Option<String>,
    /// What the application does between the two runs, if the file got past statement `between_from`.
    pub between: Option<String>,
    pub between_from: usize,
    pub setup: String,
    pub migration: String,
}

pub fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kill");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).expect("a file of cases");
            text.split("\n=== ").skip(1).flat_map(parse).collect::<Vec<_>>()
        })
        .collect()
}

fn parse(text: &str) -> Vec<Case> {
    let (head, rest) = text.split_once("\n--- setup\n").expect("a setup");
    let (setup, migration) = rest.split_once("--- migration\n").expect("a migration");
    let mut lines = head.lines();
    let mut case = Case {
        name: lines.next().expect("a name").to_owned(),
        setup: setup.to_owned(),
        migration: migration.to_owned(),
        ..Case::default()
    };
    for line in lines {
        let (key, value) = line
            .strip_prefix("-- ")
            .and_then(|line| line.split_once(": "))
            .expect("-- key: value");
        match key {
            "asks" => case.asks = numbers(value),
            "asks without PROCESS" => case.asks_without_process = Some(numbers(value)),
            "asks after a crash" => case.asks_after_crash = numbers(value),
            "only" => case.only = Some(value.to_owned()),
            "between" => case.between = Some(value.to_owned()),
            "between from" => case.between_from = value.parse().expect("a number"),
            other => panic!("{other}?"),
        }
    }
    match case.asks_without_process.clone() {
        None => vec![case],
        Some(asks) => {
            let low = Case {
                asks,
                name: format!("{}, without PROCESS", case.name),
                ..case.clone()
            };
            vec![
                low,
                Case {
                    process: true,
                    ..case
                },
            ]
        }
    }
}

fn numbers(list: &str) -> Vec<usize> {
    match list {
        "any" => vec![0],
        "none" => Vec::new(),
        list => list
            .split(", ")
            .map(|number| number.parse().expect("a number"))
            .collect(),
    }
}
