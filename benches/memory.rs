//! Peak memory of each command over demo data of a given size. Run by `just bench-memory`.

#![allow(
    clippy::print_stdout,
    reason = "a program for people, with nothing else on its output"
)]

// Each bench uses its own part of it.
#[allow(dead_code, unused_imports)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::Instant;

use dbtool::sandbox::demo::{DemoSpec, rows};
use support::Server;

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

fn main() {
    let bookings = std::env::var("BENCH_BOOKINGS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let server = Server::start();
    run(&server, &["migrate", "002", "--dir", MIGRATIONS]);
    let mut admin = server.admin();
    admin.exec("USE app");
    for statement in rows(&DemoSpec { bookings, seed: 7 }) {
        admin.exec(&statement);
    }
    println!("{bookings} bookings");
    println!();
    println!("| command | peak memory | time |");
    println!("|---|--:|--:|");
    for arguments in [
        &["migrate", "--allow-blocking", "--dir", MIGRATIONS][..],
        &["check-schema", "--dir", MIGRATIONS],
        &["create-conversations"],
        &["test-conversations"],
        &["test-image-size", "--max", "256KB"],
        &["check-connections"],
    ] {
        let started = Instant::now();
        let memory = run(&server, arguments);
        let took = started.elapsed().as_millis();
        println!(
            "| {} | {:.1} MB | {took} ms |",
            arguments[0],
            memory as f64 / 1024.0
        );
    }
}

/// Peak resident memory in KiB.
fn run(server: &Server, arguments: &[&str]) -> u64 {
    let output = server.dbtool().args(arguments).run();
    assert!(matches!(output.code, Some(0 | 1)), "{arguments:?}: {output}");
    output.max_rss_kb.unwrap_or_default()
}
