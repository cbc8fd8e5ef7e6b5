//! The backfill: one conversation for every booking that has none.
//!
//! Up to two workers, each with its own connection, work in short transactions over ranges of properties. The
//! only record of progress is the data: running the command again resumes a run that was killed.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::plan::Plan;
use super::range::{self, Counts};
use super::repair::{self, RepairOptions, Repaired};
use super::rule::{Repairs, Rule};
use super::schema::Hints;
use crate::batch::{BatchSizer, Throttle};
use crate::context::Context;
use crate::db::{DbError, Session};
use crate::report::{Progress, count};
use crate::run_lease::Guard;

/// A second connection pays from this many chosen bookings on, or from this many ranges on.
const WORTH_TWO: (u64, u64) = (2_000, 4);

/// The options of a run.
#[derive(Debug, Clone)]
pub struct BackfillOptions {
    /// Whether to count the changes without making them.
    pub dry_run: bool,
    /// The only property whose bookings are chosen.
    pub property: Option<i64>,
    /// The most conversations to create, link or repair.
    pub limit: Option<u64>,
    /// The time that a transaction should take at most.
    pub target: Duration,
    /// The most bookings in one transaction.
    pub max_rows: u64,
}

/// A run and its progress so far, shared by its workers.
pub struct Backfill<'a> {
    context: &'a Context,
    options: BackfillOptions,
    rule: Rule,
    plan: Mutex<Plan>,
    counts: RefCell<Counts>,
    /// The repairs that a dry run only counted.
    repairs: Repairs,
    /// The throttle after the repairs; each worker continues with a copy.
    throttle: Throttle,
    paused: RefCell<Duration>,
    workers: u32,
    /// Keeps runs through different servers of a cluster apart.
    guard: Option<Guard>,
}

impl<'a> Backfill<'a> {
    /// A run that has not begun.
    pub fn new(
        context: &'a Context,
        options: BackfillOptions,
        rule: Rule,
        hints: &Hints,
        throttle: Throttle,
    ) -> Self {
        Backfill {
            context,
            plan: Mutex::new(Plan::new(options.property, options.dry_run, hints)),
            options,
            rule,
            counts: RefCell::default(),
            repairs: Repairs::default(),
            throttle,
            paused: RefCell::default(),
            workers: 1,
            guard: None,
        }
    }

    /// Sets the first session up, and keeps the transactions apart from those of runs through other servers of a
    /// cluster. Does nothing for a dry run.
    ///
    /// # Errors
    /// A statement fails.
    pub async fn prepare(&mut self, session: &mut Session, database: &str) -> Result<(), DbError> {
        if self.options.dry_run {
            return Ok(());
        }
        set_up(session).await?;
        self.guard = Guard::of(session, database, "create-conversations").await?;
        match &self.guard {
            Some(guard) => guard.prepare(session).await,
            None => Ok(()),
        }
    }

    /// The changes so far, also those before a failure.
    pub fn counts(&self) -> Counts {
        self.counts.borrow().clone()
    }

    /// The time spent waiting for a lower load.
    pub fn paused(&self) -> Duration {
        *self.paused.borrow()
    }

    /// The number of workers.
    pub fn workers(&self) -> u32 {
        self.workers
    }

    /// Repairs conversations that lack participants.
    ///
    /// # Errors
    /// A statement fails, or the run is cancelled.
    pub async fn repair(&mut self, session: &mut Session) -> anyhow::Result<()> {
        let mut repaired = Repaired::default();
        let done = repair::run(
            self.context,
            session,
            &self.rule,
            &mut self.throttle,
            RepairOptions {
                limit: self.options.limit.unwrap_or(u64::MAX),
                dry_run: self.options.dry_run,
                guard: self.guard.as_ref(),
            },
            &mut repaired,
        )
        .await;
        self.counts = RefCell::new(repaired.counts());
        self.paused = RefCell::new(repaired.paused);
        self.repairs = repaired.repairs;
        done
    }

    /// Opens a connection for a second worker, where `bookings` are enough for two and a slot is free.
    ///
    /// # Errors
    /// The connection fails.
    pub async fn second_session(&mut self, bookings: u64) -> Result<Option<Session>, DbError> {
        let enough = WORTH_TWO.0.min(WORTH_TWO.1 * self.options.max_rows);
        // Two workers of a cluster would wait for each other's guard.
        if self.options.limit.is_some() || bookings < enough || self.guard.is_some() {
            return Ok(None);
        }
        let second = self.context.db.try_session().await?;
        self.workers += u32::from(second.is_some());
        Ok(second)
    }

    /// Goes through all `bookings`, with a second worker if there is a session for it.
    ///
    /// # Errors
    /// A statement fails, or the run is cancelled.
    pub async fn work(
        &self,
        session: &mut Session,
        second: Option<Session>,
        bookings: u64,
    ) -> anyhow::Result<()> {
        let progress = self.context.report.progress(Some(bookings), "bookings");
        match second {
            Some(mut second) => tokio::try_join!(
                self.worker(session, &progress),
                self.worker(&mut second, &progress)
            )
            .map(drop)?,
            None => self.worker(session, &progress).await?,
        }
        progress.finish();
        Ok(())
    }

    /// Goes through ranges until none is left.
    async fn worker(&self, session: &mut Session, progress: &Progress) -> anyhow::Result<()> {
        if !self.options.dry_run {
            set_up(session).await?;
        }
        let mut throttle = self.throttle.clone();
        let mut sizer = BatchSizer::new(self.options.target, self.options.max_rows);
        let mut lease = None;
        loop {
            let left = self.left();
            if left == 0 {
                return Ok(());
            }
            let paused = throttle.wait(self.context, session).await?;
            *self.paused.borrow_mut() += paused;
            let range = self
                .plan
                .lock()
                .await
                .next(session, sizer.rows(), &mut lease)
                .await?;
            let Some(range) = range else { return Ok(()) };
            let (counts, elapsed) = if self.options.dry_run {
                let begun = Instant::now();
                (
                    range::count(session, &self.rule, &range, left, &self.repairs).await?,
                    begun.elapsed(),
                )
            } else {
                range::backfill(
                    self.context,
                    session,
                    &self.rule,
                    &range,
                    left,
                    self.guard.as_ref(),
                )
                .await?
            };
            sizer.observe(counts.bookings, elapsed);
            self.add(&counts, progress);
        }
    }

    /// The number of conversations that may still be created or linked.
    fn left(&self) -> u64 {
        let changed = self.counts.borrow().changed();
        self.options
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(changed))
    }

    /// Adds the changes of a range and shows them.
    fn add(&self, range: &Counts, progress: &Progress) {
        let mut counts = self.counts.borrow_mut();
        counts.add(range);
        progress.set(counts.bookings);
        progress.message(format!(
            "{} created, {} linked, {} covered",
            count(counts.created),
            count(counts.linked),
            count(counts.covered())
        ));
    }
}

/// Sets up a session that changes data.
///
/// # Errors
/// A statement fails.
async fn set_up(session: &mut Session) -> Result<(), DbError> {
    for setting in range::SETTINGS {
        session.execute(setting).await?;
    }
    Ok(())
}
