//! Text in one character set, and what turns it into utf8mb4.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::{modify, modify_clause};
use crate::schema::ddl::name;
use crate::schema::model::{Column, Schema, Table, Text};
use crate::sql::script::comment;

/// Tables, and columns that are not as their table, of one character set: what they are called,
/// and what turns them into utf8mb4.
pub(super) fn of_charset(schema: &Schema, charset: &str) -> Vec<(String, String)> {
    let of = |collation: Text| Schema::charset_of(&collation) == charset;
    let usual = usual_utf8mb4(schema);
    let mut out = Vec::new();
    for (table_name, table) in &schema.tables {
        let converted = |collation: Text| in_utf8mb4(collation, usual.unwrap_or(table.collation));
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
    let of = |collation: Text| Schema::charset_of(&collation) == charset;
    schema.tables.values().any(|table| {
        let mut columns = table.columns.iter().filter_map(|column| column.collation);
        of(table.collation) || columns.any(of)
    })
}

/// A column with its text in another collation.
fn recollated(column: &Column, converted: &dyn Fn(Text) -> Text) -> Column {
    let mut new = *column;
    new.change(|attributes| attributes.collation = attributes.collation.map(converted));
    new
}

/// What to know before text changes that foreign keys join to the text of other tables: both sides
/// have to change, and neither can first.
fn joined_text(schema: &Schema, table_name: Text, which: &dyn Fn(Text) -> bool) -> String {
    let text = |columns: &[Text]| {
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

/// The collation of utf8mb4 in the place of another: one that tells cases apart goes on doing so,
/// or values that are different would become equal.
fn in_utf8mb4(collation: Text, usual: Text) -> Text {
    match collation.ends_with("_bin") || collation.ends_with("_cs") {
        true => Text::new("utf8mb4_bin"),
        false => usual,
    }
}

/// Whether CONVERT TO would make the column a larger type: TEXT types hold bytes, and it keeps their
/// number of characters (manual, "ALTER TABLE Statement", "Changing the Character Set").
fn would_widen(column: &Column) -> bool {
    ["tinytext", "text", "mediumtext"].contains(&column.ty.as_str())
}

/// The collation that most tables of utf8mb4 have; without one, the database's or the server's default.
fn usual_utf8mb4(schema: &Schema) -> Option<Text> {
    let utf8mb4 = Text::new("utf8mb4");
    let is_utf8mb4 = |collation: Text| Schema::charset_of(&collation) == utf8mb4.as_str();
    let mut counts: BTreeMap<Text, (usize, bool)> = BTreeMap::new();
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

/// The clauses that convert a table and its columns `of` one character set. CONVERT TO gives all
/// columns one collation and some a larger type, so it is for tables where it changes nothing else.
fn convert(
    schema: &Schema,
    table: &Table,
    of: &dyn Fn(Text) -> bool,
    converted: &dyn Fn(Text) -> Text,
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
