//! The types of rules and findings.

use serde::Serialize;

use super::view::{FileView, StatementView};

/// Whether a finding fails `migrate lint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LintSeverity {
    /// It does not.
    Warning,
    /// It does.
    Error,
}

impl LintSeverity {
    /// The severity in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            LintSeverity::Warning => "warning",
            LintSeverity::Error => "error",
        }
    }
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum RuleCheck {
    /// A statement, with the schema before it.
    Statement(fn(&StatementView<'_>, &mut Vec<Fault>)),
    /// A migration's file among the others.
    File(fn(&FileView<'_>, &mut Vec<Fault>)),
}

/// A rule: its id, documentation and check. Declared with `rule!`.
#[derive(Debug, Clone, Copy)]
pub struct MigrationRule {
    /// Id for `--deny`, `--allow` and `-- dbtool:lint-ignore`.
    pub id: &'static str,
    /// Kind of risk, for people who read the list of rules.
    pub category: &'static str,
    /// Severity of its findings.
    pub severity: LintSeverity,
    /// Summary of its findings in a few words.
    pub summary: &'static str,
    /// Why the findings matter; part of each finding.
    pub why: &'static str,
    /// Documentation with the sections "What it does", "Why it matters", "Example" and "Fix".
    pub(super) docs: &'static str,
    pub(super) check: RuleCheck,
}

/// What a rule finds: the object, and the problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The table, `table.column`, or the file.
    pub object: String,
    /// The problem.
    pub what: String,
}

impl Fault {
    pub(super) fn new(object: impl Into<String>, what: impl Into<String>) -> Fault {
        Fault {
            object: object.into(),
            what: what.into(),
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LintFinding {
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's category.
    pub category: &'static str,
    /// Whether it fails the check.
    pub severity: LintSeverity,
    /// Version as the file writes it.
    pub version: String,
    /// The file.
    pub file: String,
    /// Line of the statement; 1 for a finding about the file.
    pub line: u32,
    /// Column of the statement.
    pub column: u32,
    /// The statement in one line; `None` for a finding about the file.
    pub statement: Option<String>,
    /// The table, `table.column`, or the file.
    pub object: String,
    /// The problem.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
}

/// Declares `RULE` from its documentation (the doc comment: see any rule) and its properties. The
/// comment is what `--explain` prints and what `docs/migration-lints.md` shows.
macro_rules! rule {
    (
        $(#[doc = $line:literal])+
        id: $id:literal,
        category: $category:literal,
        severity: $severity:ident,
        summary: $summary:literal,
        why: $why:literal,
        $kind:ident: $check:expr $(,)?
    ) => {
        $(#[doc = $line])+
        pub const RULE: $crate::migrate::lint::MigrationRule = $crate::migrate::lint::MigrationRule {
            id: $id,
            category: $category,
            severity: $crate::migrate::lint::LintSeverity::$severity,
            summary: $summary,
            why: $why,
            docs: concat!($($line, "\n"),+),
            check: $crate::migrate::lint::rule::RuleCheck::$kind($check),
        };
    };
}

pub(super) use rule;
