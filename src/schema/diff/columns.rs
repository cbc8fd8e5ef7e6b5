//! Differences between the columns of a table.

use std::collections::BTreeSet;

use super::order::moved;
use super::table::Pair;
use super::{Change, Fields, Found, Kind, Severity, field};
use crate::schema::ddl::SYSTEM_VERSIONING;
use crate::schema::model::{Column, Text};

/// The field that says whether old values of a column are not kept.
pub(crate) const UNVERSIONED: &str = "without system versioning";

impl Pair<'_> {
    pub(super) fn columns(&self, out: &mut Found) {
        let moved = self.moved_columns();
        let mut before: Option<Text> = None;
        for column in &self.wanted.columns {
            match self.found.column(&column.name) {
                None if self.live.hidden.columns => {}
                None => {
                    let change = Change::Missing {
                        expected: String::new(),
                    };
                    let mut difference = self.difference(Kind::Column, column.name, change, Severity::Breaks);
                    difference.detail.renamed = self.renamed(column);
                    difference.detail.note = difference.detail.renamed.map(|name| {
                        Text::from(format!("{name} has the same type: it may have been renamed"))
                    });
                    out.push(difference);
                }
                Some(found) => {
                    let (mut fields, severity) = self.column_fields(column, found);
                    if moved.contains(&column.name) {
                        let place = before.map_or("first".to_owned(), |name| format!("after {name}"));
                        fields.0.push(field("position", place, "elsewhere"));
                    }
                    let change = Change::Different { fields: fields.0 };
                    let mut difference = self.difference(Kind::Column, column.name, change, severity);
                    difference.live_name = (found.name != column.name).then_some(found.name);
                    out.push(difference);
                }
            }
            before = Some(column.name);
        }
        for column in self
            .found
            .columns
            .iter()
            .filter(|column| self.wanted.column(&column.name).is_none() && !self.expected.hidden.columns)
        {
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
            let mut difference = self.difference(Kind::Column, column.name, Change::Extra { live }, severity);
            difference.detail.note = needed.then(|| Text::new("an INSERT that does not name it fails"));
            out.push(difference);
        }
    }

    /// A missing column next to exactly one extra column of the same type was probably renamed.
    fn renamed(&self, missing: &Column) -> Option<Text> {
        let like = |one: &Column| one.ty == missing.ty && one.nullable == missing.nullable;
        let mut extra = self
            .found
            .columns
            .iter()
            .filter(|one| like(one) && self.wanted.column(&one.name).is_none());
        let mut others = self
            .wanted
            .columns
            .iter()
            .filter(|one| like(one) && self.found.column(&one.name).is_none());
        let candidate = extra.next()?;
        (extra.next().is_none() && others.nth(1).is_none()).then_some(candidate.name)
    }

    fn column_fields(&self, wanted: &Column, found: &Column) -> (Fields, Severity) {
        let mut fields = Fields::default();
        fields.compare("type", wanted.ty, found.ty, |ty| ty.to_string());
        fields.flag("null", wanted.nullable, found.nullable);
        fields.option("default", wanted.default, found.default);
        fields.option("on update", wanted.on_update, found.on_update);
        fields.compare("generated", wanted.generated, found.generated, |generated| {
            generated.map_or("no".to_owned(), |generated| {
                let kind = if generated.stored { "stored" } else { "virtual" };
                format!("{} ({kind})", generated.expression)
            })
        });
        match (wanted.collation, found.collation) {
            (Some(one), Some(other)) if self.same_collation(one, other) => {}
            (one, other) => fields.option("collation", one, other),
        }
        fields.flag("auto_increment", wanted.auto_increment, found.auto_increment);
        fields.flag("invisible", wanted.invisible, found.invisible);
        let versioned = Text::new(SYSTEM_VERSIONING);
        if self.wanted.options.contains_key(&versioned) {
            fields.flag(UNVERSIONED, wanted.unversioned, found.unversioned);
        }
        if [self.expected, self.live]
            .iter()
            .all(|schema| schema.dialect().column_srid)
        {
            let any = |srid: Option<u32>| srid.map_or("any".to_owned(), |srid| srid.to_string());
            fields.compare("srid", wanted.srid, found.srid, any);
        }
        let severity = if fields.0.is_empty() {
            Severity::Cosmetic
        } else {
            Severity::Breaks
        };
        fields.option("comment", wanted.comment, found.comment);
        (fields, severity)
    }

    /// The columns that have to move for the order to be right: as few as possible.
    fn moved_columns(&self) -> BTreeSet<Text> {
        let place = |name: Text| {
            let mut columns = self.found.columns.iter();
            columns.position(|one| one.name.eq_ignore_ascii_case(&name))
        };
        let wanted = self.wanted.columns.iter().map(|column| column.name);
        moved(wanted, place).into_keys().collect()
    }
}
