//! Differences between the foreign keys and the checks of a table, whose names the server may have
//! made up.

use super::table::Pair;
use super::{Change, Fields, Found, Kind, Severity, field};
use crate::schema::ddl;
use crate::schema::model::{ByName, Check, ForeignKey, Text, same_name};
use crate::schema::normalise::{is_generated_check, is_generated_foreign_key};

impl Pair<'_> {
    pub(super) fn foreign_keys(&self, out: &mut Found) {
        let generated = |name: Text, _: &ForeignKey| is_generated_foreign_key(&self.name, &name);
        let matching = Matching {
            wanted_generated: &generated,
            found_generated: &generated,
            same: &same_key,
            same_name: &|one, other| same_name(&one.0, &other.0),
            keeps_name: false,
            // MariaDB takes the name of `FOREIGN KEY name (...)` for the key's, MySQL for its index's only.
            one_made_up: self.expected.flavor != self.live.flavor,
        };
        let matched = matching.pairs(&self.wanted.foreign_keys, &self.found.foreign_keys);
        let show = |name: Text, key: &ForeignKey| ddl::foreign_key(&self.name, &name, key);
        self.constraints(Kind::ForeignKey, matched, show, key_fields, out);
    }

    pub(super) fn checks(&self, out: &mut Found) {
        let generated = |name: Text, check: &Check| check.of_column || is_generated_check(&self.name, &name);
        let same =
            |one: &Check, other: &Check| one.clause == other.clause && one.not_enforced == other.not_enforced;
        let matching = Matching {
            wanted_generated: &generated,
            found_generated: &generated,
            same: &same,
            same_name: &same_check_name,
            keeps_name: false,
            one_made_up: false,
        };
        let matched = matching.pairs(&self.wanted.checks, &self.found.checks);
        let show = |name: Text, check: &Check| ddl::check(&self.name, &name, check);
        self.constraints(Kind::Check, matched, show, check_fields, out);
    }

    /// A constraint that is missing, extra or different breaks the application; another name does not.
    fn constraints<T>(
        &self,
        kind: Kind,
        matched: Vec<Matched<'_, T>>,
        show: impl Fn(Text, &T) -> String,
        fields: impl Fn(&T, &T) -> Fields,
        out: &mut Found,
    ) {
        for (name, wanted, live_name, found) in matched {
            let (change, severity) = match (wanted, found) {
                (Some(one), Some(other)) => {
                    let mut fields = fields(one, other);
                    let severity = match fields.0.is_empty() {
                        true => Severity::Cosmetic,
                        false => Severity::Breaks,
                    };
                    if !same_name(&name, &live_name) {
                        fields.0.push(field("name", name, live_name));
                    }
                    (Change::Different { fields: fields.0 }, severity)
                }
                (Some(one), None) => {
                    let expected = show(name, one);
                    (Change::Missing { expected }, Severity::Breaks)
                }
                (None, Some(other)) => {
                    let live = show(name, other);
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

fn key_fields(one: &ForeignKey, other: &ForeignKey) -> Fields {
    let mut fields = Fields::default();
    fields.compare("columns", &one.columns, &other.columns, |list| ddl::names(list));
    if !same_target(one, other) {
        let target = |key: &ForeignKey| format!("{} ({})", key.table, ddl::names(&key.references));
        fields.0.push(field("references", target(one), target(other)));
    }
    let action = |action| ddl::action_name(action).to_owned();
    fields.compare("on delete", one.on_delete, other.on_delete, action);
    fields.compare("on update", one.on_update, other.on_update, action);
    fields
}

fn check_fields(one: &Check, other: &Check) -> Fields {
    let mut fields = Fields::default();
    fields.compare("clause", one.clause, other.clause, |text| text.to_string());
    fields.flag("not enforced", one.not_enforced, other.not_enforced);
    fields
}

/// Whether two checks have one name: a check of a column is another than one of the table.
fn same_check_name((one, wanted): (Text, &Check), (other, found): (Text, &Check)) -> bool {
    let name = |name: Text| Check::name_on_server(name);
    same_name(&name(one), &name(other)) && wanted.of_column == found.of_column
}

/// Whether two foreign keys refer to the same columns, which may differ in case.
fn same_target(one: &ForeignKey, other: &ForeignKey) -> bool {
    let same = |(one, other): (&Text, &Text)| same_name(one, other);
    one.table == other.table
        && one.references.len() == other.references.len()
        && one.references.iter().zip(&other.references).all(same)
}

fn same_key(one: &ForeignKey, other: &ForeignKey) -> bool {
    let actions = |key: &ForeignKey| (key.on_delete, key.on_update);
    one.columns == other.columns && actions(one) == actions(other) && same_target(one, other)
}

/// An expected object and a live one, each with its name.
pub(super) type Matched<'a, T> = (Text, Option<&'a T>, Text, Option<&'a T>);

/// Compares the names of an expected and of a live object.
type SameName<T> = dyn Fn((Text, &T), (Text, &T)) -> bool;

/// How objects of one kind are told apart.
pub(super) struct Matching<'f, T> {
    /// Whether the server may have made up the name of an expected object.
    pub(super) wanted_generated: &'f dyn Fn(Text, &T) -> bool,
    /// The same of a live one.
    pub(super) found_generated: &'f dyn Fn(Text, &T) -> bool,
    /// Whether two objects are the same but for their names.
    pub(super) same: &'f dyn Fn(&T, &T) -> bool,
    /// Whether two objects bear the same name.
    pub(super) same_name: &'f SameName<T>,
    /// Whether objects of one made-up name are one object even when they differ.
    pub(super) keeps_name: bool,
    /// Whether a chosen name and a made-up one are no difference.
    pub(super) one_made_up: bool,
}

impl<T> Matching<'_, T> {
    /// Pairs objects by name, then by content: two that are the same but for names that the server
    /// made up are no difference at all, and two of which one has a chosen name differ in the name only.
    pub(super) fn pairs<'a>(&self, wanted: &'a ByName<T>, found: &'a ByName<T>) -> Vec<Matched<'a, T>> {
        let mut left: Vec<(Text, &T)> = found.iter().map(|(name, one)| (*name, one)).collect();
        let mut out: Vec<Matched<'a, T>> = Vec::new();
        let mut unpaired: Vec<(Text, &T)> = Vec::new();
        for (name, one) in wanted {
            let at = left
                .iter()
                .position(|other| self.is_one_object((*name, one), *other));
            match at.map(|at| left.remove(at)) {
                Some((live_name, other)) => out.push((*name, Some(one), live_name, Some(other))),
                None => unpaired.push((*name, one)),
            }
        }
        for (name, one) in unpaired {
            let at = left.iter().position(|(_, other)| (self.same)(one, other));
            match at.map(|at| left.remove(at)) {
                Some((live_name, other)) if self.is_made_up((name, one), (live_name, other)) => {}
                Some((live_name, other)) => out.push((name, Some(one), live_name, Some(other))),
                None => out.push((name, Some(one), name, None)),
            }
        }
        out.sort_by_key(|(name, ..)| *name);
        out.extend(
            left.into_iter()
                .map(|(name, other)| (name, None, name, Some(other))),
        );
        out
    }

    /// Whether the names of an expected object and of a live one do not count.
    fn is_made_up(&self, wanted: (Text, &T), found: (Text, &T)) -> bool {
        let wanted = (self.wanted_generated)(wanted.0, wanted.1);
        let found = (self.found_generated)(found.0, found.1);
        wanted && found || self.one_made_up && (wanted || found)
    }

    /// Whether a live object is the expected one by its name. The same made-up name with another
    /// content is coincidence: `CONSTRAINT_1` of two checks.
    fn is_one_object(&self, wanted: (Text, &T), found: (Text, &T)) -> bool {
        let made_up =
            || (self.wanted_generated)(wanted.0, wanted.1) && (self.found_generated)(found.0, found.1);
        (self.same_name)(wanted, found) && (self.keeps_name || (self.same)(wanted.1, found.1) || !made_up())
    }
}
