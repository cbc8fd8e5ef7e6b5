//! `dbtool ping`: exit code 0 when this account can work, 3 when it cannot.

use crate::support;

use std::net::TcpListener;

use support::crash::Crashing;
use support::migrations::assert_ends;
use support::{Server, dbtool};

#[test]
fn a_server_that_is_ready_answers() {
    let server = Server::start();
    let before = server.counters();
    let output = server.dbtool().arg("ping").run();
    assert_eq!(output.code, Some(0), "{output}");
    let at = format!(" at 127.0.0.1:{} answers in ", server.port());
    for words in [at.as_str(), "account app@%, database app, "] {
        assert!(output.stdout.contains(words), "no {words:?}: {output}");
    }
    assert_eq!(output.stderr, "");
    server.assert_unchanged(&before);
}

#[test]
fn without_patience_there_is_one_attempt() {
    let nobody = dbtool()
        .env("DB_USER", "app")
        .env("DB_PORT", free_port().to_string());
    let output = nobody.arg("ping").run();
    assert_ends(&output, 3, &["connection refused", "start the server"]);
    assert!(!output.stderr.contains("trying again"), "{output}");
}

#[test]
fn what_waiting_cannot_change_is_said_at_once() {
    let server = Server::start();
    let wrong = server.dbtool().env("DB_PASSWORD", "wrong");
    assert_ends(&wrong.args(["ping", "--wait", "300s"]).run(), 3, &["1045"]);
    let nowhere = server.dbtool().env("DB_NAME", "nowhere");
    assert_ends(&nowhere.args(["ping", "--wait", "300s"]).run(), 3, &["nowhere"]);
    let nobody = dbtool().args(["ping", "--wait", "300s"]).run();
    assert_ends(&nobody, 2, &["no database account is configured"]);
    let never = server.dbtool().args(["ping", "--wait", "soon"]).run();
    assert_ends(&never, 2, &["write a number with"]);
}

#[test]
fn a_server_that_has_yet_to_start_is_waited_for() {
    let mut server = Crashing::start(Server::builder());
    server.kill();
    let mut waiting = server.server().dbtool().args(["ping", "--wait", "60s"]).spawn();
    waiting.wait_for("trying again");
    server.start_again();
    let output = waiting.wait();
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn it_answers_while_long_commands_hold_the_connections() {
    let server = Server::start();
    let first = dbtool();
    let ready = first.folders().join("ready");
    let script = format!("touch '{}'; sleep 60", ready.display());
    let mut holder = server
        .dbtool()
        .share_folders(&first)
        .args(["run", "--", "bash", "-c", &script])
        .spawn();
    support::wait_until(support::PATIENCE, "the command", || ready.exists());
    let output = server.dbtool().share_folders(&first).arg("ping").run();
    assert_eq!(output.code, Some(0), "{output}");
    holder.signal(support::Signal::TERM);
    holder.wait();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
