//! The dbtool binary: parse, run the command under the guard, exit.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use dbtool::app::{self, CommandResult};
use dbtool::cli::check_schema::CheckSchemaArgs;
use dbtool::cli::{Cli, Command};
use dbtool::commands;
use dbtool::context::AppContext;
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
        Ok(()) => app::run(&report, cli.connection, |app| dispatch(app, cli.command)),
        Err(failure) => app::report_failure(&report, &failure),
    };
    tracing::info!(
        "exit code {} after {} ms",
        exit.code(),
        started.elapsed().as_millis()
    );
    exit.into()
}

async fn dispatch(app: AppContext, command: Command) -> CommandResult {
    let context = |command: &str| app.context(command);
    Ok(Some(match command {
        Command::Migrate(args) => commands::migrate::run(&app, args).await?,
        Command::CheckSchema(CheckSchemaArgs {
            explain: Some(rule), ..
        }) => {
            commands::check_schema::explain(&app.report, &rule)?;
            return Ok(None);
        }
        Command::CheckSchema(args) => commands::check_schema::run(&context("check-schema")?, &args).await?,
        Command::CreateConversations(args) => {
            commands::create_conversations::run(&context("create-conversations")?, &args).await?
        }
        Command::TestConversations(args) => {
            Box::new(commands::test_conversations::run(&context("test-conversations")?, &args).await?)
        }
        Command::TestImageSize(args) => {
            Box::new(commands::test_image_size::run(&context("test-image-size")?, &args).await?)
        }
        Command::CheckConnections(args) => {
            match commands::check_connections::run(&context("check-connections")?, &args).await? {
                Some(outcome) => outcome,
                None => return Ok(None),
            }
        }
        Command::Ping(args) => commands::ping::run(&context("ping")?, &args).await?,
        Command::Run(args) => commands::run::run(&app, &args).await?,
        Command::Sandbox(args) => commands::sandbox::run(&app, &args).await?,
        Command::Config => commands::config::run(&app)?,
        Command::Completions { shell } => {
            commands::completions::run(&app.report, shell);
            return Ok(None);
        }
        Command::Man => {
            commands::man::run(&app.report)?;
            return Ok(None);
        }
    }))
}
