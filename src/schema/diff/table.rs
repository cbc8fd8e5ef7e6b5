//! Compares tables.

use super::constraints::Matcher;
use super::{Change, Differences, Draft, Fields, Property, SchemaObjectKind, Severity, pairs};
use crate::schema::ddl::{self, Writer};
use crate::schema::model::{Column, Index, IndexKind, PRIMARY, Schema, Symbol, Table, same_name};
use crate::schema::normalise::{is_generated_foreign_key, is_generated_index, with_case_of};

/// Compares all tables.
pub(super) fn tables(expected: &Schema, live: &Schema, out: &mut Differences) {
    let renamed = renamed(expected, live);
    for (name, expected_object, live_object) in pairs(&expected.tables, &live.tables) {
        match (expected_object, live_object) {
            (None, Some(_)) if expected.equal_tables.contains(&name) || expected.hidden.tables => {}
            (Some(_), None) if live.hidden.tables => {}
            (Some(_), None) => {
                let change = Change::Missing {
                    expected: String::new(),
                };
                let mut difference = Draft::new(
                    SchemaObjectKind::Table,
                    Some(name),
                    name,
                    change,
                    Severity::Breaks,
                );
                let old = renamed.iter().find(|(new, _)| *new == name);
                difference.detail.renamed = old.map(|(_, old)| *old);
                difference.detail.note = difference
                    .detail
                    .renamed
                    .map(|old| Symbol::from(format!("{old} has the same columns: it may have been renamed")));
                out.push(difference);
            }
            (None, Some(_)) => {
                let change = Change::Extra { live: String::new() };
                let mut difference = Draft::new(
                    SchemaObjectKind::Table,
                    Some(name),
                    name,
                    change,
                    Severity::Cosmetic,
                );
                let new = renamed.iter().find(|(_, old)| *old == name);
                difference.detail.note =
                    new.map(|(new, _)| Symbol::from(format!("it may be {new}, renamed")));
                out.push(difference);
            }
            (Some(expected_object), Some(live_object))
                if expected_object != live_object || expected.collation != live.collation =>
            {
                let with_case_of = with_case_of(live_object, expected_object);
                Pair {
                    name,
                    expected,
                    live,
                    expected_table: expected_object,
                    live_table: with_case_of.as_ref().unwrap_or(live_object),
                }
                .compare(out);
            }
            _ => {}
        }
    }
}

/// Pairs of a missing and an extra table that may have been renamed: each missing table with the only
/// extra table of the same columns.
fn renamed(expected: &Schema, live: &Schema) -> Vec<(Symbol, Symbol)> {
    let alike = |one: &Table, other: &Table| {
        let same = |(one, other): (&Column, &Column)| {
            (one.ty, one.nullable) == (other.ty, other.nullable) && one.name.eq_ignore_ascii_case(&other.name)
        };
        one.columns.len() == other.columns.len() && one.columns.iter().zip(other.columns.iter()).all(same)
    };
    let missing = expected
        .tables
        .iter()
        .filter(|(name, _)| !live.tables.contains_key(name));
    let extra: Vec<_> = live
        .tables
        .iter()
        .filter(|(name, _)| !expected.has_table(**name))
        .collect();
    let mut renamed: Vec<(Symbol, Symbol)> = Vec::new();
    for (name, expected_object) in missing {
        let mut candidates = extra.iter().filter(|(_, table)| alike(expected_object, table));
        if let (Some((old, _)), None) = (candidates.next(), candidates.next()) {
            renamed.push((*name, **old));
        }
    }
    // One table cannot have been renamed to two.
    let olds: Vec<Symbol> = renamed.iter().map(|(_, old)| *old).collect();
    renamed.retain(|(_, old)| olds.iter().filter(|other| *other == old).count() == 1);
    renamed
}

/// A table that exists in both schemas.
pub(super) struct Pair<'a> {
    pub(super) name: Symbol,
    pub(super) expected: &'a Schema,
    pub(super) live: &'a Schema,
    pub(super) expected_table: &'a Table,
    pub(super) live_table: &'a Table,
}

