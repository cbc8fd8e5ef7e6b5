//! Compares the columns of a table.

use std::collections::BTreeSet;

use super::moves::moved;
use super::table::Pair;
use super::{Change, Differences, Fields, Property, SchemaObjectKind, Severity, Value};
use crate::schema::ddl::SYSTEM_VERSIONING;
use crate::schema::model::{Column, Symbol};

/// The value of [`Property::Generated`].
fn generated(column: &Column) -> Value {
    column.generated.map_or(Value::Flag(false), |generated| {
        Value::Generated(generated.expression, generated.stored)
    })
}

impl Pair<'_> {
    pub(super) fn columns(&self, out: &mut Differences) {
        let moved = self.moved_columns();
        let mut before: Option<Symbol> = None;
        for column in &self.expected_table.columns {
            match self.live_table.column(&column.name) {
                None if self.live.hidden.columns => {}
                None => {
                    let change = Change::Missing {
                        expected: String::new(),
                    };
                    let mut difference =
                        self.difference(SchemaObjectKind::Column, column.name, change, Severity::Breaks);
                    difference.detail.renamed = self.renamed(column);
                    difference.detail.note = difference.detail.renamed.map(|name| {
                        Symbol::from(format!("{name} has the same type: it may have been renamed"))
                    });
                    out.push(difference);
                }
                Some(live_object) => {
                    let (mut fields, severity) = self.column_fields(column, live_object);
                    if moved.contains(&column.name) {
                        fields.add(Property::Position, Value::position(before), Value::Elsewhere);
                    }
                    let change = fields.into_change();
                    let mut difference =
                        self.difference(SchemaObjectKind::Column, column.name, change, severity);
                    difference.live_name = (live_object.name != column.name).then_some(live_object.name);
                    out.push(difference);
                }
            }
            before = Some(column.name);
        }
        for column in self.live_table.columns.iter().filter(|column| {
            self.expected_table.column(&column.name).is_none() && !self.expected.hidden.columns
        }) {
            let live = String::new();
            let needed = !column.nullable
                && column.default.is_none()
                && column.generated.is_none()
                && !column.auto_increment;
            let severity = if needed {
                Severity::Breaks
            } else {
                Severity::Cosmetic
            };
            let mut difference = self.difference(
                SchemaObjectKind::Column,
                column.name,
                Change::Extra { live },
                severity,
            );
            difference.detail.note = needed.then(|| Symbol::new("an INSERT that does not name it fails"));
            out.push(difference);
        }
    }

    /// The extra column that a missing column was probably renamed to: the only one of the same type.
    fn renamed(&self, missing: &Column) -> Option<Symbol> {
        let is_alike = |column: &Column| column.ty == missing.ty && column.nullable == missing.nullable;
        let mut extra = self
            .live_table
            .columns
            .iter()
            .filter(|column| is_alike(column) && self.expected_table.column(&column.name).is_none());
        let mut others = self
            .expected_table
            .columns
            .iter()
            .filter(|column| is_alike(column) && self.live_table.column(&column.name).is_none());
        let candidate = extra.next()?;
        (extra.next().is_none() && others.nth(1).is_none()).then_some(candidate.name)
    }

    fn column_fields(&self, expected: &Column, live: &Column) -> (Fields, Severity) {
        let mut fields = Fields::default();
        fields.compare(Property::Type, expected.ty, live.ty);
        fields.compare(Property::Null, expected.nullable, live.nullable);
        fields.compare(Property::Default, expected.default, live.default);
        fields.compare(Property::OnUpdate, expected.on_update, live.on_update);
        fields.compare(Property::Generated, generated(expected), generated(live));
        match (expected.collation, live.collation) {
            (Some(one), Some(other)) if self.same_collation(one, other) => {}
            (one, other) => fields.compare(Property::Collation, one, other),
        }
        fields.compare(
            Property::AutoIncrement,
            expected.auto_increment,
            live.auto_increment,
        );
        fields.compare(Property::Invisible, expected.invisible, live.invisible);
        let versioned = Symbol::new(SYSTEM_VERSIONING);
        if self.expected_table.options.contains_key(&versioned) {
            fields.compare(
                Property::WithoutSystemVersioning,
                expected.unversioned,
                live.unversioned,
            );
        }
        if [self.expected, self.live]
            .iter()
            .all(|schema| schema.dialect().column_srid)
        {
            let srid = |column: &Column| column.srid.map_or(Value::AnySrid, Value::Srid);
            fields.compare(Property::Srid, srid(expected), srid(live));
        }
        let severity = fields.severity();
        fields.compare(Property::Comment, expected.comment, live.comment);
        (fields, severity)
    }

    /// The fewest columns to move to reach the expected order.
    fn moved_columns(&self) -> BTreeSet<Symbol> {
        let place = |name: Symbol| {
            let mut columns = self.live_table.columns.iter();
            columns.position(|column| column.name.eq_ignore_ascii_case(&name))
        };
        let expected_order = self.expected_table.columns.iter().map(|column| column.name);
        moved(expected_order, place).into_keys().collect()
    }
}
