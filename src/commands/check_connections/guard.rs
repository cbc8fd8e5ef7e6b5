//! `--every`: the same kill again and again, with a line for each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::kill::{end_processes_of, plan_of};
use super::kill_outcome::Target;
use crate::cli::check_connections::CheckConnectionsArgs;
use crate::commands::failure::CommandFailure;
use crate::connections::{self, Fate, Filter, Order, What, gather};
use crate::context::Context;
use crate::db::ErrorKind;
use crate::report::visible;

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
            let passes = error.downcast_ref::<crate::db::DbError>().is_some_and(|error| {
                let lost = matches!(error.kind(), ErrorKind::Lost { .. } | ErrorKind::NoSlot);
                let away = error.kind() == ErrorKind::Connect && error.code().is_none();
                lost || away || error.is_lack_of_room()
            });
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
    let what = if ending.query {
        What::Query
    } else {
        What::Connection
    };
    let plan = plan_of(&facts, what, filter, ending.including_writers);
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
    let line = format!("{} {}", timestamp(SystemTime::now()), target.sentence());
    context.report.out(&format!("{}\n", visible(&line)));
}

/// `2026-11-28T08:42:34Z`.
fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 1 March of the year 0, so that a leap day ends a year (H. Hinnant, "chrono-Compatible
    // Low-Level Date Algorithms").
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_855_354, "2026-11-28T08:42:34Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
