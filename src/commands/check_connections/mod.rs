//! `dbtool check-connections`: who uses the server's connections, and how many are left.

mod outcome;

use std::time::Instant;

pub use outcome::ConnectionsOutcome;

use crate::cli::check_connections::CheckConnectionsArgs;
use crate::connections::gather;
use crate::context::Context;

/// Looks at the server once and judges what is left by `--min-free`.
///
/// # Errors
/// No connection could be had, or a statement failed.
pub async fn run(context: &Context, args: &CheckConnectionsArgs) -> anyhow::Result<ConnectionsOutcome> {
    let started = Instant::now();
    let server = context.db.server().await?;
    let mut session = context.db.brief_session().await?;
    let facts = gather(context, &server, &mut session).await?;
    Ok(ConnectionsOutcome::new(
        facts,
        args.min_free,
        args.all,
        started.elapsed(),
    ))
}
