//! `dbtool run`: another program takes its turn in the connection budget.

mod outcome;
mod variables;

use std::time::Duration;

use crate::cancel::Cancel;
use crate::cli::run::RunArgs;
use crate::commands::failure::CommandFailure;
use crate::config::Config;
use crate::connections::left_behind::{self, LeftBehind, Mark};
use crate::context::AppContext;
use crate::report::{Outcome, plural};
use crate::run_command;

use outcome::Ran;
use variables::server_variables;

/// Waits for the slots, runs the command, and frees the slots.
///
/// # Errors
/// The budget is smaller than what is wanted, the server cannot be reached, no slots become free in time, or the
/// command cannot be started. That the command itself fails is an outcome, not an error.
pub async fn run(app: &AppContext, args: &RunArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let ctx = app.context("run")?;
    let available = ctx.db.budget().work_slots();
    let wanted = args.connections.unwrap_or(available);
    refuse_more_than_the_budget(&ctx.config, available, wanted)?;
    let mark = left_behind::mark(&ctx).await?;
    let slots = ctx.db.reserve(wanted).await?;
    tracing::info!("took {} of the budget", plural(slots.len() as u64, "slot"));
    // A dbtool within the command counts within these slots and not beside them.
    let nested = tempfile::Builder::new().prefix("dbtool-run-").tempdir()?;
    let mut set = server_variables(&ctx.config);
    set.push(("DB_CONNECTION_LIMIT", slots.len().to_string()));
    set.push(("DB_BUDGET_DIR", nested.path().display().to_string()));
    // Processes that the command leaves behind become children of this one, which can then find them.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let code = run_command::run(&args.command, &set, &[], &ctx.cancel).await?;
    let left = look_behind(app, ctx.config.clone(), &mark, args.kill_left).await;
    // Processes with connections keep the slots until they end.
    match left.processes && !left.connections.is_empty() && !args.kill_left {
        true => slots.leave_to_program(),
        false => drop(slots),
    }
    Ok(Box::new(Ran { code, left }))
}

/// How long the server may take to answer after a signal.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reports the connections that the command left on the server, also when a signal ended it. That this fails does
/// not change how the command ended.
async fn look_behind(app: &AppContext, config: Config, mark: &Mark, kill: bool) -> LeftBehind {
    let look = async {
        // The first signal was for the command.
        let app = AppContext {
            cancel: Cancel::default(),
            ..app.clone()
        };
        Ok(left_behind::left_behind(&app.context_for(config, "run")?, mark, kill).await?)
    };
    let looked: anyhow::Result<LeftBehind> = tokio::select! {
        looked = look => looked,
        () = app.cancel.wait_hurried() => Ok(LeftBehind::default()),
        () = async { app.cancel.wait().await; tokio::time::sleep(PATIENCE).await } => {
            Err(anyhow::anyhow!("the server did not answer in time"))
        }
    };
    let left = match looked {
        Ok(left) => left,
        Err(error) => {
            app.report.warn(format!(
                "whether the command left connections on the server is not known: {error}"
            ));
            return LeftBehind::default();
        }
    };
    if !left.connections.is_empty() {
        let ended = match (kill, left.not_ended) {
            (false, _) => "; `dbtool run --kill-left` ends them".to_owned(),
            (true, 0) => "; they were ended".to_owned(),
            (true, number) => format!("; {number} of them could not be ended"),
        };
        let count = plural(left.connections.len() as u64, "connection");
        app.report
            .warn(format!("the command left {count} on the server{ended}"));
        for line in left.lines() {
            app.report.warn(line);
        }
    }
    left
}

fn refuse_more_than_the_budget(config: &Config, slots: u32, wanted: u32) -> Result<(), CommandFailure> {
    if config.fleet_limit.is_some() {
        return Err(CommandFailure::FleetBudget);
    }
    if wanted > slots {
        let limit = config.connection_limit.value;
        return Err(CommandFailure::MoreThanTheBudget { wanted, limit, slots });
    }
    Ok(())
}
