//! `dbtool sandbox`: a private server with demo data, for a command or until Ctrl+C.

mod outcome;

use std::ffi::OsString;
use std::time::Instant;

use crate::cli::sandbox::{SandboxArgs, Target};
use crate::commands::failure::CommandFailure;
use crate::context::AppContext;
use crate::report::{self, Outcome};
use crate::run_command;
use crate::sandbox::credentials::connection_variables;
use crate::sandbox::{Plan, Sandbox, SandboxOptions, embedded, find_server};

use outcome::{Ran, Ready};

/// Runs a sandbox and everything in it; nothing is left when this returns.
///
/// # Errors
/// No server is found or it does not start, a migration or the data fails, or the command
/// cannot be started. That the command itself fails is an outcome, not an error.
pub async fn run(app: &AppContext, args: &SandboxArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let plan = Plan::of(&options(args))?;
    refuse_other_servers(app)?;
    let binary = find_server(args.server.as_deref())?;
    app.report.status(format_args!("starting a private {binary} ..."));
    let started = Instant::now();
    let mut sandbox = Sandbox::start(app, binary).await?;
    let ended = live(app, &mut sandbox, &plan, &args.command, started).await;
    sandbox.stop().await?;
    app.report.status("sandbox stopped and removed");
    ended
}

/// Fills the sandbox, then runs the command in it, or waits until it is no longer wanted.
async fn live(
    app: &AppContext,
    sandbox: &mut Sandbox,
    plan: &Plan,
    command: &[OsString],
    started: Instant,
) -> anyhow::Result<Box<dyn Outcome>> {
    let filled = sandbox.fill(plan).await?;
    app.cancel.check()?;
    let ready = Ready::new(sandbox, plan.version, filled);
    app.report.status(format_args!(
        "ready after {}: {}",
        report::duration(started.elapsed()),
        ready.contents()
    ));
    if command.is_empty() {
        app.report.emit(&ready);
        return Err(sandbox.wait().await);
    }
    let set = sandbox.access.variables();
    let code = run_command::run(command, &set, &connection_variables(), &app.cancel).await?;
    Ok(Box::new(Ran { code }))
}

fn options(args: &SandboxArgs) -> SandboxOptions {
    SandboxOptions {
        version: match args.migrated_to {
            Target::None => 0,
            Target::Version(version) => version,
            Target::Latest => embedded::latest(),
        },
        bookings: args.bookings,
        seed: args.seed,
    }
}

/// A sandbox has its own server; flags that name another one are a misunderstanding.
fn refuse_other_servers(app: &AppContext) -> Result<(), CommandFailure> {
    for (variable, (_, flag)) in app.flags.as_variables() {
        if connection_variables().contains(&variable) {
            return Err(CommandFailure::ServerForSandbox { flag });
        }
    }
    Ok(())
}
