//! The rule `update-without-where`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::is_restricted;

rule! {
    /// # What it does
    /// Finds UPDATE of a table that an earlier migration made, without WHERE, LIMIT or a join.
    ///
    /// # Why it matters
    /// Every row is overwritten, in one transaction that keeps all of them locked until it ends.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// UPDATE orders SET note = '';
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// UPDATE orders SET note = '' WHERE note IS NULL;
    /// ```
    id: "update-without-where",
    category: "destructive",
    severity: Warning,
    summary: "UPDATE statements of all rows",
    why: "every row is overwritten and locked in one transaction",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for object in &view.found.objects {
        if view.found.verb == "UPDATE" && !view.tables.is_new(&object.name) && !is_restricted(view.text()) {
            out.push(Fault::new(&object.name.name, "all rows are changed"));
        }
    }
}
