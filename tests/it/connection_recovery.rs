//! What passes is waited for, what does not is explained, and no statement runs twice.

use crate::support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use support::exit_path::{exit_path, exit_path_as};
use support::{Admin, Cmd, Output, Server};

#[track_caller]
fn assert_ends(output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, Some(code), "{output}");
    for word in words {
        assert!(output.stderr.contains(word), "no {word:?}: {output}");
    }
}

/// Holds connections of the admin until the server has none left for others.
fn fill(server: &Server) -> Vec<Admin> {
    let open = |_| server.connect_as(server.account());
    // One is the support module's own, and MariaDB and MySQL keep one more for SUPER.
    support::wait_until(support::PATIENCE, "the server to itself", || {
        server.counters().threads_connected == 1
    });
    (1..10).map(open).collect()
}

#[test]
fn a_full_server_is_waited_for() {
    let server = Server::builder().max_connections(10).start();
    let held = fill(&server);
    let mut running = exit_path(&server, &["success"]).spawn();
    running.wait_for("server error 1040");
    drop(held);
    let output = running.wait();
    assert_ends(&output, 0, &["trying again for up to"]);
    assert_eq!(
        output.stderr.matches("trying again").count(),
        1,
        "said once: {output}"
    );
}

#[test]
fn a_server_that_stays_full_is_diagnosed() {
    let server = Server::builder().max_connections(10).start();
    let held = fill(&server);
    let output = exit_path(&server, &["success"])
        .env("DB_ACQUIRE_TIMEOUT", "500")
        .run();
    // This test holds the server's connections, one of them through the socket, and the message says so.
    let ours = format!("10 by pid {} ", std::process::id());
    assert_ends(
        &output,
        3,
        &[
            "server error 1040",
            "dbtool itself holds 0 of its 3",
            &ours,
            "check-connections",
        ],
    );
    drop(held);
}

#[test]
fn the_admin_port_gets_in_when_the_server_is_full() {
    let probe_port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let extra = probe_port.local_addr().expect("an address").port();
    drop(probe_port);
    let builder = Server::builder().max_connections(10);
    // MariaDB's extra_port takes any account, MySQL's admin_port those with SERVICE_CONNECTION_ADMIN.
    let server = if support::is_mysql() {
        builder
            .arg("--admin-address=127.0.0.1")
            .arg(format!("--admin-port={extra}"))
            .setup("GRANT SERVICE_CONNECTION_ADMIN ON *.* TO app@'%'")
            .start()
    } else {
        builder.arg(format!("--extra-port={extra}")).start()
    };
    let mut held = fill(&server);
    if support::is_mysql() {
        // The privilege for the port also opens the one connection MySQL keeps in reserve.
        held.push(server.admin());
    }
    let output = exit_path(&server, &["success"])
        .env("DB_ADMIN_PORT", extra.to_string())
        .run();
    assert_ends(&output, 0, &["connected through DB_ADMIN_PORT"]);
    drop(held);
}

#[test]
fn an_account_at_its_limit_is_waited_for_and_diagnosed() {
    let server = Server::start();
    let account = server.create_account("small", "small");
    server
        .admin()
        .exec("ALTER USER small WITH MAX_USER_CONNECTIONS 1");
    let held = server.connect_as(&account);
    let refused = exit_path_as(&server, &account, &["success"])
        .env("DB_ACQUIRE_TIMEOUT", "400")
        .run();
    assert_ends(&refused, 3, &["server error 1226", "MAX_USER_CONNECTIONS"]);
    let mut waiting = exit_path_as(&server, &account, &["success"]).spawn();
    waiting.wait_for("trying again");
    drop(held);
    assert_ends(&waiting.wait(), 0, &[]);
}

