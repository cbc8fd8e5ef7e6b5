//! Finds application-time periods (`PERIOD FOR name (from, to)`), which MariaDB before 11.4 shows only in
//! SHOW CREATE TABLE. Each has a check of the period's name, by which the tables to query are found.

use super::{Cells, SchemaReader};
use crate::db::{DbError, Query, quote_name};
use crate::schema::ddl;
use crate::schema::model::{Symbol, Table};

impl SchemaReader<'_> {
    /// Removes the checks that belong to periods, and returns the periods' names.
    pub(super) async fn periods(&mut self) -> Result<Option<String>, DbError> {
        if !self.schema.dialect().periods {
            return Ok(None);
        }
        let tables = self.schema.tables.iter();
        let candidates = tables.flat_map(|(table, one)| possible(one).map(|check| (*table, check)));
        let mut found = Vec::new();
        for (table, check) in candidates.collect::<Vec<_>>() {
            let sql = format!(
                "SHOW CREATE TABLE {}.{}",
                quote_name(self.database),
                quote_name(&table)
            );
            let create = async {
                let mut create = String::new();
                let mut rows = self.session.stream(Query::new(sql)).await?;
                while let Some(row) = rows.next().await? {
                    create = Cells(row).string(1);
                }
                Ok(create)
            };
            let create = match create.await {
                Err(error) if DbError::code(&error).is_some() => continue,
                other => other?,
            };
            let period = format!("PERIOD FOR {} (", ddl::name(&check));
            if create.contains(&period) {
                found.push(format!("{table}.{check}"));
                if let Some(table) = self.schema.tables.get_mut(&table) {
                    table.checks.remove(&check);
                }
            }
        }
        Ok((!found.is_empty()).then(|| found.join(", ")))
    }
}

/// The checks of a table that may belong to a period: one column less than another.
fn possible(table: &Table) -> impl Iterator<Item = Symbol> {
    let moments = |name: &str| {
        let column = table.column(name.trim_matches('`'));
        column.is_some_and(|column| {
            !column.nullable && ["date", "timestamp"].iter().any(|ty| column.ty.starts_with(ty))
        })
    };
    let checks = table.checks.iter().filter(|(_, check)| !check.column_level);
    checks
        .filter(move |(_, check)| {
            let sides = check.clause.split_once(" < ");
            sides.is_some_and(|(from, to)| moments(from) && moments(to))
        })
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .into_iter()
}
