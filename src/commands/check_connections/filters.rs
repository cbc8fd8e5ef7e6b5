//! What the flags of `--kill` mean, as the engine knows it.

use crate::cli::check_connections::KillArgs;
use crate::connections::{Filter, What};

impl From<&KillArgs> for Filter {
    fn from(args: &KillArgs) -> Filter {
        Filter {
            idle: args.idle,
            longer_than: args.longer_than,
            users: args.user.clone(),
            hosts: args.host.clone(),
            programs: args.program.clone(),
            processes: args.process.clone(),
            databases: args.db.clone(),
            commands: args.command.clone(),
            states: args.state.clone(),
            ids: args.id.clone(),
            blocking: args.blocking,
        }
    }
}

/// What the flags want to end at the server.
pub(super) fn what_of(ending: &KillArgs) -> What {
    if ending.query {
        What::Query
    } else {
        What::Connection
    }
}
