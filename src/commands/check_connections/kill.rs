//! `dbtool check-connections --kill`: plan, ask, end, and say what is free now.

use std::time::Duration;

use super::entry::{Entry, enter};
use super::filters::what_of;
use super::guard;
use super::kill_outcome::KillOutcome;
use super::kill_target::Target;
use crate::cancel::Cancelled;
use crate::cli::check_connections::{CheckConnectionsArgs, KillArgs};
use crate::commands::failure::CommandFailure;
use crate::connections::{
    self, Fate, Filter, Holder, Order, Plan, gather, plan_local, unknown_ids, unmatched,
};
use crate::context::Context;
use crate::report::Outcome;

/// Ends what the filters mean, once or as a guard.
///
/// # Errors
/// Bad usage, no connection, the run was cancelled, or the answer was no.
pub async fn run(context: &Context, args: &CheckConnectionsArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let filter = Filter::from(&args.ending);
    if filter.is_empty() {
        return Err(CommandFailure::KillWithoutFilter.into());
    }
    if args.ending.every.is_some() {
        return Err(guard::run(context, args, &filter).await);
    }
    round(context, args, &filter).await
}

async fn round(
    context: &Context,
    args: &CheckConnectionsArgs,
    filter: &Filter,
) -> anyhow::Result<Box<dyn Outcome>> {
    let ending = &args.ending;
    let outside = ending.processes && filter.is_of_processes();
    // What can be planned from outside does not wait for the server.
    let wait = if outside {
        args.wait.or(Some(Duration::ZERO))
    } else {
        args.wait
    };
    let mut session = match enter(context, wait, None).await? {
        Entry::In(session) => session,
        Entry::Out(outcome, _) if outside => {
            let (local, holders) = outcome.into_parts();
            let plan = plan_local(&local, holders, filter);
            let mut outcome = KillOutcome::of_processes(ending.dry_run, &plan, None);
            outcome.explain(unmatched(filter, &plan, &local.processes));
            return Ok(Box::new(end_processes(context, args, plan, outcome).await?));
        }
        Entry::Out(outcome, error) => return outcome.conclude(context, error),
    };
    let server = context.db.server().await?;
    let facts = gather(context, &server, &mut session).await?;
    if ending.processes {
        drop(session);
        let plan = facts.plan_processes(filter, ending.including_writers);
        let mut outcome = KillOutcome::of_processes(ending.dry_run, &plan, Some(&facts));
        outcome.explain(unmatched(filter, &plan, &facts.local.processes));
        return Ok(Box::new(end_processes(context, args, plan, outcome).await?));
    }
    let what = what_of(ending);
    let plan = facts.plan_kill(what, filter, ending.including_writers);
    let mut outcome = KillOutcome::of_connections(ending.dry_run, what, &plan, &facts);
    outcome.explain(unknown_ids(filter, &facts.connections));
    if plan.targets.is_empty() || ending.dry_run {
        return Ok(Box::new(outcome));
    }
    outcome.announce(&context.report);
    // An answer may take its time; no connection is held for that long.
    if !ending.yes {
        drop(session);
        ask(context, &outcome).await?;
        session = context.db.brief_session().await?;
    }
    let order = Order {
        what,
        filter,
        including_writers: ending.including_writers,
        cancel: &context.cancel,
    };
    let done = connections::kill(&mut session, &server, &facts, &order, plan.targets).await?;
    outcome.targets = done
        .into_iter()
        .map(|(one, fate)| Target::of_connection(one, fate))
        .collect();
    outcome.in_use_after = Some(connections::in_use(&mut session).await?);
    Ok(Box::new(outcome))
}

/// Ends the processes of `holders`.
pub(super) async fn end_processes_of(
    context: &Context,
    ending: &KillArgs,
    holders: &[Holder],
) -> Result<Vec<Fate>, Cancelled> {
    let how = connections::Ending {
        grace: ending.grace,
        force: ending.force,
        cancel: &context.cancel,
    };
    connections::end_processes(&how, holders).await
}

async fn ask(context: &Context, outcome: &KillOutcome) -> anyhow::Result<()> {
    let question = format!("end {}?", outcome.sum());
    match context.report.confirm(&context.cancel, &question).await? {
        true => Ok(()),
        false => Err(CommandFailure::KillDeclined.into()),
    }
}

async fn end_processes(
    context: &Context,
    args: &CheckConnectionsArgs,
    plan: Plan<Holder>,
    mut outcome: KillOutcome,
) -> anyhow::Result<KillOutcome> {
    if plan.targets.is_empty() || args.ending.dry_run {
        return Ok(outcome);
    }
    outcome.announce(&context.report);
    if !args.ending.yes {
        ask(context, &outcome).await?;
    }
    let fates = end_processes_of(context, &args.ending, &plan.targets).await?;
    outcome.targets = plan
        .targets
        .into_iter()
        .zip(fates)
        .map(|(holder, fate)| Target::of_process(holder, fate))
        .collect();
    // The server may still be full, or away: what is free is then not known.
    if let Ok(mut session) = context.db.brief_session_at_once().await {
        outcome.in_use_after = Some(connections::in_use(&mut session).await?);
    }
    Ok(outcome)
}
