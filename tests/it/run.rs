//! `dbtool run`: other people's programs take turns in the connection budget.

use crate::support;

use std::fs;
use std::path::Path;

use support::exit_path::{CONNECTIONS_OF_APP, Sampler, held_slots};
use support::migrations::assert_ends;
use support::{Cmd, Running, Server, Signal, dbtool};

use crate::client_differential::client_program;

/// `dbtool run` of a shell script, on the same host as `first`.
fn run(server: &Server, first: &Cmd, arguments: &[&str], script: &str) -> Cmd {
    server
        .dbtool()
        .share_folders(first)
        .args(["run"])
        .args(arguments)
        .args(["--", "bash", "-c", script])
}

#[test]
fn the_command_gets_the_server_the_account_and_the_limit_and_its_exit_code_is_passed_back() {
    let server = Server::start();
    let before = server.counters();
    let script = "echo \"$DB_HOST $DB_PORT $DB_USER $DB_NAME $DB_CONNECTION_LIMIT ${#DB_PASSWORD}\"; exit 7";
    let output = run(&server, &dbtool(), &[], script).run();
    assert_eq!(output.code, Some(7), "{output}");
    let account = server.account();
    let wanted = format!(
        "127.0.0.1 {} {} {} 2 {}\n",
        server.port(),
        account.user,
        account.database,
        account.password.reveal().len()
    );
    assert_eq!(output.stdout, wanted);
    assert_eq!(output.stderr, "");
    server.assert_unchanged(&before);
}

#[test]
fn a_dbtool_within_the_command_counts_within_its_connections() {
    let server = Server::start();
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    let binary = env!("CARGO_BIN_EXE_dbtool");
    let script = format!(
        "for i in 1 2 3 4; do '{binary}' check-connections --min-free 0 >/dev/null & pids+=\" $!\"; done; \
         for pid in $pids; do wait $pid || exit 1; done; '{binary}' run -- true"
    );
    let output = run(&server, &dbtool(), &["--connections", "1"], &script).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(sampler.finish().0 <= 2, "one for work and one for diagnostics");
}

