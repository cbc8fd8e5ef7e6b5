//! Statements that change one column.

use crate::schema::ddl::{Writer, name};
use crate::schema::model::{Column, Schema, Symbol, Table};

/// The statement that changes a column to `column`.
pub(super) fn modify(schema: &Schema, table_name: Symbol, table: &Table, column: &Column) -> String {
    let clause = modify_clause(schema, table, column);
    format!("ALTER TABLE {} {clause};", name(&table_name))
}

pub(super) fn modify_clause(schema: &Schema, table: &Table, column: &Column) -> String {
    let check = table.column_check(&column.name);
    format!(
        "MODIFY COLUMN {}",
        Writer::own(schema).column(column, None, check)
    )
}
