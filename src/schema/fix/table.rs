//! Creating, altering and dropping tables.

use std::collections::BTreeSet;

use super::alter::Alter;
use super::hints;
use super::keys::{add_foreign_key, drop_foreign_key};
use super::later::Later;
use super::outline::Outlines;
use super::work::Work;
use super::{ByTable, Planner};
use crate::schema::ddl::name;
use crate::schema::diff::Difference;
use crate::schema::model::Text;

impl Planner<'_> {
    /// What has to be done to the tables that are there and stay.
    pub(super) fn work(&self, by_table: &ByTable<'_>) -> Outlines {
        let mut work = Outlines::new(self.live, self.expected, by_table.len());
        for (table, differences) in by_table {
            if let Some(one) = self.work_on(*table, differences) {
                work.insert(*table, one);
            }
        }
        self.unite_what_keys_tie(by_table, &mut work);
        work
    }

    /// What has to be done to a table that is there and stays.
    fn work_on(&self, table: Text, differences: &[Difference]) -> Option<Work> {
        let alter = Alter {
            planner: self,
            table,
            wanted: self.expected.tables.get(&table)?,
            found: self.live.tables.get(&table)?,
            differences,
        };
        Some(alter.work())
    }

    /// Everything about tables, their foreign keys included.
    pub(super) fn change_tables(&mut self, by_table: &ByTable<'_>, work: &Outlines, later: &Later) {
        let (drop, add) = self.foreign_keys(by_table, work, later);
        if drop.len() > add.len() {
            self.note_lost_keys(by_table, work);
        }
        for step in drop {
            let loses = step.loses(work);
            self.add(drop_foreign_key(step.table, step.name), loses);
        }
        let mut gone = Vec::new();
        for (table, differences) in by_table {
            match (self.expected.tables.get(table), self.live.tables.get(table)) {
                (Some(wanted), None) => {
                    let sql = self.writer.create_table(table, wanted);
                    self.add_noted(sql, later.object(*table), hints::on_table(differences));
                }
                (None, Some(_)) => gone.push(*table),
                _ => {}
            }
        }
        for table in work.tables() {
            let differences = by_table.get(&table).copied().unwrap_or_default();
            if let Some(mut one) = self.work_on(table, differences) {
                work.decide(table, &mut one);
                self.alter(table, one);
            }
        }
        self.drop_tables(&gone);
        for step in add {
            let loses = step.loses(work);
            self.add(add_foreign_key(step.table, step.name, step.key), loses);
        }
    }

    /// The ALTERs of one table.
    fn alter(&mut self, table: Text, work: Work) {
        let loses = work.loses();
        let start = format!("ALTER TABLE {}", name(&table));
        for (clause, loses) in work.before {
            self.add(format!("{start} {clause}"), loses);
        }
        for (part, loses) in [(work.safe, None), (work.losing, loses.clone())] {
            let mut note = (!part.notes.is_empty()).then(|| part.notes.join("; "));
            for clauses in self.at_once(part.clauses) {
                let sql = format!("{start}\n  {}", clauses.join(",\n  "));
                self.add_noted(sql, loses.clone(), note.take());
            }
        }
        if let Some((clause, why)) = work.dropped {
            self.run_losing(format!("{start} {clause}"), why);
        }
        if let Some(partitioning) = work.partitioning {
            self.add(format!("{start} {partitioning}"), loses);
        }
    }

    /// The clauses of each ALTER that the server can take.
    fn at_once(&self, clauses: Vec<String>) -> Vec<Vec<String>> {
        let one_by_one = self.live.dialect().one_fulltext_at_a_time;
        let mut first = true;
        let (later, all): (Vec<_>, Vec<_>) = clauses.into_iter().partition(|clause| {
            let fulltext = one_by_one && clause.starts_with("ADD FULLTEXT ");
            fulltext && !std::mem::take(&mut first)
        });
        let all = (!all.is_empty()).then_some(all);
        all.into_iter()
            .chain(later.into_iter().map(|clause| vec![clause]))
            .collect()
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
                self.run_losing(drop_foreign_key(child, key), why.clone());
            }
            self.run_losing(format!("DROP TABLE {}", name(&table)), why);
            left.remove(&table);
        }
    }
}
