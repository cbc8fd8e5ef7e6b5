//! Creates, alters and drops tables.

use std::collections::BTreeSet;

use super::alter::Alter;
use super::change_summary::ChangeSummaries;
use super::deferred::Deferred;
use super::foreign_keys::{add_foreign_key, drop_foreign_key};
use super::hints;
use super::plan::{ByTable, Planner};
use super::table_changes::TableChanges;
use crate::schema::ddl::name;
use crate::schema::diff::Difference;
use crate::schema::model::Symbol;

impl Planner<'_> {
    /// Summarises the changes of the tables that exist in both schemas.
    pub(super) fn summaries(&self, by_table: &ByTable<'_>) -> ChangeSummaries {
        let mut summaries = ChangeSummaries::new(self.live, self.expected, by_table.len());
        for (table, differences) in by_table {
            if let Some(changes) = self.changes_of(*table, differences) {
                summaries.insert(*table, changes);
            }
        }
        self.merge_tied_changes(by_table, &mut summaries);
        summaries
    }

    /// The changes of a table that exists in both schemas.
    fn changes_of(&self, table: Symbol, differences: &[Difference]) -> Option<TableChanges> {
        let alter = Alter {
            planner: self,
            table,
            expected: self.expected.tables.get(&table)?,
            live: self.live.tables.get(&table)?,
            differences,
        };
        Some(alter.changes())
    }

    /// Emits the statements for all tables and their foreign keys.
    pub(super) fn change_tables(
        &mut self,
        by_table: &ByTable<'_>,
        summaries: &ChangeSummaries,
        deferred: &Deferred,
    ) {
        let (drop, add) = self.foreign_keys(by_table, summaries, deferred);
        if drop.len() > add.len() {
            self.note_lost_keys(by_table, summaries);
        }
        for step in drop {
            let loses = step.loses(summaries);
            self.add(drop_foreign_key(step.table, step.name), loses);
        }
        let mut extra = Vec::new();
        for (table, differences) in by_table {
            match (self.expected.tables.get(table), self.live.tables.get(table)) {
                (Some(expected), None) => {
                    let sql = self.writer.create_table(table, expected);
                    self.add_noted(sql, deferred.object(*table), hints::on_table(differences));
                }
                (None, Some(_)) => extra.push(*table),
                _ => {}
            }
        }
        for table in summaries.tables() {
            let differences = by_table.get(&table).copied().unwrap_or_default();
            if let Some(mut changes) = self.changes_of(table, differences) {
                summaries.apply_merge(table, &mut changes);
                self.alter(table, changes);
            }
        }
        self.drop_tables(&extra);
        for step in add {
            let loses = step.loses(summaries);
            self.add(add_foreign_key(step.table, step.name, step.key), loses);
        }
    }

    /// Emits the ALTERs of one table.
    fn alter(&mut self, table: Symbol, changes: TableChanges) {
        let loses = changes.loses();
        let start = format!("ALTER TABLE {}", name(&table));
        for (clause, loses) in changes.first {
            self.add(format!("{start} {clause}"), loses);
        }
        for (alter, loses) in [(changes.safe, None), (changes.destructive, loses.clone())] {
            let mut note = (!alter.notes.is_empty()).then(|| alter.notes.join("; "));
            for clauses in self.split_clauses(alter.clauses) {
                let sql = format!("{start}\n  {}", clauses.join(",\n  "));
                self.add_noted(sql, loses.clone(), note.take());
            }
        }
        if let Some((clause, why)) = changes.dropped {
            self.run_losing(format!("{start} {clause}"), why);
        }
        if let Some(partitioning) = changes.partitioning {
            self.add(format!("{start} {partitioning}"), loses);
        }
    }

    /// Divides clauses into ALTERs that the server accepts.
    fn split_clauses(&self, clauses: Vec<String>) -> Vec<Vec<String>> {
        let one_by_one = self.live.dialect().one_fulltext_at_a_time;
        let mut first = true;
        let (deferred, all): (Vec<_>, Vec<_>) = clauses.into_iter().partition(|clause| {
            let fulltext = one_by_one && clause.starts_with("ADD FULLTEXT ");
            fulltext && !std::mem::take(&mut first)
        });
        let all = (!all.is_empty()).then_some(all);
        all.into_iter()
            .chain(deferred.into_iter().map(|clause| vec![clause]))
            .collect()
    }

    /// Drops extra tables, children before their parents.
    fn drop_tables(&mut self, extra: &[Symbol]) {
        let mut left: BTreeSet<Symbol> = extra.iter().copied().collect();
        while let Some(first) = left.first().copied() {
            let children = |parent: Symbol, left: &BTreeSet<Symbol>| -> Vec<(Symbol, Symbol)> {
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
            // A cycle of tables: drop the foreign keys that reference its first one.
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
