//! The rule `drop-table`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{ObjectEffect, ObjectKind};

rule! {
    /// # What it does
    /// Finds DROP TABLE of a table that an earlier migration made.
    ///
    /// # Why it matters
    /// The rows are gone, and no down script brings them back. An application that still runs with the former version
    /// fails at once.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// DROP TABLE orders;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- dropped once nobody has asked for it
    /// -- dbtool:lint-ignore rename-table
    /// RENAME TABLE orders TO orders_old;
    /// ```
    id: "drop-table",
    category: "destructive",
    severity: Error,
    summary: "tables that are dropped with their rows",
    why: "the rows are gone, and no down script brings them back",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for object in &view.found.objects {
        let is_table = object.kind == ObjectKind::Table && object.effect == ObjectEffect::Drop;
        if is_table && !view.found.temporary && !view.tables.is_new(&object.name) {
            out.push(Fault::new(
                &object.name.name,
                "the table is dropped with all of its rows",
            ));
        }
    }
}
