//! Creates triggers in the order in which those of one event run.

use std::collections::{BTreeMap, BTreeSet};

use super::deferred::Deferred;
use super::plan::Planner;
use crate::schema::ddl::{self, TriggerPosition};
use crate::schema::diff::{Change, Difference, SchemaObjectKind};
use crate::schema::model::Symbol;

impl Planner<'_> {
    /// Creates triggers that are missing or different, and those of missing tables.
    pub(super) fn triggers(&mut self, differences: &[Difference], deferred: &Deferred) {
        let mut to_create: BTreeMap<Symbol, BTreeSet<Symbol>> = BTreeMap::new();
        for difference in differences {
            let Some(table_name) = difference.table else {
                continue;
            };
            match (difference.kind, &difference.change) {
                (SchemaObjectKind::Trigger, Change::Missing { .. } | Change::Different { .. }) => {
                    to_create.entry(table_name).or_default().insert(difference.name);
                }
                (SchemaObjectKind::Table, Change::Missing { .. }) => {
                    let table = self.expected.tables.get(&table_name);
                    let all = table.into_iter().flat_map(|table| table.triggers.keys());
                    to_create.entry(table_name).or_default().extend(all);
                }
                _ => {}
            }
        }
        for (table, names) in to_create {
            self.triggers_of(table, &names, deferred);
        }
    }

    /// Creates these triggers of one table, each at its position among the existing ones.
    fn triggers_of(&mut self, table_name: Symbol, names: &BTreeSet<Symbol>, deferred: &Deferred) {
        let Some(table) = self.expected.tables.get(&table_name) else {
            return;
        };
        let live = self.live.tables.get(&table_name);
        let stays = |name: Symbol, when: Symbol| {
            let same_event = table
                .triggers
                .get(&name)
                .is_some_and(|to_create| to_create.when == when);
            same_event && !names.contains(&name)
        };
        let mut there: BTreeSet<Symbol> = live
            .into_iter()
            .flat_map(|live| live.triggers.iter())
            .filter(|(name, trigger)| stays(**name, trigger.when))
            .map(|(name, _)| *name)
            .collect();
        for order in table.triggers_in_order().values() {
            for (at, name) in order.iter().enumerate().filter(|(_, name)| names.contains(*name)) {
                let before = order[..at].iter().rev().find(|other| there.contains(*other));
                let after = order[at + 1..].iter().find(|other| there.contains(*other));
                let place = match (before, after) {
                    (Some(before), _) => Some(TriggerPosition::Follows(*before)),
                    (None, Some(after)) => Some(TriggerPosition::Precedes(*after)),
                    (None, None) => None,
                };
                let Some(trigger) = table.triggers.get(name) else {
                    continue;
                };
                if let Some(sql) = ddl::create_trigger(&table_name, name, trigger, place) {
                    let loses = deferred.trigger(table_name, *name);
                    self.make_program(sql, (trigger.mode, trigger.body), loses);
                    there.insert(*name);
                }
            }
        }
    }
}
