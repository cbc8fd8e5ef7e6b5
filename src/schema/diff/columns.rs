//! Compares the columns of a table.

use std::collections::BTreeSet;

use super::moves::moved;
use super::table::Pair;
use super::{Change, Differences, Fields, SchemaObjectKind, Severity, field};
use crate::schema::ddl::SYSTEM_VERSIONING;
use crate::schema::model::{Column, Symbol};

/// The property of a column WITHOUT SYSTEM VERSIONING.
pub(crate) const UNVERSIONED: &str = "without system versioning";

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
                        let place = before.map_or("first".to_owned(), |name| format!("after {name}"));
                        fields.0.push(field("position", place, "elsewhere"));
                    }
                    let change = Change::Different { fields: fields.0 };
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
        fields.compare("type", expected.ty, live.ty, |ty| ty.to_string());
        fields.flag("null", expected.nullable, live.nullable);
        fields.option("default", expected.default, live.default);
        fields.option("on update", expected.on_update, live.on_update);
        fields.compare("generated", expected.generated, live.generated, |generated| {
            generated.map_or("no".to_owned(), |generated| {
                let kind = if generated.stored { "stored" } else { "virtual" };
                format!("{} ({kind})", generated.expression)
            })
        });
        match (expected.collation, live.collation) {
            (Some(one), Some(other)) if self.same_collation(one, other) => {}
            (one, other) => fields.option("collation", one, other),
        }
        fields.flag("auto_increment", expected.auto_increment, live.auto_increment);
        fields.flag("invisible", expected.invisible, live.invisible);
        let versioned = Symbol::new(SYSTEM_VERSIONING);
        if self.expected_table.options.contains_key(&versioned) {
            fields.flag(UNVERSIONED, expected.unversioned, live.unversioned);
        }
        if [self.expected, self.live]
            .iter()
            .all(|schema| schema.dialect().column_srid)
        {
            let any = |srid: Option<u32>| srid.map_or("any".to_owned(), |srid| srid.to_string());
            fields.compare("srid", expected.srid, live.srid, any);
        }
        let severity = if fields.0.is_empty() {
            Severity::Cosmetic
        } else {
            Severity::Breaks
        };
        fields.option("comment", expected.comment, live.comment);
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
