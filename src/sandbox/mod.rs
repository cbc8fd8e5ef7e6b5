//! A private temporary server: finds the program, starts it, loads data and removes everything.

pub mod account;
pub mod credentials;
pub mod demo;
pub mod discover;
pub mod embedded;
mod failure;
mod fill;
mod mariadb;
mod mysql;
pub mod plan;
pub mod readiness;
pub mod run_as;
pub mod server;
pub mod started;
pub mod supervisor;
pub mod template;

pub use account::Account;
pub use discover::{ServerBinary, find_closest, find_server};
pub use plan::{Plan, SandboxOptions};
pub use server::{PrivateServer, ServerOptions};
pub use started::Sandbox;
