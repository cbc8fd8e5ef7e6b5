//! Every way a command can end leaves the server as it was: no aborted client, no connection,
//! no statement, no slot; the right exit code and one message.

use crate::support;

use std::time::{Duration, Instant};

use support::exit_path::{CONNECTIONS_OF_APP, exit_path, held_slots};
use support::{Counters, Output, PATIENCE, Server, Signal, wait_until};

/// A server and its counters before anything ran.
struct Scene {
    server: Server,
    before: Counters,
}

impl Scene {
    fn new() -> Scene {
        let server = Server::start();
        let before = server.counters();
        Scene { server, before }
    }

    /// The same server, with the connections that a test itself holds now in the baseline.
    fn counted_again(self) -> Scene {
        Scene {
            before: self.server.counters(),
            server: self.server,
        }
    }

    fn exec(&self, sql: &str) {
        self.server.admin().exec(sql);
    }

    /// Runs the exit-path program to its end and checks what it leaves.
    #[track_caller]
    fn run(&self, way: &[&str]) -> Output {
        self.run_with(way, |_| {})
    }

    /// Starts the exit_path, lets `act` do something to it, and checks what it leaves.
    #[track_caller]
    fn run_with(&self, way: &[&str], act: impl FnOnce(&mut support::Running)) -> Output {
        let command = exit_path(&self.server, way);
        let folders = command.folders();
        // Keeps the folders beyond the command's end.
        let keep = support::dbtool().share_folders(&command);
        let mut running = command.spawn();
        act(&mut running);
        let output = running.wait();
        self.server.assert_unchanged(&self.before);
        assert_eq!(self.server.admin().number(CONNECTIONS_OF_APP), 0, "{output}");
        assert_eq!(held_slots(&folders), Vec::<std::path::PathBuf>::new());
        drop(keep);
        output
    }

    /// Waits until the server runs a statement of the exit-path program that looks like this.
    #[track_caller]
    fn wait_for_statement(&self, like: &str) {
        let mut admin = self.server.admin();
        let query = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND info LIKE '{like}'"
        );
        wait_until(PATIENCE, like, || admin.number(&query) == 1);
    }

    /// Interrupts a statement while it runs.
    #[track_caller]
    fn interrupt(&self, signal: Signal, statement: &str, like: &str) -> Output {
        self.run_with(&["run-unlimited", statement], |running| {
            self.wait_for_statement(like);
            running.signal(signal);
        })
    }
}

#[track_caller]
fn assert_ends(output: &Output, code: i32, message: &str) {
    assert_eq!(output.code, Some(code), "{output}");
    assert!(output.stderr.contains(message), "{output}");
    let errors = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("error:"))
        .count();
    assert_eq!(errors, usize::from(code != 0), "one message: {output}");
}

#[test]
fn success_closes_the_connection() {
    let output = Scene::new().run(&["success"]);
    assert_ends(&output, 0, "");
    assert_eq!(output.stderr, "");
}

#[test]
fn a_failing_statement_closes_the_connection() {
    let output = Scene::new().run(&["run", "SELECT nothing_there FROM nowhere"]);
    assert_ends(&output, 4, "server error 1146");
}

#[test]
fn a_panic_in_a_command_closes_the_connection() {
    let output = Scene::new().run(&["panic"]);
    assert_ends(&output, 101, "on purpose");
}

#[test]
fn a_panic_in_a_task_closes_the_connection() {
    let output = Scene::new().run(&["panic-in-task"]);
    assert_ends(&output, 101, "on purpose, in a task");
}

#[test]
fn a_panic_with_a_statement_running_kills_the_statement() {
    let scene = Scene::new();
    let output = scene.run(&["panic-in-flight", "SELECT SLEEP(60)"]);
    assert_ends(&output, 101, "with a statement running");
}

#[test]
fn a_dropped_statement_is_killed_and_its_connection_goes_on() {
    let output = Scene::new().run(&["drop-in-flight", "SELECT SLEEP(60)"]);
    assert_ends(&output, 0, "");
}

#[test]
fn a_closed_pipe_ends_nothing_and_leaks_nothing() {
    let scene = Scene::new();
    scene.exec("CREATE TABLE app.texts (text TEXT)");
    scene.exec(
        "INSERT INTO app.texts VALUES (REPEAT('x', 60000)), (REPEAT('y', 60000)), (REPEAT('z', 60000))",
    );
    let command = exit_path(&scene.server, &["rows", "SELECT text FROM texts"]).closed_stdout();
    let output = command.run();
    assert_ends(&output, 0, "");
    scene.server.assert_unchanged(&scene.before);
}

