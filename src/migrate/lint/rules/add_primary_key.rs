//! The rule `add-primary-key`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{AlterAction, IndexDef, IndexType};

rule! {
    /// # What it does
    /// Finds a primary key that is added to a table of an earlier migration, unless it is a new AUTO_INCREMENT column.
    ///
    /// # Why it matters
    /// It fails where two rows have the same values (error 1062) or one has NULL (1138).
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (code VARCHAR(50));
    /// -- 002_change.sql
    /// ALTER TABLE orders ADD PRIMARY KEY (code);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (code VARCHAR(50));
    /// -- 002_change.sql
    /// ALTER TABLE orders ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;
    /// ```
    id: "add-primary-key",
    category: "data-dependent",
    severity: Warning,
    summary: "primary keys of tables that have rows",
    why: "it fails where two rows have the same values, or one has NULL",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let filled = |index: &IndexDef| {
        view.added()
            .any(|(_, column, def)| def.auto_increment && index.covers(column))
    };
    for (name, _, action) in view.changes() {
        let fails = match action {
            AlterAction::AddIndex(index) => index.kind == IndexType::Primary && !filled(index),
            AlterAction::AddColumn { def, .. } => def.key == Some(IndexType::Primary) && !def.auto_increment,
            AlterAction::ModifyColumn { def, .. } => def.key == Some(IndexType::Primary),
            _ => false,
        };
        if fails {
            out.push(Fault::new(
                &name.name,
                "the rows there are must have different values, and no NULL",
            ));
        }
    }
}
