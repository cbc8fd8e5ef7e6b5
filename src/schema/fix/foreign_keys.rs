//! Foreign keys: dropped before the columns and indexes they depend on change, and re-added afterwards.

use std::collections::BTreeMap;

use super::change_summary::{ChangeSummaries, TouchedBy};
use super::deferred::Deferred;
use super::plan::{ByTable, Planner};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, SchemaObjectKind};
use crate::schema::model::{ForeignKey, Schema, Symbol};

/// Timing a statement about a foreign key may run.
enum Timing {
    /// At any time: it loses no data.
    Safe,
    /// Together with a destructive change of its tables.
    WithChange,
    /// After another statement, for this reason.
    After(String),
}

/// A foreign key to drop or add. Its statement is generated when it is emitted.
pub(super) struct KeyStep<'a> {
    pub(super) table: Symbol,
    pub(super) name: Symbol,
    pub(super) key: &'a ForeignKey,
    timing: Timing,
}

impl KeyStep<'_> {
    /// Why its statement may lose data.
    pub(super) fn loses(&self, summaries: &ChangeSummaries) -> Option<String> {
        match &self.timing {
            Timing::Safe => None,
            Timing::WithChange => Some(summaries.reason(self.table, self.key)),
            Timing::After(why) => Some(why.clone()),
        }
    }
}

impl Timing {
    fn from_loss(destructive: bool) -> Self {
        match destructive {
            true => Timing::WithChange,
            false => Timing::Safe,
        }
    }
}

/// The change of a live foreign key.
#[derive(Clone, Copy)]
enum KeyChange<'a> {
    Keep,
    Replace(&'a ForeignKey),
    Drop,
}

impl<'a> Planner<'a> {
    /// Merges a table's lossless and destructive ALTERs if one foreign key depends on both: it can be
    /// dropped and re-added only once.
    pub(super) fn merge_tied_changes(&self, by_table: &ByTable<'_>, summaries: &mut ChangeSummaries) {
        loop {
            let mut tied: BTreeMap<Symbol, Symbol> = BTreeMap::new();
            for (table, live_table) in &self.live.tables {
                for (key_name, key) in &live_table.foreign_keys {
                    let replacement = match self.key_change(*table, *key_name, by_table) {
                        // The key is dropped together with the column, not earlier.
                        KeyChange::Keep => TouchedBy {
                            destructive: summaries.drops_column(*table, key),
                            ..TouchedBy::default()
                        },
                        KeyChange::Replace(expected_key) => summaries.needs(*table, expected_key),
                        KeyChange::Drop => continue,
                    };
                    let both = summaries.meets(*table, key) | replacement;
                    if both.safe && both.destructive {
                        tied.insert(*table, key.table);
                        tied.insert(key.table, *table);
                    }
                }
            }
            let mut divided = false;
            for (table, other) in tied {
                divided |= summaries.merge_into_destructive(table, other);
            }
            if !divided {
                return;
            }
        }
    }

