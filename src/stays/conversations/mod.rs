//! Conversations of guests and hosts: the rule that gives bookings their conversations, the lists that the
//! application shows, and the invariants of all conversations.

pub(crate) mod all_users;
pub(crate) mod api;
pub(crate) mod backfill;
pub(crate) mod chosen;
pub(crate) mod invariants;
pub(crate) mod listing;
pub(crate) mod plan;
pub(crate) mod query_plan;
pub(crate) mod range;
pub(crate) mod repair;
pub(crate) mod round_trip;
pub(crate) mod rule;
pub(crate) mod schema;
pub(crate) mod users;
