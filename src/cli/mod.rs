//! The command line: clap types only, no database.

pub mod connection;
