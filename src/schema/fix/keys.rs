//! Foreign keys: they go before the columns and indexes they need change, and come back after.

use std::collections::BTreeMap;

use super::later::Later;
use super::outline::{Meets, Outlines};
use super::{ByTable, Planner};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Kind};
use crate::schema::model::{ForeignKey, Schema, Text};

/// When a statement about a foreign key may run.
enum When {
    /// It loses nothing.
    Safe,
    /// Together with a change of its tables that may lose data.
    WithChange,
    /// Once something else was done.
    After(String),
}

/// A foreign key that is dropped or added. Its statement is made when it is its turn.
pub(super) struct Step<'a> {
    pub(super) table: Text,
    pub(super) name: Text,
    pub(super) key: &'a ForeignKey,
    when: When,
}

impl Step<'_> {
    /// What its statement may lose.
    pub(super) fn loses(&self, work: &Outlines) -> Option<String> {
        match &self.when {
            When::Safe => None,
            When::WithChange => Some(work.reason(self.table, self.key)),
            When::After(why) => Some(why.clone()),
        }
    }
}

impl When {
    fn of(losing: bool) -> Self {
        match losing {
            true => When::WithChange,
            false => When::Safe,
        }
    }
}

/// What becomes of a live foreign key.
#[derive(Clone, Copy)]
enum Fate<'a> {
    Stays,
    Becomes(&'a ForeignKey),
    Goes,
}

/// The columns of a key on both its sides.
pub(super) fn sides(table: Text, key: &ForeignKey) -> [(Text, &[Text]); 2] {
    [(table, &key.columns), (key.table, &key.references)]
}

impl<'a> Planner<'a> {
    /// Undoes the division of tables' changes where a foreign key meets changes of both kinds: it can
    /// go and come back only once.
    pub(super) fn unite_what_keys_tie(&self, by_table: &ByTable<'_>, work: &mut Outlines) {
        loop {
            let mut tied: BTreeMap<Text, Text> = BTreeMap::new();
            for (table, found) in &self.live.tables {
                for (key_name, key) in &found.foreign_keys {
                    let wanted = match self.fate(*table, *key_name, by_table) {
                        // Its key goes with the column, and not before.
                        Fate::Stays => Meets {
                            losing: work.loses_a_column(*table, key),
                            ..Meets::default()
                        },
                        Fate::Becomes(wanted) => work.needs(*table, wanted),
                        Fate::Goes => continue,
                    };
                    let both = work.meets(*table, key) | wanted;
                    if both.safe && both.losing {
                        tied.insert(*table, key.table);
                        tied.insert(key.table, *table);
                    }
                }
            }
            let mut divided = false;
            for (table, other) in tied {
                divided |= work.unite(table, other);
            }
            if !divided {
                return;
            }
        }
    }

