//! `dbtool create-conversations`: one conversation for every booking that has none.

mod outcome;
mod stopped;

use std::time::Instant;

use crate::batch::Throttle;
use crate::cli::create_conversations::CreateConversationsArgs;
use crate::context::Context;
use crate::report::Outcome;
use crate::stays::conversations::backfill::{Backfill, BackfillOptions};
use crate::stays::conversations::chosen::{ChosenBookings, too_new_from};
use crate::stays::conversations::rule::{BookingFilter, Rule};
use crate::stays::conversations::schema;
use stopped::stopped;

pub use outcome::Summary;

/// Runs the backfill, or with `--dry-run` counts its changes.
///
/// # Errors
/// Tables are missing, a statement fails, or the run is cancelled.
pub async fn run(ctx: &Context, args: &CreateConversationsArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let database = ctx.config.require_database()?;
    let begun = Instant::now();
    let mut session = match args.dry_run {
        // Counting is as good on a replica.
        true => ctx.db.session().await?,
        false => ctx.db.writable_session().await?,
    };
    let found = schema::inspect(&mut session, database).await?;
    for warning in &found.warnings {
        ctx.report.warn(warning);
    }
    let too_new_from = too_new_from(&mut session, args.older_than).await?;
    let rule = Rule::new(
        &booking_filter(args),
        too_new_from.as_deref(),
        found.hints.clone(),
    );
    let chosen = ChosenBookings::count(&mut session, &rule).await?;

    let throttle = Throttle::new(args.max_load.clone(), args.max_lag);
    let mut backfill = Backfill::new(ctx, options(args), rule, &found.hints, throttle);
    backfill.prepare(&mut session, database).await?;
    let repaired = backfill.repair(&mut session).await;
    repaired.map_err(|error| stopped(&backfill.counts(), error))?;
    let second = backfill.second_session(chosen.with_property).await?;
    let worked = backfill.work(&mut session, second, chosen.with_property).await;
    worked.map_err(|error| stopped(&backfill.counts(), error))?;

    Ok(Box::new(Summary {
        dry_run: args.dry_run,
        per_booking: args.per_booking,
        statuses: args.status.iter().map(|status| status.name()).collect(),
        limit: args.limit,
        counts: backfill.counts(),
        without_property: chosen.without_property,
        too_new: chosen.too_new,
        older_than: args.older_than,
        workers: backfill.workers(),
        target: args.target(),
        paused: backfill.paused(),
        elapsed: begun.elapsed(),
    }))
}

fn options(args: &CreateConversationsArgs) -> BackfillOptions {
    BackfillOptions {
        dry_run: args.dry_run,
        property: args.property,
        limit: args.limit,
        target: args.target(),
        max_rows: args.max_rows,
    }
}

fn booking_filter(args: &CreateConversationsArgs) -> BookingFilter {
    BookingFilter {
        statuses: args.status.iter().map(|status| status.name()).collect(),
        since: args.since.map(|day| day.to_string()),
        property: args.property,
        per_booking: args.per_booking,
    }
}
