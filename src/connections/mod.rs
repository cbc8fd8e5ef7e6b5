//! Who uses the server's connections, what limits them, and what to do about it.

mod advice;
mod gather;
mod model;
mod row;

pub use advice::{Advice, advise};
pub(crate) use gather::gather;
pub use model::{Connection, Facts, Group};
pub(crate) use row::{connection_json, duration_of, process_text, short};
