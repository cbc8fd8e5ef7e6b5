//! The only room that opens a connection or knows a server's quirks.
//!
//! One pool per server ([`Db`]), lazily opened, bounded by the host-wide [`budget`]. Each
//! connection is owned by a task of its own (`actor`); a command holds a [`Session`], which
//! speaks to that task. [`guard`] closes everything, once, on every exit path.

mod actor;
pub mod budget;
mod budget_folder;
pub mod cluster;
pub mod codes;
mod connect;
mod connection;
mod driver_panic;
pub mod error;
mod fleet;
pub mod guard;
mod killer;
mod limit_advice;
pub mod node_state;
mod open;
mod orphan;
mod pool;
mod reservation;
pub mod row;
pub mod server;
mod session;
mod slot;
mod slot_file;
mod socket;
mod statement;
mod statement_log;
mod time_limit;

pub use driver_panic::is_expected as is_expected_panic;
pub use error::{DbError, ErrorKind};
pub use guard::Guard;
pub use limit_advice::ends_of;
pub use mysql_async::Value;
pub use mysql_async::prelude::{FromRow, FromValue};
pub use mysql_async::{FromRowError, FromValueError, Row};
pub use pool::Db;
pub use reservation::Reservation;
pub use server::{Flavor, Server};
pub use session::{RowStream, Session};
pub use statement::{Done, Event, Query};

/// Shows messages that are not errors: waiting for a slot, retrying, a slow rollback.
pub type Notice = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

/// A name with its database, both quoted.
pub fn quote_qualified(database: &str, name: &str) -> String {
    format!("{}.{}", quote_name(database), quote_name(name))
}

/// A name quoted as an SQL identifier.
pub fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
