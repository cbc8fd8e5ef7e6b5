//! Splitting and classifying SQL text: pure functions over values, no I/O.
//!
//! [`split()`] cuts a file into statements as the command line client does, [`classify()`] determines the
//! class of a statement and the objects it touches, [`summary()`] shortens it to one line for people.

mod alter;
pub mod charset;
pub mod classify;
mod client;
mod column_def;
mod compound;
mod cursor;
mod demand;
pub mod effects;
mod lex;
mod mention;
pub mod outside_access;
mod restricted;
mod rewrite;
pub mod script;
pub mod session;
pub mod split;
mod statement;
mod summary;
mod table_def;
mod transaction;
mod variables;

pub use alter::truncated_partitions;
pub use classify::{classify, used_database};
pub use client::as_sent;
pub use column_def::{ColumnDef, ColumnPosition, DataType, DefaultValue, GeneratedDef, integer_bits};
pub use demand::demanding;
pub use effects::{Effects, SessionLeftovers, assigns_first, effects};
pub use mention::mentions;
pub use restricted::is_restricted;
pub use rewrite::{
    ConstraintKind, ForeignKeyText, alter_of_copy, create_of_copy, foreign_key_texts, key_with_columns,
    trigger_body,
};
pub use split::{
    CommentRole, FoundStatement, Marker, Split, SplitError, SplitOptions, SplitStatement, SplitStep,
    Splitter, comment_content, decode, own_markers, split,
};
pub use statement::{
    AlterAction, Classification, Object, ObjectEffect, ObjectKind, ObjectName, PartitionChange,
    StatementClass,
};
pub use summary::{summary, without_secrets};
pub use table_def::{ForeignKeyDef, IndexDef, IndexPart, IndexType, PartitionScheme, TableDef};
pub use transaction::{TransactionEnd, TransactionStatement, transaction};
pub use variables::{BackslashMode, assigned_values, assigned_variables};
