//! Compares the triggers of a table.

use std::collections::BTreeMap;

use super::moves::moved;
use super::table::Pair;
use super::{Change, Differences, Fields, Property, SchemaObjectKind, Severity, Value, pairs};
use crate::schema::ddl;
use crate::schema::model::{Symbol, Trigger};

impl Pair<'_> {
    pub(super) fn triggers(&self, out: &mut Differences) {
        let show = |name: Symbol, trigger: &Trigger| {
            ddl::create_trigger(&self.name, &name, trigger, None).unwrap_or_else(|| "hidden".to_owned())
        };
        let moved = self.moved_triggers();
        for (name, expected_object, live_object) in
            pairs(&self.expected_table.triggers, &self.live_table.triggers)
        {
            let change = match (expected_object, live_object) {
                (Some(trigger), None) => Change::Missing {
                    expected: show(name, trigger),
                },
                (None, Some(trigger)) => Change::Extra {
                    live: show(name, trigger),
                },
                (Some(expected), Some(live)) => {
                    let mut fields = Fields::default();
                    fields.compare(Property::When, expected.when, live.when);
                    if let Some(before) = moved.get(&name) {
                        fields.add(Property::Order, Value::position(*before), Value::Elsewhere);
                    }
                    fields.program((self.expected, expected.body), (self.live, live.body));
                    fields.compare(Property::SqlMode, expected.mode, live.mode);
                    fields.into_change()
                }
                (None, None) => continue,
            };
            out.push(self.difference(SchemaObjectKind::Trigger, name, change, Severity::Breaks));
        }
    }

    /// The triggers to move so that those of each event run in the expected order, each with its
    /// predecessor.
    fn moved_triggers(&self) -> BTreeMap<Symbol, Option<Symbol>> {
        let live_order = self.live_table.triggers_in_order();
        let of_event = |(when, expected_order): (Symbol, Vec<Symbol>)| {
            let live_order = live_order.get(&when).map_or(&[][..], Vec::as_slice);
            moved(expected_order.into_iter(), |name| {
                live_order.iter().position(|other| *other == name)
            })
        };
        self.expected_table
            .triggers_in_order()
            .into_iter()
            .flat_map(of_event)
            .collect()
    }
}
