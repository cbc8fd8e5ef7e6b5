//! The rule `add-unique`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{AlterAction, DefaultValue, IndexType, TableDef};

rule! {
    /// # What it does
    /// Finds a UNIQUE index that is added to a table of an earlier migration. Columns of which a part is unique already
    /// are not found.
    ///
    /// # Why it matters
    /// It fails where two rows have the same values (error 1062), on the one server whose data nobody looked at.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders ADD UNIQUE KEY code_once (code);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- SELECT code FROM orders GROUP BY code HAVING COUNT(*) > 1 gives no row
    /// -- dbtool:lint-ignore add-unique
    /// ALTER TABLE orders ADD UNIQUE KEY code_once (code);
    /// ```
    id: "add-unique",
    category: "data-dependent",
    severity: Warning,
    summary: "unique indexes of tables that have rows",
    why: "it fails where two rows have the same values",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, table, action) in view.changes() {
        let columns = match action {
            AlterAction::AddIndex(index) if index.kind == IndexType::Unique => {
                let mut parts = index.parts.iter();
                parts
                    .by_ref()
                    .map(|part| part.column.clone().unwrap_or_default())
                    .collect()
            }
            // A new column is NULL in every row, or has the same value in all of them.
            AlterAction::AddColumn { name, def } if def.key == Some(IndexType::Unique) => {
                let is_null = !def.not_null && matches!(def.default, None | Some(DefaultValue::Null));
                if is_null || def.auto_increment {
                    continue;
                }
                vec![name.clone()]
            }
            AlterAction::ModifyColumn { name, def, .. } if def.key == Some(IndexType::Unique) => {
                vec![name.clone()]
            }
            _ => continue,
        };
        if !is_unique_already(table, &columns) {
            let what = format!("({}) must be different in every row there is", columns.join(", "));
            out.push(Fault::new(&name.name, what));
        }
    }
}

/// Whether a unique index of the table has only these columns.
fn is_unique_already(table: Option<&TableDef>, columns: &[String]) -> bool {
    let mut indexes = table.map_or(&[][..], |table| &table.indexes).iter();
    indexes.any(|index| {
        matches!(index.kind, IndexType::Unique | IndexType::Primary)
            && index.parts.iter().all(|part| {
                let own = part.column.as_deref().filter(|_| part.prefix.is_none());
                own.is_some_and(|own| columns.iter().any(|column| column.eq_ignore_ascii_case(own)))
            })
    })
}
