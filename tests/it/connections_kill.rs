//! `dbtool check-connections --kill`: what is ended, and what never is; judged by the server.

use crate::support;

use serde_json::Value;
use support::exit_path::exit_path;
use support::{Admin, Cmd, Output, PATIENCE, Running, Server, Signal, dbtool, wait_until};

fn as_root(server: &Server) -> Cmd {
    dbtool()
        .env("DB_SOCKET", server.socket())
        .env("DB_USER", "root")
        .args(["check-connections", "--kill"])
}

fn as_app(server: &Server) -> Cmd {
    server.dbtool().args(["check-connections", "--kill"])
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

fn app(server: &Server) -> Admin {
    server.connect_as(server.account())
}

/// Whether the server still has this connection.
fn is_there(server: &Server, id: u32) -> bool {
    let query = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}");
    server.admin().number(&query) == 1
}

/// A program that holds one connection.
fn leaking(server: &Server) -> Running {
    let mut running = exit_path(server, &["idle", "600000"]).spawn();
    running.wait_for("idle");
    running
}

#[test]
fn exactly_the_connections_that_are_meant_are_ended() {
    let server = Server::start();
    server.create_user("other", "word", &["SELECT ON app.*"]);
    let other = Admin::connect_tcp(server.port(), "other", "word", "app");
    let held: Vec<Admin> = (0..3).map(|_| app(&server)).collect();
    let filters = ["--user", "app", "--idle", "0s"];

    let dry = as_root(&server).args(filters).arg("--dry-run").run();
    assert_eq!(dry.code, Some(0), "{dry}");
    assert!(dry.stdout.starts_with("to end: 3 connections\n"), "{dry}");
    assert!(held.iter().all(|one| is_there(&server, one.id())), "{dry}");

    let output = as_root(&server).args(filters).arg("--yes").run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stderr.starts_with("to end: 3 connections\n"), "{output}");
    assert!(output.stdout.contains("of 3 connections: 3 ended"), "{output}");
    // The connections of this test and of the run itself are left.
    assert!(
        output
            .stdout
            .contains("the server has 3 connections in use, 6 before"),
        "{output}"
    );
    assert!(held.iter().all(|one| !is_there(&server, one.id())), "{output}");
    assert!(is_there(&server, other.id()), "{output}");

    let again = as_root(&server).args(filters).arg("--yes").run();
    assert_eq!(again.code, Some(0), "{again}");
    assert_eq!(
        again.stdout, "the filters match nothing: nothing to end\n",
        "{again}"
    );
}

