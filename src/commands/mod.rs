//! One room per subcommand. Each gathers, decides, acts and returns an outcome; none prints.

pub mod config;
pub mod create_conversations;
pub mod text_files;
