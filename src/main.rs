//! The dbtool binary: parse, run the command under the guard, exit.

use std::process::ExitCode;

use clap::Parser;
use dbtool::app::{self, Ending};
use dbtool::cli::{Cli, Command};
use dbtool::commands;
use dbtool::context::Launch;
use dbtool::report::{self, Reporter};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let settings = cli.output.settings();
    let report = Reporter::new(settings);
    let ready = cli
        .check()
        .and_then(|()| report::init_logging(&settings, std::env::var("RUST_LOG").ok().as_deref()));
    let exit = match ready {
        Ok(()) => app::run(&report, cli.connection, |launch| dispatch(launch, cli.command)),
        Err(failure) => app::refuse(&report, &failure),
    };
    exit.into()
}

async fn dispatch(launch: Launch, command: Command) -> Ending {
    Ok(match command {
        Command::CheckConnections(args) => Some(Box::new(
            commands::check_connections::run(&launch.context("check-connections")?, &args).await?,
        )),
        Command::Sandbox(args) => Some(commands::sandbox::run(&launch, &args).await?),
        Command::TestConversations(args) => Some(Box::new(
            commands::test_conversations::run(&launch.context("test-conversations")?, &args).await?,
        )),
        Command::CheckSchema(args) => {
            Some(commands::check_schema::run(&launch.context("check-schema")?, &args).await?)
        }
        Command::Migrate(args) => Some(commands::migrate::run(&launch, args).await?),
        Command::TestImageSize(args) => Some(Box::new(
            commands::test_image_size::run(&launch.context("test-image-size")?, &args).await?,
        )),
        Command::Config => Some(commands::config::run(&launch)?),
        Command::CreateConversations(args) => {
            let ctx = launch.context("create-conversations")?;
            Some(commands::create_conversations::run(&ctx, &args).await?)
        }
        Command::Completions { shell } => {
            commands::text_files::completions(&launch.report, shell);
            None
        }
        Command::Man => {
            commands::text_files::man(&launch.report)?;
            None
        }
    })
}
