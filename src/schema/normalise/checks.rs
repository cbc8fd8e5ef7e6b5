//! Checks of columns.

use crate::schema::expr;
use crate::schema::model::{Check, Table, Text};

/// Names the checks of columns after their columns: MariaDB goes on calling them by the name that
/// a column had before it was renamed.
pub fn name_column_checks(table: &mut Table) {
    let astray = |table: &Table, name: &Text| table.column(&Check::name_on_server(*name)).is_none();
    let stale: Vec<Text> = table
        .checks
        .iter()
        .filter(|(name, check)| check.of_column && astray(table, name))
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
