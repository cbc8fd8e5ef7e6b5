//! Compares the foreign keys and checks of a table, whose names the server may have generated.

use super::table::Pair;
use super::{Change, Differences, Fields, Property, SchemaObjectKind, Severity};
use crate::schema::ddl;
use crate::schema::model::{ByName, CheckConstraint, ForeignKey, Symbol, same_name};
use crate::schema::normalise::{is_generated_check, is_generated_foreign_key};

impl Pair<'_> {
    pub(super) fn foreign_keys(&self, out: &mut Differences) {
        let generated = |name: Symbol, _: &ForeignKey| is_generated_foreign_key(&self.name, &name);
        let matching = Matcher {
            expected_is_generated: &generated,
            live_is_generated: &generated,
            same: &same_key,
            same_name: &|expected, live| same_name(&expected.0, &live.0),
            matches_generated_names: false,
            // `FOREIGN KEY name (...)` names the key on MariaDB, but only its index on MySQL.
            ignores_generated_name: self.expected.flavor != self.live.flavor,
        };
        let matched = matching.pairs(&self.expected_table.foreign_keys, &self.live_table.foreign_keys);
        let show = |name: Symbol, key: &ForeignKey| ddl::foreign_key(&self.name, &name, key);
        self.constraints(SchemaObjectKind::ForeignKey, matched, show, key_fields, out);
    }

    pub(super) fn checks(&self, out: &mut Differences) {
        let generated = |name: Symbol, check: &CheckConstraint| {
            check.column_level || is_generated_check(&self.name, &name)
        };
        let same = |expected: &CheckConstraint, live: &CheckConstraint| {
            expected.clause == live.clause && expected.not_enforced == live.not_enforced
        };
        let matching = Matcher {
            expected_is_generated: &generated,
            live_is_generated: &generated,
            same: &same,
            same_name: &same_check_name,
            matches_generated_names: false,
            ignores_generated_name: false,
        };
        let matched = matching.pairs(&self.expected_table.checks, &self.live_table.checks);
        let show = |name: Symbol, check: &CheckConstraint| ddl::check(&self.name, &name, check);
        self.constraints(SchemaObjectKind::Check, matched, show, check_fields, out);
    }

    /// Adds the differences: a missing, extra or different constraint breaks the application, a different
    /// name does not.
    fn constraints<T>(
        &self,
        kind: SchemaObjectKind,
        matched: Vec<Matched<'_, T>>,
        show: impl Fn(Symbol, &T) -> String,
        fields: impl Fn(&T, &T) -> Fields,
        out: &mut Differences,
    ) {
        for (name, expected_object, live_name, live_object) in matched {
            let (change, severity) = match (expected_object, live_object) {
                (Some(expected), Some(live)) => {
                    let mut fields = fields(expected, live);
                    let severity = fields.severity();
                    if !same_name(&name, &live_name) {
                        fields.add(Property::Name, name, live_name);
                    }
                    (fields.into_change(), severity)
                }
                (Some(expected), None) => {
                    let expected = show(name, expected);
                    (Change::Missing { expected }, Severity::Breaks)
                }
                (None, Some(live)) => {
                    let live = show(name, live);
                    (Change::Extra { live }, Severity::Breaks)
                }
                (None, None) => continue,
            };
            let mut difference = self.difference(kind, name, change, severity);
            difference.live_name = (live_name != name).then_some(live_name);
            out.push(difference);
        }
    }
}

fn key_fields(expected: &ForeignKey, live: &ForeignKey) -> Fields {
    let mut fields = Fields::default();
    if expected.columns != live.columns {
        fields.add(
            Property::Columns,
            ddl::names(&expected.columns),
            ddl::names(&live.columns),
        );
    }
    if !same_target(expected, live) {
        let target = |key: &ForeignKey| format!("{} ({})", key.table, ddl::names(&key.references));
        fields.add(Property::References, target(expected), target(live));
    }
    fields.compare(Property::OnDelete, expected.on_delete, live.on_delete);
    fields.compare(Property::OnUpdate, expected.on_update, live.on_update);
    fields
}

fn check_fields(expected: &CheckConstraint, live: &CheckConstraint) -> Fields {
    let mut fields = Fields::default();
    fields.compare(Property::Clause, expected.clause, live.clause);
    fields.compare(Property::NotEnforced, expected.not_enforced, live.not_enforced);
    fields
}

