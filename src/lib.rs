#![doc = include_str!("../docs/architecture.md")]

pub mod answer_map;
pub mod app;
pub mod batch;
pub mod cancel;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connections;
pub mod context;
pub mod db;
pub mod escape;
pub mod exit;
pub mod hex;
pub mod host_processes;
pub mod live_view;
pub mod memory;
pub mod migrate;
pub mod online_change;
pub mod report;
pub mod run_command;
pub mod sandbox;
pub mod schema;
pub mod secret;
pub mod signals;
pub mod sql;
mod stays;
