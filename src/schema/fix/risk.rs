//! Which columns of a table may lose data when they change, and which others change with them.

use std::collections::{BTreeMap, BTreeSet};

use super::alter::Alter;
use super::loss;
use crate::schema::ddl::name;
use crate::schema::diff::{Change, Kind};
use crate::schema::expr;
use crate::schema::model::{Column, Text};

/// A column that changes or comes, as it is expected and as it is.
struct Changed<'a> {
    wanted: &'a Column,
    found: Option<&'a Column>,
}

impl Changed<'_> {
    fn names(&self) -> impl Iterator<Item = Text> {
        [Some(self.wanted.name), self.found.map(|found| found.name)]
            .into_iter()
            .flatten()
    }

    /// Whether it is computed from one of these columns, before or after.
    fn is_computed_from(&self, columns: &BTreeSet<Text>) -> bool {
        let generated = [
            self.wanted.generated,
            self.found.and_then(|found| found.generated),
        ];
        generated
            .into_iter()
            .flatten()
            .any(|one| mentions(&one.expression, columns))
    }
}

/// Whether an expression names one of these columns.
pub(super) fn mentions(expression: &str, columns: &BTreeSet<Text>) -> bool {
    let used = expr::names(expression);
    columns.iter().any(|column| is_one_of(&used, column))
}

/// Whether a name is one of those that an expression uses.
pub(super) fn is_one_of(used: &[String], name: &Text) -> bool {
    used.iter().any(|one| one.eq_ignore_ascii_case(name))
}

impl<'a> Alter<'a, '_> {
    /// Why columns may lose data when they change.
    pub(super) fn losses(&self) -> BTreeMap<Text, String> {
        self.changed_columns()
            .filter_map(|one| {
                let why = loss::of_change(one.found?, one.wanted)?;
                let remedy = self.remedy(one.found?, one.wanted).unwrap_or_default();
                Some((one.wanted.name, format!("{}: {why}{remedy}", one.wanted.name)))
            })
            .collect()
    }

    /// How a column that was computed when it was read gets its values back.
    fn remedy(&self, found: &Column, wanted: &Column) -> Option<String> {
        let generated = found.generated.filter(|_| wanted.generated.is_none())?;
        let (table, column) = (name(&self.table), name(&wanted.name));
        let update = format!("UPDATE {table} SET {column} = {}", generated.expression);
        (!generated.stored).then(|| format!(", {update} brings them back"))
    }

    /// The columns whose change may lose data, and those that have to change in the same ALTER
    /// because an index or an expression ties them together.
    pub(super) fn risky_columns(&self, losses: &BTreeMap<Text, String>) -> BTreeSet<Text> {
        let changed: Vec<Changed<'a>> = self.changed_columns().collect();
        let losing = changed.iter().filter(|one| losses.contains_key(&one.wanted.name));
        let mut risky: BTreeSet<Text> = losing.flat_map(Changed::names).collect();
        loop {
            let before = risky.len();
            for columns in self.indexed_together() {
                if columns.iter().any(|column| risky.contains(column)) {
                    let tied = changed
                        .iter()
                        .flat_map(Changed::names)
                        .chain(self.counting_columns());
                    risky.extend(tied.filter(|name| columns.contains(name)));
                }
            }
            for one in &changed {
                if one.is_computed_from(&risky) {
                    risky.extend(one.names());
                }
            }
            if risky.len() == before {
                return risky;
            }
        }
    }

    fn changed_columns(&self) -> impl Iterator<Item = Changed<'a>> {
        let columns = self.of_kind(Kind::Column);
        columns.filter_map(|one| {
            let wanted = self.wanted.column(&one.name)?;
            let found = match one.change {
                Change::Different { .. } => self.found.column(&one.name_there()),
                _ => None,
            };
            Some(Changed { wanted, found })
        })
    }

    /// Columns with AUTO_INCREMENT: they have to be in a key at all times.
    fn counting_columns(&self) -> impl Iterator<Item = Text> {
        let both = self.wanted.columns.iter().chain(self.found.columns.iter());
        both.filter(|column| column.auto_increment)
            .map(|column| column.name)
    }

    /// The columns of each index, as it is expected and as it is.
    fn indexed_together(&self) -> Vec<BTreeSet<Text>> {
        let mut by_name: BTreeMap<Text, BTreeSet<Text>> = BTreeMap::new();
        for (name, index) in self.wanted.indexes.iter().chain(self.found.indexes.iter()) {
            by_name.entry(*name).or_default().extend(index.columns());
        }
        by_name.into_values().collect()
    }
}
