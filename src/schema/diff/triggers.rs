//! Differences between the triggers of a table.

use std::collections::BTreeMap;

use super::columns::longest_increasing;
use super::table::Pair;
use super::{Change, Difference, Fields, Kind, Severity, field, pairs, push};
use crate::schema::ddl;
use crate::schema::model::{Text, Trigger};

impl Pair<'_> {
    pub(super) fn triggers(&self, out: &mut Vec<Difference>) {
        let show = |name: Text, trigger: &Trigger| {
            ddl::create_trigger(&self.name, &name, trigger, None).unwrap_or_else(|| "hidden".to_owned())
        };
        let moved = self.moved_triggers();
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
                    if let Some(place) = moved.get(&name) {
                        fields.0.push(field("order", place, "elsewhere"));
                    }
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

    /// The triggers that have to move for those of one event to run in the right order, as few as
    /// possible, with the place of each.
    fn moved_triggers(&self) -> BTreeMap<Text, String> {
        let mut moved = BTreeMap::new();
        for (when, wanted) in self.wanted.triggers_in_order() {
            let found = self.found.triggers_in_order().remove(&when).unwrap_or_default();
            let place = |name: &Text| found.iter().position(|one| one == name);
            let common: Vec<(Text, usize)> = wanted
                .iter()
                .filter_map(|name| Some((*name, place(name)?)))
                .collect();
            let places: Vec<usize> = common.iter().map(|(_, place)| *place).collect();
            let staying = longest_increasing(&places);
            for (at, (name, _)) in common.iter().enumerate() {
                if !staying.contains(&at) {
                    let before = at.checked_sub(1).map(|before| common[before].0);
                    moved.insert(
                        *name,
                        before.map_or("first".to_owned(), |name| format!("after {name}")),
                    );
                }
            }
        }
        moved
    }
}
