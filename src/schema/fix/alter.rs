//! Computes the changes to a table that exists in both schemas.

use std::collections::{BTreeMap, BTreeSet};

use super::column_positions::ColumnPositions;
use super::hints;
use super::mentions::mentions;
use super::plan::{Planner, comment_option};
use super::table_changes::TableChanges;
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Difference, Field, Property, SchemaObjectKind};
use crate::schema::model::{
    ByName, CheckConstraint, Column, Index, IndexKey, PRIMARY, Symbol, Table, same_name,
};

/// The inputs of one table's changes.
pub(super) struct Alter<'a, 'b> {
    pub(super) planner: &'b Planner<'a>,
    pub(super) table: Symbol,
    pub(super) expected: &'a Table,
    pub(super) live: &'a Table,
    pub(super) differences: &'b [Difference],
}

impl<'a> Alter<'a, '_> {
    pub(super) fn of_kind(&self, kind: SchemaObjectKind) -> impl Iterator<Item = &Difference> {
        let of_kind = self
            .differences
            .iter()
            .filter(move |difference| difference.kind == kind);
        // The columns of the row period are added and dropped with system versioning.
        of_kind.filter(move |difference| {
            let is_row_time = |table: &Table| table.column(&difference.name).is_some_and(Column::is_row_time);
            kind != SchemaObjectKind::Column || !(is_row_time(self.expected) || is_row_time(self.live))
        })
    }

    pub(super) fn changes(&self) -> TableChanges {
        let losses = self.losses();
        let mut changes = TableChanges {
            destructive_columns: self.destructive_columns(&losses),
            reasons: losses.into_values().collect(),
            ..TableChanges::default()
        };
        let recomputed = self.recomputed();
        let mut reindexed = self.moved_in_space();
        reindexed.extend(&recomputed);
        self.drops(&mut changes, &reindexed);
        self.columns(&mut changes, &recomputed);
        self.adds(&mut changes, &reindexed);
        self.options(&mut changes);
        self.versioning(&mut changes);
        self.extra_columns(&mut changes);
        self.partitioning(&mut changes);
        changes
    }

    fn partitioning(&self, changes: &mut TableChanges) {
        if self.of_kind(SchemaObjectKind::Partitioning).next().is_none() {
            return;
        }
        let expected = self.expected.partitioning.as_deref();
        // Clauses that the partitioning depends on, or that it blocks, are not separated from others.
        if !changes.reasons.is_empty() {
            changes.merge_into_destructive();
        }
        // Unique keys must contain all columns of the partitioning, of the old one until it is removed.
        let keys_change = self.of_kind(SchemaObjectKind::Index).next().is_some();
        if self.live.partitioning.is_some() && (expected.is_none() || keys_change) {
            let loses = changes.loses();
            changes.first.push(("REMOVE PARTITIONING".to_owned(), loses));
        }
        changes.partitioning = expected.map(ddl::partition_by);
    }

    /// Columns that MODIFY cannot change, because only one of the two definitions is virtual (manual: "ALTER
    /// TABLE and Generated Columns"; MariaDB's error 1907, MySQL's 3106).
    fn recomputed(&self) -> BTreeSet<Symbol> {
        let changed = self
            .of_kind(SchemaObjectKind::Column)
            .filter(|difference| matches!(difference.change, Change::Different { .. }));
        let is_virtual = |column: Option<&Column>| {
            let generated = column.and_then(|column| column.generated);
            generated.is_some_and(|generated| !generated.stored)
        };
        let expected = |difference: &Difference| is_virtual(self.expected.column(&difference.name));
        let live = |difference: &Difference| is_virtual(self.live.column(&difference.name_on_server()));
        changed
            .filter(|difference| expected(difference) != live(difference))
            .map(|difference| difference.name)
            .collect()
    }

    /// Columns whose spatial reference system changes. MySQL rejects this while a spatial index is on the
    /// column, even in an ALTER that drops the index (error 3644, measured on 9.7).
    fn moved_in_space(&self) -> BTreeSet<Symbol> {
        self.of_kind(SchemaObjectKind::Column)
            .filter(|difference| difference.differs_in(&[Property::Srid]))
            .map(|difference| difference.name)
            .collect()
    }

    /// Whether an index contains one of `columns`.
    fn holds(index: &Index, columns: &BTreeSet<Symbol>) -> bool {
        index.columns().any(|column| columns.contains(&column))
    }

    /// Drops checks and indexes that are extra or change.
    fn drops(&self, changes: &mut TableChanges, reindexed: &BTreeSet<Symbol>) {
        for difference in self.of_kind(SchemaObjectKind::Check) {
            let check = self.live.checks.get(&difference.name_on_server());
            let there = !matches!(difference.change, Change::Missing { .. });
            if there && check.is_some_and(|check| !check.column_level) {
                let destructive = self.is_destructive_check(changes, difference);
                changes
                    .alter_for(destructive)
                    .clauses
                    .push(format!("DROP CONSTRAINT {}", name(&difference.name_on_server())));
            }
        }
        for difference in self.of_kind(SchemaObjectKind::Index) {
            let live = self.live.indexes.get(&difference.name_on_server());
            let (Some(live), false) = (live, matches!(difference.change, Change::Missing { .. })) else {
                continue;
            };
            if self.index_in_place(difference).is_none() {
                let destructive = self.is_destructive_index(changes, difference);
                self.drop_index(changes, difference.name_on_server(), live, destructive);
            }
        }
        for (index_name, index) in self
            .kept_indexes()
            .filter(|(_, index)| Self::holds(index, reindexed))
        {
            self.drop_index(changes, index_name, index, needs_destructive(changes, index));
        }
    }

    fn drop_index(&self, changes: &mut TableChanges, index_name: Symbol, index: &Index, destructive: bool) {
        let alter = changes.alter_for(destructive);
        alter.columns.unindexed.extend(index.columns().next());
        let clause = match index_name == PRIMARY {
            true => "DROP PRIMARY KEY".to_owned(),
            false => format!("DROP INDEX {}", name(&index_name)),
        };
        if Self::holds(index, &self.moved_in_space()) {
            let loses = changes.loses().filter(|_| destructive);
            changes.first.push((clause, loses));
        } else {
            changes.alter_for(destructive).clauses.push(clause);
        }
    }

    /// Live indexes without a difference.
    fn kept_indexes(&self) -> impl Iterator<Item = (Symbol, &'a Index)> {
        let changed: BTreeSet<Symbol> = self
            .of_kind(SchemaObjectKind::Index)
            .map(Difference::name_on_server)
            .collect();
        self.live
            .indexes
            .iter()
            .filter(move |(name, _)| !changed.contains(*name))
            .map(|(name, index)| (*name, index))
    }

    /// The clause that changes an index without a rebuild, if possible.
    fn index_in_place(&self, difference: &Difference) -> Option<String> {
        let expected = self.expected.indexes.get(&difference.name)?;
        let [Field { property, .. }] = difference.fields() else {
            return None;
        };
        match property {
            Property::Name => Some(format!(
                "RENAME INDEX {} TO {}",
                name(&difference.name_on_server()),
                name(&difference.name)
            )),
            Property::Invisible => {
                let dialect = self.planner.live.dialect();
                let state = match expected.invisible {
                    true => dialect.unused_index,
                    false => dialect.used_index,
                };
                Some(format!(
                    "ALTER INDEX {} {state}",
                    name(&difference.name_on_server())
                ))
            }
            _ => None,
        }
    }

    /// Adds and changes columns in the order of the expected table, so that each AFTER names an
    /// existing column.
    fn columns(&self, changes: &mut TableChanges, recomputed: &BTreeSet<Symbol>) {
        let by_name: BTreeMap<Symbol, &Difference> = self
            .of_kind(SchemaObjectKind::Column)
            .filter(|difference| difference.is_expected())
            .map(|difference| (difference.name, difference))
            .collect();
        let with_checks = self.column_checks();
        let mut positions = ColumnPositions::default();
        for column in &self.expected.columns {
            let difference = by_name.get(&column.name);
            let live = difference.map_or(self.live.column(&column.name), |difference| {
                self.live.column(&difference.name_on_server())
            });
            let destructive = changes.destructive_columns.contains(&column.name);
            let position = positions.next(column.name, destructive, live.is_some(), difference.copied());
            match (live, difference) {
                (None, None) => {}
                (None, Some(difference)) => {
                    let alter = changes.alter_for(destructive);
                    alter
                        .notes
                        .extend(hints::on_column(self.table, column, difference));
                    alter.columns.touched.insert(column.name);
                    alter.columns.added.insert(column.name);
                    alter
                        .clauses
                        .push(format!("ADD COLUMN {} {position}", self.definition(column)));
                }
                (Some(_), None) if with_checks.contains(&column.name) => {
                    changes
                        .alter_for(destructive)
                        .clauses
                        .push(format!("MODIFY COLUMN {}", self.definition(column)));
                }
                (Some(_), None) => {}
                (Some(live), Some(_)) if recomputed.contains(&column.name) => {
                    let alter = changes.alter_for(destructive);
                    alter.columns.touched.extend([live.name, column.name]);
                    alter.clauses.push(format!("DROP COLUMN {}", name(&live.name)));
                    alter
                        .clauses
                        .push(format!("ADD COLUMN {} {position}", self.definition(column)));
                }
                (Some(live), Some(difference)) => {
                    self.change_column(changes, difference, live, column, &position);
                }
            }
        }
    }

    fn change_column(
        &self,
        changes: &mut TableChanges,
        difference: &Difference,
        live: &Column,
        column: &Column,
        position: &str,
    ) {
        let destructive = changes.destructive_columns.contains(&column.name);
        let alter = changes.alter_for(destructive);
        let properties = [
            Property::Type,
            Property::Null,
            Property::Collation,
            Property::AutoIncrement,
            Property::Generated,
        ];
        if difference.differs_in(&properties) {
            alter.columns.touched.extend([live.name, column.name]);
        }
        let verb = match live.name == column.name {
            true => "MODIFY COLUMN".to_owned(),
            false => format!("CHANGE COLUMN {}", name(&live.name)),
        };
        let position = if difference.differs_in(&[Property::Position]) {
            format!(" {position}")
        } else {
            String::new()
        };
        let versioned =
            match difference.differs_in(&[Property::WithoutSystemVersioning]) && !column.unversioned {
                true => " WITH SYSTEM VERSIONING",
                false => "",
            };
        alter
            .clauses
            .push(format!("{verb} {}{versioned}{position}", self.definition(column)));
    }

    /// Columns whose column-level check changes, which requires a MODIFY (MariaDB).
    fn column_checks(&self) -> BTreeSet<Symbol> {
        let changed = self
            .of_kind(SchemaObjectKind::Check)
            .flat_map(|difference| self.column_checks_of(difference));
        changed.flatten().collect()
    }

    /// The columns whose column-level checks a difference concerns: in the expected and in the live table.
    fn column_checks_of(&self, difference: &Difference) -> [Option<Symbol>; 2] {
        let live = self.planner.live.dialect().column_checks;
        let column = |checks: &ByName<CheckConstraint>, name: Symbol, is_there: bool| {
            let check = checks
                .get(&name)
                .filter(|check| check.column_level && is_there && live);
            check.map(|_| CheckConstraint::name_on_server(name))
        };
        let missing = matches!(difference.change, Change::Missing { .. });
        [
            column(&self.expected.checks, difference.name, difference.is_expected()),
            column(&self.live.checks, difference.name_on_server(), !missing),
        ]
    }

    /// The definition of a column for the live server, with its column-level check.
    fn definition(&self, column: &Column) -> String {
        let column_checks = self.planner.live.dialect().column_checks;
        let own = |table: &'a Table| table.column_check(&column.name).filter(|_| column_checks);
        let changed = self
            .of_kind(SchemaObjectKind::Check)
            .any(|difference| self.column_checks_of(difference).contains(&Some(column.name)));
        let kept = own(self.live).filter(|_| !changed);
        let new = own(self.expected).filter(|_| changed || kept.is_some());
        self.planner.writer.column(column, None, new.or(kept))
    }

    /// Adds indexes and checks that are missing or change.
    fn adds(&self, changes: &mut TableChanges, reindexed: &BTreeSet<Symbol>) {
        for difference in self
            .of_kind(SchemaObjectKind::Index)
            .filter(|difference| difference.is_expected())
        {
            let Some(index) = self.expected.indexes.get(&difference.name) else {
                continue;
            };
            let destructive = self.is_destructive_index(changes, difference);
            match self.index_in_place(difference) {
                Some(clause) => changes.alter_for(destructive).clauses.push(clause),
                None => self.add_index(changes, spelled_as_live(difference), index, destructive),
            }
        }
        for (index_name, index) in self
            .kept_indexes()
            .filter(|(_, index)| Self::holds(index, reindexed))
        {
            self.add_index(changes, index_name, index, needs_destructive(changes, index));
        }
        for difference in self
            .of_kind(SchemaObjectKind::Check)
            .filter(|difference| difference.is_expected())
        {
            let in_column = self.planner.live.dialect().column_checks;
            let check = self
                .expected
                .checks
                .get(&difference.name)
                .filter(|check| !(check.column_level && in_column));
            if let Some(check) = check {
                let destructive = self.is_destructive_check(changes, difference);
                changes.alter_for(destructive).clauses.push(format!(
                    "ADD {}",
                    ddl::check(&self.table, &difference.name, check)
                ));
            }
        }
    }

    fn add_index(&self, changes: &mut TableChanges, index_name: Symbol, index: &Index, destructive: bool) {
        let alter = changes.alter_for(destructive);
        alter.columns.indexed.extend(index.columns().next());
        alter
            .clauses
            .push(format!("ADD {}", self.planner.writer.index(&index_name, index)));
    }

    /// Whether the live or the expected index needs a destructive column, or a live index of its name does.
    fn is_destructive_index(&self, changes: &TableChanges, difference: &Difference) -> bool {
        let live = [difference.name_on_server(), difference.name]
            .into_iter()
            .filter_map(|name| self.live.indexes.get(&name));
        let expected = self.expected.indexes.get(&difference.name);
        expected
            .into_iter()
            .chain(live)
            .any(|index| needs_destructive(changes, index))
    }

    /// Whether the live or the expected condition of a check names a destructive column.
    fn is_destructive_check(&self, changes: &TableChanges, difference: &Difference) -> bool {
        let expected = self.expected.checks.get(&difference.name);
        let live = self.live.checks.get(&difference.name_on_server());
        let mut both = expected.into_iter().chain(live);
        both.any(|check| mentions(&check.clause, &changes.destructive_columns))
    }

    fn options(&self, changes: &mut TableChanges) {
        let fields = self
            .of_kind(SchemaObjectKind::Table)
            .flat_map(|difference| difference.fields());
        for field in fields {
            let clause = match field.property {
                Property::Engine => format!("ENGINE={}", self.expected.engine),
                Property::Comment => comment_option(self.expected.comment),
                Property::DefaultCollation => {
                    format!("DEFAULT {}", self.planner.writer.charset(self.expected.collation))
                }
                Property::TableOption(key) if key != *ddl::SYSTEM_VERSIONING => {
                    ddl::option(&key, self.expected.options.get(&key))
                }
                _ => continue,
            };
            changes.safe.clauses.push(clause);
        }
    }

    /// Drops extra columns in a statement of their own, after the others.
    fn extra_columns(&self, changes: &mut TableChanges) {
        let extra: Vec<&Difference> = self
            .of_kind(SchemaObjectKind::Column)
            .filter(|difference| !difference.is_expected())
            .collect();
        // A column with AUTO_INCREMENT must be in a key at all times: drop it together with its key.
        let counts = |difference: &&Difference| {
            self.live
                .column(&difference.name)
                .is_some_and(|column| column.auto_increment)
        };
        let together = extra.iter().any(counts);
        let mut dropped: Vec<(String, String)> = Vec::new();
        for difference in extra {
            changes.dropped_columns.insert(difference.name);
            let why = format!("drops the column {} and its values", difference.name);
            dropped.push((format!("DROP COLUMN {}", name(&difference.name)), why));
        }
        if dropped.is_empty() {
            return;
        }
        let (clauses, reasons): (Vec<_>, Vec<_>) = dropped.into_iter().unzip();
        if together {
            changes.reasons.extend(reasons);
            changes.merge_into_destructive();
            changes.destructive.clauses.splice(0..0, clauses);
        } else {
            changes.dropped = Some((clauses.join(", "), reasons.join("; ")));
        }
    }
}

/// The name of an index to add, in the spelling of the live index it replaces. MariaDB 10.11 cannot
/// read an index that one ALTER dropped and re-added with different case (error 1030).
fn spelled_as_live(difference: &Difference) -> Symbol {
    match same_name(&difference.name, &difference.name_on_server()) {
        true => difference.name_on_server(),
        false => difference.name,
    }
}

/// Whether an index contains, or is computed from, a destructive column.
fn needs_destructive(changes: &TableChanges, index: &Index) -> bool {
    index.parts.iter().any(|part| match part.key {
        IndexKey::Column(column) => changes.destructive_columns.contains(&column),
        IndexKey::Expression(expression) => mentions(&expression, &changes.destructive_columns),
    })
}
