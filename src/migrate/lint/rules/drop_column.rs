//! The rule `drop-column`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::AlterAction;

rule! {
    /// # What it does
    /// Finds DROP COLUMN of a table that an earlier migration made. A virtual column has no values and is not found.
    ///
    /// # Why it matters
    /// The values are gone, and an application that still names the column fails until it is replaced.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders DROP COLUMN note;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- once no version of the application names it
    /// -- dbtool:lint-ignore drop-column
    /// ALTER TABLE orders DROP COLUMN note;
    /// ```
    id: "drop-column",
    category: "destructive",
    severity: Error,
    summary: "columns that are dropped with their values",
    why: "the values are gone, and an application that still names the column fails",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, table, action) in view.changes() {
        let AlterAction::DropColumn(column) = action else {
            continue;
        };
        let old = table.and_then(|table| table.column(column));
        if !old.is_some_and(|(_, old)| old.is_virtual()) {
            out.push(Fault::new(
                format!("{}.{column}", name.name),
                "the column is dropped with all of its values",
            ));
        }
    }
}
