//! `dbtool check-connections` on a server that has no room: what this host knows comes first.

use crate::support;

use serde_json::Value;
use support::exit_path::exit_path;
use support::{Admin, Cmd, Running, Server, Signal, dbtool};

/// A program that holds one connection over TCP.
fn leaking(server: &Server) -> Running {
    let mut running = exit_path(server, &["idle", "600000"]).spawn();
    running.wait_for("idle");
    running
}

/// Takes what is left for a plain account.
fn fill(server: &Server) -> Vec<Admin> {
    let mut held = Vec::new();
    while let Ok(one) = server.try_connect_as(server.account()) {
        held.push(one);
    }
    held
}

fn through_socket(server: &Server) -> Cmd {
    let account = server.account();
    dbtool()
        .env("DB_SOCKET", server.socket())
        .env("DB_USER", &account.user)
        .env("DB_PASSWORD", account.password.reveal())
}

#[test]
fn the_programs_that_hold_the_server_are_shown_without_a_connection() {
    let server = Server::builder().max_connections(10).start();
    let leaks: Vec<Running> = (0..2).map(|_| leaking(&server)).collect();
    // Over TCP, besides the one through the socket that counts.
    let held = fill(&server);
    for command in [server.dbtool(), through_socket(&server)] {
        let output = command.args(["check-connections", "--wait", "0s"]).run();
        assert_eq!(output.code, Some(3), "{output}");
        let mut expected = vec![(std::process::id(), held.len() + 1)];
        expected.extend(leaks.iter().map(|leak| (leak.pid(), 1)));
        for (pid, count) in expected {
            let line = output
                .stdout
                .lines()
                .find(|line| line.starts_with(&format!("  {pid} ")));
            let line = line.unwrap_or_else(|| panic!("no {pid}: {output}"));
            let noun = if count == 1 { "connection" } else { "connections" };
            assert!(line.contains(&format!(": {count} {noun}, started ")), "{line}");
            assert!(line.contains(" by root, parent "), "{line}");
        }
        let largest = format!("to end what is not needed: kill {}", std::process::id());
        assert!(output.stdout.contains(&largest), "{output}");
        assert_eq!(output.stderr.matches("error: ").count(), 1, "{output}");
        assert!(output.stderr.contains("server error 1040"), "{output}");
        // Said once, on standard output.
        assert!(!output.stderr.contains("connections from this host"), "{output}");
    }
}

#[test]
fn a_program_reads_the_same_picture() {
    let server = Server::builder().max_connections(10).start();
    let leak = leaking(&server);
    let held = fill(&server);
    let output = through_socket(&server)
        .args(["check-connections", "--wait", "0s", "--format", "json"])
        .run();
    assert_eq!(output.code, Some(3), "{output}");
    let value: Value = serde_json::from_str(&output.stdout).expect("an object");
    assert_eq!(value["schema"], "dbtool.check-connections-local/1");
    let processes = value["local"]["processes"].as_array().expect("a list");
    let counts: Vec<(u64, u64)> = processes
        .iter()
        .map(|process| {
            let number = |name: &str| process[name].as_u64().expect("a number");
            (number("pid"), number("connections"))
        })
        .collect();
    let this = u64::from(std::process::id());
    let expected = [(this, held.len() as u64 + 1), (u64::from(leak.pid()), 1)];
    assert_eq!(counts, expected, "{output}");
    assert_eq!(processes[1]["end_with"], format!("kill {}", leak.pid()));
    for format in ["junit", "github", "prometheus"] {
        let output = through_socket(&server)
            .args(["check-connections", "--wait", "0s", "--format", format])
            .run();
        assert_eq!(output.code, Some(3), "{output}");
        assert!(!output.stdout.is_empty(), "{output}");
    }
}

#[test]
fn it_goes_on_trying_and_is_let_in() {
    let server = Server::builder().max_connections(10).start();
    let mut leak = leaking(&server);
    let held = fill(&server);
    let mut waiting = server
        .dbtool()
        .args(["check-connections", "--wait", "60s", "--min-free", "0"])
        .spawn();
    waiting.wait_for("The server has no room");
    waiting.wait_for("trying again for up to");
    leak.signal(Signal::TERM);
    leak.wait();
    let output = waiting.wait();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("Connections of M"), "{output}");
    drop(held);
}

#[test]
fn processes_of_other_users_are_counted_and_what_would_show_them_is_said() {
    let server = Server::builder().max_connections(10).start();
    let held = fill(&server);
    let output = server
        .dbtool()
        .by_nobody()
        .args(["check-connections", "--wait", "0s"])
        .run();
    assert_eq!(output.code, Some(3), "{output}");
    let counted = format!(
        "processes of root that cannot be seen: {} connections",
        held.len()
    );
    for part in [&counted, "run this as root (sudo -E)", "the server's unix socket"] {
        assert_eq!(output.stdout.matches(part).count(), 1, "{part:?}: {output}");
    }
}

#[test]
fn an_administrator_is_let_in_at_once() {
    let server = Server::builder().max_connections(10).start();
    server.create_user("boss", "boss-word", &["ALL ON *.*"]);
    let held = fill(&server);
    let output = server
        .dbtool()
        .arg("check-connections")
        .env("DB_USER", "boss")
        .env("DB_PASSWORD", "boss-word")
        .run();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(!output.stdout.contains("no room"), "{output}");
    let line = format!(": {} connections, {} idle", held.len() + 1, held.len() + 1);
    assert!(output.stdout.contains(&line), "{output}");
}
