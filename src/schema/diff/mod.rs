//! Compares a live schema with the expected one: missing, extra and different objects. Pure.

mod collected;
mod columns;
mod constraints;
mod difference;
mod moves;
mod programs;
mod property;
mod table;
mod triggers;

pub use difference::{Change, Detail, Difference, SchemaObjectKind, Severity};
pub use property::{Field, FieldList, Property, Value};

use std::borrow::Cow;
use std::sync::Arc;

use collected::{Differences, Draft, Fields};

use super::ddl;
use super::model::{ByName, Schema, Symbol, same_name};

/// All differences, ordered by table, kind and name; empty for equal schemas.
pub fn diff(expected: &Schema, live: &Schema) -> Vec<Difference> {
    // Count first: growing the list would need memory for two copies.
    let mut counted = Differences::counting();
    compare(expected, live, &mut counted);
    let mut collected = Differences::with_capacity(counted.number);
    compare(expected, live, &mut collected);
    collected.differences
}

fn compare(expected: &Schema, live: &Schema, out: &mut Differences) {
    if !expected.same_collation(expected.collation, live, live.collation) {
        let mut fields = Fields::default();
        fields.add(Property::DefaultCollation, expected.collation, live.collation);
        out.push(Draft::new(
            SchemaObjectKind::Database,
            None,
            Symbol::new("database"),
            fields.into_change(),
            Severity::Cosmetic,
        ));
    }
    table::tables(expected, live, out);
    programs::views(expected, live, out);
    if !expected.hidden.routines && !live.hidden.routines {
        programs::routines(SchemaObjectKind::Procedure, expected, live, out);
        programs::routines(SchemaObjectKind::Function, expected, live, out);
    }
    if !expected.hidden.events && !live.hidden.events {
        programs::events(expected, live, out);
    }
}

/// The difference with its definition, which is not stored: those of a thousand missing tables take
/// megabytes.
pub fn with_definition<'a>(
    difference: &'a Difference,
    expected: &Schema,
    live: &Schema,
) -> Cow<'a, Difference> {
    let create = |schema: &Schema| {
        let writer = ddl::Writer::own(schema);
        let table = schema.tables.get(&difference.table?)?;
        match difference.kind {
            SchemaObjectKind::Table => Some(writer.create_table(&difference.name, table)),
            SchemaObjectKind::Column => {
                let column = table.column(&difference.name)?;
                Some(writer.column(column, Some(table.collation), None))
            }
            _ => None,
        }
    };
    let change = match &difference.change {
        Change::Missing { .. } => create(expected).map(|expected| Change::Missing { expected }),
        Change::Extra { .. } => create(live).map(|live| Change::Extra { live }),
        Change::Different { .. } => None,
    };
    match change {
        Some(change) => Cow::Owned(Difference {
            detail: Arc::new(Detail {
                change,
                ..Detail::clone(difference)
            }),
            ..difference.clone()
        }),
        None => Cow::Borrowed(difference),
    }
}

/// Pairs the objects of two maps by name.
fn pairs<'a, T>(
    expected: &'a ByName<T>,
    live: &'a ByName<T>,
) -> impl Iterator<Item = (Symbol, Option<&'a T>, Option<&'a T>)> {
    let names: std::collections::BTreeSet<Symbol> = expected.keys().chain(live.keys()).copied().collect();
    names
        .into_iter()
        .map(|name| (name, expected.get(&name), live.get(&name)))
}

/// Pairs the objects of two maps by case-insensitive name.
fn pairs_ignoring_case<'a, T>(
    expected: &'a ByName<T>,
    live: &'a ByName<T>,
) -> impl Iterator<Item = (Symbol, Option<&'a T>, Option<&'a T>)> {
    let find = |map: &'a ByName<T>, name: &Symbol| {
        let mut same = map.iter().filter(|(other, _)| same_name(name, other));
        map.get(name).or_else(|| same.next().map(|(_, one)| one))
    };
    let both = expected
        .iter()
        .map(move |(name, one)| (*name, Some(one), find(live, name)));
    let extra = live
        .iter()
        .filter(move |(name, _)| find(expected, name).is_none());
    both.chain(extra.map(|(name, one)| (*name, None, Some(one))))
}
