//! The live view of a server's connections: its state, what keys do to it, and its picture
//!
//! `state` is what the view knows and shows, `keys` changes it, `lists` are the rows of each tab, `question` is what a
//! kill would end, `draw` and `panes` are the picture. None of them knows a server, a terminal or a clock: `live` is the
//! loop that brings samples, keys and the picture together, and `jobs` is what it does at the server.

mod cells;
mod draw;
mod jobs;
mod keys;
mod lists;
mod live;
mod panes;
mod question;
mod state;
#[cfg(test)]
mod tests;

pub use live::run;