#[test]
fn a_statement_timeout_kills_the_statement() {
    let scene = Scene::new();
    scene.exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
    scene.exec("INSERT INTO app.t VALUES (1)");
    let output = exit_path(&scene.server, &["run", "UPDATE t SET id = id + SLEEP(60)"])
        .env("DB_TIMEOUT", "300")
        .run();
    assert_ends(&output, 4, "ran longer than 300 ms and was killed on the server");
    scene.server.assert_unchanged(&scene.before);
    assert_eq!(scene.server.admin().number(CONNECTIONS_OF_APP), 0);
}

#[test]
fn an_acquire_timeout_names_the_holders() {
    let scene = Scene::new();
    let first = exit_path(&scene.server, &["idle", "60000"]);
    let second = exit_path(&scene.server, &["idle", "60000"]).share_folders(&first);
    let late = exit_path(&scene.server, &["success"])
        .share_folders(&first)
        .env("DB_ACQUIRE_TIMEOUT", "500");
    let (mut first, mut second) = (first.spawn(), second.spawn());
    first.wait_for("idle");
    second.wait_for("idle");
    let output = late.run();
    assert_ends(&output, 3, "no connection became free within 500 ms (limit 3)");
    for pid in [first.pid(), second.pid()] {
        assert!(
            output.stderr.contains(&format!("exit-path idle (pid {pid},")),
            "{output}"
        );
    }
    first.signal(Signal::TERM);
    second.signal(Signal::TERM);
    assert_eq!(first.wait().code, Some(143));
    assert_eq!(second.wait().code, Some(143));
    scene.server.assert_unchanged(&scene.before);
}

