//! The model of a schema, how it is read from a server, compared, checked and drawn.
//!
//! [`model`] is the canonical form and the snapshot format; [`normalise`] turns what a server
//! says into it; [`diff`], [`fix`], [`lint`] and [`ignore`] are pure functions over it.

pub mod column;
pub mod ddl;
pub mod diagram;
pub mod dialect;
pub mod diff;
pub(crate) mod expected;
pub mod expr;
pub mod fix;
pub mod ignore;
pub mod introspect;
pub mod lint;
pub mod model;
pub mod normalise;
pub mod shared;
pub mod snapshot;
pub mod text;
