//! `dbtool check-connections`: who uses the server's connections, and how many are left.

mod entry;
mod guard;
mod kill;
mod kill_outcome;
mod metrics;
mod outcome;
mod page;

use std::time::Instant;

pub use entry::LocalOutcome;
pub use kill_outcome::KillOutcome;
pub use outcome::ConnectionsOutcome;

use crate::cli::check_connections::CheckConnectionsArgs;
use crate::connections::gather;
use crate::context::Context;
use crate::report::Outcome;
use entry::Entry;

/// Looks at the server once and judges what is left by `--min-free`.
///
/// # Errors
/// No connection could be had, or a statement failed.
pub async fn run(context: &Context, args: &CheckConnectionsArgs) -> anyhow::Result<Box<dyn Outcome>> {
    if args.ending.kill {
        return kill::run(context, args).await;
    }
    let started = Instant::now();
    let mut session = match entry::enter(context, args.wait).await? {
        Entry::In(session) => session,
        Entry::Out(outcome, error) => return outcome.conclude(context, error),
    };
    let server = context.db.server().await?;
    let facts = gather(context, &server, &mut session).await?;
    drop(session);
    Ok(Box::new(ConnectionsOutcome::new(
        facts,
        args.min_free,
        args.all,
        started.elapsed(),
    )))
}
