//! What is unwise in a schema, whether or not it is as expected. Pure.

mod definer;
mod foreign_key_to_non_unique;
mod memory_engine;
mod rules;
mod spatial_without_srid;
mod zero_date_default;

pub use definer::{Defined, definers};

use serde::Serialize;

use super::model::{Schema, Table};

/// A rule: what it is called and why it matters.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its id, for `--deny` and ignore files.
    pub id: &'static str,
    /// Why anybody should care.
    pub why: &'static str,
    check: fn(&Schema, &mut Vec<Finding>),
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// The table, or `table.column`, or `table.index`.
    pub object: String,
    /// What was found.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// What mends it: SQL where SQL does.
    pub fix: String,
}

/// All rules, in the order of their reports.
pub const RULES: &[Rule] = &[
    Rule {
        id: "no-primary-key",
        why: "InnoDB then clusters by a hidden counter behind a global lock, replicas search whole tables for \
              each changed row, and neither batched nor online changes can walk the table",
        check: rules::no_primary_key,
    },
    Rule {
        id: "duplicate-index",
        why: "each copy costs space and time on every write and is never better than the other",
        check: rules::duplicate_index,
    },
    Rule {
        id: "redundant-index",
        why: "a longer index begins with the same columns and serves the same queries",
        check: rules::redundant_index,
    },
    Rule {
        id: "foreign-key-without-index",
        why: "every change of a parent row then reads the whole child table, under locks",
        check: rules::foreign_key_without_index,
    },
    Rule {
        id: "auto-increment-nearly-full",
        why: "at the end of the type's range every INSERT fails",
        check: rules::auto_increment,
    },
    Rule {
        id: "mixed-collations",
        why: "a join of columns with different collations cannot use an index, or fails with error 1267",
        check: rules::mixed_collations,
    },
    Rule {
        id: "utf8mb3",
        why: "it holds no emoji and no characters beyond the basic plane, and is deprecated",
        check: rules::utf8mb3,
    },
    Rule {
        id: "not-innodb",
        why: "no transactions, no foreign keys, whole-table locks, and a crash may lose rows",
        check: rules::not_innodb,
    },
    Rule {
        id: "latin1-beside-utf8mb4",
        why: "text copied or compared between them is converted, and what latin1 lacks becomes question marks",
        check: rules::latin1,
    },
    foreign_key_to_non_unique::RULE,
    spatial_without_srid::RULE,
    memory_engine::RULE,
    zero_date_default::RULE,
    definer::RULE,
];

/// All findings, rule by rule, in the order of their objects.
pub fn lint(schema: &Schema) -> Vec<Finding> {
    let mut out = Vec::new();
    for rule in RULES {
        (rule.check)(schema, &mut out);
    }
    out
}

/// How much of its AUTO_INCREMENT column's range a table has used, in percent.
pub fn auto_increment_use(table: &Table) -> Option<f64> {
    let column = table.columns.iter().find(|column| column.auto_increment)?;
    let next = table.stats.auto_increment?;
    let last = largest(&column.ty)?;
    Some(next.saturating_sub(1) as f64 * 100.0 / last as f64)
}

/// The largest value of an integer type.
fn largest(ty: &str) -> Option<u64> {
    let bits = match ty.split(['(', ' ']).next()? {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let bits = if ty.contains("unsigned") { bits } else { bits - 1 };
    Some(u64::MAX >> (64 - bits))
}

#[cfg(test)]
mod tests;
