//! Tables of MariaDB that keep their old rows.

use super::alter::Alter;
use super::work::Work;
use super::{ByTable, Planner};
use crate::schema::ddl::{self, SYSTEM_VERSIONING, name};
use crate::schema::diff::Kind;
use crate::schema::model::{Column, Table, Text};

/// Whether the table keeps its old rows.
fn is_versioned(table: &Table) -> bool {
    table.options.contains_key(&Text::new(SYSTEM_VERSIONING))
}

impl Planner<'_> {
    /// What has to be set for tables that keep their old rows to be altered at all (error 4119), and
    /// what sets it back.
    pub(super) fn alter_history(&self, by_table: &ByTable<'_>) -> Option<[String; 2]> {
        let altered = by_table.iter().any(|(table, differences)| {
            let stays = self.expected.tables.contains_key(table);
            let versions = [self.live, self.expected].map(|schema| schema.tables.get(table));
            let versioned = versions.into_iter().flatten().any(is_versioned);
            let there = self.live.tables.contains_key(table);
            stays && there && versioned && differences.iter().any(|one| one.kind != Kind::Trigger)
        });
        let set = |value: &str| format!("SET system_versioning_alter_history = {value}");
        altered.then(|| [set("KEEP"), set("DEFAULT")])
    }
}

impl Alter<'_, '_> {
    /// Starts or ends the keeping of old rows. The columns for a row's time come and go with it.
    pub(super) fn versioning(&self, work: &mut Work) {
        let times = |table: &Table| table.row_times().map(|(start, end)| [*start, *end]);
        let (wanted, found) = (is_versioned(self.wanted), is_versioned(self.found));
        let same = times(self.wanted) == times(self.found);
        if found && !(wanted && same) {
            let columns = times(self.found).into_iter().flatten();
            let columns = columns.map(|column| format!("DROP COLUMN {}, ", name(&column.name)));
            let clause = format!("{}DROP SYSTEM VERSIONING", columns.collect::<String>());
            let why = "the old versions of the rows go".to_owned();
            if wanted {
                work.reasons.insert(why.clone());
                work.unite();
            }
            work.before.push((clause, Some(why)));
        }
        if wanted && !(found && same) {
            let columns = times(self.wanted).into_iter().flatten();
            let mut clauses: Vec<String> = columns.map(|column| self.added(&column)).collect();
            let period = self.wanted.row_times();
            clauses.extend(period.map(|(start, end)| format!("ADD {}", ddl::row_period(start, end))));
            clauses.push("ADD SYSTEM VERSIONING".to_owned());
            // What is not kept can only be said of a table that keeps its old rows.
            if self.wanted.columns.iter().any(|column| column.unversioned) {
                let loses = work.loses().filter(|_| found);
                work.before.push((clauses.join(", "), loses));
            } else {
                work.part(found).clauses.extend(clauses);
            }
        }
    }

    /// The clause that adds a column behind the one that it follows in the expected table.
    fn added(&self, column: &Column) -> String {
        let before = self
            .wanted
            .columns
            .iter()
            .take_while(|one| one.name != column.name);
        let place = before
            .last()
            .map_or("FIRST".to_owned(), |one| format!("AFTER {}", name(&one.name)));
        format!(
            "ADD COLUMN {} {place}",
            self.planner.writer.column(column, None, None)
        )
    }
}
