//! The rule `enum-values`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;

rule! {
    /// # What it does
    /// Finds an ENUM or SET column of an earlier migration from whose list a value is removed, or whose new values do
    /// not all come after the former ones.
    ///
    /// # Why it matters
    /// Rows with a removed value fail the statement (error 1265) or become empty. Values are stored by their number:
    /// any other change than one at the end copies the table.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, status ENUM('new','paid'));
    /// -- 002_change.sql
    /// ALTER TABLE orders MODIFY status ENUM('new','sent');
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, status ENUM('new','paid'));
    /// -- 002_change.sql
    /// ALTER TABLE orders MODIFY status ENUM('new','paid','sent');
    /// ```
    id: "enum-values",
    category: "data-dependent",
    severity: Warning,
    summary: "ENUM and SET values that are removed, or not added at the end",
    why: "rows with a removed value lose it, and another order copies the table",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, column, old, new) in view.modified() {
        let Some(old) = old else { continue };
        let (from, to) = (&old.data_type, &new.data_type);
        if from.name != to.name || !matches!(from.name.as_str(), "enum" | "set") {
            continue;
        }
        let removed: Vec<&str> = from
            .members
            .iter()
            .filter(|member| !to.members.contains(member))
            .map(String::as_str)
            .collect();
        let what = if !removed.is_empty() {
            format!(
                "{} is no value any more: {}",
                to.name.to_uppercase(),
                removed.join(", ")
            )
        } else if !to.members.starts_with(&from.members) {
            "the values get other numbers, which copies the table".to_owned()
        } else {
            continue;
        };
        out.push(Fault::new(format!("{}.{column}", name.name), what));
    }
}
