//! The documentation of the rules, for a terminal and for `docs/lints.md`.

use super::{LintRule, RULES};

/// The head of `docs/lints.md`.
const HEAD: &str = "\
# Lint rules

<!-- Made from src/schema/lint/rules by `UPDATE_DOCS=1 cargo test --test it generated::`; change it there. -->

`dbtool check-schema` tries these rules on the live schema. A finding fails the check only when its rule is
denied: `--deny RULE`, or `--deny all`. A line `lint:RULE:OBJECT  # reason` in `schema.ignore` accepts one.
`dbtool check-schema --explain RULE` shows a rule's section.

The severity says what a finding means: `performance` (the same results, slower) or `breaks` (the application may
fail or lose data).
";

/// A documented rule of any kind.
#[derive(Debug, Clone)]
pub struct DocumentedRule {
    /// The rule's id.
    pub id: &'static str,
    /// Its severity, perhaps with its kind.
    pub label: String,
    /// Summary of its findings.
    pub summary: &'static str,
    /// The doc comment.
    pub docs: &'static str,
}

fn documented(rule: &LintRule) -> DocumentedRule {
    DocumentedRule {
        id: rule.id,
        label: rule.severity.as_str().to_owned(),
        summary: rule.summary,
        docs: rule.docs,
    }
}

/// The page `docs/lints.md`.
pub fn page() -> String {
    let mut page = format!("{HEAD}\n| rule | severity | finds |\n|---|---|---|\n");
    for LintRule {
        id,
        severity,
        summary,
        ..
    } in RULES
    {
        page.push_str(&format!(
            "| [{id}](#{id}) | {} | {summary} |\n",
            severity.as_str()
        ));
    }
    page + &sections(RULES.iter().map(documented))
}

/// The sections of rules on a page.
pub fn sections(rules: impl Iterator<Item = DocumentedRule>) -> String {
    let mut text = String::new();
    for rule in rules {
        text.push_str(&format!("\n## {}\n\n", rule.id));
        for line in lines(rule.docs) {
            let level = if line.starts_with("# ") { "##" } else { "" };
            text.push_str(&format!("{level}{line}\n"));
        }
    }
    text
}

/// A rule's documentation for a terminal.
pub fn explain(rule: &LintRule) -> String {
    explained(&documented(rule))
}

/// A rule's documentation for a terminal.
pub fn explained(rule: &DocumentedRule) -> String {
    let mut text = format!("{} ({}): {}\n\n", rule.id, rule.label, rule.summary);
    let mut code = false;
    for line in lines(rule.docs) {
        if line.starts_with("```") {
            code = !code;
            continue;
        }
        let indent = match line.strip_prefix("# ") {
            _ if line.is_empty() => "",
            Some(_) => "",
            None if code => "      ",
            None => "  ",
        };
        text.push_str(&format!("{indent}{}\n", line.strip_prefix("# ").unwrap_or(line)));
    }
    text
}

/// The lines of a doc comment, without the space that follows the slashes.
fn lines(docs: &'static str) -> impl Iterator<Item = &'static str> {
    docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line))
}
