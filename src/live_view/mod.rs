//! The live view of a server's connections: its state, what keys do to it, and its picture
//!
//! `state` is what the view knows and shows, `keys` changes it, `lists` are the rows of each tab, `question` is what a
//! kill would end, `draw` and `panes` are the picture. None of them knows a server, a terminal or a clock:
//! `commands::check_connections::watch` brings samples and keys together.

mod cells;
mod draw;
mod keys;
mod lists;
mod panes;
mod question;
mod state;
#[cfg(test)]
mod tests;

pub use draw::draw;
pub use keys::Action;
pub use question::{Question, Target};
pub use state::{Detail, Look, Tab, View};
