//! Ending the processes of this host that hold connections.

use std::time::Duration;

use super::filter::Filter;
use super::kill::Fate;
use super::model::Connection;
use super::plan::Plan;
use super::processes::Holder;
use crate::cancel::{Cancel, Cancelled};
use crate::host_processes::{self, Held, Refusal};

/// How often a process is looked at while it may end.
const PULSE: Duration = Duration::from_millis(20);

/// How long a process may take that was ended at once.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How processes are ended.
#[derive(Debug)]
pub struct Ending<'a> {
    /// How long a process may take after SIGTERM.
    pub grace: Duration,
    /// Whether it is then ended at once (SIGKILL).
    pub force: bool,
    /// The run's.
    pub cancel: &'a Cancel,
}

/// Asks each process to end, gives all of them the same while, and ends the rest if that is wanted.
///
/// # Errors
/// The run was cancelled.
pub async fn end_processes(how: &Ending<'_>, holders: &[Holder]) -> Result<Vec<Fate>, Cancelled> {
    let held: Vec<Result<Held, Refusal>> = holders
        .iter()
        .map(|holder| {
            let held = Held::of(&holder.process)?;
            held.end(false).map(|()| held)
        })
        .collect();
    wait_for(how.cancel, &held, how.grace).await?;
    if how.force {
        for one in held.iter().flatten().filter(|one| !one.has_ended()) {
            // It may end in this very moment.
            let _ = one.end(true);
        }
        wait_for(how.cancel, &held, AT_ONCE).await?;
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
    cancel: &Cancel,
    held: &[Result<Held, Refusal>],
    patience: Duration,
) -> Result<(), Cancelled> {
    let deadline = tokio::time::Instant::now() + patience;
    while held.iter().flatten().any(|one| !one.has_ended()) && tokio::time::Instant::now() < deadline {
        cancel.sleep(PULSE).await?;
    }
    Ok(())
}

/// Numbers that no visible connection has.
pub fn unknown_ids(filter: &Filter, connections: &[Connection]) -> Vec<String> {
    let unknown = filter
        .ids
        .iter()
        .filter(|id| connections.iter().all(|one| one.id != **id));
    unknown
        .map(|id| format!("no connection {id} can be seen: it has ended, or is another user's"))
        .collect()
}

/// Why a process that is named is not in the plan.
pub fn unmatched(filter: &Filter, plan: &Plan<Holder>, clients: &[host_processes::Client]) -> Vec<String> {
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
