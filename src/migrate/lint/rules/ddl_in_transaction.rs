//! The rule `ddl-in-transaction`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::StatementClass;

rule! {
    /// # What it does
    /// Finds a statement that commits implicitly between BEGIN and COMMIT.
    ///
    /// # Why it matters
    /// The transaction ends there: what was done before it stays when what follows fails, and what follows is in no
    /// transaction at all.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// BEGIN;
    /// INSERT INTO orders (id) VALUES (1);
    /// CREATE TABLE t (id INT PRIMARY KEY);
    /// COMMIT;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE t (id INT PRIMARY KEY);
    /// BEGIN;
    /// INSERT INTO orders (id) VALUES (1);
    /// COMMIT;
    /// ```
    id: "ddl-in-transaction",
    category: "resume",
    severity: Warning,
    summary: "statements that commit the transaction around them",
    why: "what was done before it stays when what follows fails",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let ends = matches!(view.found.class, StatementClass::Transaction);
    if view.in_transaction && view.found.implicit_commit && !ends {
        let verb = view.found.verb.clone();
        out.push(Fault::new(
            verb,
            "it commits the transaction that the file has begun",
        ));
    }
}