#[test]
fn six_scripts_of_ten_connections_take_turns_on_a_server_of_thirty() {
    let server = Server::builder().max_connections(30).start();
    let before = server.counters();
    let first = dbtool();
    let client = client_program(&server);
    let log = first.folders().join("log");
    // Each opens ten connections at one time, and fails when one is refused.
    let script = format!(
        "echo begin >> '{log}'; for i in 1 2 3 4 5 6 7 8 9 10; do MYSQL_PWD=$DB_PASSWORD '{client}' --no-defaults \
         -h $DB_HOST -P $DB_PORT -u $DB_USER -e 'SELECT SLEEP(0.3)' >/dev/null & pids+=\" $!\"; done; \
         for pid in $pids; do wait $pid || exit 1; done; echo end >> '{log}'",
        log = log.display(),
        client = client.display()
    );
    let running: Vec<Running> = (0..6)
        .map(|_| {
            run(&server, &first, &["--connections", "10"], &script)
                .env("DB_CONNECTION_LIMIT", "11")
                .spawn()
        })
        .collect();
    for running in running {
        let output = running.wait();
        assert_eq!(output.code, Some(0), "{output}");
    }
    assert_eq!(lines(&log), ["begin", "end"].repeat(6), "one after the other");
    server.assert_unchanged(&before);
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn two_that_need_several_slots_never_wait_for_each_other() {
    let server = Server::start();
    let first = dbtool();
    let running: Vec<Running> = (0..12)
        .map(|number| {
            let wanted = if number % 3 == 0 { "1" } else { "2" };
            run(&server, &first, &["--connections", wanted], "sleep 0.05").spawn()
        })
        .collect();
    for running in running {
        let output = running.wait();
        assert_eq!(output.code, Some(0), "{output}");
    }
    assert!(held_slots(&first.folders()).is_empty());
}

#[test]
fn the_slots_stay_taken_while_the_command_of_a_killed_run_lives() {
    let server = Server::start();
    let first = dbtool();
    let ready = first.folders().join("ready");
    let over = first.folders().join("over");
    let script = format!(
        "exec >/dev/null 2>&1; touch '{}'; until test -e '{}'; do sleep 0.02; done",
        ready.display(),
        over.display()
    );
    let mut running = run(&server, &first, &[], &script).spawn();
    support::wait_until(support::PATIENCE, "the command", || ready.exists());
    running.signal(Signal::KILL);
    running.wait();
    let refused = run(&server, &first, &[], "true")
        .env("DB_ACQUIRE_TIMEOUT", "2000")
        .run();
    assert_ends(&refused, 3, &["no connection became free", "held by run (pid"]);
    fs::write(over, "").expect("a file");
    let output = run(&server, &first, &[], "true").run();
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn what_the_command_leaves_behind_holds_no_slot_by_itself() {
    let server = Server::start();
    let first = dbtool();
    let pid = first.folders().join("pid");
    let script = format!("sleep 600 >/dev/null 2>&1 & echo $! > '{}'", pid.display());
    let output = run(&server, &first, &[], &script).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(held_slots(&first.folders()).is_empty());
    let pid = lines(&pid)[0].parse().expect("a process id");
    assert!(support::is_alive(pid));
    support::signal(pid, Signal::KILL);
}

#[test]
fn a_signal_reaches_the_command_and_the_slots_are_free_afterwards() {
    let server = Server::start();
    let before = server.counters();
    for (signal, code) in [(Signal::INT, 42), (Signal::TERM, 42)] {
        let first = dbtool();
        let script = "trap 'exit 42' INT TERM; echo ready; while :; do sleep 0.02; done";
        let mut running = run(&server, &first, &[], script).spawn();
        running.wait_for("ready");
        running.signal(signal);
        let output = running.wait();
        assert_eq!(output.code, Some(code), "{output}");
        assert!(held_slots(&first.folders()).is_empty());
    }
    server.assert_unchanged(&before);
}

#[test]
fn what_cannot_be_run_is_refused() {
    let server = Server::start();
    let first = dbtool();
    let wanted = run(&server, &first, &["--connections", "3"], "true").run();
    assert_ends(
        &wanted,
        2,
        &[
            "wants 3 connections",
            "leaves 2 for work",
            "raise DB_CONNECTION_LIMIT to 4",
        ],
    );
    let fleet = run(&server, &first, &[], "true")
        .env("DB_FLEET_CONNECTION_LIMIT", "5")
        .run();
    assert_ends(&fleet, 2, &["DB_FLEET_CONNECTION_LIMIT is set"]);
    let absent = server.dbtool().args(["run", "--", "no-such-program"]).run();
    assert_ends(&absent, 2, &["cannot run no-such-program"]);
    let nothing = server.dbtool().args(["run"]).run();
    assert_ends(&nothing, 2, &["<COMMAND>"]);
    let nobody = server
        .dbtool()
        .env("DB_PASSWORD", "wrong")
        .args(["run", "--", "true"])
        .run();
    assert_ends(&nobody, 3, &["1045"]);
}

/// A client that runs a statement of half a minute, in the background of the script; the script goes on once the
/// server runs it.
pub fn slow_client(server: &Server) -> String {
    let client = format!(
        "'{}' --no-defaults -N -h $DB_HOST -P $DB_PORT -u $DB_USER -e",
        client_program(server).display()
    );
    format!(
        "export MYSQL_PWD=$DB_PASSWORD; seen() {{ {client} \"SELECT COUNT(*) FROM information_schema.processlist WHERE \
         info LIKE 'SELECT SLEEP%'\" 2>/dev/null; }}; before=$(seen); setsid {client} 'SELECT SLEEP(30)' \
         >/dev/null 2>&1 & client=$!; until test \"$(seen)\" -gt \"$before\"; do sleep 0.02; done; "
    )
}

#[test]
fn a_statement_that_goes_on_without_its_client_is_reported_and_ended_on_request() {
    let server = Server::start();
    let first = dbtool();
    let mut admin = server.admin();
    let mut running = || {
        admin.number("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
    };
    let script = format!("{}kill -9 $client; exit 3", slow_client(&server));
    let reported = run(&server, &first, &[], &script).run();
    assert_ends(
        &reported,
        3,
        &[
            "the command left 1 connection on the server",
            "SELECT SLEEP(30)",
            "--kill-left",
        ],
    );
    assert_eq!(running(), 1);
    let ended = run(&server, &first, &["--kill-left"], &script).run();
    assert_ends(&ended, 3, &["the command left 1 connection", "they were ended"]);
    support::wait_until(support::PATIENCE, "the second statement's end", || running() == 1);
    assert!(held_slots(&first.folders()).is_empty());
}

#[test]
fn a_process_that_stays_connected_is_named_and_keeps_the_slots() {
    let server = Server::start();
    let first = dbtool();
    let pid = first.folders().join("pid");
    let script = format!("{}echo $client > '{}'", slow_client(&server), pid.display());
    let output = run(&server, &first, &[], &script).run();
    assert_ends(
        &output,
        0,
        &["the command left 1 connection", "SELECT SLEEP(30)", "of "],
    );
    assert!(!held_slots(&first.folders()).is_empty());
    let pid: u32 = lines(&pid)[0].parse().expect("a process id");
    assert!(output.stderr.contains(&format!("of {pid} ")), "{output}");
    support::signal(pid, Signal::KILL);
    support::wait_until(support::PATIENCE, "free slots", || {
        held_slots(&first.folders()).is_empty()
    });
}

#[test]
fn an_interrupted_command_has_its_statement_reported() {
    let server = Server::start();
    let first = dbtool();
    let script = format!(
        "trap 'kill -9 $client; exit 9' INT; {}echo ready; wait",
        slow_client(&server)
    );
    let mut running = run(&server, &first, &["--kill-left"], &script).spawn();
    running.wait_for("ready");
    running.signal(Signal::INT);
    let output = running.wait();
    assert_ends(&output, 9, &["the command left 1 connection", "they were ended"]);
}