#[test]
fn a_transaction_that_changed_rows_is_ended_only_when_that_is_said() {
    let server = Server::start();
    let mut writing = app(&server);
    writing.exec("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
    writing.exec("START TRANSACTION");
    writing.exec("INSERT INTO t VALUES (1), (2)");
    let mut reading = app(&server);
    reading.exec("START TRANSACTION");
    reading.query("SELECT * FROM t");
    let idle = app(&server);
    let run = |more: &[&str]| as_root(&server).args(["--user", "app", "--yes"]).args(more).run();

    let output = run(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("of 2 connections: 2 ended"), "{output}");
    let why = "left alone, in a transaction that changed 2 rows (--including-writers)";
    assert!(output.stderr.contains(why), "{output}");
    assert!(
        !is_there(&server, reading.id()) && !is_there(&server, idle.id()),
        "{output}"
    );
    assert!(is_there(&server, writing.id()), "{output}");

    let output = run(&["--including-writers"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!is_there(&server, writing.id()), "{output}");
    assert_eq!(server.admin().number("SELECT COUNT(*) FROM app.t"), 0);
}

#[test]
fn a_plain_account_ends_its_own_and_is_told_what_it_cannot_see() {
    let server = Server::start();
    let root = server.admin();
    let held = app(&server);
    let run = |more: &[&str]| as_app(&server).args(["--idle", "0s", "--yes"]).args(more).run();

    let output = run(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output
            .stdout
            .contains("cannot be seen without PROCESS (--including-writers)"),
        "{output}"
    );
    assert!(is_there(&server, held.id()), "{output}");

    let output = run(&["--including-writers"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("of 1 connection: 1 ended"), "{output}");
    assert!(!is_there(&server, held.id()), "{output}");
    assert!(is_there(&server, root.id()), "{output}");
}

#[test]
fn nothing_is_ended_without_a_filter_or_an_answer() {
    let server = Server::start();
    let held = app(&server);
    for (args, words) in [
        (
            &["--yes"][..],
            "--kill without a filter would end every connection",
        ),
        (&["--user", "app"], "end 1 connection? cannot be asked"),
        (
            &["--user", "app", "--every", "1s"],
            "--every cannot ask before each kill",
        ),
    ] {
        let output = as_root(&server).args(args).run();
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(words), "{output}");
    }
    let output = dbtool().args(["check-connections", "--idle", "1s"]).run();
    assert_eq!(output.code, Some(2), "{output}");
    let output = as_root(&server).args(["--id", "4000000000", "--yes"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output.stdout.contains("no connection 4000000000 can be seen"),
        "{output}"
    );
    assert!(is_there(&server, held.id()));
}

#[test]
fn the_servers_own_threads_are_left_alone() {
    let server = Server::builder().arg("--event-scheduler=ON").start();
    let output = as_root(&server)
        .args(["--user", "event_scheduler", "--yes", "--format", "json"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    let value = json(&output);
    assert_eq!(
        value["held_back"][0]["reason"], "the server's own thread",
        "{output}"
    );
    assert_eq!(value["targets"], Value::Array(Vec::new()), "{output}");
    let there = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'event_scheduler'";
    assert_eq!(server.admin().number(there), 1);
}

#[test]
fn a_statement_is_ended_and_its_connection_stays() {
    let server = Server::start();
    let mut running = app(&server);
    let idle = app(&server);
    let id = running.id();
    let sleeper = std::thread::spawn(move || {
        let ended = running.try_exec("SELECT SLEEP(600) FROM information_schema.schemata");
        (running, ended)
    });
    wait_until(PATIENCE, "the statement", || {
        let query = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND info LIKE '%SLEEP%'"
        );
        server.admin().number(&query) == 1
    });
    let output = as_root(&server).args(["--user", "app", "--query", "--yes"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("of 1 query: 1 ended"), "{output}");
    let (mut running, _ended) = sleeper.join().expect("the statement has ended");
    assert_eq!(running.number("SELECT CONNECTION_ID()"), u64::from(id));
    assert!(is_there(&server, idle.id()), "{output}");
}

#[test]
fn exactly_the_process_that_is_meant_is_ended_and_the_server_is_free() {
    let server = Server::start();
    let (kept, ended) = (leaking(&server), leaking(&server));
    let pid = ended.pid().to_string();
    for run in [as_app, as_root] {
        let dry = run(&server)
            .args(["--processes", "--process", &pid, "--dry-run"])
            .run();
        assert!(dry.stdout.starts_with("to end: 1 process\n"), "{dry}");
    }
    let output = as_app(&server)
        .args(["--processes", "--process", &pid, "--yes"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains(&format!("ended: {pid} ")), "{output}");
    assert!(output.stdout.contains("connections in use, "), "{output}");
    // It was asked, with SIGTERM, and said goodbye to the server.
    assert_eq!(ended.wait().code, Some(143));
    assert!(support::is_alive(kept.pid()));
}

#[test]
fn a_full_server_is_freed_without_a_connection() {
    let server = Server::builder().max_connections(10).start();
    let leak = leaking(&server);
    let mut held = Vec::new();
    while let Ok(one) = server.try_connect_as(server.account()) {
        held.push(one);
    }
    let pid = leak.pid().to_string();
    let output = as_app(&server)
        .args(["--processes", "--process", &pid, "--yes"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("The server has no room"), "{output}");
    assert!(output.stdout.contains("of 1 process: 1 ended"), "{output}");
    assert!(output.stdout.contains("the server has room again"), "{output}");
    leak.wait();
}

#[test]
fn a_process_that_does_not_end_is_killed_only_by_force() {
    let server = Server::start();
    let script = format!(
        "trap '' TERM; exec 3<>/dev/tcp/127.0.0.1/{}; echo holds; while :; do read -t 0.1 <> <(:); done",
        server.port()
    );
    let mut stubborn = Cmd::new("/bin/bash").args(["-c", &script]).spawn();
    stubborn.wait_for("holds");
    let pid = stubborn.pid().to_string();
    let run = |more: &[&str]| {
        as_root(&server)
            .args(["--processes", "--process", &pid, "--yes", "--grace", "300ms"])
            .args(more)
            .run()
    };
    let output = run(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stdout.contains("told to end, has not yet"), "{output}");
    assert!(support::is_alive(stubborn.pid()), "{output}");
    let output = run(&["--force"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(stubborn.wait().signal, Some(9));
}

#[test]
fn the_server_and_whoever_started_the_run_are_left_alone() {
    let server = Server::start();
    let _held = app(&server);
    let this = std::process::id().to_string();
    let output = as_root(&server)
        .args(["--processes", "--process", &this, "--yes"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output.stdout.contains("left alone, this program runs in it"),
        "{output}"
    );
    let output = as_root(&server)
        .args(["--processes", "--process", &server.pid().to_string(), "--yes"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("nothing to end"), "{output}");
    assert!(support::is_alive(server.pid()));
}

#[test]
fn a_process_with_more_than_is_meant_is_left_alone() {
    let server = Server::start();
    let leak = leaking(&server);
    let id = server
        .admin()
        .number("SELECT MAX(id) FROM information_schema.processlist WHERE user = 'app'");
    let run = |filter: &[&str]| {
        let output = as_root(&server)
            .args(["--processes", "--dry-run"])
            .args(filter)
            .run();
        output.stdout.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(run(&["--id", &id.to_string()]), "to end: 1 process");
    // This test's process holds root's connection and that of the account.
    let both = app(&server);
    let output = as_root(&server)
        .args(["--processes", "--dry-run", "--id", &both.id().to_string()])
        .run();
    assert!(
        output.stdout.starts_with("to end: 0 processes, 1 left alone"),
        "{output}"
    );
    drop(leak);
}

#[test]
fn a_process_of_another_user_needs_root() {
    let server = Server::start();
    let leak = leaking(&server);
    let output = as_app(&server)
        .by_nobody()
        .args(["--processes", "--process", &leak.pid().to_string(), "--yes"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("of root holds no connection"), "{output}");
    assert!(output.stdout.contains("as root (sudo -E)"), "{output}");
    assert!(support::is_alive(leak.pid()));
}

#[test]
fn a_guard_ends_what_comes_and_says_so() {
    let server = Server::start();
    let guard = |more: &[&str]| {
        as_root(&server)
            .args(["--user", "app", "--every", "250ms"])
            .args(more)
            .spawn()
    };
    let first = app(&server);
    let mut dry = guard(&["--dry-run"]);
    dry.wait_for(&format!("Z would end: {} app@", first.id()));
    dry.signal(Signal::TERM);
    assert_eq!(dry.wait().code, Some(143));
    assert!(is_there(&server, first.id()));

    let mut running = guard(&["--yes"]);
    running.wait_for(&format!("Z ended: {} app@", first.id()));
    let second = app(&server);
    running.wait_for(&format!("Z ended: {} app@", second.id()));
    running.signal(Signal::INT);
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    assert_eq!(output.stdout.lines().count(), 2, "one line for each: {output}");
    assert!(!is_there(&server, first.id()) && !is_there(&server, second.id()));
}

#[test]
fn a_guard_writes_a_line_of_json_for_each_kill() {
    let server = Server::start();
    let held = app(&server);
    let mut running = as_root(&server)
        .args(["--user", "app", "--every", "250ms", "--yes", "--format", "json"])
        .spawn();
    running.wait_for(&format!("\"id\":{}", held.id()));
    let second = app(&server);
    running.wait_for(&format!("\"id\":{}", second.id()));
    running.signal(Signal::TERM);
    let output = running.wait();
    assert_eq!(output.code, Some(143), "{output}");
    let lines: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{output}")))
        .collect();
    assert_eq!(lines.len(), 2, "{output}");
    for (line, one) in lines.iter().zip([&held, &second]) {
        assert_eq!(line["schema"], "dbtool.check-connections-kill-line/1");
        assert_eq!(line["id"], one.id());
        assert_eq!(line["result"], "ended");
        let time = line["time"].as_str().unwrap_or_default();
        assert!(time.len() == 20 && time.ends_with('Z'), "{output}");
    }
}
