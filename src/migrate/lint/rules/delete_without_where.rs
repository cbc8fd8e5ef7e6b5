//! The rule `delete-without-where`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::is_restricted;

rule! {
    /// # What it does
    /// Finds DELETE of a table that an earlier migration made, without WHERE, LIMIT or a join.
    ///
    /// # Why it matters
    /// Every row is removed, in one transaction that locks all of them.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// DELETE FROM orders;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// DELETE FROM orders WHERE note IS NULL;
    /// ```
    id: "delete-without-where",
    category: "destructive",
    severity: Error,
    summary: "DELETE statements of all rows",
    why: "every row is removed",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for object in &view.found.objects {
        if view.found.verb == "DELETE" && !view.tables.is_new(&object.name) && !is_restricted(view.text()) {
            out.push(Fault::new(&object.name.name, "all rows are deleted"));
        }
    }
}
