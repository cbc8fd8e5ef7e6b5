//! The rule `auto-increment-nearly-full`.

use crate::schema::lint::columns::modify;
use crate::schema::lint::rule::rule;
use crate::schema::lint::{Finding, auto_increment_use};
use crate::schema::model::{Column, Schema, Symbol, Table};

rule! {
    /// # What it does
    /// Finds AUTO_INCREMENT columns that have used three quarters of their type's range.
    ///
    /// # Why it matters
        /// At the end of the range every INSERT fails with error 1062 or 1467. Changing the type of a large table then takes
        /// too long for an outage.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE events (id INT AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT = 2000000000;
    /// ```
    ///
    /// # Fix
    /// Columns whose foreign keys reference the counter must change with it.
    /// ```sql
    /// ALTER TABLE events MODIFY COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT;
    /// ```
    id: "auto-increment-nearly-full",
    severity: Breaks,
    summary: "counters that have used 75 % of their range",
    why: "at the end of the type's range every INSERT fails",
    check: check,
}

/// Used percentage from which a counter is reported.
const NEARLY_FULL_PERCENT: f64 = 75.0;

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        let Some(percent) = auto_increment_use(table).filter(|percent| *percent >= NEARLY_FULL_PERCENT)
        else {
            continue;
        };
        let Some(column) = table.columns.iter().find(|column| column.auto_increment) else {
            continue;
        };
        out.push(RULE.finding(
            format!("{table_name}.{}", column.name),
            format!("{percent:.1} % of {} is used", column.ty),
            larger_counter(schema, *table_name, table, column),
        ));
    }
}

/// The statement that enlarges a counter's type.
fn larger_counter(schema: &Schema, table_name: Symbol, table: &Table, column: &Column) -> String {
    let largest = Symbol::new("bigint unsigned");
    if column.ty == largest {
        return "no integer type is larger: number the rows anew, or find what made the counter leap"
            .to_owned();
    }
    let mut wider = *column;
    wider.change(|attributes| attributes.ty = largest);
    let mut fix = modify(schema, table_name, table, &wider);
    let refers = |table: &Table| {
        let mut keys = table.foreign_keys.values();
        keys.any(|key| key.table == table_name && key.references.contains(&column.name))
    };
    if schema.tables.values().any(refers) {
        fix.push_str(" -- and with it the columns whose foreign keys refer to it");
    }
    fix
}

#[cfg(test)]
mod tests {
    use crate::schema::lint::fixture::found;
    use crate::schema::model::Stats;

    #[test]
    fn a_counter_near_its_end_is_found() {
        let full = found(|table| {
            table.stats = Stats {
                auto_increment: Some(2_000_000_000),
                ..Stats::default()
            }
        });
        assert_eq!(full, [("auto-increment-nearly-full", "t.id".to_owned())]);
    }
}
