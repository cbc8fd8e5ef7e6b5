//! Collects the differences of two schemas, and the properties that differ of one object.

use std::collections::HashSet;
use std::sync::Arc;

use super::difference::{Change, Detail, Difference, SchemaObjectKind, Severity};
use super::property::{Field, FieldList, Property, Value};
use crate::schema::model::{Schema, Symbol};

/// A difference that is being built.
pub(super) struct Draft {
    table: Option<Symbol>,
    name: Symbol,
    pub(super) live_name: Option<Symbol>,
    pub(super) detail: Detail,
}

impl Draft {
    pub(super) fn new(
        kind: SchemaObjectKind,
        table: Option<Symbol>,
        name: Symbol,
        change: Change,
        severity: Severity,
    ) -> Self {
        Draft {
            table,
            name,
            live_name: None,
            detail: Detail {
                kind,
                change,
                severity,
                note: None,
                renamed: None,
            },
        }
    }
}

/// The differences collected so far.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) number: usize,
    /// Whether differences are only counted.
    only_count: bool,
    pub(super) differences: Vec<Difference>,
    details: HashSet<Arc<Detail>>,
}

impl Differences {
    /// A collection that only counts differences.
    pub(super) fn counting() -> Self {
        Differences {
            only_count: true,
            ..Differences::default()
        }
    }

    /// A collection with capacity for this many differences.
    pub(super) fn with_capacity(number: usize) -> Self {
        Differences {
            differences: Vec::with_capacity(number),
            ..Differences::default()
        }
    }

    /// Adds a difference, unless it has no differing property.
    pub(super) fn push(&mut self, draft: Draft) {
        if matches!(&draft.detail.change, Change::Different { fields } if fields.is_empty()) {
            return;
        }
        self.number += 1;
        if self.only_count {
            return;
        }
        let detail = match self.details.get(&draft.detail) {
            Some(same) => Arc::clone(same),
            None => {
                let detail = Arc::new(draft.detail);
                self.details.insert(Arc::clone(&detail));
                detail
            }
        };
        self.differences.push(Difference {
            table: draft.table,
            name: draft.name,
            live_name: draft.live_name,
            detail,
        });
    }
}

/// Collects properties that differ.
#[derive(Default)]
pub(super) struct Fields(FieldList);

impl Fields {
    /// Whether no property differs.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How grave it is that these properties differ: an object without one is equal but for its comment or name.
    pub(super) fn severity(&self) -> Severity {
        if self.0.is_empty() {
            Severity::Cosmetic
        } else {
            Severity::Breaks
        }
    }

    /// The properties, as the change of an object.
    pub(super) fn into_change(self) -> Change {
        Change::Different { fields: self.0 }
    }

    /// Adds a property that differs.
    pub(super) fn add(&mut self, property: Property, expected: impl Into<Value>, live: impl Into<Value>) {
        self.0.push(Field::new(property, expected, live));
    }

    /// Compares two values, and adds the property if they differ.
    pub(super) fn compare<T: PartialEq + Into<Value>>(&mut self, property: Property, expected: T, live: T) {
        if expected != live {
            self.add(property, expected, live);
        }
    }

    /// Compares bodies, unless one is hidden from the user.
    pub(super) fn body(&mut self, property: Property, expected: Option<Symbol>, live: Option<Symbol>) {
        if expected.is_some() && live.is_some() {
            self.compare(property, expected, live);
        }
    }

    /// Compares bodies of triggers, routines and events, each with its schema.
    pub(super) fn program(
        &mut self,
        (expected, expected_object): (&Schema, Option<Symbol>),
        (live, live_object): (&Schema, Option<Symbol>),
    ) {
        let same = |(expected_object, live_object): (Symbol, Symbol)| {
            expected.same_body(expected_object, live, live_object)
        };
        if !expected_object.zip(live_object).is_some_and(same) {
            self.body(Property::Body, expected_object, live_object);
        }
    }
}
