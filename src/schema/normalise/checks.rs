//! Column-level checks.

use crate::schema::expr;
use crate::schema::model::{CheckConstraint, Symbol, Table};

/// Names column-level checks after their columns: MariaDB keeps the name that the column had before
/// it was renamed.
pub fn name_column_checks(table: &mut Table) {
    let astray =
        |table: &Table, name: &Symbol| table.column(&CheckConstraint::name_on_server(*name)).is_none();
    let stale: Vec<Symbol> = table
        .checks
        .iter()
        .filter(|(name, check)| check.column_level && astray(table, name))
        .map(|(name, _)| *name)
        .collect();
    for name in stale {
        let used = table.checks.get(&name).map(|check| expr::names(&check.clause));
        let column = used.unwrap_or_default().iter().find_map(|used| {
            let column = table.column(used)?.name;
            table.column_check(&column).is_none().then_some(column)
        });
        if let Some(column) = column
            && let Some(check) = table.checks.remove(&name)
        {
            table.add_check(column, check);
        }
    }
}
