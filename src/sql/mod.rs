//! Splitting and classifying SQL text: pure functions over values, no I/O.
//!
//! [`split()`] cuts a file into statements the way the command line client does, [`classify()`] says
//! what one statement is and touches, [`summary()`] makes the one line a person reads about it.

mod alter;
pub mod charset;
pub mod classify;
mod compound;
pub mod effects;
mod lex;
pub mod reach;
pub mod script;
pub mod session;
pub mod split;
mod summary;
mod transaction;
mod variables;
mod words;

pub use classify::{Action, Class, Classification, Effect, IndexKind, Name, Object, ObjectKind, classify};
pub use effects::{Effects, assigns_first, effects};
pub use split::{
    Found, Marker, Options, Role, Split, SplitError, Splitter, Statement, Step, comment_content, decode,
    own_markers, split,
};
pub use summary::summary;
pub use transaction::{End, Transaction, transaction};
pub use variables::assigned_variables;
