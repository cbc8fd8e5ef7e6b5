//! A migration killed at any point ends, run again, exactly as an uninterrupted one, or asks.
//!
//! The migrations are in `tests/cases/kill/`. Each is run once to its end through a proxy that counts the
//! commands, and then, in a new database each time, up to one of these commands and no further: the client
//! is killed there, or its connection is cut. The run after that answers no question. It must end with exit
//! code 0 and the same tables, rows, programs and history, or refuse with a question where the case allows it.
//!
//! By default the points around each statement of the file are taken; `DBTOOL_KILL_MATRIX=all` takes every
//! command and every way to be cut off, `DBTOOL_KILL_MATRIX=all:WORDS` those of the cases whose name has the words.

use crate::support;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbtool::sql::{Options, split};
use support::migrations::Folder;
use support::proxy::{Proxy, Stop};
use support::{Admin, Cmd, Output, PATIENCE, Server, Signal};

const USER: &str = "killed";
/// The account that has PROCESS beside the rights on its databases.
const USER_WITH_PROCESS: &str = "killed_process";
const PASSWORD: &str = "Pw0Pw0Pw0Pw0Pw0Pw0Pw0Pw0";

/// A migration with what is in the database before it.
#[derive(Debug, Default, Clone)]
struct Case {
    name: String,
    /// Statements of the file, from 1, at which an interruption may end in a question; `any` is 0.
    asks: Vec<usize>,
    /// The same for an account without the privilege PROCESS; such a case runs with both accounts.
    asks_without_process: Option<Vec<usize>>,
    /// Whether the account has PROCESS.
    process: bool,
    only: Option<String>,
    /// What the application does between the two runs, if the file got past statement `between_from`.
    between: Option<String>,
    between_from: usize,
    setup: String,
    migration: String,
}

fn cases() -> Vec<Case> {
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

/// How a client ends at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Cut,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    stop: Stop,
    end: End,
}

impl Point {
    fn number(self) -> usize {
        match self.stop {
            Stop::Before(number) | Stop::During(number) | Stop::After(number) => number,
        }
    }
}

/// A case in the run that nobody interrupts.
struct Whole {
    case: Case,
    commands: Vec<String>,
    /// The command of each statement of the file.
    statements: Vec<usize>,
    state: String,
    state_between: String,
}

impl Whole {
    /// The file's statement at whose place the client is stopped: the first whose end is not yet recorded.
    fn statement_at(&self, point: Point) -> usize {
        // The record of a statement follows within the two or three commands after it.
        let number = point.number();
        self.statements.iter().filter(|at| **at + 3 < number).count() + 1
    }

    fn may_ask(&self, point: Point) -> bool {
        let at = self.statement_at(point);
        self.case
            .asks
            .iter()
            .any(|asks| *asks == 0 || at <= *asks && *asks <= at + 1)
    }

    fn points(&self, all: bool) -> Vec<Point> {
        let mut points = Vec::new();
        let mut add = |stop, end| points.push(Point { stop, end });
        if !all {
            for (index, at) in self.statements.iter().enumerate() {
                add(Stop::After(*at), End::Killed);
                match index % 3 {
                    0 => add(Stop::Before(*at), End::Cut),
                    1 => add(Stop::During(*at), End::Killed),
                    _ => add(Stop::Before(*at + 2), End::Killed),
                }
            }
            return points;
        }
        let first = self.statements.first().copied().unwrap_or(1).saturating_sub(4);
        for number in first.max(1)..=self.commands.len() {
            add(Stop::Before(number), End::Killed);
            add(Stop::Before(number), End::Cut);
            add(Stop::During(number), End::Killed);
            if !self.commands[number - 1].starts_with("(command") {
                add(Stop::After(number), End::Killed);
                add(Stop::After(number), End::Cut);
            }
        }
        points
    }
}

/// The databases and the folder of one run.
struct Place {
    user: &'static str,
    database: String,
    folder: Folder,
}

impl Place {
    fn make(server: &Server, admin: &mut Admin, case: &Case) -> Place {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            user: if case.process { USER_WITH_PROCESS } else { USER },
            database: format!("k{number}_"),
            folder: Folder::new(&[]),
        };
        place.folder.write("001_case.sql", place.names(&case.migration));
        for database in [place.other(), place.database.clone()] {
            admin.exec(&format!(
                "CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
            ));
        }
        // By the account itself: what a program of another account does is hidden from it.
        let mut account = Admin::connect_tcp(server.port(), place.user, PASSWORD, &place.database);
        let setup = place.names(&case.setup);
        for statement in split(&setup, Options::default()).expect("SQL").statements {
            account.exec(statement.text);
        }
        place
    }

    fn other(&self) -> String {
        format!("{}o", self.database)
    }

    fn names(&self, text: &str) -> String {
        text.replace("{db}", &self.database)
            .replace("{other}", &self.other())
    }

    fn migrate(&self, port: u16) -> Cmd {
        support::dbtool()
            .env("DB_HOST", "127.0.0.1")
            .env("DB_PORT", port.to_string())
            .env("DB_USER", self.user)
            .env("DB_PASSWORD", PASSWORD)
            .env("DB_NAME", &self.database)
            .env("DB_SSL_MODE", "disabled")
            .args(["migrate", "--lock-wait", "60", "--dir"])
            .arg(self.folder.path())
    }

    /// Tables with their rows, programs and the history, without the database's name.
    fn state(&self, admin: &mut Admin) -> String {
        let mut state = String::new();
        for (database, name) in [(self.other(), "OTHER"), (self.database.clone(), "DB")] {
            let mut part = String::new();
            describe(admin, &database, &mut part);
            let _ = writeln!(state, "## {name}\n{}", part.replace(&self.database, "DB"));
        }
        state
    }

    fn remove(self, admin: &mut Admin) {
        for database in [self.other(), self.database.clone()] {
            admin.exec(&format!("DROP DATABASE IF EXISTS {database}"));
        }
    }
}

