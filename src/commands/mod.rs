//! One room per subcommand. Each gathers, decides, acts and returns an outcome; none prints.

pub mod check_schema;
pub mod config;
pub mod text_files;
