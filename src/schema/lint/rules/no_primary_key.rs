//! The rule `no-primary-key`.

use crate::schema::ddl::{name, names};
use crate::schema::lint::Finding;
use crate::schema::lint::indexes::plain_parts;
use crate::schema::lint::rule::rule;
use crate::schema::model::{Index, IndexKind, KeyPart, Schema, Symbol, Table};

rule! {
    /// # What it does
    /// Finds tables without a primary key.
    ///
    /// # Why it matters
        /// InnoDB orders such a table by a hidden counter that all such tables share under one lock. A replica searches the
        /// whole table for each changed row, and no tool can process the table in batches: neither `create-conversations` nor
        /// tools for online changes.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE log (at DATETIME NOT NULL, message TEXT);
    /// ```
    ///
    /// # Fix
        /// A counter, or the NOT NULL columns of a unique index, become the primary key. Without either, add a new column, which
        /// rebuilds the table.
    /// ```sql
    /// ALTER TABLE log ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;
    /// ```
    id: "no-primary-key",
    severity: Performance,
    summary: "tables without a primary key",
    why: "InnoDB then clusters by a hidden counter behind a global lock, replicas search whole tables for \
          each changed row, and neither batched nor online changes can walk the table",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        if table.primary_key().is_some() {
            continue;
        }
        let clause = match key_candidate(table) {
            Some(columns) => key_from(table, &columns),
            None => {
                let mut free = ["id", "row_id", "row_number_id"].into_iter();
                let free = free.find(|column| table.column(column).is_none());
                format!(
                    "ADD COLUMN {} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST",
                    name(free.unwrap_or("dbtool_id"))
                )
            }
        };
        let fix = format!("ALTER TABLE {} {clause};", name(table_name));
        out.push(RULE.finding(table_name.to_string(), "has no primary key".to_owned(), fix));
    }
}

/// Existing columns that can become the primary key: a counter, or the NOT NULL columns of a unique
/// index.
fn key_candidate(table: &Table) -> Option<Vec<Symbol>> {
    if let Some(counter) = table.columns.iter().find(|column| column.auto_increment) {
        return Some(vec![counter.name]);
    }
    let whole = |index: &&Index| {
        index.kind == IndexKind::Unique
            && index.parts.iter().all(|part| {
                let column = part.column_name().and_then(|column| table.column(&column));
                part.prefix.is_none() && column.is_some_and(|column| !column.nullable)
            })
    };
    let index = table.indexes.values().find(whole)?;
    Some(index.columns().collect())
}

/// The clause that makes these columns the primary key and drops the indexes it replaces.
fn key_from(table: &Table, columns: &[Symbol]) -> String {
    let whole: Vec<KeyPart> = columns.iter().map(|column| KeyPart::column(column)).collect();
    let replaced = table
        .indexes
        .iter()
        .filter(|(_, index)| *index.parts == *whole && plain_parts(index));
    let drops: String = replaced
        .map(|(index, _)| format!("DROP INDEX {}, ", name(index)))
        .collect();
    format!("{drops}ADD PRIMARY KEY ({})", names(columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::lint::fixture::{add_index, fixes, found, index, key, sound};

    #[test]
    fn a_table_without_one_is_found() {
        assert_eq!(
            found(|table| table.indexes.clear()),
            [("no-primary-key", "t".to_owned())]
        );
    }

    #[test]
    fn a_new_primary_key_takes_the_place_of_the_index_it_is_made_from() {
        let mut table = sound();
        table.indexes.clear();
        table
            .indexes
            .insert(key("u"), index(IndexKind::Unique, &["code", "other"]));
        add_index(&mut table, "c", &["other", "code"]);
        let mut schema = Schema::default();
        let mut counted = table.clone();
        table
            .columns
            .iter_mut()
            .for_each(|column| column.change(|one| one.auto_increment = false));
        schema.tables.insert(key("by_unique"), table);
        counted
            .indexes
            .insert(key("id"), index(IndexKind::Unique, &["id"]));
        schema.tables.insert(key("counted"), counted);
        assert_eq!(
            fixes(&schema, RULE.id),
            [
                "ALTER TABLE `by_unique` DROP INDEX `u`, ADD PRIMARY KEY (`code`, `other`);",
                "ALTER TABLE `counted` DROP INDEX `id`, ADD PRIMARY KEY (`id`);",
            ]
        );
    }
}
