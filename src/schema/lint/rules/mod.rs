//! The rules. Each is a file here with a `mod` line and an entry of [`RULES`]; `CONTRIBUTING.md` has the steps.

mod auto_increment_nearly_full;
mod definer;
mod duplicate_index;
mod foreign_key_to_non_unique;
mod foreign_key_without_index;
mod latin1_beside_utf8mb4;
mod memory_engine;
mod mixed_collations;
mod no_primary_key;
mod not_innodb;
mod redundant_index;
mod spatial_without_srid;
mod utf8mb3;
mod zero_date_default;

pub use definer::{Defined, definers};

use super::rule::LintRule;

/// All rules, in the order of their reports. `--help`, `--deny`, `--explain` and `docs/lints.md` are
/// generated from this list.
pub const RULES: &[LintRule] = &[
    no_primary_key::RULE,
    duplicate_index::RULE,
    redundant_index::RULE,
    foreign_key_without_index::RULE,
    auto_increment_nearly_full::RULE,
    mixed_collations::RULE,
    utf8mb3::RULE,
    not_innodb::RULE,
    latin1_beside_utf8mb4::RULE,
    foreign_key_to_non_unique::RULE,
    spatial_without_srid::RULE,
    memory_engine::RULE,
    zero_date_default::RULE,
    definer::RULE,
];