    fn key_change(&self, table: Symbol, key_name: Symbol, by_table: &ByTable<'_>) -> KeyChange<'_> {
        let mut of_table = by_table
            .get(&table)
            .into_iter()
            .flat_map(|of_table| of_table.iter());
        let difference = of_table.find(|difference| {
            difference.kind == SchemaObjectKind::ForeignKey
                && difference.name_on_server() == key_name
                && !matches!(difference.change, Change::Missing { .. })
        });
        let Some(difference) = difference else {
            return KeyChange::Keep;
        };
        let expected = self.expected.tables.get(&table);
        let expected_key = expected.and_then(|table| table.foreign_keys.get(&difference.name));
        expected_key.map_or(KeyChange::Drop, KeyChange::Replace)
    }

    /// The foreign keys to drop because they are extra, change or block other changes, and those to add
    /// because they are missing, change or were dropped temporarily.
    pub(super) fn foreign_keys(
        &self,
        by_table: &ByTable<'_>,
        summaries: &ChangeSummaries,
        deferred: &Deferred,
    ) -> (Vec<KeyStep<'a>>, Vec<KeyStep<'a>>) {
        let (drop, mut add) = self.live_keys(by_table, summaries);
        add.extend(self.expected_keys(by_table, summaries, deferred));
        (drop, add)
    }

    /// The live keys to drop because they are extra, change or block other changes, and the last kind again to re-add.
    fn live_keys(
        &self,
        by_table: &ByTable<'_>,
        summaries: &ChangeSummaries,
    ) -> (Vec<KeyStep<'a>>, Vec<KeyStep<'a>>) {
        let (mut drop, mut back) = (Vec::new(), Vec::new());
        let (live, expected): (&'a Schema, &'a Schema) = (self.live, self.expected);
        for (table, live_table) in &live.tables {
            let gone = !expected.has_table(*table) && by_table.contains_key(table);
            for (key_name, key) in &live_table.foreign_keys {
                let key_change = self.key_change(*table, *key_name, by_table);
                let in_the_way = summaries.meets(*table, key);
                let loses_column = summaries.drops_column(*table, key);
                let destructive = match key_change {
                    KeyChange::Keep if in_the_way == TouchedBy::default() && !loses_column => continue,
                    KeyChange::Keep => in_the_way.destructive || loses_column,
                    KeyChange::Replace(expected_key) => {
                        (in_the_way | summaries.needs(*table, expected_key)).destructive
                    }
                    KeyChange::Drop => false,
                };
                let step = || KeyStep {
                    table: *table,
                    name: *key_name,
                    key,
                    timing: Timing::from_loss(destructive),
                };
                drop.push(step());
                // The columns that an extra table references may have another type now: do not re-add its key.
                if matches!(key_change, KeyChange::Keep) && !gone {
                    back.push(step());
                }
            }
        }
        (drop, back)
    }

    /// The keys to add because they are missing or different, and those of new tables.
    fn expected_keys(
        &self,
        by_table: &ByTable<'_>,
        summaries: &ChangeSummaries,
        deferred: &Deferred,
    ) -> Vec<KeyStep<'a>> {
        let mut add = Vec::new();
        let expected: &'a Schema = self.expected;
        for (table, expected_table) in &expected.tables {
            let Some(differences) = by_table.get(table) else {
                continue;
            };
            let live = self.live.tables.get(table);
            for (key_name, key) in &expected_table.foreign_keys {
                let difference = differences.iter().find(|difference| {
                    difference.kind == SchemaObjectKind::ForeignKey
                        && difference.name == *key_name
                        && difference.is_expected()
                });
                if live.is_some() && difference.is_none() {
                    continue;
                }
                let before = live
                    .zip(difference)
                    .and_then(|(live, difference)| live.foreign_keys.get(&difference.name_on_server()))
                    .map_or(TouchedBy::default(), |before| summaries.meets(*table, before));
                let destructive = (before | summaries.needs(*table, key)).destructive;
                let waits = deferred.object(*table).or_else(|| deferred.object(key.table));
                add.push(KeyStep {
                    table: *table,
                    name: *key_name,
                    key,
                    timing: waits.map_or(Timing::from_loss(destructive), Timing::After),
                });
            }
        }
        add
    }

    /// Notes the foreign keys of extra tables that are dropped for good because the columns they reference change.
    pub(super) fn note_lost_keys(&mut self, by_table: &ByTable<'_>, summaries: &ChangeSummaries) {
        let gone = self
            .live
            .tables
            .iter()
            .filter(|(table, _)| !self.expected.has_table(**table) && by_table.contains_key(table));
        let notes: Vec<String> = gone
            .flat_map(|(table, live_table)| {
                live_table
                    .foreign_keys
                    .iter()
                    .map(move |(name, key)| (*table, *name, key))
            })
            .filter(|(table, _, key)| {
                summaries.meets(*table, key) != TouchedBy::default() || summaries.drops_column(*table, key)
            })
            .map(|(table, name, key)| {
                format!(
                    "the foreign key {name} of the extra table {table} is dropped and not added again: the columns it references in {} change",
                    key.table
                )
            })
            .collect();
        self.notes.extend(notes);
    }
}

pub(super) fn drop_foreign_key(table: Symbol, key_name: Symbol) -> String {
    format!(
        "ALTER TABLE {} DROP FOREIGN KEY {}",
        name(&table),
        name(&key_name)
    )
}

pub(super) fn add_foreign_key(table: Symbol, key_name: Symbol, key: &ForeignKey) -> String {
    format!(
        "ALTER TABLE {} ADD {}",
        name(&table),
        ddl::foreign_key(&table, &key_name, key)
    )
}
