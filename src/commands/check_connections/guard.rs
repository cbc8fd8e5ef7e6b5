//! `--every`: the same kill again and again, with a line for each.

use std::time::{Duration, SystemTime};

use super::filters::what_of;
use super::kill::end_processes_of;
use super::kill_target::Target;
use crate::cli::check_connections::CheckConnectionsArgs;
use crate::commands::failure::CommandFailure;
use crate::connections::{self, Fate, Filter, Order, gather};
use crate::context::Context;
use crate::db::DbError;
use crate::report::{Format, timestamp, visible};

/// How long a round tries to get a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until it is interrupted. A server that is away or full is tried again in the next round.
///
/// Returns the interruption, or the failure that no further round would pass.
pub async fn run(context: &Context, args: &CheckConnectionsArgs, filter: &Filter) -> anyhow::Error {
    if !args.ending.yes && !args.ending.dry_run {
        return CommandFailure::EveryNeedsYes.into();
    }
    let every = args.ending.every.unwrap_or_default();
    loop {
        if let Err(error) = round(context, args, filter).await {
            let passes = error.downcast_ref::<DbError>().is_some_and(DbError::may_pass);
            if !passes {
                return error;
            }
            context.report.warn(format_args!(
                "{error}; trying again in {} s",
                every.as_secs().max(1)
            ));
        }
        if let Err(cancelled) = context.cancel.sleep(every).await {
            return cancelled.into();
        }
    }
}

async fn round(context: &Context, args: &CheckConnectionsArgs, filter: &Filter) -> anyhow::Result<()> {
    let ending = &args.ending;
    let mut session = context.db.brief_session_within(PATIENCE).await?;
    let server = context.db.server().await?;
    let facts = gather(context, &server, &mut session).await?;
    if ending.processes {
        drop(session);
        let plan = facts.plan_processes(filter, ending.including_writers);
        let fates = match ending.dry_run {
            true => vec![Fate::Planned; plan.targets.len()],
            false => end_processes_of(context, ending, &plan.targets).await?,
        };
        for (holder, fate) in plan.targets.into_iter().zip(fates) {
            say(context, &Target::of_process(holder, fate));
        }
        return Ok(());
    }
    let what = what_of(ending);
    let plan = facts.plan_kill(what, filter, ending.including_writers);
    if ending.dry_run {
        for one in plan.targets {
            say(context, &Target::of_connection(one, Fate::Planned));
        }
        return Ok(());
    }
    let order = Order {
        what,
        filter,
        including_writers: ending.including_writers,
        cancel: &context.cancel,
    };
    for (one, fate) in connections::kill(&mut session, &server, &facts, &order, plan.targets).await? {
        say(context, &Target::of_connection(one, fate));
    }
    Ok(())
}

fn say(context: &Context, target: &Target) {
    if context.report.format() == Format::Json {
        context.report.json_line(
            "check-connections-kill-line",
            &target.line_json(SystemTime::now()),
        );
        return;
    }
    let line = format!("{} {}", timestamp(SystemTime::now()), target.sentence());
    context.report.out(&format!("{}\n", visible(&line)));
}
