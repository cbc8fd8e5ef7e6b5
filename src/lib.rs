//! dbtool: MySQL and MariaDB maintenance with one small connection pool.
//!
//! The binary is a thin shell over this library. Rooms and who may enter them:
//! [`cli`] knows no database, [`db`] is the only place that opens a connection,
//! [`report`] is the only place that knows a terminal, and each of the
//! [`commands`] reads as gather, decide, act, report.

pub mod app;
pub mod batch;
pub mod cancel;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connections;
pub mod context;
pub mod db;
pub mod exit;
pub mod hex;
pub mod hostproc;
pub mod migrate;
pub mod report;
pub mod sandbox;
pub mod schema;
pub mod secret;
pub mod signals;
pub mod sql;
mod stays;
