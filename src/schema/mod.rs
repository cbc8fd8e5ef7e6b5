//! The model of a schema, and reading, comparing, fixing, checking and drawing it.
//!
//! [`model`] is the canonical form and the snapshot format; [`introspect`] reads a server and
//! [`normalise`] converts its answers to the canonical form; [`diff`], [`fix`], [`lint`] and [`ignore`]
//! are pure functions over it.

pub mod column;
pub(crate) mod comparison;
pub mod ddl;
pub mod diagram;
pub mod dialect;
pub mod diff;
pub(crate) mod expected;
pub mod expr;
mod failure;
pub mod fix;
pub mod ignore;
pub mod introspect;
pub mod lint;
pub mod model;
pub mod normalise;
pub mod snapshot;
