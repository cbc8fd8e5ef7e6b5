//! What the live view does at the server: looks, details of a connection, kills.

use super::keys::Action;
use super::question::Target;
use super::state::{Detail, Look};
use crate::connections::{Facts, Fate, Sampler};
use crate::db::{DbError, ErrorKind};
use crate::report::plural;

/// What came of an action.
pub(super) enum Done {
    Look(Box<Look>),
    Detail(Detail),
    Killed(String),
    Released,
}

/// Does what is wanted over the sampler's connection.
///
/// # Errors
/// A look failed for a reason that does not pass, or the run was cancelled.
pub(super) async fn perform(
    action: Action,
    sampler: &mut Sampler,
    facts: &Facts,
    seen_before: bool,
) -> anyhow::Result<Done> {
    match action {
        Action::Detail(id) => detail(sampler, id).await.map(Done::Detail),
        Action::Explain(id) => explain(sampler, id).await.map(Done::Detail),
        Action::Kill(target, writers) => kill(sampler, facts, target, writers).await.map(Done::Killed),
        Action::Stop => {
            sampler.release().await;
            Ok(Done::Released)
        }
        _ => {
            let look = look(sampler, seen_before).await?;
            Ok(Done::Look(Box::new(look)))
        }
    }
}

/// Looks once. A look that fails for a while only is one, too.
pub(super) async fn look(sampler: &mut Sampler, seen_before: bool) -> Result<Look, DbError> {
    match sampler.look().await {
        Ok(facts) => Ok(Look::Seen(facts)),
        Err(error) => {
            if error.ends_looking(seen_before) {
                return Err(error);
            }
            let why = format!("{}; trying again", error.what());
            Ok(Look::Failed(why, sampler.look_from_outside()))
        }
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
    format!("of {}: {}", plural(fates.len() as u64, noun), parts.join(", "))
}
