//! The loop that brings samples, keys and the picture together.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::draw::draw;
use super::jobs::{Done, look, perform};
use super::keys::Action;
use super::state::{Look, View};
use crate::cancel::{Cancelled, Signal};
use crate::connections::Sampler;
use crate::context::Context;
use crate::exit::{Failure, ProcessFailure};
use crate::report::{Screen, ScreenEvent};

/// Shows the live view on the terminal until somebody leaves it.
///
/// # Errors
/// No connection could be had for a reason that does not pass, the terminal is gone, or the run was cancelled.
pub async fn run(context: &Context, mut sampler: Sampler, every: Duration) -> anyhow::Result<()> {
    // What does not pass, such as a wrong password, is an error and no picture.
    let first = look(&mut sampler, false).await?;
    let seen = matches!(first, Look::Seen(_));
    let mut view = View::new(every, context.report.screen_color());
    view.sample(first, SystemTime::now());
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let live = Live {
        context,
        view,
        screen: Screen::take().map_err(|error| gone(&error))?,
        sampler: Some(sampler),
        job: None,
        wanted: None,
        ticks,
        seen,
    };
    live.run().await
}

fn gone(error: &dyn std::fmt::Display) -> Failure {
    let reason = error.to_string();
    ProcessFailure::NoTerminal { reason }.into()
}

/// What is done at the server, one thing at a time: there is one connection. It is lent to the job.
type Job = Pin<Box<dyn Future<Output = (Sampler, anyhow::Result<Done>)>>>;

struct Live<'a> {
    context: &'a Context,
    view: View,
    screen: Screen,
    sampler: Option<Sampler>,
    job: Option<Job>,
    /// What is wanted next, while a job runs; the last wish counts.
    wanted: Option<Action>,
    ticks: Interval,
    /// Whether the server has answered at all.
    seen: bool,
}

/// Completes with the job, if there is one.
async fn finish(job: &mut Option<Job>) -> (Sampler, anyhow::Result<Done>) {
    match job {
        Some(job) => job.await,
        None => std::future::pending().await,
    }
}

impl Live<'_> {
    async fn run(mut self) -> anyhow::Result<()> {
        loop {
            self.draw()?;
            tokio::select! {
                biased;
                signal = self.context.cancel.wait() => return Err(Cancelled(signal).into()),
                event = self.screen.event() => match event {
                    None => return Err(gone(&"it was closed").into()),
                    Some(event) => if self.happened(event)? { return Ok(()) },
                },
                (sampler, done) = finish(&mut self.job) => {
                    self.job = None;
                    self.sampler = Some(sampler);
                    self.take_up(done?)?;
                }
                _ = self.ticks.tick() => if !self.view.is_paused() {
                    self.wanted.get_or_insert(Action::Sample);
                },
            }
            self.start_next();
        }
    }

    fn draw(&mut self) -> Result<(), Failure> {
        let view = &mut self.view;
        self.screen
            .draw(|frame| draw(view, frame))
            .map_err(|error| gone(&error))
    }

    /// Whether the view is to be left.
    fn happened(&mut self, event: ScreenEvent) -> Result<bool, Failure> {
        match event {
            ScreenEvent::Resize => {}
            ScreenEvent::Continued => self.screen.resume().map_err(|error| gone(&error))?,
            ScreenEvent::Stop => self.wanted = Some(Action::Stop),
            ScreenEvent::Key(key) => match self.view.key(key) {
                Some(Action::Quit) => return Ok(true),
                Some(Action::Interrupt) => self.context.cancel.request(Signal::Interrupt),
                Some(Action::Redraw) => self.screen.redraw().map_err(|error| gone(&error))?,
                Some(action) => self.wanted = Some(action),
                None => {}
            },
        }
        Ok(false)
    }

    /// Starts what is wanted, if nothing else is being done.
    fn start_next(&mut self) {
        let Some(mut sampler) = self.sampler.take_if(|_| self.wanted.is_some()) else {
            return;
        };
        let seen_before = self.seen;
        let facts = self.view.facts().unwrap_or_default();
        let action = self.wanted.take().unwrap_or(Action::Sample);
        self.job = Some(Box::pin(async move {
            let done = perform(action, &mut sampler, &facts, seen_before).await;
            (sampler, done)
        }));
    }

    fn take_up(&mut self, done: Done) -> Result<(), Failure> {
        match done {
            Done::Look(look) => {
                self.seen |= matches!(*look, Look::Seen(_));
                self.view.sample(*look, SystemTime::now());
                if let Some(id) = self.view.detail_id() {
                    self.wanted.get_or_insert(Action::Detail(id));
                }
            }
            Done::Detail(detail) => self.view.show_detail(detail),
            Done::Killed(message) => {
                self.view.say(message);
                self.wanted.get_or_insert(Action::Sample);
            }
            // A stopped process holds no connection.
            Done::Released => {
                self.screen.stop().map_err(|error| gone(&error))?;
                self.wanted = Some(Action::Sample);
            }
        }
        Ok(())
    }
}
