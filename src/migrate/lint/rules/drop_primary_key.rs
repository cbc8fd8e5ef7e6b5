//! The rule `drop-primary-key`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{AlterAction, IndexType};

rule! {
    /// # What it does
    /// Finds DROP PRIMARY KEY without another primary key in the same statement.
    ///
    /// # Why it matters
    /// The table is copied while writers wait. Nothing keeps rows from being double any more, and a replica reads the
    /// whole table for each changed row.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders DROP PRIMARY KEY;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- dbtool:lint-ignore blocking-change, add-primary-key
    /// ALTER TABLE orders DROP PRIMARY KEY, ADD PRIMARY KEY (id, code);
    /// ```
    id: "drop-primary-key",
    category: "blocking",
    severity: Warning,
    summary: "primary keys that are dropped without another",
    why: "the table is copied, rows can be double, and replicas find rows by reading all of them",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let adds = view.changes().any(|(_, _, action)| match action {
        AlterAction::AddIndex(index) => index.kind == IndexType::Primary,
        AlterAction::AddColumn { def, .. } | AlterAction::ModifyColumn { def, .. } => {
            def.key == Some(IndexType::Primary)
        }
        _ => false,
    });
    for (name, _, action) in view.changes() {
        if matches!(action, AlterAction::DropIndex(index) if index.eq_ignore_ascii_case("PRIMARY")) && !adds {
            out.push(Fault::new(&name.name, "the table has no primary key afterwards"));
        }
    }
}
