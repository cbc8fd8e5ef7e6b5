//! The rule `non-transactional-write`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::ObjectEffect;

rule! {
    /// # What it does
    /// Finds INSERT, UPDATE, DELETE and LOAD of a table of MyISAM, Aria, MEMORY, CSV, ARCHIVE or MERGE.
    ///
    /// # Why it matters
    /// An interrupted statement is half done there: it can neither be rolled back nor run again, and dbtool has to ask
    /// a person.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE logs (id INT PRIMARY KEY) ENGINE=MyISAM;
    /// -- 002_rows.sql
    /// INSERT INTO logs VALUES (1), (2);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE logs (id INT PRIMARY KEY) ENGINE=InnoDB;
    /// -- 002_rows.sql
    /// INSERT INTO logs VALUES (1), (2);
    /// ```
    id: "non-transactional-write",
    category: "resume",
    severity: Warning,
    summary: "rows written to tables without transactions",
    why: "an interrupted statement is half done, and cannot be run again",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for object in view
        .found
        .objects
        .iter()
        .filter(|object| object.effect == ObjectEffect::Write)
    {
        let engine = view
            .tables
            .get(&object.name)
            .and_then(|table| table.engine.as_deref());
        if let Some(engine) = engine.filter(|engine| WITHOUT.contains(engine)) {
            out.push(Fault::new(
                &object.name.name,
                format!("the table's engine, {engine}, has no transactions"),
            ));
        }
    }
}

/// Engines without transactions.
const WITHOUT: [&str; 8] = [
    "myisam",
    "aria",
    "memory",
    "heap",
    "csv",
    "archive",
    "merge",
    "mrg_myisam",
];
