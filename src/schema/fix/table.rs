//! Creating, altering and dropping tables.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use super::alter::{Alter, Work};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::model::{ForeignKey, Text};

impl Planner<'_> {
    /// Everything about tables, their foreign keys included.
    pub(super) fn change_tables(&mut self, by_table: &BTreeMap<Text, Vec<&Difference>>) {
        let mut create = Vec::new();
        let mut gone = Vec::new();
        let mut work: BTreeMap<Text, Work> = BTreeMap::new();
        for (table, differences) in by_table {
            match (self.expected.tables.get(table), self.live.tables.get(table)) {
                (Some(wanted), None) => create.push((*table, wanted)),
                (None, Some(_)) => gone.push(*table),
                (Some(wanted), Some(found)) => {
                    let altered = Alter {
                        planner: self,
                        table: *table,
                        wanted,
                        found,
                        differences,
                    }
                    .work();
                    work.insert(*table, altered);
                }
                (None, None) => {}
            }
        }
        let (drop, add) = self.foreign_keys(by_table, &work);
        if drop.len() > add.len() {
            self.note_lost_keys(by_table, &work);
        }
        drop.into_iter().for_each(|sql| self.run(sql));
        for (table, wanted) in create {
            self.run(self.writer.create_table(&table, wanted));
        }
        for (table, work) in work {
            for (clause, loses) in work.before {
                let sql = format!("ALTER TABLE {} {clause}", name(&table));
                self.add(sql, loses);
            }
            if !work.clauses.is_empty() {
                let sql = format!("ALTER TABLE {}\n  {}", name(&table), work.clauses.join(",\n  "));
                let reasons: Vec<String> = work.loses.into_iter().collect();
                match reasons.is_empty() {
                    true => self.run(sql),
                    false => self.run_losing(sql, reasons.join("; ")),
                }
            }
            for (clause, why) in work.losing {
                self.run_losing(format!("ALTER TABLE {} {clause}", name(&table)), why);
            }
            if let Some(partitioning) = work.partitioning {
                self.run(format!("ALTER TABLE {} {partitioning}", name(&table)));
            }
        }
        self.drop_tables(&gone);
        add.into_iter().for_each(|sql| self.run(sql));
    }

    /// What drops the foreign keys that go, change or stand in the way, and what adds those
    /// that come, change or have to come back.
    fn foreign_keys(
        &self,
        by_table: &BTreeMap<Text, Vec<&Difference>>,
        work: &BTreeMap<Text, Work>,
    ) -> (Vec<String>, Vec<String>) {
        let (mut drop, mut add) = (Vec::new(), Vec::new());
        let difference = |table: Text, matches: &dyn Fn(&Difference) -> bool| {
            let of_table = by_table.get(&table).into_iter().flatten();
            of_table
                .copied()
                .find(|one| one.kind == Kind::ForeignKey && matches(one))
        };
        for (table, found) in &self.live.tables {
            let gone = !self.expected.knows(*table) && by_table.contains_key(table);
            for (key_name, key) in &found.foreign_keys {
                let changed = difference(*table, &|one| {
                    one.name_there() == *key_name && !matches!(one.change, Change::Missing { .. })
                });
                if changed.is_some() || self.stands_in_the_way(*table, key, work) {
                    drop.push(format!(
                        "ALTER TABLE {} DROP FOREIGN KEY {}",
                        name(table),
                        name(key_name)
                    ));
                }
                // What an extra table refers to may have another type by now: its key does not come back.
                if changed.is_none() && !gone && self.stands_in_the_way(*table, key, work) {
                    add.push(add_foreign_key(*table, *key_name, key));
                }
            }
        }
        for (table, wanted) in &self.expected.tables {
            let new = !self.live.tables.contains_key(table) && by_table.contains_key(table);
            for (key_name, key) in &wanted.foreign_keys {
                let changed = difference(*table, &|one| {
                    one.name == *key_name && !matches!(one.change, Change::Extra { .. })
                });
                if new || changed.is_some() {
                    add.push(add_foreign_key(*table, *key_name, key));
                }
            }
        }
        (drop, add)
    }

    /// Says which foreign keys of extra tables go for good because what they refer to changes.
    fn note_lost_keys(&mut self, by_table: &BTreeMap<Text, Vec<&Difference>>, work: &BTreeMap<Text, Work>) {
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
            .filter(|(table, _, key)| self.stands_in_the_way(*table, key, work))
            .map(|(table, name, key)| {
                format!(
                    "the foreign key {name} of the extra table {table} goes: what it refers to in {} changes",
                    key.table
                )
            })
            .collect();
        self.notes.extend(notes);
    }

    /// Whether a column or an index that the key needs changes, on either of its sides.
    fn stands_in_the_way(&self, table: Text, key: &ForeignKey, work: &BTreeMap<Text, Work>) -> bool {
        let hit = |table: Text, columns: &[Text]| {
            work.get(&table).is_some_and(|work| {
                columns.iter().any(|column| work.touched.contains(column))
                    || columns
                        .first()
                        .is_some_and(|first| work.unindexed.contains(first))
            })
        };
        hit(table, &key.columns) || hit(key.table, &key.references)
    }

    /// Extra tables, children before their parents.
    fn drop_tables(&mut self, gone: &[Text]) {
        let mut left: BTreeSet<Text> = gone.iter().copied().collect();
        while let Some(first) = left.first().copied() {
            let children = |parent: Text, left: &BTreeSet<Text>| -> Vec<(Text, Text)> {
                let tables = left.iter().filter(|child| **child != parent);
                let keys = tables.flat_map(|child| {
                    let keys = self.live.tables.get(child).map(|table| &table.foreign_keys);
                    keys.into_iter()
                        .flatten()
                        .map(move |(name, key)| (*child, *name, key.table))
                });
                keys.filter(|(_, _, target)| *target == parent)
                    .map(|(child, key, _)| (child, key))
                    .collect()
            };
            let free = left
                .iter()
                .copied()
                .find(|table| children(*table, &left).is_empty());
            // A ring of tables: take the foreign keys off its first one.
            let keys = if free.is_none() {
                children(first, &left)
            } else {
                Vec::new()
            };
            let table = free.unwrap_or(first);
            let why = format!("the table {table} is not in the migrations");
            for (child, key) in keys {
                let sql = format!("ALTER TABLE {} DROP FOREIGN KEY {}", name(&child), name(&key));
                self.run_losing(sql, why.clone());
            }
            self.run_losing(format!("DROP TABLE {}", name(&table)), why);
            left.remove(&table);
        }
    }
}

fn add_foreign_key(table: Text, key_name: Text, key: &ForeignKey) -> String {
    format!(
        "ALTER TABLE {} ADD {}",
        name(&table),
        ddl::foreign_key(&table, &key_name, key)
    )
}
