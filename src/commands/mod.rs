//! One room per subcommand. Each gathers, decides, acts and returns an outcome; none prints.

pub mod check_connections;
pub mod check_schema;
pub mod completions;
pub mod config;
pub mod create_conversations;
mod failure;
pub mod man;
pub mod migrate;
pub mod ping;
pub mod run;
pub mod sandbox;
pub mod test_conversations;
pub mod test_image_size;

use crate::app::CommandResult;
use crate::cli::Command;
use crate::cli::check_schema::CheckSchemaArgs;
use crate::cli::migrate::{LintArgs, MigrateAction, MigrateArgs};
use crate::context::AppContext;

/// Runs a command.
///
/// # Errors
/// What stopped the command.
pub async fn dispatch(app: AppContext, command: Command) -> CommandResult {
    let context = |command: &str| app.context(command);
    Ok(Some(match command {
        Command::Migrate(MigrateArgs {
            action:
                Some(MigrateAction::Lint(LintArgs {
                    explain: Some(rule), ..
                })),
            ..
        }) => {
            migrate::explain(&app.report, &rule)?;
            return Ok(None);
        }
        Command::Migrate(args) => migrate::run(&app, args).await?,
        Command::CheckSchema(CheckSchemaArgs {
            explain: Some(rule), ..
        }) => {
            check_schema::explain(&app.report, &rule)?;
            return Ok(None);
        }
        Command::CheckSchema(args) => check_schema::run(&context("check-schema")?, &args).await?,
        Command::CreateConversations(args) => {
            create_conversations::run(&context("create-conversations")?, &args).await?
        }
        Command::TestConversations(args) => {
            Box::new(test_conversations::run(&context("test-conversations")?, &args).await?)
        }
        Command::TestImageSize(args) => {
            Box::new(test_image_size::run(&context("test-image-size")?, &args).await?)
        }
        Command::CheckConnections(args) => {
            match check_connections::run(&context("check-connections")?, &args).await? {
                Some(outcome) => outcome,
                None => return Ok(None),
            }
        }
        Command::Ping(args) => ping::run(&context("ping")?, &args).await?,
        Command::Run(args) => run::run(&app, &args).await?,
        Command::Sandbox(args) => sandbox::run(&app, &args).await?,
        Command::Config => config::run(&app)?,
        Command::Completions { shell } => {
            completions::run(&app.report, shell);
            return Ok(None);
        }
        Command::Man => {
            man::run(&app.report)?;
            return Ok(None);
        }
    }))
}
