//! Somebody who does what each message says, literally, until nothing is left to do.

use crate::support;

use support::exit_path::exit_path;
use support::migrations::{Folder, assert_ends};
use support::{Cmd, Output, Running, Server, Signal, market};

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
fn a_migration_after_which_nothing_is_left_is_no_baseline() {
    let server = Server::start();
    server.admin().exec("CREATE TABLE app.a (id INT PRIMARY KEY)");
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);\n"),
        ("002_b.sql", "CREATE TABLE b (id INT PRIMARY KEY);\n"),
        ("003_end.sql", "DROP TABLE a, b;\n"),
    ]);
    let first = folder.migrate(&server, &["002"]).run();
    assert_ends(&first, 2, &["nothing was run", "baseline 001"]);
    assert_eq!(
        follow(&server, &folder, first),
        ["migrate baseline 001", "migrate"]
    );
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

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

/// Every command that works on a server, in a way that takes no time.
const COMMANDS: [&[&str]; 7] = [
    &["check-connections", "--min-free", "0"],
    &["check-schema", "--replay", "never", "--dir", MIGRATIONS],
    &["migrate", "--dir", MIGRATIONS],
    &["migrate", "status", "--dir", MIGRATIONS],
    &["create-conversations"],
    &["test-conversations", "--read-only"],
    &["test-image-size", "--read-only"],
];

/// A program that somebody forgot: it holds one connection.
fn forgotten(server: &Server) -> Running {
    let mut running = exit_path(server, &["idle", "600000"]).spawn();
    running.wait_for("idle");
    running
}

/// The word behind `before` in the last message.
#[track_caller]
fn named<'a>(text: &'a str, before: &str, output: &Output) -> &'a str {
    let word = text
        .split(before)
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next());
    word.unwrap_or_else(|| panic!("no {before:?} in {output}"))
}

/// Ends the program that the message names.
#[track_caller]
fn end_named(output: &Output, programs: &mut Vec<Running>) {
    let pid: u32 = named(&output.stderr, "`kill ", output).parse().expect("a pid");
    let index = programs.iter().position(|program| program.pid() == pid);
    let index = index.unwrap_or_else(|| panic!("{pid} is no program of ours: {output}"));
    let mut program = programs.remove(index);
    program.signal(Signal::TERM);
    program.wait();
}

fn impatient(server: &Server, arguments: &[&str]) -> Cmd {
    server.dbtool().args(arguments).env("DB_ACQUIRE_TIMEOUT", "300")
}

/// Every command is refused with these words, does what its message says, and succeeds.
#[track_caller]
fn each_command_finds_its_way(server: &Server, programs: &mut Vec<Running>, words: &[&str]) {
    for arguments in COMMANDS {
        let refused = impatient(server, arguments).run();
        assert_ends(&refused, 3, words);
        end_named(&refused, programs);
        let done = server.dbtool().args(arguments).run();
        assert!(matches!(done.code, Some(0 | 1)), "{arguments:?}: {done}");
        programs.push(forgotten(server));
    }
}

#[test]
fn a_full_server_is_given_room() {
    let server = Server::builder().max_connections(10).start();
    market::migrate(&server, 1..=5);
    server.create_user("boss", "boss-word", &["ALL ON *.*"]);
    server
        .dbtool()
        .args(["migrate", "baseline", "005", "--dir", MIGRATIONS])
        .run();
    support::wait_until(support::PATIENCE, "the server to itself", || {
        server.counters().threads_connected == 1
    });
    // One connection is the support module's own.
    let mut programs: Vec<Running> = (0..9).map(|_| forgotten(&server)).collect();
    each_command_finds_its_way(
        &server,
        &mut programs,
        &[
            "server error 1040",
            "dbtool itself holds 0 of its 3",
            "CONNECTION_ADMIN",
        ],
    );

    // Whoever may not end the programs asks an administrator, who is let in.
    let seen = server
        .dbtool()
        .arg("check-connections")
        .env("DB_USER", "boss")
        .env("DB_PASSWORD", "boss-word")
        .run();
    assert_eq!(seen.code, Some(1), "{seen}");
    let id = named(&seen.stdout, "dbtool check-connections --kill --id ", &seen);
    let freed = server
        .dbtool()
        .args(["check-connections", "--kill", "--id", id, "--yes"])
        .env("DB_USER", "boss")
        .env("DB_PASSWORD", "boss-word")
        .run();
    assert_eq!(freed.code, Some(0), "{freed}");
    let done = server
        .dbtool()
        .args(["check-connections", "--min-free", "0"])
        .run();
    assert_eq!(done.code, Some(0), "{done}");
}

#[test]
fn an_account_at_its_own_limit_is_given_room() {
    let server = Server::start();
    market::migrate(&server, 1..=5);
    server
        .dbtool()
        .args(["migrate", "baseline", "005", "--dir", MIGRATIONS])
        .run();
    server.admin().exec("ALTER USER app WITH MAX_USER_CONNECTIONS 1");
    let mut programs = vec![forgotten(&server)];
    each_command_finds_its_way(&server, &mut programs, &["server error 1226"]);

    let refused = impatient(&server, &["check-connections"]).run();
    assert_ends(&refused, 3, &["ALTER USER app@HOST WITH MAX_USER_CONNECTIONS N"]);
    server
        .admin()
        .exec("ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 2");
    let done = server.dbtool().arg("create-conversations").run();
    assert_ends(&done, 0, &[]);
}

#[test]
fn an_account_at_the_limit_of_all_accounts_is_given_room() {
    let server = Server::builder().arg("--max-user-connections=2").start();
    market::migrate(&server, 1..=5);
    server
        .dbtool()
        .args(["migrate", "baseline", "005", "--dir", MIGRATIONS])
        .run();
    let mut programs = vec![forgotten(&server), forgotten(&server)];
    each_command_finds_its_way(&server, &mut programs, &["server error 1203"]);

    let refused = impatient(&server, &["check-connections"]).run();
    assert_ends(
        &refused,
        3,
        &[
            "SET GLOBAL max_user_connections = N",
            "ALTER USER app@HOST WITH MAX_USER_CONNECTIONS N",
        ],
    );
    // One connection for all of it: root has the same limit, and a closed connection counts for a moment.
    let mut admin = server.admin();
    let create = || server.dbtool().arg("create-conversations").run();
    admin.exec("ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 3");
    assert_ends(&create(), 0, &[]);
    admin.exec("ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 0");
    admin.exec("SET GLOBAL max_user_connections = 3");
    assert_ends(&create(), 0, &[]);
}
