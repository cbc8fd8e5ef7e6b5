//! The rule `add-foreign-key`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::AlterAction;

rule! {
    /// # What it does
    /// Finds a FOREIGN KEY that is added to a table of an earlier migration while foreign_key_checks is on.
    ///
    /// # Why it matters
    /// It fails where a row refers to no row of the other table (error 1452). Every row is checked while writers wait.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// CREATE TABLE items (id INT PRIMARY KEY, order_id INT);
    /// -- 003_key.sql
    /// ALTER TABLE items ADD CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders (id);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// CREATE TABLE items (id INT PRIMARY KEY, order_id INT);
    /// -- 003_key.sql
    /// DELETE FROM items WHERE order_id NOT IN (SELECT id FROM orders);
    /// -- dbtool:lint-ignore add-foreign-key, blocking-change
    /// ALTER TABLE items ADD CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders (id);
    /// ```
    id: "add-foreign-key",
    category: "data-dependent",
    severity: Warning,
    summary: "foreign keys of tables that have rows",
    why: "it fails where a row refers to none, and every row is checked while writers wait",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, _, action) in view.changes() {
        if let AlterAction::AddForeignKey(key) = action
            && view.settings.checks_foreign_keys
        {
            out.push(Fault::new(
                format!("{}.{}", name.name, key.columns.join(",")),
                "every row there is must refer to one of the other table",
            ));
        }
    }
}
