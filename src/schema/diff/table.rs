//! Differences within a table.

use std::collections::BTreeSet;

use super::{Change, Difference, Fields, Kind, Severity, field, pairs, push};
use crate::schema::ddl::{self, Writer};
use crate::schema::model::{
    ByName, Check, Column, ForeignKey, Index, IndexKind, PRIMARY, Schema, Table, Text, Trigger,
};
use crate::schema::normalise::{is_generated_check, is_generated_foreign_key, is_generated_index, respelled};

/// Compares all tables.
pub(super) fn tables(expected: &Schema, live: &Schema, out: &mut Vec<Difference>) {
    for (name, wanted, found) in pairs(&expected.tables, &live.tables) {
        match (wanted, found) {
            (None, Some(_)) if expected.same.contains(&name) || expected.hidden.tables => {}
            (Some(_), None) if live.hidden.tables => {}
            (Some(_), None) => {
                let change = Change::Missing {
                    expected: String::new(),
                };
                out.push(Difference::new(
                    Kind::Table,
                    Some(name),
                    name,
                    change,
                    Severity::Breaks,
                ));
            }
            (None, Some(_)) => {
                let change = Change::Extra { live: String::new() };
                out.push(Difference::new(
                    Kind::Table,
                    Some(name),
                    name,
                    change,
                    Severity::Cosmetic,
                ));
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

/// A table on both sides.
struct Pair<'a> {
    name: Text,
    expected: &'a Schema,
    live: &'a Schema,
    wanted: &'a Table,
    found: &'a Table,
}

impl Pair<'_> {
    fn compare(&self, out: &mut Vec<Difference>) {
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

    fn difference(&self, kind: Kind, name: Text, change: Change, severity: Severity) -> Difference {
        Difference::new(kind, Some(self.name), name, change, severity)
    }

    fn same_collation(&self, wanted: Text, found: Text) -> bool {
        self.expected.same_collation(wanted, self.live, found)
    }

    fn options(&self, out: &mut Vec<Difference>) {
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
        push(
            out,
            self.difference(
                Kind::Table,
                self.name,
                Change::Different { fields: fields.0 },
                severity,
            ),
        );
    }

    fn columns(&self, out: &mut Vec<Difference>) {
        let moved = self.moved_columns();
        let mut before: Option<Text> = None;
        for column in &self.wanted.columns {
            match self.found.column(&column.name) {
                None if self.live.hidden.columns => {}
                None => {
                    let expected =
                        Writer::own(self.expected).column(column, Some(self.wanted.collation), None);
                    let change = Change::Missing { expected };
                    let mut difference = self.difference(Kind::Column, column.name, change, Severity::Breaks);
                    difference.note = self.rename_note(column);
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
                    push(out, difference);
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
            let live = Writer::own(self.live).column(column, Some(self.found.collation), None);
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
            difference.note = needed.then(|| "an INSERT that does not name it fails".to_owned());
            out.push(difference);
        }
    }

    /// A missing column next to exactly one extra column of the same type was probably renamed.
    fn rename_note(&self, missing: &Column) -> Option<String> {
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
        (extra.next().is_none() && others.nth(1).is_none())
            .then(|| format!("{} has the same type: it may have been renamed", candidate.name))
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
            self.found
                .columns
                .iter()
                .position(|one| one.name.eq_ignore_ascii_case(&name))
        };
        let common: Vec<(Text, usize)> = self
            .wanted
            .columns
            .iter()
            .filter_map(|column| Some((column.name, place(column.name)?)))
            .collect();
        let places: Vec<usize> = common.iter().map(|(_, place)| *place).collect();
        let staying = longest_increasing(&places);
        common
            .iter()
            .enumerate()
            .filter(|(at, _)| !staying.contains(at))
            .map(|(_, (name, _))| *name)
            .collect()
    }

    fn indexes(&self, out: &mut Vec<Difference>) {
        let same = |name: Text, table: &Table, index: &Index| {
            let first = index.parts.first().map(|part| part.key);
            is_generated_index(&name, first)
                || table.foreign_keys.contains_key(&name)
                || is_generated_foreign_key(&self.name, &name)
        };
        let matched = match_by_content(
            &self.wanted.indexes,
            &self.found.indexes,
            |name, index| same(name, self.wanted, index),
            |name, index| same(name, self.found, index),
            |one, other| one == other,
            true,
        );
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
            push(out, difference);
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
        fields.compare("name", name, live_name, |name| name.to_string());
        (Change::Different { fields: fields.0 }, severity)
    }

    fn foreign_keys(&self, out: &mut Vec<Difference>) {
        let generated = |name: Text, _: &ForeignKey| is_generated_foreign_key(&self.name, &name);
        let matched = match_by_content(
            &self.wanted.foreign_keys,
            &self.found.foreign_keys,
            generated,
            generated,
            same_key,
            false,
        );
        for (name, wanted, live_name, found) in matched {
            let show = |key: &ForeignKey| ddl::foreign_key(&self.name, &name, key);
            let (change, severity) = match (wanted, found) {
                (Some(key), None) => (Change::Missing { expected: show(key) }, Severity::Breaks),
                (None, Some(key)) => (Change::Extra { live: show(key) }, Severity::Breaks),
                (Some(one), Some(other)) => {
                    let mut fields = Fields::default();
                    fields.compare("columns", &one.columns, &other.columns, |list| ddl::names(list));
                    if !same_target(one, other) {
                        let target =
                            |key: &ForeignKey| format!("{} ({})", key.table, ddl::names(&key.references));
                        fields.0.push(field("references", target(one), target(other)));
                    }
                    let action = |action| ddl::action_name(action).to_owned();
                    fields.compare("on delete", one.on_delete, other.on_delete, action);
                    fields.compare("on update", one.on_update, other.on_update, action);
                    let severity = if fields.0.is_empty() {
                        Severity::Cosmetic
                    } else {
                        Severity::Breaks
                    };
                    fields.compare("name", name, live_name, |name| name.to_string());
                    (Change::Different { fields: fields.0 }, severity)
                }
                (None, None) => continue,
            };
            let mut difference = self.difference(Kind::ForeignKey, name, change, severity);
            difference.live_name = (live_name != name).then_some(live_name);
            push(out, difference);
        }
    }

    fn checks(&self, out: &mut Vec<Difference>) {
        let generated = |name: Text, check: &Check| check.of_column || is_generated_check(&self.name, &name);
        let same =
            |one: &Check, other: &Check| one.clause == other.clause && one.not_enforced == other.not_enforced;
        let matched = match_by_content(
            &self.wanted.checks,
            &self.found.checks,
            generated,
            generated,
            same,
            false,
        );
        for (name, wanted, live_name, found) in matched {
            let show = |check: &Check| ddl::check(&self.name, &name, check);
            let (change, severity) = match (wanted, found) {
                (Some(check), None) => (
                    Change::Missing {
                        expected: show(check),
                    },
                    Severity::Breaks,
                ),
                (None, Some(check)) => (Change::Extra { live: show(check) }, Severity::Breaks),
                (Some(one), Some(other)) => {
                    let mut fields = Fields::default();
                    fields.compare("clause", one.clause, other.clause, |text| text.to_string());
                    fields.flag("not enforced", one.not_enforced, other.not_enforced);
                    let severity = if fields.0.is_empty() {
                        Severity::Cosmetic
                    } else {
                        Severity::Breaks
                    };
                    fields.compare("name", name, live_name, |name| name.to_string());
                    (Change::Different { fields: fields.0 }, severity)
                }
                (None, None) => continue,
            };
            let mut difference = self.difference(Kind::Check, name, change, severity);
            difference.live_name = (live_name != name).then_some(live_name);
            push(out, difference);
        }
    }

    fn partitioning(&self, out: &mut Vec<Difference>) {
        if self.wanted.partitioning == self.found.partitioning {
            return;
        }
        let show = |table: &Table| {
            table
                .partitioning
                .as_ref()
                .map_or("none".to_owned(), ddl::partition_by)
                .replace("\n  ", " ")
                .replace('\n', "")
        };
        let fields = vec![field("partitions", show(self.wanted), show(self.found))];
        let change = Change::Different { fields };
        out.push(self.difference(Kind::Partitioning, self.name, change, Severity::Performance));
    }

    fn triggers(&self, out: &mut Vec<Difference>) {
        let show = |name: Text, trigger: &Trigger| {
            ddl::create_trigger(&self.name, &name, trigger).unwrap_or_else(|| "hidden".to_owned())
        };
        for (name, wanted, found) in pairs(&self.wanted.triggers, &self.found.triggers) {
            let change = match (wanted, found) {
                (Some(trigger), None) => Change::Missing {
                    expected: show(name, trigger),
                },
                (None, Some(trigger)) => Change::Extra {
                    live: show(name, trigger),
                },
                (Some(one), Some(other)) => {
                    let mut fields = Fields::default();
                    fields.compare("when", one.when, other.when, |when| when.to_string());
                    fields.program(one.body, other.body);
                    Change::Different { fields: fields.0 }
                }
                (None, None) => continue,
            };
            push(
                out,
                self.difference(Kind::Trigger, name, change, Severity::Breaks),
            );
        }
    }
}

/// Whether two foreign keys refer to the same columns, which may differ in case.
fn same_target(one: &ForeignKey, other: &ForeignKey) -> bool {
    let same = |(one, other): (&Text, &Text)| one.eq_ignore_ascii_case(other);
    one.table == other.table
        && one.references.len() == other.references.len()
        && one.references.iter().zip(&other.references).all(same)
}

fn same_key(one: &ForeignKey, other: &ForeignKey) -> bool {
    let actions = |key: &ForeignKey| (key.on_delete, key.on_update);
    one.columns == other.columns && actions(one) == actions(other) && same_target(one, other)
}

/// An expected object and a live one, each with its name.
type Matched<'a, T> = (Text, Option<&'a T>, Text, Option<&'a T>);

/// Pairs objects by name, then by content: two that are the same but for a name the server
/// made up are no difference at all, and two with chosen names differ in the name only.
fn match_by_content<'a, T>(
    wanted: &'a ByName<T>,
    found: &'a ByName<T>,
    wanted_generated: impl Fn(Text, &T) -> bool,
    found_generated: impl Fn(Text, &T) -> bool,
    same: impl Fn(&T, &T) -> bool,
    keeps_name: bool,
) -> Vec<Matched<'a, T>> {
    let anonymous = |name: Text| {
        let both = (wanted.get(&name), found.get(&name));
        !keeps_name
            && matches!(both, (Some(one), Some(other)) if !same(one, other)
            && wanted_generated(name, one) && found_generated(name, other))
    };
    // The same made-up name with another content is coincidence: `CONSTRAINT_1` of two checks.
    let by_name = |name: Text| wanted.contains_key(&name) && found.contains_key(&name) && !anonymous(name);
    let mut left: Vec<(Text, &T)> = found
        .iter()
        .filter(|(name, _)| !by_name(**name))
        .map(|(name, one)| (*name, one))
        .collect();
    let mut out = Vec::new();
    for (name, one) in wanted {
        if by_name(*name) {
            out.push((*name, Some(one), *name, found.get(name)));
            continue;
        }
        let at = left.iter().position(|(_, other)| same(one, other));
        match at.map(|at| left.remove(at)) {
            Some((live_name, other)) if wanted_generated(*name, one) || found_generated(live_name, other) => {
            }
            Some((live_name, other)) => out.push((*name, Some(one), live_name, Some(other))),
            None => out.push((*name, Some(one), *name, None)),
        }
    }
    out.extend(
        left.into_iter()
            .map(|(name, other)| (name, None, name, Some(other))),
    );
    out
}

/// The positions of a longest increasing run within `values`, not necessarily next to each other.
fn longest_increasing(values: &[usize]) -> BTreeSet<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; values.len()];
    for at in 0..values.len() {
        let place = tails.partition_point(|tail| values[*tail] < values[at]);
        before[at] = place.checked_sub(1).map(|place| tails[place]);
        if place == tails.len() {
            tails.push(at);
        } else {
            tails[place] = at;
        }
    }
    let mut out = BTreeSet::new();
    let mut next = tails.last().copied();
    while let Some(at) = next {
        out.insert(at);
        next = before[at];
    }
    out
}
