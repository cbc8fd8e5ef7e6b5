//! Splitting and classifying SQL text: pure functions over values, no I/O.
//!
//! [`split`] cuts a file into statements the way the command line client does, [`classify`] says
//! what one statement is and touches, [`summary`] makes the one line a person reads about it.

mod compound;
mod lex;
pub mod split;

pub use split::{Options, Split, SplitError, Statement, decode, split};
