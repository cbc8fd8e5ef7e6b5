//! The rule `temporary-table`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::ObjectEffect;

rule! {
    /// # What it does
    /// Finds CREATE TEMPORARY TABLE.
    ///
    /// # Why it matters
    /// It is gone with the connection: if the migration is interrupted after it, the rest cannot go on where it
    /// stopped, and dbtool has to ask a person.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TEMPORARY TABLE picked (id INT PRIMARY KEY);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE picked (id INT PRIMARY KEY);
    /// DROP TABLE picked;
    /// ```
    id: "temporary-table",
    category: "resume",
    severity: Warning,
    summary: "temporary tables",
    why: "they are gone with the connection, so that an interrupted migration cannot go on",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for object in &view.found.objects {
        if view.found.temporary && object.effect == ObjectEffect::Create {
            out.push(Fault::new(
                &object.name.name,
                "a temporary table is gone when the migration is interrupted",
            ));
        }
    }
}
