//! Names of columns in one spelling: MySQL repeats them in expressions as they were written
//! there, and both servers keep the old spelling in keys after a change of case only.

use std::collections::BTreeMap;

use crate::schema::expr;
use crate::schema::model::{Key, Schema, Table, Text};

/// Spells the columns in keys and expressions as the tables do.
pub fn spell_columns(schema: &mut Schema) {
    for table in schema.tables.values_mut() {
        spell(table);
    }
    let parents: BTreeMap<Text, Vec<Text>> = schema
        .tables
        .iter()
        .map(|(name, table)| (*name, table.columns.iter().map(|column| column.name).collect()))
        .collect();
    let keys = schema
        .tables
        .values_mut()
        .flat_map(|table| table.foreign_keys.values_mut());
    for key in keys {
        if let Some(columns) = parents.get(&key.table) {
            key.references
                .iter_mut()
                .for_each(|name| *name = spelled(columns, *name));
        }
    }
}

fn spelled(columns: &[Text], name: Text) -> Text {
    let same = columns.iter().find(|column| column.eq_ignore_ascii_case(&name));
    same.copied().unwrap_or(name)
}

/// The table `found` with the columns in its keys and expressions spelled as in `wanted`;
/// nothing if that is how they are spelled.
pub fn respelled(found: &Table, wanted: &Table) -> Option<Table> {
    let other = |column: &Text| {
        let same = wanted.column(column);
        same.is_some_and(|same| same.name != *column)
    };
    found.columns.iter().any(|column| other(&column.name)).then(|| {
        let mut table = found.clone();
        let columns: Vec<Text> = wanted.columns.iter().map(|column| column.name).collect();
        spell_as(&mut table, &columns);
        table
    })
}

fn spell(table: &mut Table) {
    let columns: Vec<Text> = table.columns.iter().map(|column| column.name).collect();
    spell_as(table, &columns);
}

fn spell_as(table: &mut Table, columns: &[Text]) {
    for part in table
        .indexes
        .values_mut()
        .flat_map(|index| index.parts.iter_mut())
    {
        part.key = match part.key {
            Key::Column(name) => Key::Column(spelled(columns, name)),
            Key::Expression(text) => Key::Expression(expression(columns, text)),
        };
    }
    for name in table
        .foreign_keys
        .values_mut()
        .flat_map(|key| key.columns.iter_mut())
    {
        *name = spelled(columns, *name);
    }
    for check in table.checks.values_mut() {
        check.clause = expression(columns, check.clause);
    }
    for column in table.columns.iter_mut() {
        if let Some(generated) = &mut column.generated {
            generated.expression = expression(columns, generated.expression);
        }
    }
}

fn expression(columns: &[Text], text: Text) -> Text {
    let other = |name: &str| {
        let same = columns.iter().find(|column| column.eq_ignore_ascii_case(name))?;
        (same.as_str() != name).then(|| same.to_string())
    };
    expr::with_names(&text, other).map_or(text, Text::from)
}