impl Pair<'_> {
    fn compare(&self, out: &mut Differences) {
        self.options(out);
        self.columns(out);
        self.indexes(out);
        let hidden = self.expected.hidden.constraints || self.live.hidden.constraints;
        if !hidden {
            self.foreign_keys(out);
            self.checks(out);
        }
        self.partitioning(out);
        if !self.expected.hidden.triggers && !self.live.hidden.triggers {
            self.triggers(out);
        }
    }

    pub(super) fn difference(
        &self,
        kind: SchemaObjectKind,
        name: Symbol,
        change: Change,
        severity: Severity,
    ) -> Draft {
        Draft::new(kind, Some(self.name), name, change, severity)
    }

    pub(super) fn same_collation(&self, expected_object: Symbol, live_object: Symbol) -> bool {
        self.expected
            .same_collation(expected_object, self.live, live_object)
    }

    fn options(&self, out: &mut Differences) {
        let (expected_object, live_object) = (self.expected_table, self.live_table);
        let mut fields = Fields::default();
        fields.compare(Property::Comment, expected_object.comment, live_object.comment);
        let mut severity = Severity::Cosmetic;
        for (key, one, other) in pairs(&expected_object.options, &live_object.options) {
            fields.compare(Property::TableOption(key), one.copied(), other.copied());
            if one != other {
                severity = Severity::Performance;
            }
        }
        if !expected_object.engine.eq_ignore_ascii_case(&live_object.engine) {
            fields.add(Property::Engine, expected_object.engine, live_object.engine);
            severity = Severity::Breaks;
        }
        if !self.same_collation(expected_object.collation, live_object.collation) {
            fields.add(
                Property::DefaultCollation,
                expected_object.collation,
                live_object.collation,
            );
            severity = Severity::Breaks;
        }
        out.push(self.difference(SchemaObjectKind::Table, self.name, fields.into_change(), severity));
    }

    fn indexes(&self, out: &mut Differences) {
        let same = |name: Symbol, table: &Table, index: &Index| {
            let first = index.parts.first().map(|part| part.key);
            is_generated_index(&name, first)
                || table.foreign_keys.contains_key(&name)
                || is_generated_foreign_key(&self.name, &name)
        };
        let matching = Matcher {
            expected_is_generated: &|name, index| same(name, self.expected_table, index),
            live_is_generated: &|name, index| same(name, self.live_table, index),
            same: &|one, other| one == other,
            same_name: &|one, other| same_name(&one.0, &other.0),
            matches_generated_names: true,
            ignores_generated_name: false,
        };
        let matched = matching.pairs(&self.expected_table.indexes, &self.live_table.indexes);
        for (name, expected_object, live_name, live_object) in matched {
            let kind = expected_object
                .or(live_object)
                .map_or(IndexKind::Plain, |index| index.kind);
            let unique = matches!(kind, IndexKind::Unique | IndexKind::Primary);
            let severity = if unique {
                Severity::Breaks
            } else {
                Severity::Performance
            };
            let (change, severity) = match (expected_object, live_object) {
                (Some(index), None) => (
                    Change::Missing {
                        expected: Writer::own(self.expected).index(&name, index),
                    },
                    severity,
                ),
                (None, Some(index)) => (
                    Change::Extra {
                        live: Writer::own(self.live).index(&name, index),
                    },
                    severity,
                ),
                (Some(one), Some(other)) => self.index_fields(name, one, live_name, other),
                (None, None) => continue,
            };
            let mut difference = self.difference(SchemaObjectKind::Index, name, change, severity);
            difference.live_name = (live_name != name).then_some(live_name);
            out.push(difference);
        }
    }

    fn index_fields(
        &self,
        name: Symbol,
        expected_object: &Index,
        live_name: Symbol,
        live_object: &Index,
    ) -> (Change, Severity) {
        let mut fields = Fields::default();
        let bare = |schema, index: &Index| {
            let plain = Index {
                comment: None,
                invisible: false,
                ..index.clone()
            };
            Writer::own(schema).index(&name, &plain)
        };
        fields.compare(
            Property::Definition,
            bare(self.expected, expected_object),
            bare(self.live, live_object),
        );
        let unique = expected_object.kind != live_object.kind
            || name == PRIMARY
            || expected_object.kind == IndexKind::Unique;
        let mut severity = match (fields.is_empty(), unique) {
            (true, _) => Severity::Cosmetic,
            (false, true) => Severity::Breaks,
            (false, false) => Severity::Performance,
        };
        fields.compare(
            Property::Invisible,
            expected_object.invisible,
            live_object.invisible,
        );
        if expected_object.invisible != live_object.invisible {
            severity = severity.max(Severity::Performance);
        }
        fields.compare(Property::Comment, expected_object.comment, live_object.comment);
        if !same_name(&name, &live_name) {
            fields.add(Property::Name, name, live_name);
        }
        (fields.into_change(), severity)
    }

    fn partitioning(&self, out: &mut Differences) {
        if self.expected_table.partitioning == self.live_table.partitioning {
            return;
        }
        let show = |table: &Table| {
            table
                .partitioning
                .as_deref()
                .map_or("none".to_owned(), ddl::partition_by)
                .replace("\n  ", " ")
                .replace('\n', "")
        };
        let mut fields = Fields::default();
        fields.add(
            Property::Partitions,
            show(self.expected_table),
            show(self.live_table),
        );
        out.push(self.difference(
            SchemaObjectKind::Partitioning,
            self.name,
            fields.into_change(),
            Severity::Performance,
        ));
    }
}
