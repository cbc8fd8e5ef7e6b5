//! Looks who holds up a statement, through another connection, while the statement waits: once it has failed, nobody
//! knows any more what it waited for.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::connections::{HeldUp, held_up};
use crate::context::Context;

/// How long a statement runs before the first look, less than the shortest wait for a lock that a session can set.
const FIRST_LOOK: Duration = Duration::from_millis(400);
/// By how much each pause between looks is longer than the one before, and the longest.
const LONGER: u32 = 3;
const LONGEST: Duration = Duration::from_secs(60);

/// Runs `work`, which runs a statement on the connection `waiter`. Reports who holds it up as soon as that is known;
/// returns what was seen last.
pub(super) async fn watched<T>(
    ctx: &Context,
    label: &str,
    waiter: u64,
    work: impl Future<Output = T>,
) -> (T, Option<String>) {
    let seen = Arc::new(Mutex::new(None));
    let result = tokio::select! {
        biased;
        result = work => result,
        never = look_on(ctx, label, waiter, &seen) => match never {},
    };
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    (result, seen.map(|held: HeldUp| held.text))
}

async fn look_on(ctx: &Context, label: &str, waiter: u64, seen: &Arc<Mutex<Option<HeldUp>>>) -> Infallible {
    let mut pause = FIRST_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * LONGER).min(LONGEST);
        // With a limit of one there is no further connection to look through.
        if ctx.config.connection_limit.value < 2 {
            return std::future::pending().await;
        }
        let (task_ctx, task_seen) = (ctx.clone(), Arc::clone(seen));
        let (label, report) = (label.to_owned(), ctx.report.clone());
        // A task of its own, which closes its connection in an orderly way when the statement ends meanwhile.
        let look = tokio::spawn(async move {
            let Ok(Some(now)) = held_up(&task_ctx, waiter).await else {
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
