//! Two thousand connections listed: the server's time and dbtool's memory. Then each short command beside the server's
//! own client, in turn. Run by `just bench-connections`.

#![allow(
    clippy::print_stdout,
    reason = "a program for people, with nothing else on its output"
)]

// Each bench uses its own part of it.
#[allow(dead_code, unused_imports)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mysql_async::{Conn, OptsBuilder};
use support::{Admin, Cmd, Server, is_mysql};
use tokio::runtime::Runtime;

const CONNECTIONS: usize = 2_000;
const RUNS: usize = 20;
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

/// What the server spent on the statements of the watching account, in microseconds.
const SERVER_TIME: &str = "SELECT SUM(SUM_TIMER_WAIT) DIV 1000000 \
     FROM performance_schema.events_statements_summary_by_user_by_event_name WHERE USER = 'watch'";

fn main() {
    many();
    println!();
    short_commands();
}

fn watching(server: &Server) -> Cmd {
    server
        .dbtool()
        .env("DB_USER", "watch")
        .env("DB_PASSWORD", "watch")
        .args(["check-connections", "--min-free", "0"])
}

/// The server's time and dbtool's peak memory in KiB for a list of all connections.
fn list(server: &Server, admin: &mut Admin, format: &str) -> (u64, u64) {
    let before = admin.number(SERVER_TIME);
    let output = watching(server).args(["--all", "--format", format]).run();
    assert_eq!(output.code, Some(0), "{output}");
    let listed = output.stdout.matches("127.0.0.1").count();
    assert!(listed >= CONNECTIONS, "{listed} connections are listed");
    let time = admin.number(SERVER_TIME) - before;
    (time, output.max_rss_kb.unwrap_or_default())
}

fn many() {
    let server = Server::builder()
        .max_connections(CONNECTIONS as u32 + 50)
        .arg("--performance-schema=ON")
        .arg("--open-files-limit=8000")
        .start();
    let mut admin = server.admin();
    server.create_user("watch", "watch", &["ALL ON *.*"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let held = hold(&runtime, &server);
    println!("{CONNECTIONS} connections listed; median of {RUNS} runs");
    println!();
    println!("| format | server time | peak memory |");
    println!("|---|--:|--:|");
    for format in ["text", "json"] {
        let mut runs: Vec<(u64, u64)> = (0..RUNS).map(|_| list(&server, &mut admin, format)).collect();
        runs.sort_unstable();
        let memory = runs.iter().map(|(_, memory)| *memory).max().unwrap_or_default();
        println!(
            "| {format} | {:.1} ms | {:.1} MB |",
            runs[RUNS / 2].0 as f64 / 1_000.0,
            memory as f64 / 1_024.0
        );
    }
    drop(held);
}

/// Clients that wait, as those of an application do.
#[allow(
    clippy::disallowed_methods,
    reason = "clients of the server that are not dbtool's"
)]
fn hold(runtime: &Runtime, server: &Server) -> Vec<Conn> {
    let account = server.account();
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .prefer_socket(false)
        .tcp_port(server.port())
        .user(Some(account.user.clone()))
        .pass(Some(account.password.reveal().to_owned()));
    runtime.block_on(async {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            held.push(Conn::new(opts.clone()).await.expect("a connection"));
        }
        held
    })
}

fn short_commands() {
    let server = Server::start();
    let migrated = server.dbtool().args(["migrate", "--dir", MIGRATIONS]).run();
    assert_eq!(migrated.code, Some(0), "{migrated}");
    println!("short commands, each in turn with the client's; {RUNS} runs");
    println!();
    println!("| command | fastest | median | median of the ratios to the client |");
    println!("|---|--:|--:|--:|");
    for arguments in [
        &["ping"][..],
        &["check-connections", "--min-free", "0"],
        &["migrate", "status", "--dir", MIGRATIONS],
    ] {
        let mut pairs: Vec<(Duration, Duration)> = Vec::new();
        for _ in 0..=RUNS {
            let started = Instant::now();
            let output = server.dbtool().args(arguments).run();
            let own = started.elapsed();
            assert_eq!(output.code, Some(0), "{output}");
            pairs.push((own, client(&server)));
        }
        // The first finds nothing in any cache.
        pairs.remove(0);
        let mut ratios: Vec<f64> = pairs
            .iter()
            .map(|(own, other)| own.as_secs_f64() / other.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        row(
            &arguments.join(" "),
            pairs.iter().map(|(own, _)| *own),
            Some(ratios[RUNS / 2]),
        );
        row("the server's client", pairs.iter().map(|(_, other)| *other), None);
    }
}

fn row(name: &str, times: impl Iterator<Item = Duration>, ratio: Option<f64>) {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!(
        "| {} | {:.1} ms | {:.1} ms | {} |",
        name.replace(MIGRATIONS, "migrations"),
        ms(times[0]),
        ms(times[RUNS / 2]),
        ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))
    );
}

/// `SHOW PROCESSLIST` by the server's own client.
fn client(server: &Server) -> Duration {
    let account = server.account();
    let started = Instant::now();
    let status = Command::new(if is_mysql() { "mysql" } else { "mariadb" })
        .args(["--no-defaults", "-h127.0.0.1", "-e", "SHOW PROCESSLIST"])
        .arg(format!("-P{}", server.port()))
        .arg(format!("-u{}", account.user))
        .env("MYSQL_PWD", account.password.reveal())
        .stdout(Stdio::null())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "the server's client runs"
    );
    started.elapsed()
}
