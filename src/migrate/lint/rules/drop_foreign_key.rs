//! The rule `drop-foreign-key`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::AlterAction;

rule! {
    /// # What it does
    /// Finds DROP FOREIGN KEY of a table of an earlier migration, unless the statement adds a foreign key too.
    ///
    /// # Why it matters
    /// Rows that refer to none are possible from now on; what ON DELETE CASCADE removed stays, and the application has
    /// to look after it.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// CREATE TABLE items (id INT PRIMARY KEY, order_id INT, CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders (id));
    /// -- 003_key.sql
    /// ALTER TABLE items DROP FOREIGN KEY items_order;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// CREATE TABLE items (id INT PRIMARY KEY, order_id INT, CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders (id));
    /// -- 003_key.sql
    /// -- the application deletes the items itself
    /// -- dbtool:lint-ignore drop-foreign-key
    /// ALTER TABLE items DROP FOREIGN KEY items_order;
    /// ```
    id: "drop-foreign-key",
    category: "incompatible",
    severity: Warning,
    summary: "foreign keys that are dropped",
    why: "rows that refer to none are possible from now on, and are not deleted with what they refer to",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let replaced = view
        .changes()
        .any(|(_, _, action)| matches!(action, AlterAction::AddForeignKey(_)));
    for (name, _, action) in view.changes() {
        if let AlterAction::DropForeignKey(key) = action
            && !replaced
        {
            out.push(Fault::new(
                format!("{}.{key}", name.name),
                "the foreign key is dropped",
            ));
        }
    }
}