#[test]
fn an_account_at_the_limit_for_all_accounts_is_waited_for_and_diagnosed() {
    let server = Server::builder().arg("--max-user-connections=2").start();
    let open = |_| server.connect_as(server.account());
    let held: Vec<Admin> = (0..2).map(open).collect();
    let refused = exit_path(&server, &["success"])
        .env("DB_ACQUIRE_TIMEOUT", "400")
        .run();
    assert_ends(&refused, 3, &["server error 1203", "MAX_USER_CONNECTIONS"]);
    let mut waiting = exit_path(&server, &["success"]).spawn();
    waiting.wait_for("trying again");
    drop(held);
    assert_ends(&waiting.wait(), 0, &[]);
}

#[test]
fn a_refused_port_is_retried_and_then_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let server = Server::start();
    let output = exit_path(&server, &["success"])
        .env("DB_PORT", port.to_string())
        .env("DB_ACQUIRE_TIMEOUT", "1500")
        .run();
    assert_ends(
        &output,
        3,
        &["connection refused", "trying again", &port.to_string(), "DB_PORT"],
    );
}

#[test]
fn what_no_waiting_mends_is_not_retried() {
    let server = Server::start();
    let command = || exit_path(&server, &["success"]);
    let cases: [(Cmd, &[&str]); 4] = [
        (
            command().env("DB_PASSWORD", "wrong-word"),
            &["server error 1045", "DB_PASSWORD"],
        ),
        (
            command().env("DB_NAME", "no_such_database"),
            &["no_such_database", "DB_NAME"],
        ),
        (
            command().env("DB_HOST", "no-such-host.invalid"),
            &["unknown host", "DB_HOST"],
        ),
        (
            command()
                .env("DB_SOCKET", "/dev/null/socket")
                .env_remove("DB_HOST"),
            &["DB_SOCKET"],
        ),
    ];
    for (command, words) in cases {
        let output = command.env("DB_ACQUIRE_TIMEOUT", "20000").run();
        assert_ends(&output, 3, words);
        assert!(!output.stderr.contains("trying again"), "{output}");
        assert!(!output.stderr.contains("wrong-word"), "{output}");
    }
}

/// A go-between that treats the first connections as `spoil` says and passes the others on.
fn go_between(server: &Server, spoiled: usize, spoil: fn(TcpStream)) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let target = server.port();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if seen.fetch_add(1, Ordering::SeqCst) < spoiled {
                spoil(client);
                continue;
            }
            let server = TcpStream::connect(("127.0.0.1", target)).expect("the server");
            pass_on(
                client.try_clone().expect("a handle"),
                server.try_clone().expect("a handle"),
            );
            pass_on(server, client);
        }
    });
    (port, count)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

