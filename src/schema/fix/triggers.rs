//! Triggers, in the order in which those of one event run.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use super::later::Later;
use crate::schema::ddl::{self, Place};
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::model::Text;

impl Planner<'_> {
    /// Triggers that are missing or different, and those of tables that are missing.
    pub(super) fn triggers(&mut self, differences: &[Difference], later: &Later) {
        let mut wanted: BTreeMap<Text, BTreeSet<Text>> = BTreeMap::new();
        for one in differences {
            let Some(table_name) = one.table else { continue };
            match (one.kind, &one.change) {
                (Kind::Trigger, Change::Missing { .. } | Change::Different { .. }) => {
                    wanted.entry(table_name).or_default().insert(one.name);
                }
                (Kind::Table, Change::Missing { .. }) => {
                    let table = self.expected.tables.get(&table_name);
                    let all = table.into_iter().flat_map(|table| table.triggers.keys());
                    wanted.entry(table_name).or_default().extend(all);
                }
                _ => {}
            }
        }
        for (table, names) in wanted {
            self.triggers_of(table, &names, later);
        }
    }

    /// Makes these triggers of one table, each at its place among those that are there.
    fn triggers_of(&mut self, table_name: Text, names: &BTreeSet<Text>, later: &Later) {
        let Some(table) = self.expected.tables.get(&table_name) else {
            return;
        };
        let live = self.live.tables.get(&table_name);
        let stays = |name: Text, when: Text| {
            let same_event = table
                .triggers
                .get(&name)
                .is_some_and(|wanted| wanted.when == when);
            same_event && !names.contains(&name)
        };
        let mut there: BTreeSet<Text> = live
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
                    (Some(before), _) => Some(Place::Follows(*before)),
                    (None, Some(after)) => Some(Place::Precedes(*after)),
                    (None, None) => None,
                };
                let Some(trigger) = table.triggers.get(name) else {
                    continue;
                };
                if let Some(sql) = ddl::create_trigger(&table_name, name, trigger, place) {
                    let loses = later.trigger(table_name, *name);
                    self.make_program(sql, (trigger.mode, trigger.body), loses);
                    there.insert(*name);
                }
            }
        }
    }
}
