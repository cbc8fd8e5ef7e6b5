//! The rule `zero-date-default`.

use crate::schema::fix::is_zero_date;
use crate::schema::lint::Finding;
use crate::schema::lint::columns::modify;
use crate::schema::lint::rule::rule;
use crate::schema::model::Schema;

rule! {
    /// # What it does
    /// Finds columns whose default is a date with month or day 00, such as '0000-00-00'.
    ///
    /// # Why it matters
        /// It is not a date. MySQL's default `sql_mode` (NO_ZERO_DATE, NO_ZERO_IN_DATE) rejects it, and with it every ALTER of
        /// the table and the restore of a dump.
    ///
    /// # Example
    /// ```sql
    /// SET sql_mode = '';
    /// CREATE TABLE days (id INT PRIMARY KEY, at DATE NOT NULL DEFAULT '0000-00-00');
    /// ```
    ///
    /// # Fix
        /// Use NULL for "no date". Rows with the zero date keep it; the application must expect NULL.
    /// ```sql
    /// SET sql_mode = '';
    /// ALTER TABLE days MODIFY COLUMN at DATE NULL;
    /// ```
    id: "zero-date-default",
    severity: Breaks,
    summary: "defaults such as '0000-00-00'",
    why: "it is not a date: MySQL's default sql_mode rejects it, and every ALTER of the table with it",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for column in table.columns.iter().filter(|column| is_zero_date(column)) {
            let mut without = *column;
            without.change(|attributes| {
                attributes.nullable = true;
                attributes.default = None;
            });
            out.push(RULE.finding(
                format!("{table_name}.{}", column.name),
                format!(
                    "has the default {}",
                    column.default.map_or("", |text| text.as_str())
                ),
                modify(schema, *table_name, table, &without),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::lint::fixture::{fixes, key, sound};

    #[test]
    fn the_default_goes_and_null_is_taken() {
        let with = |default: &str| {
            let mut table = sound();
            table.columns[2].change(|column| {
                column.ty = key("date");
                column.default = Some(key(default));
            });
            let mut schema = Schema::default();
            schema.tables.insert(key("t"), table);
            fixes(&schema, RULE.id)
        };
        let fix = "ALTER TABLE `t` MODIFY COLUMN `other` date NULL;";
        assert_eq!(with("'0000-00-00'"), [fix]);
        assert_eq!(with("'2000-01-00'"), [fix]);
        assert_eq!(with("'2000-01-01'"), Vec::<String>::new());
    }
}
