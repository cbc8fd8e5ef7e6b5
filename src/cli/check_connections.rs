//! Flags of `dbtool check-connections`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::min_free::MinFree;
use super::span::{parse_pace, parse_patience, parse_span};

/// Show who uses the server's connections, and how many are left
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Exit codes: 0 enough connections are free, 1 fewer than --min-free are or the pools of --plan do not fit, 3 no connection could be had,
4 something that was to be ended was not.

As an ordinary user only the own user's connections are listed; the totals are the whole server's.
Program names need performance_schema, which MariaDB has off by default.")]
pub struct CheckConnectionsArgs {
    /// Exit with 1 when fewer connections are free: a number, or a percentage of the limit [default: 10%]
    ///
    /// Counts what this user can still open: the server's free connections, or those its own
    /// max_user_connections leaves, whichever is less. A percentage is of max_connections, or of the user's own limit
    /// where that is lower. The default leaves room for a burst: a server that is nine tenths full has refused its
    /// first connection before anyone looks.
    #[arg(long, value_name = "N|P%")]
    pub min_free: Option<MinFree>,
    /// Retry for this long while the server is full or does not answer [default: 5s, or the acquire timeout if shorter]
    ///
    /// The processes of this host that hold connections to the server are shown first: that needs no
    /// connection. 0s tries once.
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub wait: Option<Duration>,
    /// List every connection, not only the 10 that matter most
    #[arg(long)]
    pub all: bool,
    /// Add up what the pools of all processes may want, and say how large a pool may be; exit with 1 if they do not fit
    #[arg(long, conflicts_with_all = ["kill", "all", "min_free", "output", "watch"])]
    pub plan: bool,
    /// Watch: a live view on a terminal, elsewhere a line for each look (JSON lines with --format json)
    ///
    /// Looks every SECONDS (2 unless told, 0.25 at least) over one connection until it is left with q. It reconnects by
    /// itself, and gives the connection back between two looks while other dbtool runs wait for one.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = parse_pace,
        conflicts_with_all = ["kill", "all", "min_free", "wait", "output"]
    )]
    pub watch: Option<Duration>,
    /// Write the result to this file instead of standard output; its readers see the old text or the new one
    #[arg(long, value_name = "FILE", conflicts_with = "kill")]
    pub output: Option<PathBuf>,
    /// What to end, and how.
    #[command(flatten)]
    pub ending: KillArgs,
}

/// Flags that end connections, statements or processes.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Ending connections")]
pub struct KillArgs {
    /// End the connections that match all filters below, after showing them and asking
    ///
    /// Never this run's own, replication, the server's threads or system accounts; a transaction
    /// that changed rows only with --including-writers.
    #[arg(long)]
    pub kill: bool,
    /// End the processes of this host that hold them instead: SIGTERM, then time to end (--grace)
    #[arg(long, requires = "kill")]
    pub processes: bool,
    /// End the statements that they run instead; the connections stay
    #[arg(long, requires = "kill", conflicts_with = "processes")]
    pub query: bool,
    /// Filter: asleep for at least this long
    #[arg(long, value_name = "TIME", value_parser = parse_span, requires = "kill")]
    pub idle: Option<Duration>,
    /// Filter: in their state, asleep or not, for at least this long
    #[arg(long, value_name = "TIME", value_parser = parse_span, requires = "kill")]
    pub longer_than: Option<Duration>,
    /// Filter: of this user; may be repeated, as all filters below that have a value
    #[arg(long, value_name = "NAME", requires = "kill")]
    pub user: Vec<String>,
    /// Filter: from this host, as the server names it
    #[arg(long, value_name = "HOST", requires = "kill")]
    pub host: Vec<String>,
    /// Filter: of this program, by the name that it reports or that of its process
    #[arg(long, value_name = "NAME", requires = "kill")]
    pub program: Vec<String>,
    /// Filter: held by this process of this host, by id, program or script
    #[arg(long, value_name = "NAME|PID", requires = "kill")]
    pub process: Vec<String>,
    /// Filter: with this default database
    #[arg(long, value_name = "NAME", requires = "kill")]
    pub db: Vec<String>,
    /// Filter: with this command, as the server names it, such as Sleep or Query
    #[arg(long, value_name = "COMMAND", requires = "kill")]
    pub command: Vec<String>,
    /// Filter: with this text in the state that the server reports for the statement
    #[arg(long, value_name = "TEXT", requires = "kill")]
    pub state: Vec<String>,
    /// Filter: with this connection id
    #[arg(long, value_name = "ID", requires = "kill")]
    pub id: Vec<u64>,
    /// Filter: holding locks that others wait for, itself waiting for nobody
    #[arg(long, requires = "kill")]
    pub blocking: bool,
    /// Also transactions that changed rows: the server rolls them back
    #[arg(long, requires = "kill")]
    pub including_writers: bool,
    /// Show which would be ended, and end none
    #[arg(long, requires = "kill", conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do not ask: for scripts
    #[arg(long, requires = "kill")]
    pub yes: bool,
    /// With --processes: send SIGKILL to those that have not ended within --grace
    #[arg(long, requires = "processes")]
    pub force: bool,
    /// With --processes: how long a process may take to end
    #[arg(long, value_name = "TIME", value_parser = parse_patience, requires = "processes", default_value = "10s")]
    pub grace: Duration,
    /// Repeat at this interval, with a line for each kill, until interrupted; needs --yes or --dry-run
    #[arg(long, value_name = "TIME", value_parser = parse_pace, requires = "kill")]
    pub every: Option<Duration>,
}
