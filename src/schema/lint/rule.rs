//! The types of rules and findings.

use serde::Serialize;

use crate::schema::diff::{Change, Difference, SchemaObjectKind, Severity};
use crate::schema::model::{Schema, Symbol};

/// A rule: its id, documentation and check. Declared with `rule!`.
#[derive(Debug, Clone, Copy)]
pub struct LintRule {
    /// Id for `--deny` and ignore files.
    pub id: &'static str,
    /// Severity of its findings.
    pub severity: Severity,
    /// Summary of its findings in a few words.
    pub summary: &'static str,
    /// Why the findings matter; part of each finding.
    pub why: &'static str,
    /// Documentation with the sections of [`SECTIONS`].
    pub(super) docs: &'static str,
    pub(super) check: fn(&Schema, &mut Vec<Finding>),
}

/// The headings of a rule's documentation, in their order.
#[cfg(test)]
pub(super) const SECTIONS: [&str; 4] = ["What it does", "Why it matters", "Example", "Fix"];

impl LintRule {
    /// Appends the rule's findings in `schema` to `out`.
    pub(super) fn check(&self, schema: &Schema, out: &mut Vec<Finding>) {
        (self.check)(schema, out);
    }

    /// A finding of this rule: the object, the problem, and the fix.
    pub(super) fn finding(&self, object: String, what: String, fix: String) -> Finding {
        Finding {
            rule: self.id,
            object,
            what,
            why: self.why,
            fix,
            relies_on: None,
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// The table, or `table.column`, or `table.index`.
    pub object: String,
    /// The problem.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// The fix, as SQL if possible.
    pub fix: String,
    /// The table and the index without which the finding does not hold and the fix would do harm.
    #[serde(skip)]
    pub relies_on: Option<(Symbol, Symbol)>,
}

impl Finding {
    /// The same finding, which holds only while this index of this table stays.
    pub(super) fn relying_on(mut self, table: Symbol, index: Symbol) -> Finding {
        self.relies_on = Some((table, index));
        self
    }

    /// Whether the fix of `differences` drops the index on which the finding relies. The expected index then
    /// stays, and the difference says what there is to do.
    pub fn is_settled_by(&self, differences: &[Difference]) -> bool {
        let is_it = |difference: &Difference| {
            difference.kind == SchemaObjectKind::Index
                && matches!(difference.change, Change::Extra { .. })
                && self.relies_on == difference.table.map(|table| (table, difference.name))
        };
        self.relies_on.is_some() && differences.iter().any(is_it)
    }
}

/// Declares `RULE` from its documentation (the doc comment: see any rule) and its properties. The
/// comment is what `--explain` prints and what `docs/lints.md` shows.
macro_rules! rule {
    (
        $(#[doc = $line:literal])+
        id: $id:literal,
        severity: $severity:ident,
        summary: $summary:literal,
        why: $why:literal,
        check: $check:expr $(,)?
    ) => {
        $(#[doc = $line])+
        pub const RULE: $crate::schema::lint::LintRule = $crate::schema::lint::LintRule {
            id: $id,
            severity: $crate::schema::diff::Severity::$severity,
            summary: $summary,
            why: $why,
            docs: concat!($($line, "\n"),+),
            check: $check,
        };
    };
}

pub(super) use rule;
