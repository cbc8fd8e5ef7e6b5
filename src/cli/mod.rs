//! The command line: clap types only, no database.
