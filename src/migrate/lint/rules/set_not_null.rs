//! The rule `set-not-null`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::IndexType;

rule! {
    /// # What it does
    /// Finds a column of an earlier migration that was nullable, or whose definition is not known, and becomes NOT
    /// NULL.
    ///
    /// # Why it matters
    /// Under a strict sql_mode it fails where a row has NULL (error 1265 or 1138); else NULL is replaced by an empty
    /// value in silence. An application that still writes NULL fails.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders MODIFY note VARCHAR(255) NOT NULL;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// UPDATE orders SET note = '' WHERE note IS NULL;
    /// -- dbtool:lint-ignore set-not-null, blocking-change
    /// ALTER TABLE orders MODIFY note VARCHAR(255) NOT NULL;
    /// ```
    id: "set-not-null",
    category: "data-dependent",
    severity: Warning,
    summary: "columns that become NOT NULL",
    why: "it fails where a row has NULL, or replaces NULL in silence",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, column, old, new) in view.modified() {
        let was_nullable = old.is_none_or(|old| !old.not_null);
        let in_key = view.tables.get(name).is_some_and(|table| {
            let mut indexes = table.indexes.iter();
            indexes.any(|index| index.kind == IndexType::Primary && index.covers(column))
        });
        if new.not_null && was_nullable && !in_key && new.generated.is_none() {
            out.push(Fault::new(
                format!("{}.{column}", name.name),
                "the column becomes NOT NULL, and rows may have NULL",
            ));
        }
    }
}
