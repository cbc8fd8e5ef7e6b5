//! Names of columns in one spelling: MySQL repeats them in expressions as they were written
//! there, and both servers keep the old spelling in keys after a change of case only.

use crate::schema::expr;
use crate::schema::model::{Column, ForeignKey, Generated, Index, Key, Names, Part, Schema, Table, Text};

/// Spells the columns in keys and expressions as the tables do.
pub fn spell_columns(schema: &mut Schema) {
    for (_, table) in schema.tables.iter_mut() {
        let columns = table.columns.clone();
        spell_as(table, &columns);
    }
    for (child, name, references) in misspelt_references(schema) {
        let table = schema.tables.get_mut(&child);
        if let Some(key) = table.and_then(|table| table.foreign_keys.get_mut(&name)) {
            key.references = references;
        }
    }
}

/// Foreign keys whose parents spell their columns in another way, and that way.
fn misspelt_references(schema: &Schema) -> Vec<(Text, Text, Names)> {
    let keys = schema.tables.iter().flat_map(|(child, table)| {
        let keys = table.foreign_keys.iter();
        keys.map(move |(name, key)| (*child, *name, key))
    });
    keys.filter_map(|(child, name, key)| {
        let parent = schema.tables.get(&key.table)?;
        let spelled: Names = key
            .references
            .iter()
            .map(|name| spelled(&parent.columns, *name))
            .collect();
        (spelled != key.references).then_some((child, name, spelled))
    })
    .collect()
}

fn spelled(columns: &[Column], name: Text) -> Text {
    if columns.iter().any(|column| column.name == name) {
        return name;
    }
    let same = columns
        .iter()
        .find(|column| column.name.eq_ignore_ascii_case(&name));
    same.map_or(name, |column| column.name)
}

/// The table `found` with the columns in its keys and expressions spelled as in `wanted`;
/// nothing if that is how they are spelled.
pub fn respelled(found: &Table, wanted: &Table) -> Option<Table> {
    let other = |column: &Column| {
        let same = wanted.column(&column.name);
        same.is_some_and(|same| same.name != column.name)
    };
    found.columns.iter().any(other).then(|| {
        let mut table = found.clone();
        spell_as(&mut table, &wanted.columns);
        table
    })
}

/// Touches only what changes: keys and columns may be another model's as well.
fn spell_as(table: &mut Table, columns: &[Column]) {
    let part = |part: &Part| match part.key {
        Key::Column(name) => Key::Column(spelled(columns, name)),
        Key::Expression(text) => Key::Expression(expression(columns, text)),
    };
    let misspelt = |index: &Index| index.parts.iter().any(|one| part(one) != one.key);
    if table.indexes.values().any(misspelt) {
        for (_, index) in table.indexes.iter_mut() {
            index.parts.iter_mut().for_each(|one| one.key = part(one));
        }
    }
    let misspelt = |key: &ForeignKey| key.columns.iter().any(|name| spelled(columns, *name) != *name);
    if table.foreign_keys.values().any(misspelt) {
        for (_, key) in table.foreign_keys.iter_mut() {
            key.columns
                .iter_mut()
                .for_each(|name| *name = spelled(columns, *name));
        }
    }
    for (_, check) in table.checks.iter_mut() {
        check.clause = expression(columns, check.clause);
    }
    for at in 0..table.columns.len() {
        let Some(generated) = table.columns[at].generated else {
            continue;
        };
        let spelled = expression(columns, generated.expression);
        if spelled != generated.expression {
            table.columns[at].change(|column| {
                column.generated = Some(Generated {
                    expression: spelled,
                    ..generated
                });
            });
        }
    }
}

fn expression(columns: &[Column], text: Text) -> Text {
    let other = |name: &str| {
        let mut same = columns
            .iter()
            .filter(|column| column.name.eq_ignore_ascii_case(name));
        same.next()
            .filter(|column| column.name != *name)
            .map(|column| column.name.to_string())
    };
    expr::with_names(&text, other).map_or(text, Text::from)
}
