//! The rule `missing-down`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::FileView;

rule! {
    /// # What it does
    /// Finds a migration that cannot be taken back in a folder where others can.
    ///
    /// # Why it matters
    /// `migrate down` stops before it, in the middle of a rollback.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.up.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY);
    /// -- 001_base.down.sql
    /// DROP TABLE orders;
    /// -- 002_more.sql
    /// CREATE TABLE items (id INT PRIMARY KEY);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.up.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY);
    /// -- 001_base.down.sql
    /// DROP TABLE orders;
    /// -- 002_more.up.sql
    /// CREATE TABLE items (id INT PRIMARY KEY);
    /// -- 002_more.down.sql
    /// DROP TABLE items;
    /// ```
    id: "missing-down",
    category: "naming",
    severity: Warning,
    summary: "migrations without a down script among others that have one",
    why: "`migrate down` stops before it",
    File: check,
}

fn check(view: &FileView<'_>, out: &mut Vec<Fault>) {
    let repeatable = view.migration.version.is_repeatable();
    if view.downs_are_usual && !view.has_down && !repeatable {
        out.push(Fault::new(
            view.file(),
            "it cannot be taken back, and other migrations can",
        ));
    }
}
