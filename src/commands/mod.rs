//! One room per subcommand.
