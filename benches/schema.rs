//! What check-schema takes over 10, 100 and 1,000 tables of 20 columns. Run by `just bench-schema`.

#![allow(
    clippy::print_stdout,
    reason = "a program for people, with nothing else on its output"
)]

// Each bench uses its own part of it.
#[allow(dead_code, unused_imports)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::fs;
use std::time::{Duration, Instant};

use support::Server;
use support::big_schema::many_tables;
use support::schemas::allow_scratch;

const RUNS: usize = 5;

fn main() {
    println!("median time and largest memory of {RUNS} runs");
    println!();
    println!("| tables | lints | against the snapshot | picture | against replayed migrations |");
    println!("|--:|--:|--:|--:|--:|");
    for count in [10, 100, 1_000] {
        row(count);
    }
}

fn row(count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let tables = many_tables(count);
    fs::write(folder.path().join("001_many.sql"), tables.join(";\n")).expect("the migration is written");
    let picture = folder.path().join("schema.svg");
    let (folder, picture) = (
        folder.path().to_str().expect("the path is text"),
        picture.to_str().expect("the path is text"),
    );
    let server = Server::start();
    let mut admin = server.admin();
    allow_scratch(&server, &mut admin);
    admin.exec("USE app");
    for table in &tables {
        admin.exec(table);
    }
    run(&server, &["--write", "--dir", folder]);
    let columns = [
        &["--lint-only"][..],
        &["--dir", folder, "--replay", "never"],
        &["--lint-only", "--diagram", picture],
        &["--dir", folder],
    ]
    .map(|arguments| measure(&server, arguments));
    println!("| {count} | {} |", columns.join(" | "));
}

fn measure(server: &Server, arguments: &[&str]) -> String {
    let mut runs: Vec<(Duration, u64)> = (0..RUNS).map(|_| run(server, arguments)).collect();
    runs.sort();
    let peak = runs.iter().map(|run| run.1).max().unwrap_or_default();
    let median = runs[RUNS / 2].0.as_millis();
    format!("{median} ms, {:.1} MB", peak as f64 / 1024.0)
}

/// Time and peak memory in KiB.
fn run(server: &Server, arguments: &[&str]) -> (Duration, u64) {
    let started = Instant::now();
    let output = server.dbtool().arg("check-schema").args(arguments).run();
    assert!(matches!(output.code, Some(0 | 1)), "{arguments:?}: {output}");
    (started.elapsed(), output.max_rss_kb.unwrap_or_default())
}
