//! Determines the columns of a table whose change may lose data, and those that must change with them.

use std::collections::{BTreeMap, BTreeSet};

use super::alter::Alter;
use super::lossy_conversion;
use super::mentions::mentions;
use crate::schema::ddl::name;
use crate::schema::diff::{Change, SchemaObjectKind};
use crate::schema::model::{Column, Symbol};

/// A column that is changed or added: its expected and its live definition.
struct Changed<'a> {
    expected: &'a Column,
    live: Option<&'a Column>,
}

impl Changed<'_> {
    fn names(&self) -> impl Iterator<Item = Symbol> {
        [Some(self.expected.name), self.live.map(|live| live.name)]
            .into_iter()
            .flatten()
    }

    /// Whether it is computed from one of these columns in either definition.
    fn is_computed_from(&self, columns: &BTreeSet<Symbol>) -> bool {
        let generated = [self.expected.generated, self.live.and_then(|live| live.generated)];
        generated
            .into_iter()
            .flatten()
            .any(|changed| mentions(&changed.expression, columns))
    }
}

impl<'a> Alter<'a, '_> {
    /// The columns whose change may lose data, with the reason.
    pub(super) fn losses(&self) -> BTreeMap<Symbol, String> {
        self.changed_columns()
            .filter_map(|changed| {
                let why = lossy_conversion::reason(changed.live?, changed.expected)?;
                let remedy = self.remedy(changed.live?, changed.expected).unwrap_or_default();
                Some((
                    changed.expected.name,
                    format!("{}: {why}{remedy}", changed.expected.name),
                ))
            })
            .collect()
    }

    /// How to restore the values of a virtual column that becomes a plain one.
    fn remedy(&self, live: &Column, expected: &Column) -> Option<String> {
        let generated = live.generated.filter(|_| expected.generated.is_none())?;
        let (table, column) = (name(&self.table), name(&expected.name));
        let update = format!("UPDATE {table} SET {column} = {}", generated.expression);
        (!generated.stored).then(|| format!(", {update} restores them"))
    }

    /// The columns whose change may lose data, and those that must change in the same ALTER because an
    /// index or an expression ties them together.
    pub(super) fn destructive_columns(&self, losses: &BTreeMap<Symbol, String>) -> BTreeSet<Symbol> {
        let changed: Vec<Changed<'a>> = self.changed_columns().collect();
        let losing = changed
            .iter()
            .filter(|changed| losses.contains_key(&changed.expected.name));
        let mut destructive: BTreeSet<Symbol> = losing.flat_map(Changed::names).collect();
        loop {
            let before = destructive.len();
            for columns in self.indexed_together() {
                if columns.iter().any(|column| destructive.contains(column)) {
                    let tied = changed
                        .iter()
                        .flat_map(Changed::names)
                        .chain(self.counting_columns());
                    destructive.extend(tied.filter(|name| columns.contains(name)));
                }
            }
            for changed in &changed {
                if changed.is_computed_from(&destructive) {
                    destructive.extend(changed.names());
                }
            }
            if destructive.len() == before {
                return destructive;
            }
        }
    }

    fn changed_columns(&self) -> impl Iterator<Item = Changed<'a>> {
        let columns = self.of_kind(SchemaObjectKind::Column);
        columns.filter_map(|changed| {
            let expected = self.expected.column(&changed.name)?;
            let live = match changed.change {
                Change::Different { .. } => self.live.column(&changed.name_on_server()),
                _ => None,
            };
            Some(Changed { expected, live })
        })
    }

    /// Columns with AUTO_INCREMENT, which must be in a key at all times.
    fn counting_columns(&self) -> impl Iterator<Item = Symbol> {
        let both = self.expected.columns.iter().chain(self.live.columns.iter());
        both.filter(|column| column.auto_increment)
            .map(|column| column.name)
    }

    /// The columns of each index, expected and live.
    fn indexed_together(&self) -> Vec<BTreeSet<Symbol>> {
        let mut by_name: BTreeMap<Symbol, BTreeSet<Symbol>> = BTreeMap::new();
        for (name, index) in self.expected.indexes.iter().chain(self.live.indexes.iter()) {
            by_name.entry(*name).or_default().extend(index.columns());
        }
        by_name.into_values().collect()
    }
}
