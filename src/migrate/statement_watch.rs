//! Looks at a statement through another connection while it runs: who holds it up, since once it has failed nobody
//! knows any more what it waited for, and how far it is.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::time_left::{Course, Look};
use crate::connections::{HeldUp, StatementProgress, held_up, statement_progress};
use crate::context::Context;
use crate::report::Progress;
use crate::run_lease::{BEAT_EVERY, RunLease};
use crate::sql::summary;

/// How long a statement runs before the first look, less than the shortest wait for a lock that a session can set.
const FIRST_LOOK: Duration = Duration::from_millis(400);
/// By how much each pause between looks at locks is longer than the one before, and the longest.
const LONGER: u32 = 3;
const LONGEST: Duration = Duration::from_secs(60);
/// How long a statement runs before its progress is shown: few take longer.
const SHOWN_AFTER: Duration = Duration::from_secs(2);
/// The pause between looks at how far it is, where a terminal shows that, and where lines are written.
const REDRAWN_EVERY: Duration = Duration::from_secs(2);
const LINES_EVERY: Duration = Duration::from_secs(7);
/// Looks become rarer in the course of a long statement: each opens a connection.
const RARER: u32 = 30;

/// How much of a statement is shown beside its progress, in characters.
const SHOWN_WIDTH: usize = 40;

/// A statement to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched<'a> {
    /// What names it in messages.
    pub label: &'a str,
    /// The connection that runs it.
    pub id: u64,
    /// Its text, where its progress is to be shown.
    pub shown: Option<&'a str>,
    /// The run's row in a cluster, to be kept meanwhile.
    pub lease: Option<&'a Arc<RunLease>>,
}

/// Runs `work`, which runs a statement. Reports who holds it up as soon as that is known, and how far it is once it has
/// run for some seconds; returns what was seen last of those who hold it up.
pub(super) async fn watched<T>(
    ctx: &Context,
    statement: Watched<'_>,
    work: impl Future<Output = T>,
) -> (T, Option<String>) {
    let seen = Arc::new(Mutex::new(None));
    let result = tokio::select! {
        biased;
        result = work => result,
        never = look_at_locks(ctx, &statement, &seen) => match never {},
        never = show_progress(ctx, &statement) => match never {},
        never = keep_lease(ctx, &statement) => match never {},
    };
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    (result, seen.map(|held: HeldUp| held.text))
}

/// Whether there is a connection to look through.
fn can_look(ctx: &Context) -> bool {
    ctx.config.connection_limit.value >= 2
}

/// Keeps writing the run's row through another connection: its own is busy.
async fn keep_lease(ctx: &Context, statement: &Watched<'_>) -> Infallible {
    let Some(lease) = statement.lease.filter(|_| can_look(ctx)) else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        let (task_ctx, task_lease) = (ctx.clone(), Arc::clone(lease));
        let beat = tokio::spawn(async move {
            if let Ok(mut session) = task_ctx.db.brief_session_at_once().await {
                let _ = task_lease.beat(&mut session).await;
            }
        });
        let _ = beat.await;
    }
}

async fn look_at_locks(
    ctx: &Context,
    statement: &Watched<'_>,
    seen: &Arc<Mutex<Option<HeldUp>>>,
) -> Infallible {
    let mut pause = FIRST_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * LONGER).min(LONGEST);
        if !can_look(ctx) {
            return std::future::pending().await;
        }
        let (task_ctx, task_seen) = (ctx.clone(), Arc::clone(seen));
        let (label, id, report) = (statement.label.to_owned(), statement.id, ctx.report.clone());
        // A task of its own, which closes its connection in an orderly way when the statement ends meanwhile.
        let look = tokio::spawn(async move {
            let Ok(Some(now)) = held_up(&task_ctx, id).await else {
                return;
            };
            let mut last = task_seen.lock().unwrap_or_else(PoisonError::into_inner);
            if last.as_ref().is_none_or(|last| last.by != now.by) {
                report.status(format!("  {label}: waits for {}", now.text));
            }
            *last = Some(now);
        });
        let _ = look.await;
    }
}

async fn show_progress(ctx: &Context, statement: &Watched<'_>) -> Infallible {
    let Some(text) = statement.shown else {
        return std::future::pending().await;
    };
    let began = Instant::now();
    tokio::time::sleep(SHOWN_AFTER).await;
    let shown = format!("{} {}", statement.label, summary(text, SHOWN_WIDTH));
    let progress = ctx.report.statement_progress(&shown, began.elapsed());
    if !can_look(ctx) {
        return std::future::pending().await;
    }
    let shortest = match progress.is_redrawn() {
        true => REDRAWN_EVERY,
        false => LINES_EVERY,
    };
    let mut course = Course::default();
    loop {
        let (task_ctx, id) = (ctx.clone(), statement.id);
        let look = tokio::spawn(async move { statement_progress(&task_ctx, id).await });
        if let Ok(Ok(Some(now))) = look.await {
            show(&progress, &mut course, began.elapsed(), &now);
        }
        tokio::time::sleep(shortest.max(began.elapsed() / RARER).min(LONGEST)).await;
    }
}

fn show(progress: &Progress, course: &mut Course, after: Duration, now: &StatementProgress) {
    let look = Look {
        after,
        state: &now.state,
        work: now.work,
        rows: now.rows,
    };
    progress.message(course.text(&look, progress.is_redrawn()));
}
