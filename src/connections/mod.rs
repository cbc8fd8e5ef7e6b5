//! Who uses the server's connections, what limits them, and what to do about it.

mod advice;
mod end_processes;
mod filter;
mod gather;
mod held_up;
mod kill;
pub(crate) mod left_behind;
mod limits;
mod locks;
mod model;
mod plan;
mod pools;
mod processes;
mod questions;
mod row;
mod sampler;
mod statement_progress;

pub use advice::{Advice, advise};
pub use end_processes::{Ending, end_processes, unknown_ids, unmatched};
pub use filter::Filter;
pub(crate) use gather::gather;
pub use held_up::{HeldUp, candidates, described, held_up};
pub use kill::{Fate, Order, What, in_use, kill};
pub use limits::Hourly;
pub use locks::{LockKind, LockWait};
pub use model::{Connection, Facts, Group};
pub use plan::{HeldBack, Plan, plan_local};
pub use pools::{Application, Pools};
pub use processes::{Holder, endings, holders, local_json, local_lines};
pub(crate) use row::{connection_json, duration_of, process_text, short};
pub use sampler::{Explained, Sampler};
pub use statement_progress::{StatementProgress, statement_progress};
