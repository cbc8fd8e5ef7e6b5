//! A private temporary server: finds the program, starts it, loads data and removes everything.

pub mod account;
pub mod credentials;
pub mod demo;
pub mod discover;
pub mod embedded;
mod mariadb;
mod mysql;
pub mod readiness;
pub mod run_as;
pub mod run_command;
pub mod server;
pub mod supervisor;
pub mod template;

pub use account::Account;
pub use discover::{ServerBinary, find_closest, find_server};
pub use server::{PrivateServer, ServerOptions};
