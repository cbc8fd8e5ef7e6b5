//! Differences within a table.

use smallvec::smallvec;

use super::constraints::Matching;
use super::{Change, Draft, Fields, Found, Kind, Severity, field, pairs};
use crate::schema::ddl::{self, Writer};
use crate::schema::model::{Column, Index, IndexKind, PRIMARY, Schema, Table, Text, same_name};
use crate::schema::normalise::{is_generated_foreign_key, is_generated_index, respelled};

/// Compares all tables.
pub(super) fn tables(expected: &Schema, live: &Schema, out: &mut Found) {
    let renamed = renamed(expected, live);
    for (name, wanted, found) in pairs(&expected.tables, &live.tables) {
        match (wanted, found) {
            (None, Some(_)) if expected.same.contains(&name) || expected.hidden.tables => {}
            (Some(_), None) if live.hidden.tables => {}
            (Some(_), None) => {
                let change = Change::Missing {
                    expected: String::new(),
                };
                let mut difference = Draft::new(Kind::Table, Some(name), name, change, Severity::Breaks);
                let old = renamed.iter().find(|(new, _)| *new == name);
                difference.detail.renamed = old.map(|(_, old)| *old);
                difference.detail.note = difference
                    .detail
                    .renamed
                    .map(|old| Text::from(format!("{old} has the same columns: it may have been renamed")));
                out.push(difference);
            }
            (None, Some(_)) => {
                let change = Change::Extra { live: String::new() };
                let mut difference = Draft::new(Kind::Table, Some(name), name, change, Severity::Cosmetic);
                let new = renamed.iter().find(|(_, old)| *old == name);
                difference.detail.note = new.map(|(new, _)| Text::from(format!("it may be {new}, renamed")));
                out.push(difference);
            }
            (Some(wanted), Some(found)) if wanted != found || expected.collation != live.collation => {
                let respelled = respelled(found, wanted);
                Pair {
                    name,
                    expected,
                    live,
                    wanted,
                    found: respelled.as_ref().unwrap_or(found),
                }
                .compare(out);
            }
            _ => {}
        }
    }
}

/// Missing tables with the extra table that has the same columns, if there is just one: it may have
/// been renamed. The missing one stands first.
fn renamed(expected: &Schema, live: &Schema) -> Vec<(Text, Text)> {
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
        .filter(|(name, _)| !expected.knows(**name))
        .collect();
    let mut found: Vec<(Text, Text)> = Vec::new();
    for (name, wanted) in missing {
        let mut candidates = extra.iter().filter(|(_, table)| alike(wanted, table));
        if let (Some((old, _)), None) = (candidates.next(), candidates.next()) {
            found.push((*name, **old));
        }
    }
    // One table cannot have become two.
    let olds: Vec<Text> = found.iter().map(|(_, old)| *old).collect();
    found.retain(|(_, old)| olds.iter().filter(|other| *other == old).count() == 1);
    found
}

/// A table on both sides.
pub(super) struct Pair<'a> {
    pub(super) name: Text,
    pub(super) expected: &'a Schema,
    pub(super) live: &'a Schema,
    pub(super) wanted: &'a Table,
    pub(super) found: &'a Table,
}

impl Pair<'_> {
    fn compare(&self, out: &mut Found) {
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

    pub(super) fn difference(&self, kind: Kind, name: Text, change: Change, severity: Severity) -> Draft {
        Draft::new(kind, Some(self.name), name, change, severity)
    }

    pub(super) fn same_collation(&self, wanted: Text, found: Text) -> bool {
        self.expected.same_collation(wanted, self.live, found)
    }

    fn options(&self, out: &mut Found) {
        let (wanted, found) = (self.wanted, self.found);
        let mut fields = Fields::default();
        fields.option("comment", wanted.comment, found.comment);
        let mut severity = Severity::Cosmetic;
        for (key, one, other) in pairs(&wanted.options, &found.options) {
            fields.option(&key, one.copied(), other.copied());
            if one != other {
                severity = Severity::Performance;
            }
        }
        if !wanted.engine.eq_ignore_ascii_case(&found.engine) {
            fields.0.push(field("engine", wanted.engine, found.engine));
            severity = Severity::Breaks;
        }
        if !self.same_collation(wanted.collation, found.collation) {
            fields
                .0
                .push(field("default collation", wanted.collation, found.collation));
            severity = Severity::Breaks;
        }
        out.push(self.difference(
            Kind::Table,
            self.name,
            Change::Different { fields: fields.0 },
            severity,
        ));
    }

    fn indexes(&self, out: &mut Found) {
        let same = |name: Text, table: &Table, index: &Index| {
            let first = index.parts.first().map(|part| part.key);
            is_generated_index(&name, first)
                || table.foreign_keys.contains_key(&name)
                || is_generated_foreign_key(&self.name, &name)
        };
        let matching = Matching {
            wanted_generated: &|name, index| same(name, self.wanted, index),
            found_generated: &|name, index| same(name, self.found, index),
            same: &|one, other| one == other,
            same_name: &|one, other| same_name(&one.0, &other.0),
            keeps_name: true,
            one_made_up: false,
        };
        let matched = matching.pairs(&self.wanted.indexes, &self.found.indexes);
        for (name, wanted, live_name, found) in matched {
            let kind = wanted.or(found).map_or(IndexKind::Plain, |index| index.kind);
            let unique = matches!(kind, IndexKind::Unique | IndexKind::Primary);
            let severity = if unique {
                Severity::Breaks
            } else {
                Severity::Performance
            };
            let (change, severity) = match (wanted, found) {
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
            let mut difference = self.difference(Kind::Index, name, change, severity);
            difference.live_name = (live_name != name).then_some(live_name);
            out.push(difference);
        }
    }

    fn index_fields(&self, name: Text, wanted: &Index, live_name: Text, found: &Index) -> (Change, Severity) {
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
            "definition",
            bare(self.expected, wanted),
            bare(self.live, found),
            |text| text,
        );
        let unique = wanted.kind != found.kind || name == PRIMARY || wanted.kind == IndexKind::Unique;
        let mut severity = match (fields.0.is_empty(), unique) {
            (true, _) => Severity::Cosmetic,
            (false, true) => Severity::Breaks,
            (false, false) => Severity::Performance,
        };
        fields.flag("invisible", wanted.invisible, found.invisible);
        if wanted.invisible != found.invisible {
            severity = severity.max(Severity::Performance);
        }
        fields.option("comment", wanted.comment, found.comment);
        if !same_name(&name, &live_name) {
            fields.0.push(field("name", name, live_name));
        }
        (Change::Different { fields: fields.0 }, severity)
    }

    fn partitioning(&self, out: &mut Found) {
        if self.wanted.partitioning == self.found.partitioning {
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
        let fields = smallvec![field("partitions", show(self.wanted), show(self.found))];
        let change = Change::Different { fields };
        out.push(self.difference(Kind::Partitioning, self.name, change, Severity::Performance));
    }
}
