//! A migration interrupted at any point ends, run again, exactly as an uninterrupted one, or asks.
//!
//! The migrations are in `tests/cases/kill/`. Each is run once to its end through a proxy that counts the
//! commands, and then, in a new database each time, up to one of these commands and no further. There the client
//! is killed, its connection is cut, the statement is delivered when the next run has already begun, or the server
//! itself is killed and started again ([`End`]). The run after that answers no question. It must end with exit
//! code 0 and the same tables, rows, programs and history, or refuse with a question where the case allows it.
//!
//! By default points around each statement of the file are taken (on MySQL in every third case), and one crash of the server in every other case;
//! `DBTOOL_KILL_MATRIX=all` takes every command and every way to be cut off, `DBTOOL_KILL_MATRIX=all:WORDS` those
//! of the cases whose name has the words, `some:WORDS` the usual points of these. `crash` in place of `all` or
//! `some` takes every crash of the server and nothing else, `changes` every command that changes something and one
//! crash for each statement.

use crate::support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use dbtool::sql::{SplitOptions, split};
use support::crash::Crashing;
use support::proxy::{Proxy, Stop};
use support::{Admin, Output, PATIENCE, Server, Signal, wait_until};

use self::case::{Case, cases};
use self::place::Place;

mod case;
mod place;

/// How a run ends at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// The client is killed.
    Killed,
    /// Its connection is cut.
    Cut,
    /// It is killed, and the command reaches the server after the next run has begun.
    Late,
    /// The server is killed, so many milliseconds later, and started again.
    Crash(u64),
}

impl End {
    fn word(self) -> &'static str {
        match self {
            End::Killed => "client killed",
            End::Cut => "connection cut",
            End::Late => "delivered late",
            End::Crash(_) => "server killed",
        }
    }
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

/// Which points are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Some,
    All,
    Changes,
    Crashes,
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

/// How far an interrupted run came. It need not send the same commands as the uninterrupted one: whether
/// dbtool has to wait for the next second, for one, depends on the moment.
struct Came {
    point: Point,
    commands: Vec<String>,
    /// The command of each statement of the file that was sent, or was to be.
    statements: Vec<usize>,
}

impl Came {
    /// The file's statement at whose place the run was stopped: the first whose end is not yet recorded.
    fn statement(&self) -> usize {
        let number = self.point.number();
        let recorded = |index: usize| self.recorded_at(index) < number;
        (0..self.statements.len())
            .filter(|index| recorded(*index))
            .count()
            + 1
    }

    /// The command that ends the record of a statement: the COMMIT behind it, else the last one before the next
    /// statement. Another connection that looks on may have commands in between.
    fn recorded_at(&self, index: usize) -> usize {
        let at = self.statements[index];
        let next = self
            .statements
            .get(index + 1)
            .map_or(self.commands.len(), |next| next - 1);
        let behind = self.commands.get(at..next.max(at)).unwrap_or_default();
        behind
            .iter()
            .position(|command| command.starts_with("COMMIT AND NO CHAIN"))
            .map_or(next.max(at + 3), |offset| at + 1 + offset)
    }

    /// Whether the server has certainly answered this statement of the file, from 1.
    fn is_past(&self, statement: usize) -> bool {
        self.statements
            .get(statement - 1)
            .is_some_and(|at| match self.point.stop {
                Stop::After(number) => number >= *at,
                Stop::Before(number) | Stop::During(number) => number > *at,
            })
    }

    fn may_ask(&self, case: &Case) -> bool {
        let at = self.statement();
        let crashed = matches!(self.point.end, End::Crash(_));
        let also = case.asks_after_crash.iter().filter(|_| crashed);
        let mut asks = case.asks.iter().chain(also);
        asks.any(|asks| *asks == 0 || at <= *asks && *asks <= at + 1)
    }
}

/// The commands that are the statements of the file, as far as they were sent.
fn positions(case: &Case, place: &Place, commands: &[String]) -> Vec<usize> {
    let text = place.names(&case.migration);
    let begins =
        |command: &String| command.starts_with("INSERT INTO") && command.contains("dbtool_migrations");
    let Some(mut from) = commands.iter().position(begins) else {
        return Vec::new();
    };
    let mut statements = Vec::new();
    for statement in split(&text, SplitOptions::default()).expect("SQL").statements {
        let at = commands[from..].iter().position(|command| {
            // A database is chosen by its quoted name.
            let chosen = statement.text.starts_with("USE ") && command.starts_with("USE ");
            command == statement.text || chosen && command.replace('`', "") == statement.text.replace('`', "")
        });
        let Some(at) = at else { break };
        from += at + 1;
        statements.push(from);
    }
    statements
}