fn describe(admin: &mut Admin, database: &str, state: &mut String) {
    let names = admin.query(&format!(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = '{database}' ORDER BY table_name"
    ));
    for row in names {
        let (Some(name), Some(kind)) = (&row[0], &row[1]) else {
            continue;
        };
        let quoted = format!("`{database}`.`{}`", name.replace('`', "``"));
        if name == "dbtool_migrations" {
            let rows = admin.query(&format!(
                "SELECT version, name, state, statements_done, statements_total, intent, error FROM {quoted} ORDER BY version"
            ));
            let _ = writeln!(state, "{rows:?}");
            continue;
        }
        let definition = admin.query(&format!("SHOW CREATE TABLE {quoted}"));
        let _ = writeln!(
            state,
            "{}",
            without_counter(definition[0][1].as_deref().unwrap_or("?"))
        );
        if kind == "BASE TABLE" || kind == "SEQUENCE" {
            let mut rows: Vec<String> = admin
                .query(&format!("SELECT * FROM {quoted}"))
                .iter()
                .map(|row| format!("{row:?}"))
                .collect();
            rows.sort();
            let _ = writeln!(state, "{rows:?}");
        }
    }
    for query in [
        "SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema",
        "SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema",
        "SELECT event_name, event_definition FROM information_schema.events WHERE event_schema",
    ] {
        let rows = admin.query(&format!("{query} = '{database}' ORDER BY 1"));
        let _ = writeln!(state, "{rows:?}");
    }
}

fn without_counter(definition: &str) -> String {
    match definition.split_once(" AUTO_INCREMENT=") {
        Some((head, tail)) => {
            format!("{head}{}", tail.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => definition.to_owned(),
    }
}

fn whole(server: &Server, admin: &mut Admin, case: Case) -> Result<Whole, String> {
    let place = Place::make(server, admin, &case);
    let proxy = Proxy::start(server.port(), None);
    let output = place.migrate(proxy.port()).run();
    if output.code != Some(0) {
        return Err(format!("{}: {output}", case.name));
    }
    let state = place.state(admin);
    let mut state_between = state.clone();
    if let Some(between) = &case.between {
        admin.exec(&place.names(between));
        state_between = place.state(admin);
    }
    let commands = proxy.commands();
    let text = place.names(&case.migration);
    let mut from = commands
        .iter()
        .position(|command| command.starts_with("INSERT INTO") && command.contains("dbtool_migrations"))
        .expect("a record of the beginning");
    let mut statements = Vec::new();
    for statement in split(&text, Options::default()).expect("SQL").statements {
        let at = commands[from..]
            .iter()
            .position(|command| {
                // A database is chosen by its quoted name.
                let chosen = statement.text.starts_with("USE ") && command.starts_with("USE ");
                command == statement.text
                    || chosen && command.replace('`', "") == statement.text.replace('`', "")
            })
            .unwrap_or_else(|| panic!("{}: {} was not run", case.name, statement.text));
        from += at + 1;
        statements.push(from);
    }
    place.remove(admin);
    Ok(Whole {
        case,
        commands,
        statements,
        state,
        state_between,
    })
}

/// What became of an interrupted migration that was run again.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    Same,
    Asked,
    /// The point was never reached: the run was over before.
    NotReached,
    /// Against the promise, and why.
    Wrong(String),
}

fn asks(output: &Output) -> bool {
    output.code == Some(2) && output.stderr.contains("dbtool migrate repair")
}

fn interrupted(server: &Server, admin: &mut Admin, whole: &Whole, point: Point) -> Became {
    let place = Place::make(server, admin, &whole.case);
    let proxy = Proxy::start(server.port(), Some(point.stop));
    let mut running = place
        .migrate(proxy.port())
        .env("DB_ACQUIRE_TIMEOUT", "500")
        .spawn();
    let reached = proxy.wait_reached(PATIENCE, || running.poll().is_some());
    if !reached {
        let output = running.wait();
        place.remove(admin);
        return match output.code {
            Some(0) => Became::NotReached,
            _ => Became::Wrong(format!("the run to be interrupted failed: {output}")),
        };
    }
    let first = match point.end {
        End::Killed => {
            running.signal(Signal::KILL);
            let output = running.wait();
            proxy.cut();
            output
        }
        End::Cut => {
            proxy.cut();
            running.wait()
        }
    };
    let mut expected = &whole.state;
    if let Some(between) = &whole.case.between {
        let from = whole.statements[whole.case.between_from - 1];
        let past = match point.stop {
            Stop::After(number) => number >= from,
            Stop::Before(number) => number > from,
            // Whether the statement is over when the application writes is left open.
            Stop::During(number) if number == from => {
                place.remove(admin);
                return Became::NotReached;
            }
            Stop::During(number) => number > from,
        };
        if past {
            expected = &whole.state_between;
            admin.exec(&place.names(between));
        }
    }
    let output = place.migrate(server.port()).run();
    let became = match output.code {
        Some(0) => {
            let state = place.state(admin);
            if state == *expected {
                Became::Same
            } else {
                Became::Wrong(format!(
                    "exit 0 with another state\n{}",
                    difference(expected, &state)
                ))
            }
        }
        _ if asks(&output) && whole.may_ask(point) => Became::Asked,
        _ if asks(&output) => Became::Wrong(format!("a question that is not needed\n{}", output.stderr)),
        _ => Became::Wrong(format!("stuck: {}{output}", first.stderr)),
    };
    place.remove(admin);
    became
}

fn difference(expected: &str, state: &str) -> String {
    let mut text = String::new();
    let (expected, state): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), state.lines().collect());
    for line in expected.iter().filter(|line| !state.contains(line)) {
        let _ = writeln!(text, "- {line}");
    }
    for line in state.iter().filter(|line| !expected.contains(line)) {
        let _ = writeln!(text, "+ {line}");
    }
    text
}

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    same: usize,
    asked: usize,
    not_reached: usize,
    wrong: Vec<String>,
}