    fn fate(&self, table: Text, key_name: Text, by_table: &ByTable<'_>) -> Fate<'_> {
        let mut of_table = by_table
            .get(&table)
            .into_iter()
            .flat_map(|of_table| of_table.iter());
        let difference = of_table.find(|one| {
            one.kind == Kind::ForeignKey
                && one.name_there() == key_name
                && !matches!(one.change, Change::Missing { .. })
        });
        let Some(difference) = difference else {
            return Fate::Stays;
        };
        let expected = self.expected.tables.get(&table);
        let wanted = expected.and_then(|table| table.foreign_keys.get(&difference.name));
        wanted.map_or(Fate::Goes, Fate::Becomes)
    }

    /// What drops the foreign keys that go, change or stand in the way, and what adds those
    /// that come, change or have to come back.
    pub(super) fn foreign_keys(
        &self,
        by_table: &ByTable<'_>,
        work: &Outlines,
        later: &Later,
    ) -> (Vec<Step<'a>>, Vec<Step<'a>>) {
        let (drop, mut add) = self.live_keys(by_table, work);
        add.extend(self.expected_keys(by_table, work, later));
        (drop, add)
    }

    /// What drops the live keys that go, change or stand in the way, and what brings the last back.
    fn live_keys(&self, by_table: &ByTable<'_>, work: &Outlines) -> (Vec<Step<'a>>, Vec<Step<'a>>) {
        let (mut drop, mut back) = (Vec::new(), Vec::new());
        let (live, expected): (&'a Schema, &'a Schema) = (self.live, self.expected);
        for (table, found) in &live.tables {
            let gone = !expected.knows(*table) && by_table.contains_key(table);
            for (key_name, key) in &found.foreign_keys {
                let fate = self.fate(*table, *key_name, by_table);
                let in_the_way = work.meets(*table, key);
                let loses_column = work.loses_a_column(*table, key);
                let losing = match fate {
                    Fate::Stays if in_the_way == Meets::default() && !loses_column => continue,
                    Fate::Stays => in_the_way.losing || loses_column,
                    Fate::Becomes(wanted) => (in_the_way | work.needs(*table, wanted)).losing,
                    Fate::Goes => false,
                };
                let step = || Step {
                    table: *table,
                    name: *key_name,
                    key,
                    when: When::of(losing),
                };
                drop.push(step());
                // What an extra table refers to may have another type by now: its key does not come back.
                if matches!(fate, Fate::Stays) && !gone {
                    back.push(step());
                }
            }
        }
        (drop, back)
    }

    /// What adds the keys that are missing or different, and those of new tables.
    fn expected_keys(&self, by_table: &ByTable<'_>, work: &Outlines, later: &Later) -> Vec<Step<'a>> {
        let mut add = Vec::new();
        let expected: &'a Schema = self.expected;
        for (table, wanted) in &expected.tables {
            let Some(differences) = by_table.get(table) else {
                continue;
            };
            let live = self.live.tables.get(table);
            for (key_name, key) in &wanted.foreign_keys {
                let difference = differences
                    .iter()
                    .find(|one| one.kind == Kind::ForeignKey && one.name == *key_name && one.is_expected());
                if live.is_some() && difference.is_none() {
                    continue;
                }
                let before = live
                    .zip(difference)
                    .and_then(|(live, one)| live.foreign_keys.get(&one.name_there()))
                    .map_or(Meets::default(), |before| work.meets(*table, before));
                let losing = (before | work.needs(*table, key)).losing;
                let waits = later.object(*table).or_else(|| later.object(key.table));
                add.push(Step {
                    table: *table,
                    name: *key_name,
                    key,
                    when: waits.map_or(When::of(losing), When::After),
                });
            }
        }
        add
    }

    /// Says which foreign keys of extra tables go for good because what they refer to changes.
    pub(super) fn note_lost_keys(&mut self, by_table: &ByTable<'_>, work: &Outlines) {
        let gone = self
            .live
            .tables
            .iter()
            .filter(|(table, _)| !self.expected.knows(**table) && by_table.contains_key(table));
        let notes: Vec<String> = gone
            .flat_map(|(table, found)| {
                found
                    .foreign_keys
                    .iter()
                    .map(move |(name, key)| (*table, *name, key))
            })
            .filter(|(table, _, key)| {
                work.meets(*table, key) != Meets::default() || work.loses_a_column(*table, key)
            })
            .map(|(table, name, key)| {
                format!(
                    "the foreign key {name} of the extra table {table} goes: what it refers to in {} changes",
                    key.table
                )
            })
            .collect();
        self.notes.extend(notes);
    }
}

pub(super) fn drop_foreign_key(table: Text, key_name: Text) -> String {
    format!(
        "ALTER TABLE {} DROP FOREIGN KEY {}",
        name(&table),
        name(&key_name)
    )
}

pub(super) fn add_foreign_key(table: Text, key_name: Text, key: &ForeignKey) -> String {
    format!(
        "ALTER TABLE {} ADD {}",
        name(&table),
        ddl::foreign_key(&table, &key_name, key)
    )
}
