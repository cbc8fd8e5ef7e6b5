//! Differences between the triggers of a table.

use std::collections::BTreeMap;

use super::order::moved;
use super::table::Pair;
use super::{Change, Fields, Found, Kind, Severity, field, pairs};
use crate::schema::ddl;
use crate::schema::model::{Text, Trigger};

impl Pair<'_> {
    pub(super) fn triggers(&self, out: &mut Found) {
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
                    if let Some(before) = moved.get(&name) {
                        let place = before.map_or("first".to_owned(), |name| format!("after {name}"));
                        fields.0.push(field("order", place, "elsewhere"));
                    }
                    fields.program((self.expected, one.body), (self.live, other.body));
                    fields.option("sql mode", one.mode, other.mode);
                    Change::Different { fields: fields.0 }
                }
                (None, None) => continue,
            };
            out.push(self.difference(Kind::Trigger, name, change, Severity::Breaks));
        }
    }

    /// The triggers that have to move for those of one event to run in the right order, each with the
    /// one before it.
    fn moved_triggers(&self) -> BTreeMap<Text, Option<Text>> {
        let found = self.found.triggers_in_order();
        let of_event = |(when, wanted): (Text, Vec<Text>)| {
            let found = found.get(&when).map_or(&[][..], Vec::as_slice);
            moved(wanted.into_iter(), |name| {
                found.iter().position(|one| *one == name)
            })
        };
        self.wanted
            .triggers_in_order()
            .into_iter()
            .flat_map(of_event)
            .collect()
    }
}
