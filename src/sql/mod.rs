//! Splitting and classifying SQL text: pure functions over values, no I/O.
//!
//! [`split()`] cuts a file into statements the way the command line client does, [`classify()`] says
//! what one statement is and touches, [`summary()`] makes the one line a person reads about it.

mod alter;
pub mod charset;
pub mod classify;
mod client;
mod column_def;
mod compound;
pub mod effects;
mod lex;
mod mention;
pub mod reach;
pub mod script;
pub mod session;
pub mod split;
mod summary;
mod table_def;
mod transaction;
mod variables;
mod words;

pub use alter::truncated_partitions;
pub use classify::{
    Action, Class, Classification, Effect, Name, Object, ObjectKind, PartitionChange, classify, used_database,
};
pub use client::sent;
pub use column_def::{ColumnDef, DataType, DefaultValue, Generated, Position};
pub use effects::{Effects, assigns_first, effects};
pub use mention::mentions;
pub use split::{
    Found, Marker, Options, Role, Split, SplitError, Splitter, Statement, Step, comment_content, decode,
    own_markers, split,
};
pub use summary::{summary, without_secrets};
pub use table_def::{ForeignKeyDef, IndexDef, IndexKind, IndexPart, Partitioning, TableDef};
pub use transaction::{End, Transaction, transaction};
pub use variables::{Modes, assigned_values, assigned_variables};
