//! The rule `add-check`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::AlterAction;

rule! {
    /// # What it does
    /// Finds an enforced CHECK that is added to a table, or to a column, of an earlier migration.
    ///
    /// # Why it matters
    /// It fails where a row breaks the condition (error 3819 on MySQL, 4025 on MariaDB). Every row is checked while
    /// writers wait.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders ADD CONSTRAINT code_not_empty CHECK (code <> '');
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// UPDATE orders SET code = NULL WHERE code = '';
    /// -- dbtool:lint-ignore add-check, blocking-change
    /// ALTER TABLE orders ADD CONSTRAINT code_not_empty CHECK (code <> '');
    /// ```
    id: "add-check",
    category: "data-dependent",
    severity: Warning,
    summary: "checks of tables that have rows",
    why: "it fails where a row breaks the condition, and every row is checked while writers wait",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, table, action) in view.changes() {
        let adds = match action {
            AlterAction::AddCheck { enforced, .. } | AlterAction::AlterCheck { enforced } => *enforced,
            AlterAction::ModifyColumn { name, def, .. } => {
                let old = table.and_then(|table| table.column(name));
                def.check.is_some() && old.is_none_or(|(_, old)| old.check != def.check)
            }
            _ => false,
        };
        if adds {
            out.push(Fault::new(
                &name.name,
                "every row there is must meet the condition",
            ));
        }
    }
}