/// The same number for the same text, in every run.
fn seeded(text: &str) -> usize {
    text.bytes().fold(5381, |sum: usize, byte| {
        sum.wrapping_mul(33).wrapping_add(usize::from(byte))
    })
}

impl Whole {
    fn points(&self, extent: Extent) -> Vec<Point> {
        match extent {
            Extent::Some => self.some(),
            Extent::All => [self.all(), self.crashes()].concat(),
            Extent::Changes => self.changes(),
            Extent::Crashes => self.crashes(),
        }
    }

    fn some(&self) -> Vec<Point> {
        let seed = seeded(&self.case.name) % 1_000;
        let mut points = Vec::new();
        let mut add = |stop, end| points.push(Point { stop, end });
        for (index, at) in self.statements.iter().enumerate() {
            add(Stop::After(*at), End::Killed);
            if (seed + index).is_multiple_of(3) {
                continue;
            }
            match (seed + index) % 4 {
                0 => add(Stop::Before(*at), End::Late),
                1 => add(Stop::During(*at), End::Killed),
                2 => add(Stop::Before(*at + 2), End::Killed),
                _ => add(Stop::Before(*at), End::Cut),
            }
        }
        if seed.is_multiple_of(2) {
            let crashes = self.crashes();
            points.extend(crashes.get(seed / 2 % crashes.len().max(1)));
        }
        points
    }

    /// Every command of the run, without the points that leave the same on the server as another: a client killed
    /// behind an answer has done no more than one killed before its next command, and a command that only reads, or
    /// only prepares, leaves nothing, whether it was delivered or not.
    fn all(&self) -> Vec<Point> {
        self.at_commands(true)
    }

    /// The same where the command changes something.
    fn changes(&self) -> Vec<Point> {
        let mut points = self.at_commands(false);
        points.extend(self.statements.iter().map(|at| Point {
            stop: Stop::After(*at),
            end: End::Crash(0),
        }));
        points
    }

    fn at_commands(&self, reads_too: bool) -> Vec<Point> {
        let mut points = Vec::new();
        let mut add = |stop, end| points.push(Point { stop, end });
        let first = self.statements.first().copied().unwrap_or(1).saturating_sub(4);
        let first = first.max(1);
        for number in first..=self.commands.len() {
            if number == first || !self.leaves_nothing(number - 1) {
                add(Stop::Before(number), End::Killed);
            }
            let leaves_nothing = self.leaves_nothing(number);
            if reads_too || !leaves_nothing {
                add(Stop::Before(number), End::Cut);
            }
            if !leaves_nothing {
                add(Stop::Before(number), End::Late);
                add(Stop::During(number), End::Killed);
                if !self.commands[number - 1].starts_with("(command") {
                    add(Stop::After(number), End::Cut);
                }
            }
        }
        points
    }

    /// Whether a command of dbtool's own only reads or prepares, and takes no lock that outlives it.
    fn leaves_nothing(&self, number: usize) -> bool {
        let command = |number: usize| self.commands.get(number - 1).map_or("", String::as_str);
        let reads = |text: &str| {
            let begins = ["SELECT ", "SHOW ", "SET SESSION ", "SET NAMES "];
            let locks = ["_LOCK(", "FOR UPDATE", "LAST_INSERT_ID("];
            begins.iter().any(|word| text.starts_with(word)) && !locks.iter().any(|word| text.contains(word))
        };
        let executed = "(execute)";
        match command(number) {
            // What is executed is known only right behind its PREPARE.
            text if text == executed => number > 1 && reads(command(number - 1)),
            text => !self.statements.contains(&number) && (reads(text) || command(number + 1) == executed),
        }
    }

