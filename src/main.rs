//! The dbtool binary: parse, run the command under the guard, exit.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use dbtool::app::{self, Ending};
use dbtool::cli::check_schema::CheckSchemaArgs;
use dbtool::cli::{Cli, Command};
use dbtool::commands;
use dbtool::context::Launch;
use dbtool::report::{self, Reporter};

/// Each of the driver's buffers, of which it takes another for every packet, would stay as large as the largest
/// statement that went through it (up to 4 MB), and 128 of them. The driver takes the limit from the environment only; dotenvy
/// sets what is not set there.
const DRIVER_BUFFERS: &str = "MYSQL_ASYNC_BUFFER_SIZE_CAP=65536\nMYSQL_ASYNC_BUFFER_POOL_CAP=2\n";

fn main() -> ExitCode {
    let begun = Instant::now();
    // Before there is another thread.
    let _ = dotenvy::from_read(DRIVER_BUFFERS.as_bytes());
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
    tracing::info!(
        "exit code {} after {} ms",
        exit.code(),
        begun.elapsed().as_millis()
    );
    exit.into()
}

async fn dispatch(launch: Launch, command: Command) -> Ending {
    let on = |command: &str| launch.context(command);
    Ok(Some(match command {
        Command::Migrate(args) => commands::migrate::run(&launch, args).await?,
        Command::CheckSchema(CheckSchemaArgs {
            explain: Some(rule), ..
        }) => {
            commands::check_schema::explain(&launch.report, &rule)?;
            return Ok(None);
        }
        Command::CheckSchema(args) => commands::check_schema::run(&on("check-schema")?, &args).await?,
        Command::CreateConversations(args) => {
            commands::create_conversations::run(&on("create-conversations")?, &args).await?
        }
        Command::TestConversations(args) => {
            Box::new(commands::test_conversations::run(&on("test-conversations")?, &args).await?)
        }
        Command::TestImageSize(args) => {
            Box::new(commands::test_image_size::run(&on("test-image-size")?, &args).await?)
        }
        Command::CheckConnections(args) => {
            Box::new(commands::check_connections::run(&on("check-connections")?, &args).await?)
        }
        Command::Sandbox(args) => commands::sandbox::run(&launch, &args).await?,
        Command::Config => commands::config::run(&launch)?,
        Command::Completions { shell } => {
            commands::text_files::completions(&launch.report, shell);
            return Ok(None);
        }
        Command::Man => {
            commands::text_files::man(&launch.report)?;
            return Ok(None);
        }
    }))
}
