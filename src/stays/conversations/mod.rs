//! Conversations of guests and hosts: the rule by which bookings get them, what the application lists,
//! and what holds over all of them.

pub(crate) mod api;

pub(crate) mod invariants;
pub(crate) mod listing;
pub(crate) mod plan;
pub(crate) mod query_plan;
pub(crate) mod range;
pub(crate) mod repair;
pub(crate) mod round_trip;
pub(crate) mod rule;
pub(crate) mod schema;
