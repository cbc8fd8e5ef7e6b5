//! Spatial indexes that MySQL does not use.

use super::rules::finding;
use super::{Finding, Rule};
use crate::db::Flavor;
use crate::schema::ddl::{Writer, name};
use crate::schema::model::{IndexKind, Schema};

pub(super) const RULE: Rule = Rule {
    id: "spatial-without-srid",
    why: "MySQL uses a spatial index only on a column that is tied to one reference system",
    check,
};

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    if schema.flavor != Flavor::MySql {
        return;
    }
    for (table_name, table) in &schema.tables {
        let spatial = table
            .indexes
            .iter()
            .filter(|(_, index)| index.kind == IndexKind::Spatial);
        for (index_name, index) in spatial {
            let columns = index.columns().filter_map(|column| table.column(&column));
            for column in columns.filter(|column| column.srid.is_none()) {
                let mut tied = *column;
                tied.change(|attributes| attributes.srid = Some(0));
                let writer = Writer::own(schema);
                let start = format!("ALTER TABLE {}", name(table_name));
                out.push(finding(
                    RULE.id,
                    format!("{table_name}.{}", column.name),
                    format!("has the spatial index {index_name} and no SRID"),
                    format!(
                        "{start} DROP INDEX {}; {start} MODIFY COLUMN {}; {start} ADD {}; \
                         -- with the SRID of its values in the place of 0",
                        name(index_name),
                        writer.column(&tied, None, None),
                        writer.index(index_name, index),
                    ),
                ));
            }
        }
    }
}
