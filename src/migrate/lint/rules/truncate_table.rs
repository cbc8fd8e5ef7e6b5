//! The rule `truncate-table`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::ObjectEffect;

rule! {
    /// # What it does
    /// Finds TRUNCATE TABLE of a table that an earlier migration made.
    ///
    /// # Why it matters
    /// The rows are gone, TRUNCATE cannot be rolled back, and AUTO_INCREMENT begins anew, so that numbers are given
    /// twice.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// TRUNCATE TABLE orders;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// DELETE FROM orders WHERE note IS NULL;
    /// ```
    id: "truncate-table",
    category: "destructive",
    severity: Error,
    summary: "tables that are emptied by TRUNCATE",
    why: "the rows are gone, and TRUNCATE cannot be rolled back",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for object in &view.found.objects {
        if object.effect == ObjectEffect::Truncate && !view.tables.is_new(&object.name) {
            out.push(Fault::new(&object.name.name, "all rows are removed at once"));
        }
    }
}