#[test]
fn a_reset_handshake_is_tried_again() {
    let server = Server::start();
    let (port, count) = go_between(&server, 2, drop);
    let output = exit_path(&server, &["success"])
        .env("DB_PORT", port.to_string())
        .run();
    assert_ends(&output, 0, &["trying again"]);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

/// The greeting of a server that shuts down: an error packet with number 1053.
fn shutting_down(mut client: TcpStream) {
    let message = b"#08S01Server shutdown in progress";
    let mut packet = vec![u8::try_from(message.len() + 3).expect("short"), 0, 0, 0, 0xff];
    packet.extend_from_slice(&1053_u16.to_le_bytes());
    packet.extend_from_slice(message);
    let _ = client.write_all(&packet);
    let _ = client.shutdown(std::net::Shutdown::Write);
    let _ = client.read(&mut [0; 64]);
}

#[test]
fn a_restarting_server_is_waited_for() {
    let server = Server::start();
    let (port, count) = go_between(&server, 2, shutting_down);
    let output = exit_path(&server, &["success"])
        .env("DB_PORT", port.to_string())
        .run();
    assert_ends(&output, 0, &["1053", "trying again"]);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_connection_lost_under_a_statement_is_not_tried_again() {
    let server = Server::start();
    server
        .admin()
        .exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT)");
    let running = exit_path(
        &server,
        &[
            "run-unlimited",
            "INSERT INTO t SELECT NULL FROM (SELECT SLEEP(30)) s",
        ],
    )
    .spawn();
    let mut admin = server.admin();
    let find = "SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist WHERE info LIKE 'INSERT%'";
    support::wait_until(support::PATIENCE, "the statement", || admin.number(find) > 0);
    let id = admin.number(find);
    admin.exec(&format!("KILL CONNECTION {id}"));
    let output = running.wait();
    assert_eq!(output.code, Some(4), "{output}");
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.t"), 0);
}

#[test]
fn a_short_wait_timeout_does_not_end_a_command_that_pauses() {
    let server = Server::start();
    let before = server.counters();
    // Counts for sessions made from now on.
    server.admin().exec("SET GLOBAL wait_timeout = 2");
    let output = exit_path(&server, &["idle", "3500"]).run();
    assert_ends(&output, 0, &[]);
    server.assert_unchanged(&before);
}

/// What each connection of `app` says of itself.
const ATTRIBUTES: &str = "SELECT a.attr_name, a.attr_value FROM performance_schema.session_connect_attrs a \
     JOIN information_schema.processlist p ON p.id = a.processlist_id \
     WHERE p.user = 'app' AND a.attr_name IN ('_pid', 'dbtool_command', 'program_name') ORDER BY a.attr_name";

#[test]
fn a_connection_says_who_it_is() {
    let server = Server::builder().arg("--performance-schema=ON").start();
    let mut running = exit_path(&server, &["idle", "60000"]).spawn();
    running.wait_for("idle");
    let pid = running.pid().to_string();
    let expected = [
        ("_pid", pid.as_str()),
        ("dbtool_command", "exit-path idle"),
        ("program_name", "dbtool"),
    ]
    .map(|(name, value)| vec![Some(name.to_owned()), Some(value.to_owned())]);
    assert_eq!(server.admin().query(ATTRIBUTES), expected);
}

#[test]
fn a_read_only_server_is_named_as_such() {
    let server = Server::start();
    server.admin().exec("SET GLOBAL read_only = 1");
    let output = exit_path(&server, &["run", "CREATE TABLE t (id INT)"]).run();
    assert_ends(&output, 4, &["read-only", "primary"]);
}

#[test]
fn a_failover_is_waited_for_before_anything_is_written() {
    let server = Server::start();
    let before = server.counters();
    server.admin().exec("SET GLOBAL read_only = 1");
    let mut running = exit_path(&server, &["write", "CREATE TABLE t (id INT)"]).spawn();
    running.wait_for("the server is read-only; waiting");
    server.admin().exec("SET GLOBAL read_only = 0");
    assert_ends(&running.wait(), 0, &[]);
    server.admin().exec("SET GLOBAL read_only = 1");
    let refused = exit_path(&server, &["write", "CREATE TABLE u (id INT)"])
        .env("DB_ACQUIRE_TIMEOUT", "900")
        .run();
    assert_ends(&refused, 3, &["read-only", "primary"]);
    server.assert_unchanged(&before);
}

/// A way to the server on which the first connection works and the server seems to be silent on all later ones.
fn silent_after_the_first(server: &Server) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = server.port();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        let mut first = true;
        for client in listener.incoming().flatten() {
            if !std::mem::replace(&mut first, false) {
                silent.push(client);
                continue;
            }
            let to_server = std::net::TcpStream::connect(("127.0.0.1", server)).expect("the server");
            for (from, to) in [(&client, &to_server), (&to_server, &client)] {
                let (mut from, mut to) = (from.try_clone().expect("a copy"), to.try_clone().expect("a copy"));
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    port
}

#[test]
fn a_read_only_server_that_is_then_too_busy_to_answer_is_named_as_read_only() {
    let server = Server::start();
    server.admin().exec("SET GLOBAL read_only = 1");
    let port = silent_after_the_first(&server);
    let output = exit_path(&server, &["write", "CREATE TABLE t (id INT)"])
        .env("DB_PORT", port.to_string())
        .env("DB_ACQUIRE_TIMEOUT", "2500")
        .run();
    assert_ends(
        &output,
        3,
        &["waiting up to", "server error 1290", "read-only", "primary"],
    );
}
