//! The rule `rename-table`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{ObjectEffect, ObjectKind};

rule! {
    /// # What it does
    /// Finds a table of an earlier migration that has another name afterwards, while none takes its place.
    ///
    /// # Why it matters
    /// Every version of the application that runs meanwhile knows only one of the names, and fails.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// RENAME TABLE orders TO purchases;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- the view keeps the former name until no version uses it
    /// -- dbtool:lint-ignore rename-table
    /// RENAME TABLE orders TO purchases;
    /// CREATE VIEW orders AS SELECT * FROM purchases;
    /// ```
    id: "rename-table",
    category: "incompatible",
    severity: Warning,
    summary: "tables that get another name",
    why: "an application that still uses the former name fails",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let objects = &view.found.objects;
    for object in objects.iter().filter(|object| object.kind == ObjectKind::Table) {
        let ObjectEffect::Rename(to) = &object.effect else {
            continue;
        };
        // The usual exchange of two tables in one statement.
        let replaced = objects.iter().any(|other| match &other.effect {
            ObjectEffect::Rename(name) => name.name.eq_ignore_ascii_case(&object.name.name),
            _ => false,
        });
        if !replaced && !view.tables.is_new(&object.name) {
            out.push(Fault::new(
                &object.name.name,
                format!("the table is called {} from now on", to.name),
            ));
        }
    }
}
