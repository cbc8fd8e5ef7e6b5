//! The tests of the program: each module is a command or a promise, tried through the binary
//! against a private server.
//!
//! One program holds them all, so that a change costs one link. `cargo test --test it NAME::`
//! runs one module; `DBTOOL_TEST_SERVER` chooses the server (see [`support`]).

mod broken_servers;
mod budget_folder;
mod capabilities;
mod check_connections;
mod check_schema;
mod check_schema_cases;
mod check_schema_drift;
mod check_schema_fix;
mod check_schema_pairs;
mod check_schema_picture;
mod check_schema_replay;
mod check_schema_rows;
mod check_schema_views;
mod client_differential;
mod config;
mod connection_budget;
mod connection_promise;
mod connection_recovery;
mod connections_full_server;
mod connections_kill;
mod connections_leaks;
mod connections_locks;
mod connections_output;
mod connections_watch;
mod create_conversations;
mod exit_codes;
mod exit_paths;
mod generated;
mod json_shapes;
mod lint_rules;
mod logging;
mod memory;
mod messages_migration;
mod migrate;
mod migrate_adopt;
mod migrate_dump;
mod migrate_exactly_once;
mod migrate_foresight;
mod migrate_input;
mod migrate_kill_matrix;
mod migrate_layouts;
mod migrate_locks;
mod migrate_online_ddl;
mod migrate_progress;
mod migrate_resume;
mod migrate_sessions;
mod online_change;
mod ping;
mod readme;
mod report;
mod run;
mod sandbox;
mod servers;
mod snapshots;
mod source_rules;
mod sql_properties;
mod stories;
mod support;
mod test_conversations;
mod test_conversations_api;
mod test_image_size;
mod tls;
