//! What can only be made once something that may lose data was done: a view whose name a table has
//! that is to go, and what uses it.

use std::collections::{BTreeMap, BTreeSet};

use super::made;
use super::outline::{Outlines, WithLoss};
use super::risk::{is_one_of, mentions};
use crate::schema::diff::{Difference, Kind};
use crate::schema::expr;
use crate::schema::model::{Schema, Text};

/// Tables, views and triggers that have to wait, with the reason.
#[derive(Default)]
pub(super) struct Later {
    objects: BTreeMap<Text, String>,
    /// By table and name.
    triggers: BTreeMap<(Text, Text), String>,
}

impl Later {
    pub(super) fn new(
        expected: &Schema,
        live: &Schema,
        differences: &[Difference],
        work: &Outlines,
    ) -> Later {
        let mut later = Later::default();
        let made = |kind: Kind| made(differences, kind);
        for one in made(Kind::Table).filter(|one| live.views.contains_key(&one.name)) {
            later
                .objects
                .insert(one.name, format!("the view {} is in its place", one.name));
        }
        for one in made(Kind::View).filter(|one| live.tables.contains_key(&one.name)) {
            later
                .objects
                .insert(one.name, format!("the table {} is in its place", one.name));
        }
        let added = work.added_with_loss();
        loop {
            let before = later.objects.len();
            for one in made(Kind::View) {
                let definition = expected.views.get(&one.name).and_then(|view| view.definition);
                let why = definition.and_then(|text| later.reason(&text, &added));
                if let Some(why) = why.filter(|_| !later.objects.contains_key(&one.name)) {
                    later.objects.insert(one.name, why);
                }
            }
            if later.objects.len() == before {
                break;
            }
        }
        later.triggers(expected, &added);
        later
    }

    /// Why a table or view has to wait, if it has to.
    pub(super) fn object(&self, name: Text) -> Option<String> {
        self.objects.get(&name).cloned()
    }

    /// Why a trigger has to wait, if it has to.
    pub(super) fn trigger(&self, table: Text, name: Text) -> Option<String> {
        let own = self.triggers.get(&(table, name)).cloned();
        own.or_else(|| self.object(table))
    }

    /// Why what reads by this definition has to wait.
    fn reason(&self, definition: &str, added: &WithLoss<'_>) -> Option<String> {
        let used = expr::names(definition);
        let waiting = self.objects.iter().find(|(name, _)| is_one_of(&used, name));
        waiting.map(|(_, why)| why.clone()).or_else(|| {
            let uses = |columns: &BTreeSet<Text>| columns.iter().any(|column| is_one_of(&used, column));
            let mut added = added.iter();
            let found = added.find(|(table, (columns, _))| is_one_of(&used, table) && uses(columns));
            found.and_then(|(_, (_, why))| why.map(str::to_owned))
        })
    }

    /// Triggers that name a column which their table gets only together with a loss.
    fn triggers(&mut self, expected: &Schema, added: &WithLoss<'_>) {
        for (table, (columns, why)) in added {
            let wanted = expected.tables.get(table);
            for (name, trigger) in wanted.into_iter().flat_map(|table| &table.triggers) {
                let waits = trigger.body.is_some_and(|body| mentions(&body, columns));
                if let Some(why) = why.filter(|_| waits) {
                    self.triggers.insert((*table, *name), why.to_owned());
                }
            }
        }
    }
}
