//! The documentation of the rules, for a terminal and for `docs/migration-lints.md`.

use super::RULES;
use super::rule::MigrationRule;
use crate::schema::lint::{DocumentedRule, explained, sections};

/// The head of `docs/migration-lints.md`.
const HEAD: &str = "\
# Lint rules for migrations

<!-- Made from src/migrate/lint/rules by `UPDATE_DOCS=1 cargo test --test it generated::`; change it there. -->

`dbtool migrate lint` tries these rules on the migration files; it needs no database. A finding of severity `error`
fails the check, as does one of a rule that `--deny RULE` names (`--deny all` for every rule); `--allow RULE` leaves a
rule out. The comment `-- dbtool:lint-ignore RULE` before a statement accepts a finding there; for a rule about the
whole file it may stand anywhere in the file. `dbtool migrate lint --explain RULE` shows a rule's section.

A table that the migration itself creates is not in use, and changing it has no finding.
";

fn documented(rule: &MigrationRule) -> DocumentedRule {
    DocumentedRule {
        id: rule.id,
        label: format!("{}, {}", rule.category, rule.severity.as_str()),
        summary: rule.summary,
        docs: rule.docs,
    }
}

/// The page `docs/migration-lints.md`.
pub fn page() -> String {
    let mut page = format!("{HEAD}\n| rule | kind | severity | finds |\n|---|---|---|---|\n");
    for rule in RULES {
        page.push_str(&format!(
            "| [{id}](#{id}) | {} | {} | {} |\n",
            rule.category,
            rule.severity.as_str(),
            rule.summary,
            id = rule.id,
        ));
    }
    page + &sections(RULES.iter().map(documented))
}

/// A rule's documentation for a terminal.
pub fn explain(rule: &MigrationRule) -> String {
    explained(&documented(rule))
}
