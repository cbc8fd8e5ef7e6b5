//! The rule `rename-column`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::AlterAction;

rule! {
    /// # What it does
    /// Finds a column of an earlier migration that has another name afterwards.
    ///
    /// # Why it matters
    /// Every version of the application that runs meanwhile knows only one of the names, and fails.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders RENAME COLUMN note TO remark;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- both are written until no version reads the former one
    /// ALTER TABLE orders ADD COLUMN remark VARCHAR(255);
    /// ```
    id: "rename-column",
    category: "incompatible",
    severity: Warning,
    summary: "columns that get another name",
    why: "an application that still uses the former name fails",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, _, action) in view.changes() {
        let (from, to) = match action {
            AlterAction::RenameColumn(from, to) => (from, to),
            AlterAction::ModifyColumn {
                name, to: Some(to), ..
            } => (name, to),
            _ => continue,
        };
        out.push(Fault::new(
            format!("{}.{from}", name.name),
            format!("the column is called {to} from now on"),
        ));
    }
}
