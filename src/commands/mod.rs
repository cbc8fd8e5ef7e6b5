//! One room per subcommand. Each gathers, decides, acts and returns an outcome; none prints.

pub mod check_connections;
pub mod config;
pub mod migrate;
pub mod text_files;
