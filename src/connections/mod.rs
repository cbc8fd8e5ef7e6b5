//! Who uses the server's connections, what limits them, and what to do about it.

mod advice;
mod gather;
mod limits;
mod model;
mod processes;
mod row;

pub use advice::{Advice, advise};
pub(crate) use gather::gather;
pub use limits::Hourly;
pub use model::{Connection, Facts, Group};
pub use processes::{Holder, endings, holders, local_json, local_lines};
pub(crate) use row::{connection_json, duration_of, process_text, short};
