//! Finds text in a character set and generates its conversion to utf8mb4.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::{modify, modify_clause};
use crate::schema::ddl::name;
use crate::schema::model::{Column, Schema, Symbol, Table};
use crate::sql::script::comment;

/// The tables of a character set, and columns of it in other tables: their names and the statements that
/// convert them to utf8mb4.
pub(super) fn of_charset(schema: &Schema, charset: &str) -> Vec<(String, String)> {
    let of = |collation: Symbol| Schema::charset_of(&collation) == charset;
    let usual = usual_utf8mb4(schema);
    let mut out = Vec::new();
    for (table_name, table) in &schema.tables {
        let converted = |collation: Symbol| in_utf8mb4(collation, usual.unwrap_or(table.collation));
        if of(table.collation) {
            let fix = format!(
                "ALTER TABLE {} {};{}",
                name(table_name),
                convert(schema, table, &of, &converted),
                joined_text(schema, *table_name, &|_| true)
            );
            out.push((table_name.to_string(), fix));
            continue;
        }
        let columns = table
            .columns
            .iter()
            .filter(|column| column.collation.is_some_and(of));
        out.extend(columns.map(|column| {
            let fix = modify(schema, *table_name, table, &recollated(column, &converted));
            let joined = joined_text(schema, *table_name, &|name| name == column.name);
            (format!("{table_name}.{}", column.name), fix + &joined)
        }));
    }
    out
}

/// Whether a table or a column has this character set.
pub(super) fn has_charset(schema: &Schema, charset: &str) -> bool {
    let of = |collation: Symbol| Schema::charset_of(&collation) == charset;
    schema.tables.values().any(|table| {
        let mut columns = table.columns.iter().filter_map(|column| column.collation);
        of(table.collation) || columns.any(of)
    })
}

/// A column with another collation.
fn recollated(column: &Column, converted: &dyn Fn(Symbol) -> Symbol) -> Column {
    let mut new = *column;
    new.change(|attributes| attributes.collation = attributes.collation.map(converted));
    new
}

/// A comment about foreign keys over the text to convert: both sides must change, and neither can
/// change first.
fn joined_text(schema: &Schema, table_name: Symbol, which: &dyn Fn(Symbol) -> bool) -> String {
    let text = |columns: &[Symbol]| {
        let table = schema.tables.get(&table_name);
        columns.iter().any(|name| {
            let column = table.and_then(|table| table.column(name));
            which(*name) && column.is_some_and(|column| column.collation.is_some())
        })
    };
    let mut others = BTreeSet::new();
    for (child, table) in &schema.tables {
        for key in table.foreign_keys.values() {
            if *child == table_name && text(&key.columns) {
                others.insert(key.table);
            }
            if key.table == table_name && text(&key.references) {
                others.insert(*child);
            }
        }
    }
    others.remove(&table_name);
    if others.is_empty() {
        return String::new();
    }
    let others: Vec<&str> = others.iter().map(|name| name.as_str()).collect();
    let joined = comment(&format!(
        "under SET foreign_key_checks = 0, and with it what foreign keys join to it in {}",
        others.join(", ")
    ));
    format!(" {joined}")
}

/// The collation of utf8mb4 that replaces another. A case-sensitive collation stays case-sensitive, so
/// that different values do not become equal.
fn in_utf8mb4(collation: Symbol, usual: Symbol) -> Symbol {
    match collation.ends_with("_bin") || collation.ends_with("_cs") {
        true => Symbol::new("utf8mb4_bin"),
        false => usual,
    }
}

/// Whether CONVERT TO would change the column to a larger type: TEXT types count bytes, and it preserves
/// their number of characters (manual, "ALTER TABLE Statement", "Changing the Character Set").
fn would_widen(column: &Column) -> bool {
    ["tinytext", "text", "mediumtext"].contains(&column.ty.as_str())
}

/// The most frequent collation of utf8mb4 tables; without one, the database's or the server's default.
fn usual_utf8mb4(schema: &Schema) -> Option<Symbol> {
    let utf8mb4 = Symbol::new("utf8mb4");
    let is_utf8mb4 = |collation: Symbol| Schema::charset_of(&collation) == utf8mb4.as_str();
    let mut counts: BTreeMap<Symbol, (usize, bool)> = BTreeMap::new();
    let tables = schema.tables.values().map(|table| table.collation);
    for collation in tables.filter(|collation| is_utf8mb4(*collation)) {
        let count = counts
            .entry(collation)
            .or_insert((0, collation == schema.collation));
        count.0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(collation, _)| collation)
        .or(Some(schema.collation).filter(|collation| is_utf8mb4(*collation)))
        .or(schema.default_collations.get(&utf8mb4).copied())
}

/// The clauses that convert a table and its columns `of` a character set. CONVERT TO changes all
/// columns to one collation and some to a larger type, so it is used only where it has no other effect.
fn convert(
    schema: &Schema,
    table: &Table,
    of: &dyn Fn(Symbol) -> bool,
    converted: &dyn Fn(Symbol) -> Symbol,
) -> String {
    let charset = format!("CHARACTER SET utf8mb4 COLLATE {}", converted(table.collation));
    let mut collations = table.columns.iter().filter_map(|column| column.collation);
    let alike = collations.all(|collation| collation == table.collation);
    if alike && !table.columns.iter().any(would_widen) {
        return format!("CONVERT TO {charset}");
    }
    let text = table
        .columns
        .iter()
        .filter(|column| column.collation.is_some_and(of));
    let columns: String = text
        .map(|column| {
            format!(
                ", {}",
                modify_clause(schema, table, &recollated(column, converted))
            )
        })
        .collect();
    format!("DEFAULT {charset}{columns}")
}
