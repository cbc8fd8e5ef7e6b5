//! Restores defaults that INFORMATION_SCHEMA does not show completely: MySQL cuts those of binary
//! columns at the first NUL byte, and both servers print a `?` for a byte or a character that utf8mb3
//! lacks. Only the affected tables are queried, one at a time.

use super::{Cells, SchemaReader};
use crate::db::{DbError, Query, quote_name};
use crate::schema::ddl;
use crate::schema::dialect::Dialect;
use crate::schema::expr::{is_literal, lexer};
use crate::schema::model::{Column, Symbol};
use crate::schema::normalise;

impl SchemaReader<'_> {
    /// Restores such defaults; returns notes on those that stay incomplete.
    pub(super) async fn restore_defaults(&mut self) -> Result<Vec<String>, DbError> {
        let dialect = self.schema.dialect();
        let tables = self.schema.tables.iter().filter_map(|(name, table)| {
            let columns = table.columns.iter().enumerate();
            let doubtful: Vec<usize> = columns
                .filter(|(_, column)| may_be_cut(dialect, column))
                .map(|(at, _)| at)
                .collect();
            (!doubtful.is_empty()).then_some((*name, doubtful))
        });
        let mut left = Vec::new();
        for (table, doubtful) in tables.collect::<Vec<_>>() {
            let Some(values) = self.defaults(table, &doubtful).await? else {
                left.push(format!(
                    "the defaults of binary columns of {table}: the account lacks SELECT on it"
                ));
                continue;
            };
            let Some(table) = self.schema.tables.get_mut(&table) else {
                continue;
            };
            for (at, digits) in doubtful.into_iter().zip(values) {
                let column = &mut table.columns[at];
                let default = match is_binary(column) {
                    true => Some(normalise::binary_default(&column.ty, &digits)),
                    false => normalise::from_hexadecimal(&digits).map(|text| lexer::quote(&text)),
                };
                if let Some(default) = default.map(Symbol::from) {
                    column.change(|column| column.default = Some(default));
                }
            }
        }
        Ok(left)
    }

    /// The bytes of the defaults of a table's columns as hexadecimal digits; `None` if the account cannot
    /// read them.
    async fn defaults(&mut self, table: Symbol, columns: &[usize]) -> Result<Option<Vec<String>>, DbError> {
        let Some(of_table) = self.schema.tables.get(&table) else {
            return Ok(None);
        };
        let values = columns.iter().map(|at| {
            let column = &of_table.columns[*at];
            let value = format!("DEFAULT({})", ddl::name(&column.name));
            match is_binary(column) {
                true => format!("HEX({value})"),
                false => format!("HEX(CONVERT({value} USING utf8mb4))"),
            }
        });
        let values: Vec<String> = values.collect();
        // One row, even if the table is empty.
        let sql = format!(
            "SELECT {} FROM (SELECT 1) AS one LEFT JOIN {}.{} ON FALSE",
            values.join(", "),
            quote_name(self.database),
            quote_name(&table)
        );
        let rows = async {
            let mut found = None;
            let mut rows = self.session.stream(Query::new(sql)).await?;
            while let Some(row) = rows.next().await? {
                let cells = Cells(row);
                found = Some((0..columns.len()).map(|at| cells.string(at)).collect());
            }
            Ok(found)
        };
        match rows.await {
            Err(error) if DbError::code(&error).is_some() => Ok(None),
            other => other,
        }
    }
}

fn is_binary(column: &Column) -> bool {
    column.ty.starts_with("binary") || column.ty.starts_with("varbinary")
}

/// Whether the displayed default may be incomplete.
fn may_be_cut(dialect: &Dialect, column: &Column) -> bool {
    let Some(default) = column.default.filter(|default| is_literal(default)) else {
        return false;
    };
    match is_binary(column) {
        true => (dialect.is_cut_default)(&default),
        false => default.contains(['?', '\u{fffd}']),
    }
}
