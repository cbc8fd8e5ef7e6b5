//! Unifies the case of column names: MySQL prints them in expressions as written there, and both
//! servers keep the old case in keys after a change of case only.

use crate::schema::expr;
use crate::schema::model::{
    Column, ColumnNames, ForeignKey, GeneratedColumn, Index, IndexKey, KeyPart, Schema, Symbol, Table,
};

/// Writes the columns in keys and expressions in the case of the tables' columns.
pub fn unify_column_case(schema: &mut Schema) {
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

/// Foreign keys whose parent's columns differ in case, and the parent's names.
fn misspelt_references(schema: &Schema) -> Vec<(Symbol, Symbol, ColumnNames)> {
    let keys = schema.tables.iter().flat_map(|(child, table)| {
        let keys = table.foreign_keys.iter();
        keys.map(move |(name, key)| (*child, *name, key))
    });
    keys.filter_map(|(child, name, key)| {
        let parent = schema.tables.get(&key.table)?;
        let spelled: ColumnNames = key
            .references
            .iter()
            .map(|name| spelled(&parent.columns, *name))
            .collect();
        (spelled != key.references).then_some((child, name, spelled))
    })
    .collect()
}

fn spelled(columns: &[Column], name: Symbol) -> Symbol {
    if columns.iter().any(|column| column.name == name) {
        return name;
    }
    let same = columns
        .iter()
        .find(|column| column.name.eq_ignore_ascii_case(&name));
    same.map_or(name, |column| column.name)
}

/// The table `live` with the columns in its keys and expressions in the case of `expected`; `None` if
/// nothing differs.
pub fn with_case_of(live: &Table, expected: &Table) -> Option<Table> {
    let other = |column: &Column| {
        let same = expected.column(&column.name);
        same.is_some_and(|same| same.name != column.name)
    };
    live.columns.iter().any(other).then(|| {
        let mut table = live.clone();
        spell_as(&mut table, &expected.columns);
        table
    })
}

/// Changes only differing names, because keys and columns may be shared with another model.
fn spell_as(table: &mut Table, columns: &[Column]) {
    let part = |part: &KeyPart| match part.key {
        IndexKey::Column(name) => IndexKey::Column(spelled(columns, name)),
        IndexKey::Expression(text) => IndexKey::Expression(expression(columns, text)),
    };
    let misspelt = |index: &Index| index.parts.iter().any(|key_part| part(key_part) != key_part.key);
    if table.indexes.values().any(misspelt) {
        for (_, index) in table.indexes.iter_mut() {
            index
                .parts
                .iter_mut()
                .for_each(|key_part| key_part.key = part(key_part));
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
                column.generated = Some(GeneratedColumn {
                    expression: spelled,
                    ..generated
                });
            });
        }
    }
}

fn expression(columns: &[Column], text: Symbol) -> Symbol {
    let other = |name: &str| {
        let mut same = columns
            .iter()
            .filter(|column| column.name.eq_ignore_ascii_case(name));
        same.next()
            .filter(|column| column.name != *name)
            .map(|column| column.name.to_string())
    };
    expr::with_names(&text, other).map_or(text, Symbol::from)
}
