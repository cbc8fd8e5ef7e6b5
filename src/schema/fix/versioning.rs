//! System-versioned tables of MariaDB.

use super::alter::Alter;
use super::plan::{ByTable, Planner};
use super::table_changes::TableChanges;
use crate::schema::ddl::{self, SYSTEM_VERSIONING, name};
use crate::schema::diff::SchemaObjectKind;
use crate::schema::model::{Column, Symbol, Table};

/// Whether the table is system-versioned.
fn is_versioned(table: &Table) -> bool {
    table.options.contains_key(&Symbol::new(SYSTEM_VERSIONING))
}

impl Planner<'_> {
    /// The statement that permits altering system-versioned tables (error 4119), and the one that
    /// restores the default.
    pub(super) fn alter_history(&self, by_table: &ByTable<'_>) -> Option<[String; 2]> {
        let altered = by_table.iter().any(|(table, differences)| {
            let stays = self.expected.tables.contains_key(table);
            let versions = [self.live, self.expected].map(|schema| schema.tables.get(table));
            let versioned = versions.into_iter().flatten().any(is_versioned);
            let there = self.live.tables.contains_key(table);
            stays
                && there
                && versioned
                && differences
                    .iter()
                    .any(|difference| difference.kind != SchemaObjectKind::Trigger)
        });
        let set = |value: &str| format!("SET system_versioning_alter_history = {value}");
        altered.then(|| [set("KEEP"), set("DEFAULT")])
    }
}

impl Alter<'_, '_> {
    /// Adds or drops system versioning, together with the columns of the row period.
    pub(super) fn versioning(&self, changes: &mut TableChanges) {
        let times = |table: &Table| table.row_times().map(|(start, end)| [*start, *end]);
        let (expected, live) = (is_versioned(self.expected), is_versioned(self.live));
        let same = times(self.expected) == times(self.live);
        if live && !(expected && same) {
            let columns = times(self.live).into_iter().flatten();
            let columns = columns.map(|column| format!("DROP COLUMN {}, ", name(&column.name)));
            let clause = format!("{}DROP SYSTEM VERSIONING", columns.collect::<String>());
            let why = "the old row versions are deleted".to_owned();
            if expected {
                changes.reasons.insert(why.clone());
                changes.merge_into_destructive();
            }
            changes.first.push((clause, Some(why)));
        }
        if expected && !(live && same) {
            let columns = times(self.expected).into_iter().flatten();
            let mut clauses: Vec<String> = columns.map(|column| self.added(&column)).collect();
            let period = self.expected.row_times();
            clauses.extend(period.map(|(start, end)| format!("ADD {}", ddl::row_period(start, end))));
            clauses.push("ADD SYSTEM VERSIONING".to_owned());
            // WITHOUT SYSTEM VERSIONING is valid only in a system-versioned table.
            if self.expected.columns.iter().any(|column| column.unversioned) {
                let loses = changes.loses().filter(|_| live);
                changes.first.push((clauses.join(", "), loses));
            } else {
                changes.alter_for(live).clauses.extend(clauses);
            }
        }
    }

    /// The clause that adds a column after its predecessor in the expected table.
    fn added(&self, column: &Column) -> String {
        let before = self
            .expected
            .columns
            .iter()
            .take_while(|difference| difference.name != column.name);
        let place = before.last().map_or("FIRST".to_owned(), |difference| {
            format!("AFTER {}", name(&difference.name))
        });
        format!(
            "ADD COLUMN {} {place}",
            self.planner.writer.column(column, None, None)
        )
    }
}
