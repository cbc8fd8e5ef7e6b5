//! The rule `spatial-without-srid`.

use crate::schema::ddl::{Writer, name};
use crate::schema::lint::Finding;
use crate::schema::lint::rule::rule;
use crate::schema::model::{IndexKind, Schema};

rule! {
    /// # What it does
        /// Finds columns with a SPATIAL index and no SRID. MySQL only: MariaDB's indexes need none.
    ///
    /// # Why it matters
    /// MySQL's optimizer uses a spatial index only on a column with the attribute SRID; the index costs writes and serves no
    /// query.
    ///
    /// # Example
    /// On MySQL:
    /// ```sql
    /// CREATE TABLE places (id INT PRIMARY KEY, at POINT NOT NULL, SPATIAL KEY by_place (at));
    /// ```
    ///
    /// # Fix
    /// Replace 0 by the SRID of the column's values, which `SELECT DISTINCT ST_SRID(at) FROM places` shows.
    /// ```sql
    /// ALTER TABLE places DROP INDEX by_place;
    /// ALTER TABLE places MODIFY COLUMN at POINT NOT NULL SRID 0;
    /// ALTER TABLE places ADD SPATIAL KEY by_place (at);
    /// ```
    id: "spatial-without-srid",
    severity: Performance,
    summary: "spatial indexes that MySQL does not use",
    why: "MySQL uses a spatial index only on a column with an SRID",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    if !schema.dialect().column_srid {
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
                out.push(RULE.finding(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Flavor;
    use crate::schema::lint::fixture::{fixes, index, key, sound};
    use crate::schema::model::Column;

    #[test]
    fn only_mysql_needs_the_attribute() {
        let with = |flavor, srid| {
            let mut table = sound();
            let mut at = Column::new("at", "point");
            at.change(|attributes| attributes.srid = srid);
            let mut columns = table.columns.to_vec();
            columns.push(at);
            table.columns = columns.into();
            table
                .indexes
                .insert(key("by_place"), index(IndexKind::Spatial, &["at"]));
            let mut schema = Schema {
                flavor,
                ..Schema::default()
            };
            schema.tables.insert(key("places"), table);
            fixes(&schema, RULE.id).len()
        };
        assert_eq!(with(Flavor::MySql, None), 1);
        assert_eq!(with(Flavor::MySql, Some(4326)), 0);
        assert_eq!(with(Flavor::MariaDb, None), 0);
    }
}
