//! The rule `foreign-key-without-index`.

use crate::schema::ddl::{name, names};
use crate::schema::lint::Finding;
use crate::schema::lint::indexes::plain_parts;
use crate::schema::lint::rule::rule;
use crate::schema::model::{Index, Schema, Symbol};

rule! {
    /// # What it does
    /// Finds foreign keys whose columns are not the first ones of an index. InnoDB adds such an index by itself; it can be
    /// missing after `foreign_key_checks = 0`.
    ///
    /// # Why it matters
    /// Every change of a parent row then reads the whole child table, under locks.
    ///
    /// # Example
        /// No statement creates one on a current server. It occurs in databases from a dump, an old server or a changed data
        /// folder.
    ///
    /// # Fix
    /// ```sql
    /// ALTER TABLE rooms ADD INDEX (house);
    /// ```
    id: "foreign-key-without-index",
    severity: Performance,
    summary: "foreign keys whose columns are not the first ones of an index",
    why: "every change of a parent row then reads the whole child table, under locks",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for (key_name, key) in &table.foreign_keys {
            let covers = |index: &Index| {
                let columns: Vec<Symbol> = index.columns().collect();
                plain_parts(index)
                    && columns.len() >= key.columns.len()
                    && columns[..key.columns.len()] == key.columns[..]
            };
            if !table.indexes.values().any(covers) {
                out.push(RULE.finding(
                    format!("{table_name}.{key_name}"),
                    format!("no index begins with ({})", names(&key.columns)),
                    format!(
                        "ALTER TABLE {} ADD INDEX ({});",
                        name(table_name),
                        names(&key.columns)
                    ),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::lint::fixture::{found, key};
    use crate::schema::model::ForeignKey;

    #[test]
    fn a_key_without_an_index_is_found() {
        let orphan = found(|table| {
            let foreign = ForeignKey {
                columns: [key("other")].into_iter().collect(),
                table: key("peer"),
                references: [key("id")].into_iter().collect(),
                on_delete: Default::default(),
                on_update: Default::default(),
            };
            table.foreign_keys.insert(key("fk"), foreign);
        });
        assert_eq!(orphan, [("foreign-key-without-index", "t.fk".to_owned())]);
    }
}