#[test]
#[allow(
    clippy::print_stderr,
    reason = "the numbers of a run are of interest when it passes, too"
)]
fn a_migration_killed_at_any_point_ends_as_an_uninterrupted_one_or_asks() {
    let server = Server::builder().max_connections(60).start();
    let mut admin = server.admin();
    for user in [USER, USER_WITH_PROCESS] {
        admin.exec(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'"));
        admin.exec(&format!("GRANT ALL PRIVILEGES ON `k%`.* TO '{user}'@'%'"));
        // A first login with a password that is sent whole; MySQL keeps it for the next ones.
        drop(Admin::connect_tcp(
            server.port(),
            user,
            PASSWORD,
            "information_schema",
        ));
    }
    admin.exec(&format!("GRANT PROCESS ON *.* TO '{USER_WITH_PROCESS}'@'%'"));
    if server.is_mysql() {
        // Functions with binary logging need SUPER otherwise.
        admin.exec("SET GLOBAL log_bin_trust_function_creators = 1");
    }
    let setting = std::env::var("DBTOOL_KILL_MATRIX").unwrap_or_default();
    let all = setting.starts_with("all");
    let words = setting.split_once(':').map_or("", |(_, words)| words);
    let family = if server.is_mysql() { "mysql" } else { "mariadb" };
    let chosen: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.only.as_deref().is_none_or(|only| only == family) && case.name.contains(words))
        .collect();
    assert!(chosen.len() >= 40 || !words.is_empty(), "{} cases", chosen.len());
    let cases_run = chosen.len();
    let queue = Mutex::new(chosen);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut admin = server.admin();
                loop {
                    let next = queue.lock().expect("no panic").pop();
                    let Some(case) = next else { return };
                    let whole = match whole(&server, &mut admin, case) {
                        Ok(whole) => whole,
                        Err(why) => {
                            tally.lock().expect("no panic").wrong.push(why);
                            continue;
                        }
                    };
                    for point in whole.points(all) {
                        let became = interrupted(&server, &mut admin, &whole, point);
                        let mut tally = tally.lock().expect("no panic");
                        tally.runs += 1;
                        match became {
                            Became::Same => tally.same += 1,
                            Became::Asked => tally.asked += 1,
                            Became::NotReached => tally.not_reached += 1,
                            Became::Wrong(why) => tally.wrong.push(format!(
                                "{} ({point:?}, statement {}, at {}): {why}",
                                whole.case.name,
                                whole.statement_at(point),
                                whole
                                    .commands
                                    .get(point.number() - 1)
                                    .map_or("the end", String::as_str),
                            )),
                        }
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no panic");
    let sum = format!(
        "{} of {cases_run} cases: {} as uninterrupted, {} asked, {} over before, {} wrong",
        tally.runs,
        tally.same,
        tally.asked,
        tally.not_reached,
        tally.wrong.len()
    );
    eprintln!("{sum}");
    assert!(tally.wrong.is_empty(), "{sum}\n{}", tally.wrong.join("\n"));
}
