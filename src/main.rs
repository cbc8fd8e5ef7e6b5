//! The dbtool binary: parse, run the command under the guard, exit.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use dbtool::app;
use dbtool::cli::Cli;
use dbtool::commands;
use dbtool::memory::driver_buffers::limit_driver_buffers;
use dbtool::report::{self, Reporter};

fn main() -> ExitCode {
    let started = Instant::now();
    limit_driver_buffers();
    let cli = Cli::parse();
    let settings = cli.output.settings();
    let report = Reporter::new(settings);
    let ready = cli
        .check()
        .and_then(|()| report::init_logging(&settings, std::env::var("RUST_LOG").ok().as_deref()));
    let exit = match ready {
        Ok(()) => app::run(&report, cli.connection, |app| {
            commands::dispatch(app, cli.command)
        }),
        Err(failure) => app::report_failure(&report, &failure),
    };
    tracing::info!(
        "exit code {} after {} ms",
        exit.code(),
        started.elapsed().as_millis()
    );
    exit.into()
}
