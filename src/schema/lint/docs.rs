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
    for rule in RULES {
        page.push_str(&format!("\n## {}\n\n", rule.id));
        for line in lines(rule) {
            let level = if line.starts_with("# ") { "##" } else { "" };
            page.push_str(&format!("{level}{line}\n"));
        }
    }
    page
}

/// A rule's documentation for a terminal.
pub fn explain(rule: &LintRule) -> String {
    let mut text = format!("{} ({}): {}\n\n", rule.id, rule.severity.as_str(), rule.summary);
    let mut code = false;
    for line in lines(rule) {
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

/// The lines of a rule's doc comment, without the space that follows the slashes.
fn lines(rule: &LintRule) -> impl Iterator<Item = &'static str> {
    rule.docs
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
}