    /// The server killed in each statement, at several moments of it, and behind it.
    fn crashes(&self) -> Vec<Point> {
        let mut points = Vec::new();
        let mut add = |stop, late| {
            points.push(Point {
                stop,
                end: End::Crash(late),
            });
        };
        for (index, at) in self.statements.iter().enumerate() {
            add(Stop::After(*at), 0);
            add(Stop::During(*at), [0, 3, 1, 7, 2, 12][index % 6]);
            add(Stop::During(*at), [5, 1, 9, 2, 4, 3][index % 6]);
        }
        points
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
    let statements = positions(&case, &place, &commands);
    let wanted = split(&case.migration, SplitOptions::default())
        .expect("SQL")
        .statements
        .len();
    if statements.len() != wanted {
        return Err(format!(
            "{}: statement {} was not run",
            case.name,
            statements.len() + 1
        ));
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
    /// The server itself lost a table as it was killed, and says so.
    Broken,
    /// Against the promise, and why.
    Wrong(String),
}

fn asks(output: &Output) -> bool {
    output.code == Some(2) && output.stderr.contains("dbtool migrate repair")
}

/// The end of an interrupted run, and the run after it.
fn ended(
    crashing: &mut Crashing,
    admin: &mut Admin,
    place: &Place,
    proxy: &Proxy,
    mut running: support::Running,
    end: End,
    between: impl FnOnce(&mut Admin),
) -> (Output, Output) {
    let again = |crashing: &Crashing| place.migrate(crashing.server().port());
    let first = match end {
        End::Killed | End::Late => {
            running.signal(Signal::KILL);
            running.wait()
        }
        End::Cut => {
            proxy.cut();
            running.wait()
        }
        End::Crash(late) => {
            std::thread::sleep(Duration::from_millis(late));
            crashing.kill();
            proxy.cut();
            let first = running.wait();
            *admin = crashing.start_again();
            place::know_accounts(crashing.server());
            first
        }
    };
    if end == End::Late {
        let mut next = again(crashing).spawn();
        let waits = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%GET_LOCK(%:{}%'",
            place.database
        );
        wait_until(PATIENCE, "the next run waits for the one before", || {
            next.poll().is_some() || admin.number(&waits) > 0
        });
        proxy.deliver();
        return (first, next.wait());
    }
    proxy.cut();
    between(admin);
    (first, again(crashing).run())
}

fn interrupted(crashing: &mut Crashing, admin: &mut Admin, whole: &Whole, point: Point) -> (Came, Became) {
    let case = &whole.case;
    let place = Place::make(crashing.server(), admin, case);
    let proxy = Proxy::start(crashing.server().port(), Some(point.stop));
    let mut running = place
        .migrate(proxy.port())
        .env("DB_ACQUIRE_TIMEOUT", "3000")
        .spawn();
    let reached = proxy.wait_reached(PATIENCE, || running.poll().is_some());
    let commands = proxy.commands();
    let came = Came {
        point,
        statements: positions(case, &place, &commands),
        commands,
    };
    if !reached {
        let output = running.wait();
        place.remove(admin);
        return match output.code {
            Some(0) => (came, Became::NotReached),
            _ => (
                came,
                Became::Wrong(format!("the run to be interrupted failed: {output}")),
            ),
        };
    }
    let mut expected = &whole.state;
    let mut meanwhile = None;
    // What is delivered late may come after what the application does.
    if let Some(between) = &case.between
        && point.end != End::Late
        && came.is_past(case.between_from)
    {
        expected = &whole.state_between;
        meanwhile = Some(place.names(between));
    }
    let (first, output) = ended(crashing, admin, &place, &proxy, running, point.end, |admin| {
        if let Some(between) = &meanwhile {
            admin.exec(between);
        }
    });
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
        _ if asks(&output) && came.may_ask(case) => Became::Asked,
        _ if matches!(point.end, End::Crash(_)) && lost_by_the_server(&output) => Became::Broken,
        _ if asks(&output) => Became::Wrong(format!("a question that is not needed\n{}", output.stderr)),
        _ => Became::Wrong(format!("stuck: {}{output}", first.stderr)),
    };
    place.remove(admin);
    (came, became)
}

/// Whether the server's own recovery left a table that its engine does not have: MySQL 9.7 killed in ALTER
/// TABLE … RENAME TO …, ADD COLUMN (1812), or in RENAME TABLE of a name with a dot (1025, errno 155). dbtool says
/// so and where to look.
fn lost_by_the_server(output: &Output) -> bool {
    let lost = ["server error 1812", "server error 1932", "errno: 155"];
    lost.iter().any(|words| output.stderr.contains(words))
        && output
            .stderr
            .contains("the server no longer finds the table's data")
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

/// What became of the points of one kind of end.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    points: usize,
    same: usize,
    asked: usize,
    not_reached: usize,
    broken: usize,
    wrong: usize,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} points: {} as uninterrupted, {} asked, {} over before, {} broken by the server, {} wrong",
            self.points, self.same, self.asked, self.not_reached, self.broken, self.wrong
        )
    }
}

