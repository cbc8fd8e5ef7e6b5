//! Flags of `dbtool ping`.

use std::time::Duration;

use clap::Args;

use super::span::parse_span;

/// Ask the server whether it is ready
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  dbtool ping                  one attempt
  dbtool ping --wait 60s       in a CI job or a container, until the server has started

Exit code 0 means that this account can work in its database; 3 that it cannot. A wrong password or a missing database is
not waited for.")]
pub struct PingArgs {
    /// Try again for this long while the server is not there yet, or full
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = parse_span)]
    pub wait: Duration,
}
