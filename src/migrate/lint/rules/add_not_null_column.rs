//! The rule `add-not-null-column`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;

rule! {
    /// # What it does
    /// Finds a column that is NOT NULL, has no DEFAULT, and is added to a table of an earlier migration.
    ///
    /// # Why it matters
    /// Every row there is gets an empty text, 0 or (not under a strict sql_mode) a zero date. An application that does
    /// not know the column yet cannot insert rows any more (error 1364).
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders ADD COLUMN status VARCHAR(20) NOT NULL;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders ADD COLUMN status VARCHAR(20) NOT NULL DEFAULT 'new';
    /// ```
    id: "add-not-null-column",
    category: "data-dependent",
    severity: Warning,
    summary: "NOT NULL columns without a default",
    why: "every row there is gets an empty value or 0, and an INSERT of the former application fails",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, column, def) in view.added() {
        let is_filled =
            def.default.is_some() || def.auto_increment || def.generated.is_some() || def.row_period;
        if def.not_null && !is_filled {
            out.push(Fault::new(
                format!("{}.{column}", name.name),
                "a NOT NULL column without DEFAULT is added to rows that have no value for it",
            ));
        }
    }
}