#[test]
fn each_signal_has_its_exit_code() {
    let scene = Scene::new();
    for (signal, name, code) in [
        (Signal::INT, "SIGINT", 130),
        (Signal::TERM, "SIGTERM", 143),
        (Signal::HUP, "SIGHUP", 129),
    ] {
        let output = scene.run_with(&["idle", "60000"], |running| {
            running.wait_for("idle");
            running.signal(signal);
        });
        assert_ends(&output, code, &format!("interrupted by {name}"));
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
}

#[test]
fn sigint_kills_a_long_select() {
    let scene = Scene::new();
    let output = scene.interrupt(Signal::INT, "SELECT SLEEP(60)", "SELECT SLEEP%");
    assert_ends(&output, 130, "interrupted by SIGINT");
}

#[test]
fn sigterm_kills_a_copying_alter_table() {
    let scene = Scene::new();
    fill_big_table(&scene);
    let alter = "ALTER TABLE big ENGINE=InnoDB, ALGORITHM=COPY";
    let output = scene.interrupt(Signal::TERM, alter, "ALTER TABLE big%");
    assert_ends(&output, 143, "interrupted by SIGTERM");
    let leftovers = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app'";
    assert_eq!(scene.server.admin().number(leftovers), 1);
}

#[test]
fn sighup_kills_an_insert_select_in_the_middle() {
    let scene = Scene::new();
    fill_big_table(&scene);
    let before = scene.server.admin().number("SELECT COUNT(*) FROM app.big");
    let insert = "INSERT INTO big (text) SELECT a.text FROM big a, big b";
    let output = scene.interrupt(Signal::HUP, insert, "INSERT INTO big%");
    assert_ends(&output, 129, "interrupted by SIGHUP");
    assert_eq!(
        scene.server.admin().number("SELECT COUNT(*) FROM app.big"),
        before
    );
}

fn fill_big_table(scene: &Scene) {
    scene.exec("CREATE TABLE app.big (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(200))");
    scene.exec("INSERT INTO app.big (text) VALUES (REPEAT('x', 150))");
    for _ in 0..17 {
        scene.exec("INSERT INTO app.big (text) SELECT text FROM app.big");
    }
}

#[test]
fn sigint_kills_a_statement_that_waits_for_a_row_lock() {
    let scene = Scene::new();
    scene.exec("CREATE TABLE app.t (id INT PRIMARY KEY, n INT)");
    scene.exec("INSERT INTO app.t VALUES (1, 1)");
    let mut blocker = scene.server.admin();
    blocker.exec("START TRANSACTION");
    blocker.query("SELECT * FROM app.t WHERE id = 1 FOR UPDATE");
    let scene = scene.counted_again();
    let output = scene.interrupt(Signal::INT, "UPDATE t SET n = 2 WHERE id = 1", "UPDATE t%");
    assert_ends(&output, 130, "interrupted by SIGINT");
    blocker.exec("COMMIT");
    assert_eq!(blocker.number("SELECT n FROM app.t"), 1);
}

#[test]
fn sigint_kills_a_statement_that_waits_for_a_metadata_lock() {
    let scene = Scene::new();
    scene.exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
    let mut blocker = scene.server.admin();
    blocker.exec("START TRANSACTION");
    blocker.query("SELECT * FROM app.t");
    let scene = scene.counted_again();
    let output = scene.interrupt(Signal::INT, "ALTER TABLE t ADD COLUMN n INT", "ALTER TABLE t%");
    assert_ends(&output, 130, "interrupted by SIGINT");
    blocker.exec("COMMIT");
    let columns =
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'app' AND table_name = 't'";
    assert_eq!(blocker.number(columns), 1);
}

#[test]
fn an_interrupted_transaction_is_rolled_back() {
    let scene = Scene::new();
    scene.exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
    let statements = "INSERT INTO t VALUES (1);;SELECT SLEEP(60)";
    let output = scene.run_with(&["run-in-transaction", statements], |running| {
        scene.wait_for_statement("SELECT SLEEP%");
        running.signal(Signal::INT);
    });
    assert_ends(&output, 130, "interrupted by SIGINT");
    assert_eq!(scene.server.admin().number("SELECT COUNT(*) FROM app.t"), 0);
}

#[test]
fn a_second_signal_during_clean_up_leaves_at_once_and_orderly() {
    let scene = Scene::new();
    let output = scene.run_with(&["run-unlimited", "SELECT SLEEP(60)"], |running| {
        scene.wait_for_statement("SELECT SLEEP%");
        running.signal(Signal::INT);
        running.signal(Signal::INT);
    });
    assert_ends(&output, 130, "interrupted by SIGINT");
}

#[test]
fn a_vanished_server_is_a_clear_failure() {
    let server = Server::start();
    let mut running = exit_path(&server, &["idle", "1500"]).spawn();
    running.wait_for("idle");
    server.kill();
    let output = running.wait();
    assert_ends(&output, 4, "the connection to the server was lost");
}

#[test]
fn a_server_that_vanishes_under_a_statement_is_a_clear_failure() {
    let scene = Scene::new();
    let running = exit_path(&scene.server, &["run-unlimited", "SELECT SLEEP(60)"]).spawn();
    scene.wait_for_statement("SELECT SLEEP%");
    scene.server.kill();
    let output = running.wait();
    assert_ends(&output, 4, "the connection to the server was lost");
}

/// The bound promised for a server that hangs; the one place where time is part of the promise.
const HUNG_BOUND: Duration = Duration::from_secs(2);

#[test]
fn a_hung_server_does_not_hold_up_the_exit() {
    for way in [&["idle", "60000"][..], &["run-unlimited", "SELECT SLEEP(60)"]] {
        let scene = Scene::new();
        let mut running = exit_path(&scene.server, way).spawn();
        if way[0] == "idle" {
            running.wait_for("idle");
        } else {
            scene.wait_for_statement("SELECT SLEEP%");
        }
        support::signal(scene.server.pid(), Signal::STOP);
        let asked = Instant::now();
        running.signal(Signal::INT);
        let output = running.wait();
        let took = asked.elapsed();
        support::signal(scene.server.pid(), Signal::CONT);
        assert_ends(&output, 130, "interrupted by SIGINT");
        assert!(took < HUNG_BOUND, "{way:?} took {took:?}");
    }
}

/// A routine of another account: what it runs is that account's, and its caller may not end it.
#[test]
fn a_statement_that_may_not_be_ended_is_named_with_its_connection() {
    let scene = Scene::new();
    for statement in [
        "CREATE USER keeper@'%'",
        "GRANT ALL ON app.* TO keeper@'%'",
        "CREATE DEFINER = keeper@'%' PROCEDURE app.slow() DO SLEEP(600)",
    ] {
        scene.server.admin().exec(statement);
    }
    let mut running = exit_path(&scene.server, &["run-unlimited", "CALL slow()"]).spawn();
    running.wait_for("running ");
    // The processlist shows it under the routine's account.
    let runs = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'";
    wait_until(PATIENCE, "the routine", || scene.server.admin().number(runs) == 1);
    let id = running
        .stdout_so_far()
        .trim()
        .trim_start_matches("running ")
        .to_owned();
    running.signal(Signal::INT);
    let output = running.wait();
    assert_ends(&output, 130, "1095");
    for word in ["DEFINER", &format!("connection {id}"), &format!("KILL {id}")] {
        assert!(output.stderr.contains(word), "no {word}: {output}");
    }
    // The advice ends it.
    scene.server.admin().exec(&format!("KILL {id}"));
    wait_until(PATIENCE, "the end of the routine", || {
        scene.server.admin().number(runs) == 0
    });
}
