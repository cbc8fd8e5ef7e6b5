//! Somebody who does what each message says, literally, until nothing is left to do.

use crate::support;

use support::migrations::{Folder, assert_ends};
use support::{Output, Server, Signal};

/// The first command in backquotes behind `next:`, without the program's name.
#[track_caller]
fn advised(output: &Output) -> Vec<String> {
    let next = output
        .stderr
        .split("next:")
        .nth(1)
        .unwrap_or_else(|| panic!("no next step in {output}"));
    let command = next
        .split("`dbtool ")
        .nth(1)
        .and_then(|rest| rest.split('`').next());
    let command = command.unwrap_or_else(|| panic!("no command in {output}"));
    command.split_whitespace().map(str::to_owned).collect()
}

/// Runs what the last message advises, or the goal itself where it advised nothing, until the goal is reached.
#[track_caller]
fn follow(server: &Server, folder: &Folder, mut last: Output) -> Vec<String> {
    let mut steps = Vec::new();
    for _ in 0..10 {
        let command = match last.code {
            Some(0)
                if steps
                    .last()
                    .is_some_and(|step: &String| !step.contains("baseline")) =>
            {
                return steps;
            }
            Some(0) => vec!["migrate".to_owned()],
            _ => advised(&last),
        };
        steps.push(command.join(" "));
        last = server
            .dbtool()
            .args(&command)
            .arg("--dir")
            .arg(folder.path())
            .run();
    }
    panic!("{steps:?} lead nowhere; last: {last}");
}

const TWO: &[(&str, &str)] = &[
    (
        "001_a.sql",
        "CREATE TABLE a (id INT PRIMARY KEY, old INT);\nCREATE TABLE b (id INT PRIMARY KEY);\n",
    ),
    (
        "002_b.sql",
        "ALTER TABLE a CHANGE old fresh INT;\nCREATE TABLE c (id INT PRIMARY KEY);\n",
    ),
    (
        "003_c.sql",
        "CREATE TABLE d (id INT PRIMARY KEY);\nINSERT INTO d VALUES (1);\n",
    ),
];

#[test]
fn an_existing_database_is_taken_over() {
    let server = Server::start();
    let mut admin = server.admin();
    for (name, text) in &TWO[..2] {
        let _ = name;
        for statement in text.split(";\n").filter(|statement| !statement.is_empty()) {
            admin.exec("USE app");
            admin.exec(statement);
        }
    }
    let folder = Folder::new(TWO);
    let first = folder.migrate(&server, &[]).run();
    assert_ends(&first, 2, &["nothing was run", "baseline 002"]);
    assert_eq!(
        follow(&server, &folder, first),
        ["migrate baseline 002", "migrate"]
    );
    assert_eq!(admin.value("SELECT COUNT(*) FROM app.d"), "1");
    assert_ends(&folder.migrate(&server, &["--check"]).run(), 0, &[]);
}

#[test]
fn a_database_whose_first_migration_was_begun_in_vain_is_taken_over() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[
        (
            "001_a.sql",
            "INSERT INTO missing_column VALUES (1, 2);\nCREATE TABLE a (id INT PRIMARY KEY);\n",
        ),
        ("002_b.sql", "CREATE TABLE b (id INT PRIMARY KEY);\n"),
    ]);
    admin.exec("CREATE TABLE app.missing_column (id INT)");
    assert_ends(&folder.migrate(&server, &[]).run(), 4, &["1136"]);
    admin.exec("CREATE TABLE app.a (id INT PRIMARY KEY)");
    let again = folder.migrate(&server, &[]).run();
    assert_ends(&again, 2, &["nothing was run", "baseline 001"]);
    assert_eq!(
        follow(&server, &folder, again),
        ["migrate baseline 001", "migrate"]
    );
    assert_ends(&folder.migrate(&server, &["--check"]).run(), 0, &[]);
}

#[test]
fn a_migration_that_stopped_half_way_is_finished() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE a (id INT PRIMARY KEY);\nINSERT INTO a VALUES (1), (1);\nINSERT INTO a VALUES (2);\n",
    )]);
    let failed = folder.migrate(&server, &[]).run();
    assert_ends(&failed, 4, &["1062"]);
    folder.write(
        "001_a.sql",
        "CREATE TABLE a (id INT PRIMARY KEY);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\n",
    );
    assert_eq!(follow(&server, &folder, failed), ["migrate 001"]);
    assert_eq!(admin.value("SELECT COUNT(*) FROM app.a"), "2");

    folder.write(
        "002_b.sql",
        "CREATE TABLE b (id INT);\nSELECT SLEEP(3);\nINSERT INTO b VALUES (1);\n",
    );
    let mut running = folder.migrate(&server, &[]).spawn();
    running.wait_for("002.1");
    running.signal(Signal::INT);
    let interrupted = running.wait();
    assert_ends(&interrupted, 130, &[]);
    assert_eq!(follow(&server, &folder, interrupted), ["migrate 002"]);
    assert_eq!(admin.value("SELECT COUNT(*) FROM app.b"), "1");
}
