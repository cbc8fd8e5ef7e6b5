//! Lint rules over a schema. No I/O.
//!
//! A rule is a file in `rules`; the other files are shared by several rules.

mod charsets;
mod columns;
mod counters;
mod docs;
#[cfg(test)]
mod fixture;
mod indexes;
mod rule;
mod rules;

pub use counters::auto_increment_use;
pub use docs::{DocumentedRule, explain, explained, page, sections};
pub use rule::{Finding, LintRule};
pub use rules::{Defined, RULES, definers};

use super::model::Schema;

/// All findings, rule by rule, in the order of their objects.
pub fn lint(schema: &Schema) -> Vec<Finding> {
    let mut out = Vec::new();
    for rule in RULES {
        rule.check(schema, &mut out);
    }
    out
}

/// The rule with this id.
pub fn find(id: &str) -> Option<&'static LintRule> {
    RULES.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests;
