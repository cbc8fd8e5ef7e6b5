//! Flags of `dbtool check-connections`.

use std::time::Duration;

use clap::Args;

use super::span::parse_span;

/// Show who uses the server's connections, and how many are left
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = "\
Exit codes: 0 enough connections are free, 1 fewer than --min-free are, 3 no connection could be had.

As an ordinary user only the own user's connections are listed; the totals are the whole server's.
Program names need performance_schema, which MariaDB has off by default.")]
pub struct CheckConnectionsArgs {
    /// Exit with 1 when fewer connections are free [default: a tenth of max_connections]
    ///
    /// Counts what this user can still open: the server's free connections, or those its own
    /// max_user_connections leaves, whichever is less. The default leaves room for a burst: a
    /// server that is nine tenths full has refused its first connection before anyone looks.
    #[arg(long, value_name = "N")]
    pub min_free: Option<u64>,
    /// Try this long to be let in by a server that is full or away [default: 5s, or the acquire timeout if shorter]
    ///
    /// What this host knows without a connection, which of its processes hold the server's, is shown
    /// before. 0s tries once.
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub wait: Option<Duration>,
    /// List every connection, not only the 20 that have been in their state longest
    #[arg(long)]
    pub all: bool,
}
