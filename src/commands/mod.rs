//! One room per subcommand. Each gathers, decides, acts and returns an outcome; none prints.

pub mod check_connections;
pub mod check_schema;
pub mod config;
pub mod create_conversations;
pub mod sandbox;
pub mod test_conversations;
pub mod text_files;
pub mod verdict;
