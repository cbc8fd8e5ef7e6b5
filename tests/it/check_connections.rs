//! `dbtool check-connections` against a real server, as root and as a user of one database.

use crate::support;

use serde_json::Value;
use support::{Admin, Cmd, Output, Server, dbtool};

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

fn as_root(server: &Server) -> Cmd {
    dbtool().env("DB_SOCKET", server.socket()).env("DB_USER", "root")
}

fn tcp(server: &Server) -> Admin {
    server.connect_as(server.account())
}

#[test]
fn a_user_of_one_database_sees_totals_and_itself() {
    let server = Server::start();
    let before = server.counters();
    let mut mine = tcp(&server);
    let output = server
        .dbtool()
        .args(["check-connections", "--format", "json"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    let value = json(&output);
    assert_eq!(value["schema"], "dbtool.check-connections/1");
    assert_eq!(value["max_connections"], 30);
    // The counting connection, this test's and dbtool's own.
    assert_eq!(value["in_use"], 3);
    assert_eq!(value["headroom"], 27);
    assert_eq!(value["min_free"], 3);
    assert_eq!(value["not_visible"], 1);
    let connections = value["connections"].as_array().expect("a list");
    assert_eq!(connections.len(), 2, "{output}");
    assert!(
        connections.iter().all(|connection| connection["user"] == "app"),
        "{output}"
    );
    assert_eq!(
        connections
            .iter()
            .filter(|connection| connection["own"] == true)
            .count(),
        1
    );
    let hidden = value["hidden"].to_string();
    assert!(
        hidden.contains("1 connection of other users: GRANT PROCESS"),
        "{hidden}"
    );

    // The process behind this test's own connection is this one.
    let id = u64::from(mine.id());
    let this = connections
        .iter()
        .find(|connection| connection["id"] == id)
        .expect("this test's connection");
    assert_eq!(this["process"]["pid"], u64::from(std::process::id()), "{output}");
    assert_eq!(mine.value("SELECT 1"), "1");
    drop(mine);
    server.assert_unchanged(&before);
}

#[test]
fn root_sees_everyone_and_the_text_says_who() {
    let server = Server::start();
    let _mine = tcp(&server);
    let output = as_root(&server).arg("check-connections").run();
    assert_eq!(output.code, Some(0), "{output}");
    for part in [
        "Connections of M",
        "max_connections",
        "one is this run's own",
        "By process of this host",
        "app",
        "ok 27 free of 30",
    ] {
        assert!(output.stdout.contains(part), "{part:?}\n{output}");
    }
    // Its own connection is nobody's load.
    assert!(!output.stdout.contains("dbtool"), "{output}");
    let this = format!("  {} ", std::process::id());
    assert!(output.stdout.contains(&this), "{output}");
    assert!(
        output
            .stdout
            .contains("2 connections, 2 idle, longest 0 s, started "),
        "{output}"
    );
    assert!(!output.stdout.contains("of other users"), "{output}");
    assert!(
        !output.stdout.contains(server.account().password.reveal()),
        "{output}"
    );
}

#[test]
fn too_few_free_connections_fail_in_every_shape() {
    let server = Server::start();
    let run = |format: &str| {
        server
            .dbtool()
            .args(["check-connections", "--min-free", "29", "--format", format])
            .run()
    };
    for (format, part) in [
        ("text", "FAILED 28 free of 30, fewer than 29 (--min-free)"),
        ("json", "\"ok\": false"),
        (
            "junit",
            "<failure message=\"28 free of 30, fewer than 29 (--min-free)\"/>",
        ),
        (
            "github",
            "::error title=connections%3A headroom::28 free of 30, fewer than 29 (--min-free)",
        ),
        ("prometheus", "\ndbtool_mysql_connections_headroom 28\n"),
    ] {
        let output = run(format);
        assert_eq!(output.code, Some(1), "{output}");
        assert!(output.stdout.contains(part), "{part:?}\n{output}");
    }
    // Every line of the metrics is a comment or a name, labels and a number.
    for line in run("prometheus")
        .stdout
        .lines()
        .filter(|line| !line.starts_with("# "))
    {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(name.starts_with("dbtool_mysql_"), "{line}");
    }
}

#[test]
fn the_accounts_own_limit_counts() {
    let server = Server::start();
    server
        .admin()
        .exec("ALTER USER 'app'@'%' WITH MAX_USER_CONNECTIONS 4");
    let _mine = tcp(&server);
    let output = server
        .dbtool()
        .args(["check-connections", "--min-free", "3", "--format", "json"])
        .run();
    assert_eq!(output.code, Some(1), "{output}");
    let value = json(&output);
    assert_eq!(value["account_limit"], 4);
    assert_eq!(value["account_in_use"], 2);
    assert_eq!(value["headroom"], 2);
    // A percentage is of the lower limit, and so is the default.
    for (flags, code, min_free) in [
        (&["--min-free", "50%"][..], 0, 2),
        (&["--min-free", "51%"], 1, 3),
        (&["--min-free", "0%"], 0, 0),
        (&[], 0, 1),
    ] {
        let check = server.dbtool().args(["check-connections", "--format", "json"]);
        let output = check.args(flags).run();
        assert_eq!(output.code, Some(code), "{flags:?}\n{output}");
        assert_eq!(json(&output)["min_free"], min_free, "{flags:?}\n{output}");
    }
    let odd = server
        .dbtool()
        .args(["check-connections", "--min-free", "120%"])
        .run();
    assert_eq!(odd.code, Some(2), "{odd}");
    assert!(odd.stderr.contains("0% to 100%"), "{odd}");
}

#[test]
fn the_accounts_hourly_limits_are_shown() {
    let server = Server::start();
    server
        .admin()
        .exec("ALTER USER app@'%' WITH MAX_QUERIES_PER_HOUR 5000 MAX_CONNECTIONS_PER_HOUR 60");
    let output = server.dbtool().arg("check-connections").run();
    assert_eq!(output.code, Some(0), "{output}");
    let squeezed = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "queries per hour 5,000 for app@%",
        "connections per hour 60 for app@%",
    ] {
        assert!(squeezed.contains(part), "{part:?}\n{output}");
    }
    assert!(!squeezed.contains("updates per hour"), "{output}");
}

#[test]
fn a_server_that_was_full_is_said_to_have_refused_and_no_password_is_blamed() {
    let server = Server::builder().max_connections(10).start();
    let mut held: Vec<Admin> = Vec::new();
    let mut refused = 0;
    while refused < 20 {
        match server.try_connect_as(server.account()) {
            Ok(one) => held.push(one),
            Err(_) => refused += 1,
        }
    }
    drop(held);
    crate::support::wait_until(crate::support::PATIENCE, "the server to itself", || {
        server.counters().threads_connected == 1
    });
    let output = server.dbtool().arg("check-connections").run();
    assert_eq!(output.code, Some(0), "{output}");
    // MySQL counts every refusal, MariaDB does not; both remember the peak.
    let said = match server.is_mysql() {
        true => "20 connections refused in ",
        false => " of 10 connections: the server was full",
    };
    assert!(output.stdout.contains(said), "{output}");
    assert_eq!(
        output.stdout.contains("does not count every refusal"),
        !server.is_mysql(),
        "{output}"
    );
    assert!(!output.stdout.contains("password"), "{output}");
}

#[test]
fn a_peak_near_the_limit_is_advised_about() {
    let server = Server::builder().max_connections(12).start();
    let held: Vec<Admin> = (0..9).map(|_| tcp(&server)).collect();
    let output = server
        .dbtool()
        .args(["check-connections", "--min-free", "0", "--format", "json"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    let advice = json(&output)["recommendations"].to_string();
    assert!(
        advice.contains("the peak was 11 of 12 connections (91 %)"),
        "{advice}"
    );
    assert!(
        advice.contains("app holds 9 of the server's 12 connections"),
        "{advice}"
    );
    drop(held);
}

#[test]
fn a_hostile_user_name_gives_the_terminal_no_orders() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE USER 'ev\u{1b}[2Jil'@'%' IDENTIFIED BY 'secret'");
    let mut evil = Admin::connect_tcp(server.port(), "ev\u{1b}[2Jil", "secret", "");
    for args in [
        &["--color", "never"][..],
        &["--color", "always"],
        &["--format", "json"],
        &["--format", "prometheus"],
    ] {
        let output = as_root(&server).arg("check-connections").args(args).run();
        assert_eq!(output.code, Some(0), "{output}");
        assert!(!output.stdout.contains("\u{1b}[2J"), "{output}");
        assert!(output.stdout.contains("[2Jil"), "{output}");
    }
    assert_eq!(evil.value("SELECT 1"), "1");
}

#[test]
fn no_server_is_exit_3() {
    let output = dbtool()
        .args([
            "check-connections",
            "--db-user",
            "root",
            "--db-port",
            "1",
            "--acquire-timeout",
            "50",
        ])
        .run();
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.is_empty(), "{output}");
}

#[test]
fn the_pools_that_are_seen_are_added_up() {
    let server = Server::builder().max_connections(14).start();
    let held: Vec<_> = (0..6).map(|_| tcp(&server)).collect();
    let leak = support::exit_path::exit_path(&server, &["idle", "600000"]);
    let mut leak = leak.spawn();
    leak.wait_for("idle");
    let plan = || as_root(&server).args(["check-connections", "--plan"]);
    // This test's process holds six connections and root's own one, the program one; 3 are dbtool's, 3 are kept free.
    let output = plan().run();
    assert_eq!(output.code, Some(0), "{output}");
    let words = "ok 14 may be wanted at the same time, 14 of max_connections";
    assert!(output.stdout.contains(words), "{output}");
    let words = "a pool of at most 4 fits in each of 2 processes; 2 while a deployment runs each twice";
    assert!(output.stdout.contains(words), "{output}");
    let row = output.stdout.lines().find(|line| line.contains("exit_paths"));
    let row: Vec<&str> = row.expect("the program").split_whitespace().collect();
    assert_eq!(row[row.len() - 4..], ["1", "1", "1", "1"], "{output}");

    let _one_more = tcp(&server);
    let output = plan().run();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("FAILED 15 may be wanted"), "{output}");
    // The limit of the account, and what counts against it.
    server
        .admin()
        .exec("ALTER USER 'app'@'%' WITH MAX_USER_CONNECTIONS 12");
    let output = server.dbtool().args(["check-connections", "--plan"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output
            .stdout
            .contains("11 may be wanted at the same time, 12 that the account may have"),
        "{output}"
    );
    drop(held);
}
