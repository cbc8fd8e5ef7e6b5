//! Flags of `dbtool run`.

use std::ffi::OsString;

use clap::Args;

/// Run a command within the connection budget
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  dbtool run -- node scripts/backfill.js             alone: with every connection of the budget
  dbtool run --connections 1 -- python report.py     with one, beside others
  dbtool run --kill-left -- ./nightly.sh             end what it left running on the server

The command finds the server in DB_HOST, DB_PORT (or DB_SOCKET), DB_USER, DB_PASSWORD and DB_NAME, and the number of
connections it may open in DB_CONNECTION_LIMIT: give its pool this size. It starts when that many slots of the budget
are free. Signals are passed on to it, and its exit code is passed back.")]
pub struct RunArgs {
    /// How many connections the command may open [default: all that the budget has for work]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: Option<u32>,
    /// End the connections that the command leaves on the server
    #[arg(long)]
    pub kill_left: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
