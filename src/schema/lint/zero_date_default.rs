//! Defaults such as '0000-00-00'.

use super::rules::{finding, modify};
use super::{Finding, Rule};
use crate::schema::fix::is_zero_date;
use crate::schema::model::Schema;

pub(super) const RULE: Rule = Rule {
    id: "zero-date-default",
    why: "it is no date: the sql_mode that MySQL has by default refuses it, and every ALTER of the table with it",
    check,
};

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for column in table.columns.iter().filter(|column| is_zero_date(column)) {
            let mut without = *column;
            without.change(|attributes| {
                attributes.nullable = true;
                attributes.default = None;
            });
            out.push(finding(
                RULE.id,
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
