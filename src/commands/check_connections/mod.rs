//! `dbtool check-connections`: who uses the server's connections, and how many are left.

mod entry;
mod filters;
mod guard;
mod kill;
mod kill_outcome;
mod kill_target;
mod local_outcome;
mod metrics;
mod outcome;
mod page;
mod pools;
mod samples;
mod watch;

use std::time::Instant;

pub use kill_outcome::KillOutcome;
pub use local_outcome::LocalOutcome;
pub use outcome::ConnectionsOutcome;
pub use pools::PoolsOutcome;

use crate::cli::check_connections::CheckConnectionsArgs;
use crate::connections::gather;
use crate::context::Context;
use crate::db::{DbError, Session};
use crate::online_change::record::{ChangeSummary, Records};
use crate::report::Outcome;
use entry::Entry;

/// Looks at the server once and judges what is left by `--min-free`; or watches, or ends connections.
///
/// # Errors
/// No connection could be had, or a statement failed.
pub async fn run(context: &Context, args: &CheckConnectionsArgs) -> anyhow::Result<Option<Box<dyn Outcome>>> {
    if let Some(every) = args.watch {
        return watch::run(context, every).await.map(|()| None);
    }
    if args.ending.kill {
        return kill::run(context, args).await.map(Some);
    }
    look(context, args).await.map(Some)
}

async fn look(context: &Context, args: &CheckConnectionsArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let started = Instant::now();
    let mut session = match entry::enter(context, args.wait, args.output.as_deref()).await? {
        Entry::In(session) => session,
        Entry::Out(outcome, error) => return outcome.conclude(context, error),
    };
    let server = context.db.server().await?;
    let facts = gather(context, &server, &mut session).await?;
    if args.plan {
        drop(session);
        let budget = u64::from(context.config.connection_limit.value);
        return Ok(Box::new(PoolsOutcome::new(&facts, budget)));
    }
    let online = online_changes(context, &mut session).await?;
    drop(session);
    let min_free = args.min_free.unwrap_or_default();
    let outcome = ConnectionsOutcome::new(facts, min_free, args.all, started.elapsed()).with_online(online);
    Ok(Box::new(outcome.to_file(args.output.clone())))
}

/// The tables that are being changed online. A node that its cluster has left behind reads no table.
async fn online_changes(context: &Context, session: &mut Session) -> Result<Vec<ChangeSummary>, DbError> {
    let Some(database) = &context.config.database else {
        return Ok(Vec::new());
    };
    match Records::new(&database.value).all(session).await {
        Err(error) if error.is_wrong_server() => Ok(Vec::new()),
        found => found,
    }
}