#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<&'static str, Count>,
    wrong: Vec<String>,
}

impl Tally {
    #[allow(clippy::print_stderr, reason = "what is wrong is of interest before the end")]
    fn add(&mut self, whole: &Whole, came: &Came, became: Became) {
        let count = self.counts.entry(came.point.end.word()).or_default();
        count.points += 1;
        match became {
            Became::Same => count.same += 1,
            Became::Asked => count.asked += 1,
            Became::NotReached => count.not_reached += 1,
            Became::Broken => count.broken += 1,
            Became::Wrong(why) => {
                count.wrong += 1;
                let what = format!(
                    "{} ({:?}, statement {}, at {}): {why}",
                    whole.case.name,
                    came.point,
                    came.statement(),
                    came.commands
                        .get(came.point.number() - 1)
                        .map_or("the end", String::as_str),
                );
                // A run over all points takes long.
                eprintln!("{what}");
                self.wrong.push(what);
            }
        }
    }
}

#[test]
#[allow(
    clippy::print_stderr,
    reason = "the numbers of a run are of interest when it passes, too"
)]
fn a_migration_interrupted_at_any_point_ends_as_an_uninterrupted_one_or_asks() {
    let setting = std::env::var("DBTOOL_KILL_MATRIX").unwrap_or_default();
    let (extent, words) = setting.split_once(':').unwrap_or((&setting, ""));
    let extent = match extent {
        "" | "some" => Extent::Some,
        "all" => Extent::All,
        "changes" => Extent::Changes,
        "crash" => Extent::Crashes,
        other => panic!("DBTOOL_KILL_MATRIX={other}?"),
    };
    let family = if support::is_mysql() { "mysql" } else { "mariadb" };
    let chosen: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.only.as_deref().is_none_or(|only| only == family) && case.name.contains(words))
        // The usual points are taken in every case on MariaDB, and in every third one on MySQL, which takes longer.
        .filter(|case| family == "mariadb" || !setting.is_empty() || seeded(&case.name).is_multiple_of(3))
        .collect();
    assert!(
        chosen.len() >= if family == "mysql" { 25 } else { 40 } || !words.is_empty(),
        "{} cases",
        chosen.len()
    );
    let cases_run = chosen.len();
    let queue = Mutex::new(chosen);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..3.min(cases_run) {
            scope.spawn(|| {
                // Each has a server of its own to kill.
                let mut crashing = Crashing::start(Server::builder().max_connections(60));
                place::set_up(crashing.server());
                let mut admin = crashing.server().admin();
                loop {
                    let next = queue.lock().expect("no panic").pop();
                    let Some(case) = next else { return };
                    let whole = match whole(crashing.server(), &mut admin, case) {
                        Ok(whole) => whole,
                        Err(why) => {
                            tally.lock().expect("no panic").wrong.push(why);
                            continue;
                        }
                    };
                    for point in whole.points(extent) {
                        let (came, became) = interrupted(&mut crashing, &mut admin, &whole, point);
                        tally.lock().expect("no panic").add(&whole, &came, became);
                    }
                    if extent != Extent::Some {
                        // A run over all points takes an hour.
                        let counts = &tally.lock().expect("no panic").counts;
                        eprintln!("after {}: {counts:?}", whole.case.name);
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no panic");
    let mut sum = format!("{cases_run} cases on {family}");
    for (end, count) in &tally.counts {
        let _ = write!(sum, "\n{end}: {count}");
    }
    eprintln!("{sum}");
    assert!(tally.wrong.is_empty(), "{sum}\n{}", tally.wrong.join("\n"));
}
