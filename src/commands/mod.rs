//! One room per subcommand. Each gathers, decides, acts and returns an outcome; none prints.

pub mod check_connections;
pub mod check_schema;
pub mod completions;
pub mod config;
pub mod create_conversations;
mod failure;
pub mod man;
pub mod migrate;
pub mod ping;
pub mod run;
pub mod sandbox;
pub mod test_conversations;
pub mod test_image_size;
