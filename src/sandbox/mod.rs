//! A private throwaway server: found, started, filled and removed.

pub mod access;
pub mod account;
pub mod child;
pub mod demo;
pub mod embedded;
pub mod find;
pub mod keeper;
mod mariadb;
mod mysql;
pub mod owner;
pub mod probe;
pub mod server;
pub mod template;

pub use account::Account;
pub use find::{ServerBinary, find_closest, find_server};
pub use server::{PrivateServer, ServerOptions};
