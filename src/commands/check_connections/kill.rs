//! `dbtool check-connections --kill`: plan, ask, end, and say what is free now.

use std::time::Duration;

use super::entry::{Entry, enter};
use super::guard;
use super::kill_outcome::{KillOutcome, Target};
use crate::cli::check_connections::{CheckConnectionsArgs, KillArgs};
use crate::connections::{self, Connection, Fate, Filter, Holder, Order, Plan, What, gather, plan_local};
use crate::context::Context;
use crate::exit::Failure;
use crate::host_processes::{self, Held, Refusal};
use crate::report::Outcome;

/// How often a process is looked at while it may end.
const PULSE: Duration = Duration::from_millis(20);

/// How long a process may take that was ended at once.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Ends what the filters mean, once or as a guard.
///
/// # Errors
/// Bad usage, no connection, the run was cancelled, or the answer was no.
pub async fn run(context: &Context, args: &CheckConnectionsArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let filter = filter_of(&args.ending);
    if filter.is_empty() {
        return Err(Failure::usage(
            "--kill without a filter would end every connection",
            "say which are meant, such as --idle 300s, --user NAME or --process NAME; --dry-run shows them",
        )
        .into());
    }
    if args.ending.every.is_some() {
        return Err(guard::run(context, args, &filter).await);
    }
    round(context, args, &filter).await
}

fn filter_of(args: &KillArgs) -> Filter {
    Filter {
        idle: args.idle,
        longer_than: args.longer_than,
        users: args.user.clone(),
        hosts: args.host.clone(),
        programs: args.program.clone(),
        processes: args.process.clone(),
        databases: args.db.clone(),
        commands: args.command.clone(),
        states: args.state.clone(),
        ids: args.id.clone(),
        blocking: args.blocking,
    }
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
    let mut session = match enter(context, wait).await? {
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
    let what = if ending.query {
        What::Query
    } else {
        What::Connection
    };
    let plan = plan_of(&facts, what, filter, ending.including_writers);
    let mut outcome = KillOutcome::of_connections(ending.dry_run, what, &plan, &facts);
    outcome.explain(unknown_ids(filter, &facts.connections));
    if plan.targets.is_empty() || ending.dry_run {
        return Ok(Box::new(outcome));
    }
    // An answer may take its time; no connection is held for that long.
    if !ending.yes {
        drop(session);
        outcome.announce(&context.report);
        ask(context, &outcome).await?;
        session = context.db.brief_session().await?;
    } else {
        outcome.announce(&context.report);
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

/// The plan for connections, or for the statements of those that run one.
pub(super) fn plan_of(
    facts: &connections::Facts,
    what: What,
    filter: &Filter,
    including_writers: bool,
) -> Plan<Connection> {
    let mut plan = facts.plan_connections(filter, including_writers);
    if what == What::Query {
        plan.targets.retain(|one| !one.sleeps());
        plan.held_back.retain(|(one, _)| !one.sleeps());
    }
    plan
}

async fn ask(context: &Context, outcome: &KillOutcome) -> anyhow::Result<()> {
    let question = format!("end {}?", outcome.sum());
    match context.report.confirm(&context.cancel, &question).await? {
        true => Ok(()),
        false => Err(Failure::usage("nothing was ended: the answer was not yes", "").into()),
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
    let fates = signal_all(context, &args.ending, &plan.targets).await?;
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

/// Asks each process to end, gives all of them the same while, and ends the rest if that is wanted.
pub(super) async fn signal_all(
    context: &Context,
    ending: &KillArgs,
    holders: &[Holder],
) -> anyhow::Result<Vec<Fate>> {
    let held: Vec<Result<Held, Refusal>> = holders
        .iter()
        .map(|holder| {
            let held = Held::of(&holder.process)?;
            held.end(false).map(|()| held)
        })
        .collect();
    wait_for(context, &held, ending.grace).await?;
    if ending.force {
        for one in held.iter().flatten().filter(|one| !one.has_ended()) {
            // It may end in this very moment.
            let _ = one.end(true);
        }
        wait_for(context, &held, AT_ONCE).await?;
    }
    Ok(held
        .into_iter()
        .map(|held| match held {
            Ok(held) if held.has_ended() => Fate::Ended,
            Ok(_) => Fate::Ending,
            Err(Refusal::Gone) => Fate::EndedMeanwhile,
            Err(why) => Fate::Refused(why.to_string()),
        })
        .collect())
}

async fn wait_for(
    context: &Context,
    held: &[Result<Held, Refusal>],
    patience: Duration,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + patience;
    while held.iter().flatten().any(|one| !one.has_ended()) && tokio::time::Instant::now() < deadline {
        context.cancel.sleep(PULSE).await?;
    }
    Ok(())
}

/// Numbers that no visible connection has.
fn unknown_ids(filter: &Filter, connections: &[Connection]) -> Vec<String> {
    let unknown = filter
        .ids
        .iter()
        .filter(|id| connections.iter().all(|one| one.id != **id));
    unknown
        .map(|id| format!("no connection {id} can be seen: it has ended, or is another user's"))
        .collect()
}

/// Why a process that is named is not in the plan.
fn unmatched(filter: &Filter, plan: &Plan<Holder>, clients: &[host_processes::Client]) -> Vec<String> {
    let known = |name: &String| {
        let one = Filter {
            processes: vec![name.clone()],
            ..Filter::default()
        };
        clients.iter().any(|client| one.names(&client.process))
    };
    if !plan.is_empty() && filter.processes.iter().all(known) {
        return Vec::new();
    }
    let unknown = filter.processes.iter().filter(|name| !known(name));
    unknown
        .map(|name| {
            let Some(process) = name.parse().ok().and_then(host_processes::process) else {
                return format!("no process {name} with a connection to the server can be seen on this host");
            };
            let user = process.user.unwrap_or_default();
            format!(
                "process {name} of {user} holds no connection to the server that can be seen; those of other users \
                 are seen as root (sudo -E)"
            )
        })
        .collect()
}
