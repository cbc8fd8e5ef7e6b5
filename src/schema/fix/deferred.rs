//! Objects that can be created only after a destructive statement, e.g. a view that replaces a table to
//! be dropped, and the objects that use it.

use std::collections::{BTreeMap, BTreeSet};

use super::change_summary::{ChangeSummaries, DestructiveAdditions};
use super::mentions::{is_one_of, mentions};
use super::plan::expected_of_kind;
use crate::schema::diff::{Difference, SchemaObjectKind};
use crate::schema::expr;
use crate::schema::model::{Schema, Symbol};

/// Tables, views and triggers to create after a destructive statement, with the reason.
#[derive(Default)]
pub(super) struct Deferred {
    objects: BTreeMap<Symbol, String>,
    /// By table and name.
    triggers: BTreeMap<(Symbol, Symbol), String>,
}

impl Deferred {
    pub(super) fn new(
        expected: &Schema,
        live: &Schema,
        differences: &[Difference],
        summaries: &ChangeSummaries,
    ) -> Deferred {
        let mut deferred = Deferred::default();
        let expected_objects = |kind: SchemaObjectKind| expected_of_kind(differences, kind);
        for difference in expected_objects(SchemaObjectKind::Table)
            .filter(|difference| live.views.contains_key(&difference.name))
        {
            deferred.objects.insert(
                difference.name,
                format!("the view {} is in its place", difference.name),
            );
        }
        for difference in expected_objects(SchemaObjectKind::View)
            .filter(|difference| live.tables.contains_key(&difference.name))
        {
            deferred.objects.insert(
                difference.name,
                format!("the table {} is in its place", difference.name),
            );
        }
        let added = summaries.destructive_additions();
        loop {
            let before = deferred.objects.len();
            for difference in expected_objects(SchemaObjectKind::View) {
                let definition = expected
                    .views
                    .get(&difference.name)
                    .and_then(|view| view.definition);
                let why = definition.and_then(|text| deferred.reason(&text, &added));
                if let Some(why) = why.filter(|_| !deferred.objects.contains_key(&difference.name)) {
                    deferred.objects.insert(difference.name, why);
                }
            }
            if deferred.objects.len() == before {
                break;
            }
        }
        deferred.triggers(expected, &added);
        deferred
    }

    /// Why a table or view is deferred; `None` if it is not.
    pub(super) fn object(&self, name: Symbol) -> Option<String> {
        self.objects.get(&name).cloned()
    }

    /// Why a trigger is deferred; `None` if it is not.
    pub(super) fn trigger(&self, table: Symbol, name: Symbol) -> Option<String> {
        let own = self.triggers.get(&(table, name)).cloned();
        own.or_else(|| self.object(table))
    }

    /// Why a view with this definition is deferred; `None` if it is not.
    fn reason(&self, definition: &str, added: &DestructiveAdditions<'_>) -> Option<String> {
        let used = expr::names(definition);
        let waiting = self.objects.iter().find(|(name, _)| is_one_of(&used, name));
        waiting.map(|(_, why)| why.clone()).or_else(|| {
            let uses = |columns: &BTreeSet<Symbol>| columns.iter().any(|column| is_one_of(&used, column));
            let mut added = added.iter();
            let source = added.find(|(table, (columns, _))| is_one_of(&used, table) && uses(columns));
            source.and_then(|(_, (_, why))| why.map(str::to_owned))
        })
    }

    /// Defers triggers that use a column added by a destructive ALTER.
    fn triggers(&mut self, expected: &Schema, added: &DestructiveAdditions<'_>) {
        for (table, (columns, why)) in added {
            let expected_table = expected.tables.get(table);
            for (name, trigger) in expected_table.into_iter().flat_map(|table| &table.triggers) {
                let waits = trigger.body.is_some_and(|body| mentions(&body, columns));
                if let Some(why) = why.filter(|_| waits) {
                    self.triggers.insert((*table, *name), why.to_owned());
                }
            }
        }
    }
}
