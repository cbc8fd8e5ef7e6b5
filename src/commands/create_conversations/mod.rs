//! `dbtool create-conversations`: one conversation for every booking that has none.
//!
//! Short transactions over ranges of properties, by as many as two workers, each with a
//! connection of its own. Nothing is remembered outside the data: what is covered already is the
//! progress, so a run that was killed is resumed by running it again.

mod outcome;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::batch::{BatchSizer, Throttle};
use crate::cancel::Cancelled;
use crate::cli::create_conversations::CreateConversationsArgs;
use crate::context::Context;
use crate::db::{DbError, Session};
use crate::exit::Failure;
use crate::report::{Outcome, Progress, count};
use crate::stays::conversations::plan::Plan;
use crate::stays::conversations::range::{self, Counts};
use crate::stays::conversations::repair::{self, Repaired};
use crate::stays::conversations::rule::{self, BookingFilter, Repairs, Rule};
use crate::stays::conversations::schema;

pub use outcome::Summary;

/// A second connection is worth its while from this many chosen bookings on, or this many ranges.
const WORTH_TWO: (u64, u64) = (2_000, 4);

/// Runs the backfill, or counts what it would do.
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
    let too_new = match rule.too_new() {
        Some(query) => session.first::<(u64,)>(query).await?.unwrap_or_default().0,
        None => 0,
    };
    let (without_property,): (u64,) = session.first(rule.without_property()).await?.unwrap_or_default();
    let (chosen,): (u64,) = session.first(rule.chosen()).await?.unwrap_or_default();
    let with_property = chosen.saturating_sub(without_property);

    let limit = args.limit.unwrap_or(u64::MAX);
    if !args.dry_run {
        set_up(&mut session).await?;
    }
    let mut throttle = Throttle::new(args.max_load.clone(), args.max_lag);
    let mut repaired = Repaired::default();
    repair::run(
        ctx,
        &mut session,
        &rule,
        &mut throttle,
        limit,
        args.dry_run,
        &mut repaired,
    )
    .await
    .map_err(|error| stopped(&repaired.counts(), error))?;

    let second = if args.limit.is_none() && with_property >= WORTH_TWO.0.min(WORTH_TWO.1 * args.max_rows) {
        ctx.db.try_session().await?
    } else {
        None
    };
    let job = Job {
        ctx,
        args,
        rule,
        plan: tokio::sync::Mutex::new(Plan::new(args.property, args.dry_run, &found.hints)),
        counts: RefCell::new(repaired.counts()),
        repairs: repaired.repairs,
        throttle,
        paused: RefCell::new(repaired.paused),
        progress: ctx.report.progress(Some(with_property), "bookings"),
    };
    let workers = 1 + u32::from(second.is_some());
    let worked = match second {
        Some(mut second) => tokio::try_join!(job.work(&mut session), job.work(&mut second)).map(drop),
        None => job.work(&mut session).await,
    };
    worked.map_err(|error| stopped(&job.counts.borrow(), error))?;
    job.progress.finish();
    Ok(Box::new(Summary {
        dry_run: args.dry_run,
        per_booking: args.per_booking,
        statuses: args.status.iter().map(|status| status.name()).collect(),
        limit: args.limit,
        counts: job.counts.into_inner(),
        without_property,
        too_new,
        older_than: args.older_than,
        workers,
        target: args.target(),
        paused: job.paused.into_inner(),
        elapsed: begun.elapsed(),
    }))
}

fn booking_filter(args: &CreateConversationsArgs) -> BookingFilter {
    BookingFilter {
        statuses: args.status.iter().map(|status| status.name()).collect(),
        since: args.since.map(|day| day.to_string()),
        property: args.property,
        per_booking: args.per_booking,
    }
}

/// Settings of a session that changes data.
async fn set_up(session: &mut Session) -> Result<(), DbError> {
    for setting in range::SETTINGS {
        session.execute(setting).await?;
    }
    Ok(())
}

/// The moment from which on bookings are too new, asked once so that it is one for the whole run.
async fn too_new_from(session: &mut Session, older_than: Duration) -> Result<Option<String>, DbError> {
    if older_than.is_zero() {
        return Ok(None);
    }
    // A part of a second is a second.
    let seconds = older_than.as_secs() + u64::from(older_than.subsec_millis() > 0);
    let query = rule::TOO_NEW_FROM.replace("{seconds}", &seconds.to_string());
    Ok(session.first::<(String,)>(query).await?.map(|(moment,)| moment))
}

/// What the workers share.
struct Job<'a> {
    ctx: &'a Context,
    args: &'a CreateConversationsArgs,
    rule: Rule,
    plan: tokio::sync::Mutex<Plan>,
    counts: RefCell<Counts>,
    /// What a run that changes nothing has only counted.
    repairs: Repairs,
    /// What was found out about the load so far; each worker goes on with its own.
    throttle: Throttle,
    paused: RefCell<Duration>,
    progress: Progress,
}

impl Job<'_> {
    /// Goes through ranges until there are none left.
    async fn work(&self, session: &mut Session) -> anyhow::Result<()> {
        if !self.args.dry_run {
            set_up(session).await?;
        }
        let mut throttle = self.throttle.clone();
        let mut sizer = BatchSizer::new(self.args.target(), self.args.max_rows);
        let mut lease = None;
        loop {
            let left = self.left();
            if left == 0 {
                return Ok(());
            }
            let paused = throttle.wait(self.ctx, session).await?;
            *self.paused.borrow_mut() += paused;
            let range = self
                .plan
                .lock()
                .await
                .next(session, sizer.rows(), &mut lease)
                .await?;
            let Some(range) = range else { return Ok(()) };
            let (counts, elapsed) = if self.args.dry_run {
                let begun = Instant::now();
                (
                    range::count(session, &self.rule, &range, left, &self.repairs).await?,
                    begun.elapsed(),
                )
            } else {
                range::backfill(self.ctx, session, &self.rule, &range, left).await?
            };
            sizer.observe(counts.bookings, elapsed);
            self.note(&counts);
        }
    }

    /// Conversations that may still be created or linked.
    fn left(&self) -> u64 {
        let changed = self.counts.borrow().changed();
        self.args
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(changed))
    }

    fn note(&self, range: &Counts) {
        let mut counts = self.counts.borrow_mut();
        counts.add(range);
        self.progress.set(counts.bookings);
        self.progress.message(format!(
            "{} created, {} linked, {} covered",
            count(counts.created),
            count(counts.linked),
            count(counts.covered())
        ));
    }
}

/// A failure, wherever the work met it, with what is done already.
fn stopped(counts: &Counts, error: anyhow::Error) -> anyhow::Error {
    let error = match error.downcast::<Cancelled>() {
        Ok(cancelled) => DbError::from(cancelled),
        Err(error) => match error.downcast::<DbError>() {
            Ok(error) => error,
            Err(other) => return other,
        },
    };
    let next = match error.next() {
        "" => "run the command again: it goes on where it stopped".to_owned(),
        next => format!("{next}; what is done stays done, and the next run goes on from there"),
    };
    let mut done = format!("{} created", count(counts.created));
    if counts.repaired > 0 {
        done.push_str(&format!(", {} repaired", count(counts.repaired)));
    }
    Failure::new(
        error.exit(),
        format!(
            "{} (after {done} and {} linked)",
            error.what(),
            count(counts.linked)
        ),
        next,
    )
    .into()
}
