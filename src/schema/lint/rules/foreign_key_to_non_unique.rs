//! The rule `foreign-key-to-non-unique`.

use crate::schema::ddl::{name, names};
use crate::schema::lint::Finding;
use crate::schema::lint::rule::rule;
use crate::schema::model::{ForeignKey, Index, IndexKind, Schema, Table};

rule! {
    /// # What it does
    /// Finds foreign keys that reference columns which are not a unique key of the parent.
    ///
    /// # Why it matters
        /// A child row can then have several parents: ON DELETE CASCADE deletes it with any of them. From 8.4 on, MySQL
        /// rejects such a key by default (`restrict_fk_on_non_standard_key`), so a dump cannot be restored.
    ///
    /// # Example
    /// From 8.4 on, MySQL accepts it only with `SET restrict_fk_on_non_standard_key = 0`.
    /// ```sql
    /// CREATE TABLE tags (id INT PRIMARY KEY, code INT, KEY by_code (code));
    /// CREATE TABLE tagged (id INT PRIMARY KEY, code INT, KEY by_code (code), FOREIGN KEY (code) REFERENCES tags (code));
    /// ```
    ///
    /// # Fix
    /// The index that the unique key replaces can be dropped.
    /// ```sql
    /// ALTER TABLE tags ADD UNIQUE KEY (code), DROP INDEX by_code;
    /// ```
    id: "foreign-key-to-non-unique",
    severity: Breaks,
    summary: "foreign keys to columns that are not a unique key",
    why: "a child can then have several parents: ON DELETE CASCADE deletes it with any of them, and MySQL rejects \
          such a key by default from 8.4 on",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for (key_name, key) in &table.foreign_keys {
            let Some(parent) = schema
                .tables
                .get(&key.table)
                .filter(|parent| !is_unique_key(parent, key))
            else {
                continue;
            };
            debug_assert!(!parent.columns.is_empty());
            out.push(RULE.finding(
                format!("{table_name}.{key_name}"),
                format!(
                    "refers to ({}) of {}, which no unique key holds",
                    names(&key.references),
                    key.table
                ),
                format!(
                    "ALTER TABLE {} ADD UNIQUE KEY ({});",
                    name(&key.table),
                    names(&key.references)
                ),
            ));
        }
    }
}

/// Whether the referenced columns are a unique key of the parent.
fn is_unique_key(parent: &Table, key: &ForeignKey) -> bool {
    let whole = |index: &Index| {
        let unique = matches!(index.kind, IndexKind::Primary | IndexKind::Unique);
        unique
            && index.parts.len() == key.references.len()
            && index.parts.iter().all(|part| {
                let column = part.column_name().filter(|_| part.prefix.is_none());
                column.is_some_and(|column| {
                    key.references
                        .iter()
                        .any(|name| name.eq_ignore_ascii_case(&column))
                })
            })
    };
    parent.indexes.values().any(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::lint::fixture::{add_index, found, index, key};

    fn referring_to(column: &str) -> ForeignKey {
        ForeignKey {
            columns: [key("other")].into_iter().collect(),
            table: key("peer"),
            references: [key(column)].into_iter().collect(),
            on_delete: Default::default(),
            on_update: Default::default(),
        }
    }

    #[test]
    fn a_key_to_columns_that_are_not_unique_is_found() {
        let refer = |column: &'static str| {
            found(move |table| {
                add_index(table, "other", &["other"]);
                table.foreign_keys.insert(key("fk"), referring_to(column));
            })
        };
        assert_eq!(refer("code"), [("foreign-key-to-non-unique", "t.fk".to_owned())]);
        assert_eq!(refer("id"), []);
    }

    #[test]
    fn a_unique_key_over_more_columns_does_not_tell_rows_apart() {
        let mut parent = Table::new(key("utf8mb4_general_ci"));
        let mut has = |columns: &[&str]| {
            parent.indexes.clear();
            parent.indexes.insert(key("u"), index(IndexKind::Unique, columns));
            is_unique_key(&parent, &referring_to("code"))
        };
        assert!(has(&["code"]));
        assert!(!has(&["code", "id"]));
    }
}
