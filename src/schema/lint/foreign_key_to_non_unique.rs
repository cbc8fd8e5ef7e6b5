//! Foreign keys to columns that do not tell rows apart.

use super::rules::finding;
use super::{Finding, Rule};
use crate::schema::ddl::{name, names};
use crate::schema::model::{ForeignKey, Index, IndexKind, Schema, Table};

pub(super) const RULE: Rule = Rule {
    id: "foreign-key-to-non-unique",
    why: "a child then has several parents: ON DELETE CASCADE takes it with any of them, and MySQL refuses to make \
          such a key by default from 8.4 on",
    check,
};

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for (key_name, key) in &table.foreign_keys {
            let Some(parent) = schema
                .tables
                .get(&key.table)
                .filter(|parent| !tells_apart(parent, key))
            else {
                continue;
            };
            debug_assert!(!parent.columns.is_empty());
            out.push(finding(
                RULE.id,
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

/// Whether a unique key of the parent has just the columns that the key refers to.
fn tells_apart(parent: &Table, key: &ForeignKey) -> bool {
    let whole = |index: &Index| {
        let unique = matches!(index.kind, IndexKind::Primary | IndexKind::Unique);
        unique
            && index.parts.len() == key.references.len()
            && index.parts.iter().all(|part| {
                let column = part.column_name().filter(|_| part.prefix.is_none());
                column
                    .is_some_and(|column| key.references.iter().any(|one| one.eq_ignore_ascii_case(&column)))
            })
    };
    parent.indexes.values().any(whole)
}