/// Whether two checks have the same name and level: column-level or table-level.
fn same_check_name(
    (expected, expected_object): (Symbol, &CheckConstraint),
    (live, live_object): (Symbol, &CheckConstraint),
) -> bool {
    let name = |name: Symbol| CheckConstraint::name_on_server(name);
    same_name(&name(expected), &name(live)) && expected_object.column_level == live_object.column_level
}

/// Whether two foreign keys reference the same columns, ignoring case.
fn same_target(expected: &ForeignKey, live: &ForeignKey) -> bool {
    let same = |(expected, live): (&Symbol, &Symbol)| same_name(expected, live);
    expected.table == live.table
        && expected.references.len() == live.references.len()
        && expected.references.iter().zip(&live.references).all(same)
}

fn same_key(expected: &ForeignKey, live: &ForeignKey) -> bool {
    let actions = |key: &ForeignKey| (key.on_delete, key.on_update);
    expected.columns == live.columns && actions(expected) == actions(live) && same_target(expected, live)
}

/// An expected object and a live one, each with its name.
pub(super) type Matched<'a, T> = (Symbol, Option<&'a T>, Symbol, Option<&'a T>);

/// Compares the names of an expected and of a live object.
type SameName<T> = dyn Fn((Symbol, &T), (Symbol, &T)) -> bool;

/// Matches the expected objects of one kind with the live ones.
pub(super) struct Matcher<'f, T> {
    /// Whether the server may have generated the name of an expected object.
    pub(super) expected_is_generated: &'f dyn Fn(Symbol, &T) -> bool,
    /// Whether the server may have generated the name of a live object.
    pub(super) live_is_generated: &'f dyn Fn(Symbol, &T) -> bool,
    /// Whether two objects are equal except for their names.
    pub(super) same: &'f dyn Fn(&T, &T) -> bool,
    /// Whether two objects have the same name.
    pub(super) same_name: &'f SameName<T>,
    /// Whether objects with the same generated name match even if they differ.
    pub(super) matches_generated_names: bool,
    /// Whether an explicit name equals a generated one.
    pub(super) ignores_generated_name: bool,
}

impl<T> Matcher<'_, T> {
    /// Pairs objects by name, then by content: two that differ only in generated names are equal, and two
    /// of which one has an explicit name differ only in the name.
    pub(super) fn pairs<'a>(
        &self,
        expected_objects: &'a ByName<T>,
        live_objects: &'a ByName<T>,
    ) -> Vec<Matched<'a, T>> {
        let mut left: Vec<(Symbol, &T)> = live_objects
            .iter()
            .map(|(name, object)| (*name, object))
            .collect();
        let mut out: Vec<Matched<'a, T>> = Vec::new();
        let mut unpaired: Vec<(Symbol, &T)> = Vec::new();
        for (name, expected) in expected_objects {
            let at = left
                .iter()
                .position(|live| self.matches_by_name((*name, expected), *live));
            match at.map(|at| left.remove(at)) {
                Some((live_name, live)) => out.push((*name, Some(expected), live_name, Some(live))),
                None => unpaired.push((*name, expected)),
            }
        }
        for (name, expected) in unpaired {
            let at = left.iter().position(|(_, live)| (self.same)(expected, live));
            match at.map(|at| left.remove(at)) {
                Some((live_name, live)) if self.ignores_names((name, expected), (live_name, live)) => {}
                Some((live_name, live)) => out.push((name, Some(expected), live_name, Some(live))),
                None => out.push((name, Some(expected), name, None)),
            }
        }
        out.sort_by_key(|(name, ..)| *name);
        out.extend(
            left.into_iter()
                .map(|(name, live)| (name, None, name, Some(live))),
        );
        out
    }

    /// Whether to ignore the names of an expected object and of a live one.
    fn ignores_names(&self, expected_object: (Symbol, &T), live_object: (Symbol, &T)) -> bool {
        let expected_generated = (self.expected_is_generated)(expected_object.0, expected_object.1);
        let live_generated = (self.live_is_generated)(live_object.0, live_object.1);
        expected_generated && live_generated
            || self.ignores_generated_name && (expected_generated || live_generated)
    }

    /// Whether a live object matches the expected one by its name. Equal generated names with different
    /// content are a coincidence: `CONSTRAINT_1` of two checks.
    fn matches_by_name(&self, expected_object: (Symbol, &T), live_object: (Symbol, &T)) -> bool {
        let generated = || {
            (self.expected_is_generated)(expected_object.0, expected_object.1)
                && (self.live_is_generated)(live_object.0, live_object.1)
        };
        (self.same_name)(expected_object, live_object)
            && (self.matches_generated_names || (self.same)(expected_object.1, live_object.1) || !generated())
    }
}
