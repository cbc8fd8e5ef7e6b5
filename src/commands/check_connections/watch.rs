//! `--watch`: looks again and again; a live view on a terminal, a line for each look elsewhere.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::samples;
use crate::cancel::{Cancelled, Signal};
use crate::connections::{Facts, Fate, Sampler};
use crate::context::Context;
use crate::db::{DbError, ErrorKind};
use crate::exit::{Failure, ProcessFailure};
use crate::live_view::{Action, Detail, Look, Target, View, draw};
use crate::report::{Screen, ScreenEvent, plural};

/// Runs until somebody leaves it.
///
/// # Errors
/// No connection could be had for a reason that does not pass, the terminal is gone, or the run was cancelled.
pub async fn run(context: &Context, every: Duration) -> anyhow::Result<()> {
    let mut sampler = Sampler::new(context);
    if !context.report.has_screen() {
        return samples::run(context, sampler, every).await;
    }
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

/// Looks once. A look that fails for a while only is one, too.
async fn look(sampler: &mut Sampler, seen_before: bool) -> Result<Look, DbError> {
    match sampler.look().await {
        Ok(facts) => Ok(Look::Seen(facts)),
        Err(error) => {
            let cancelled = matches!(error.kind(), ErrorKind::Cancelled(_));
            let stays = if seen_before {
                error.is_denied()
            } else {
                !error.may_pass()
            };
            if cancelled || stays {
                return Err(error);
            }
            let why = format!("{}; trying again", error.what());
            Ok(Look::Failed(why, sampler.look_from_outside()))
        }
    }
}

fn gone(error: &dyn std::fmt::Display) -> Failure {
    let reason = error.to_string();
    ProcessFailure::NoTerminal { reason }.into()
}

/// What is done at the server, one thing at a time: there is one connection. It is lent to the job.
type Job = Pin<Box<dyn Future<Output = (Sampler, anyhow::Result<Done>)>>>;

/// What came of it.
enum Done {
    Look(Box<Look>),
    Detail(Detail),
    Killed(String),
    Released,
}

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
            let done = match action {
                Action::Detail(id) => detail(&mut sampler, id).await.map(Done::Detail),
                Action::Explain(id) => explain(&mut sampler, id).await.map(Done::Detail),
                Action::Kill(target, writers) => kill(&mut sampler, &facts, target, writers)
                    .await
                    .map(Done::Killed),
                Action::Stop => {
                    sampler.release().await;
                    Ok(Done::Released)
                }
                _ => look(&mut sampler, seen_before)
                    .await
                    .map(|look| Done::Look(Box::new(look)))
                    .map_err(Into::into),
            };
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

async fn detail(sampler: &mut Sampler, id: u64) -> anyhow::Result<Detail> {
    let statement = passing(sampler.statement(id).await)?.flatten();
    Ok(Detail {
        id,
        statement,
        ..Detail::default()
    })
}

async fn explain(sampler: &mut Sampler, id: u64) -> anyhow::Result<Detail> {
    let plan = passing(sampler.explain(id).await)?;
    Ok(Detail {
        id,
        plan,
        ..Detail::default()
    })
}

/// A failure that the next look reports is nothing here.
fn passing<T>(result: Result<T, DbError>) -> anyhow::Result<Option<T>> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::Cancelled(_)) => Err(error.into()),
        result => Ok(result.ok()),
    }
}

async fn kill(sampler: &mut Sampler, facts: &Facts, target: Target, writers: bool) -> anyhow::Result<String> {
    let (noun, fates): (&str, Vec<Fate>) = match target {
        Target::Processes(holders) => ("process", sampler.end_processes(&holders).await?),
        Target::Connections {
            what,
            filter,
            targets,
        } => {
            let killed = sampler.kill(facts, what, &filter, writers, targets).await;
            match killed {
                Err(error) if matches!(error.kind(), ErrorKind::Cancelled(_)) => return Err(error.into()),
                Err(error) => return Ok(format!("not ended: {}", error.what())),
                Ok(done) => ("connection", done.into_iter().map(|(_, fate)| fate).collect()),
            }
        }
    };
    Ok(summary(noun, &fates))
}

/// `2 ended, 1 had ended meanwhile`.
fn summary(noun: &str, fates: &[Fate]) -> String {
    let mut parts = Vec::new();
    for (fate, words) in [
        (Fate::Ended, "ended"),
        (Fate::Ending, "told to end, not gone yet"),
        (Fate::EndedMeanwhile, "had ended meanwhile"),
        (Fate::Changed, "not ended, changed meanwhile"),
    ] {
        let number = fates.iter().filter(|one| **one == fate).count() as u64;
        if number > 0 {
            parts.push(format!("{number} {words}"));
        }
    }
    for fate in fates {
        if let Fate::Refused(why) = fate {
            parts.push(format!("not ended: {why}"));
            break;
        }
    }
    let number = fates.len() as u64;
    let nouns = match (noun, number) {
        ("process", 1) => "1 process".to_owned(),
        ("process", number) => format!("{number} processes"),
        (noun, number) => plural(number, noun),
    };
    format!("of {nouns}: {}", parts.join(", "))
}
