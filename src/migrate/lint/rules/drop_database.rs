//! The rule `drop-database`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{ObjectEffect, ObjectKind};

rule! {
    /// # What it does
    /// Finds DROP DATABASE and DROP SCHEMA.
    ///
    /// # Why it matters
    /// Everything in it is gone. Where it is the database of the migrations, the record of what is applied goes with
    /// it, and dbtool refuses to run the file.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// DROP DATABASE shop;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// SELECT 'done by hand, after a backup';
    /// ```
    id: "drop-database",
    category: "destructive",
    severity: Error,
    summary: "databases that are dropped",
    why: "everything in it is gone, the record of the migrations perhaps too",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for object in &view.found.objects {
        if object.kind == ObjectKind::Database && object.effect == ObjectEffect::Drop {
            out.push(Fault::new(
                &object.name.name,
                "the database is dropped with all of its tables",
            ));
        }
    }
}
