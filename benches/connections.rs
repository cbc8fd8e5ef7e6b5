//! Six maintenance jobs at once on a server with `max_connections = 30`, three ways: a pool of ten
//! in each, a pool of three in each, and dbtool's shared budget. Run by `just bench-connections`.
//!
//! Every job runs the same statements. The first two ways are simulated with the same driver, as
//! the scripts that dbtool replaced used theirs: the pool is filled, the statements are spread over
//! it, and nothing is closed at the end.

#![allow(
    clippy::print_stdout,
    reason = "a program for people, with nothing else on its output"
)]

// Each bench uses its own part of it.
#[allow(dead_code, unused_imports)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{OptsBuilder, Pool, PoolConstraints, PoolOpts};
use support::exit_path::{CONNECTIONS_OF_APP, Sampler, exit_path};
use support::{Cmd, Output, Running, Server};

const JOBS: usize = 6;
const STATEMENTS: usize = 40;
/// Five milliseconds of work on the server.
const STATEMENT: &str = "DO SLEEP(0.005)";

fn main() -> ExitCode {
    match std::env::var("BENCH_POOL_SIZE")
        .ok()
        .and_then(|size| size.parse().ok())
    {
        Some(size) => naive_job(size),
        None => {
            compare();
            ExitCode::SUCCESS
        }
    }
}

/// What one way of running the jobs did to the server.
struct Measured {
    peak: u64,
    refused: u64,
    failed: usize,
    aborted: u64,
    memory: u64,
    took: Duration,
}

fn compare() {
    println!("six jobs of {STATEMENTS} statements at once, max_connections = 30");
    println!();
    println!(
        "| way | peak connections | refused | failed jobs | aborted clients | peak memory of a job | time |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    row(
        "six pools of 10, never closed",
        measure(|server, _| naive(server, 10)),
    );
    row(
        "six pools of 3, never closed",
        measure(|server, _| naive(server, 3)),
    );
    row("dbtool, one budget of 3", measure(shared));
}

fn row(way: &str, measured: Measured) {
    println!(
        "| {way} | {} | {} | {} | {} | {:.1} MB | {} ms |",
        measured.peak,
        measured.refused,
        measured.failed,
        measured.aborted,
        measured.memory as f64 / 1024.0,
        measured.took.as_millis()
    );
}

fn measure(job: impl Fn(&Server, &Cmd) -> Cmd) -> Measured {
    let server = Server::start();
    let mut admin = server.admin();
    let before = server.counters();
    let refused = admin.status("Connection_errors_max_connections");
    let first = support::dbtool();
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    let started = Instant::now();
    let running: Vec<Running> = (0..JOBS).map(|_| job(&server, &first).spawn()).collect();
    let outputs: Vec<Output> = running.into_iter().map(Running::wait).collect();
    let took = started.elapsed();
    let (peak, _) = sampler.finish();
    support::wait_until(support::PATIENCE, "an empty server", || {
        admin.number(CONNECTIONS_OF_APP) == 0
    });
    Measured {
        peak,
        refused: admin.status("Connection_errors_max_connections") - refused,
        failed: outputs.iter().filter(|output| output.code != Some(0)).count(),
        aborted: server.counters().aborted_clients - before.aborted_clients,
        memory: outputs
            .iter()
            .filter_map(|output| output.max_rss_kb)
            .max()
            .unwrap_or_default(),
        took,
    }
}

fn shared(server: &Server, first: &Cmd) -> Cmd {
    exit_path(server, &["statements", &STATEMENTS.to_string(), STATEMENT]).share_folders(first)
}

fn naive(server: &Server, size: usize) -> Cmd {
    let account = server.account();
    Cmd::new(std::env::current_exe().expect("this program"))
        .env("BENCH_POOL_SIZE", size.to_string())
        .env("DB_PORT", server.port().to_string())
        .env("DB_USER", &account.user)
        .env("DB_PASSWORD", account.password.reveal())
        .env("DB_NAME", &account.database)
}

/// A maintenance script as it used to be.
#[allow(
    clippy::disallowed_methods,
    reason = "what dbtool is compared with does as such scripts did"
)]
fn naive_job(size: usize) -> ExitCode {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let constraints = PoolConstraints::new(size, size).expect("a pool's size");
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .prefer_socket(false)
        .tcp_port(variable("DB_PORT").parse().expect("a port"))
        .user(Some(variable("DB_USER")))
        .pass(Some(variable("DB_PASSWORD")))
        .db_name(Some(variable("DB_NAME")))
        .pool_opts(PoolOpts::default().with_constraints(constraints));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let done = runtime.block_on(async {
        let pool = Pool::new(opts);
        let workers: Vec<_> = (0..size)
            .map(|worker| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut conn = pool.get_conn().await?;
                    for _ in (worker..STATEMENTS).step_by(size) {
                        conn.query_drop(STATEMENT).await?;
                    }
                    Ok::<(), mysql_async::Error>(())
                })
            })
            .collect();
        let mut all = true;
        for worker in workers {
            all &= matches!(worker.await, Ok(Ok(())));
        }
        all
    });
    // The process ends with its pool open, as the scripts did.
    std::process::exit(i32::from(!done));
}
