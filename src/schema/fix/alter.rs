//! What has to be done to a table that is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Planner, comment_option, loss};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::model::{ByName, Check, Column, Dialect, Index, PRIMARY, Table, Text};

/// What has to be done to one table.
#[derive(Default)]
pub(super) struct Work {
    /// Clauses of the one ALTER.
    pub(super) clauses: Vec<String>,
    /// Why that ALTER may lose data.
    pub(super) loses: BTreeSet<String>,
    /// ALTERs of their own that lose data, with the reason.
    pub(super) losing: Vec<(String, String)>,
    /// Columns whose type, or whose very being, changes.
    pub(super) touched: BTreeSet<Text>,
    /// First columns of indexes that go or change.
    pub(super) unindexed: BTreeSet<Text>,
    /// PARTITION BY has to stand alone.
    pub(super) partitioning: Option<String>,
    /// ALTERs of their own that have to come before the rest, perhaps with what they lose.
    pub(super) before: Vec<(String, Option<String>)>,
}

/// The changes of one table.
pub(super) struct Alter<'a, 'b> {
    pub(super) planner: &'b Planner<'a>,
    pub(super) table: Text,
    pub(super) wanted: &'a Table,
    pub(super) found: &'a Table,
    pub(super) differences: &'b [&'b Difference],
}

impl<'a> Alter<'a, '_> {
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Difference> {
        self.differences
            .iter()
            .copied()
            .filter(move |one| one.kind == kind)
    }

    pub(super) fn work(&self) -> Work {
        let mut work = Work::default();
        let recomputed = self.recomputed();
        let mut reindexed = self.moved_in_space();
        reindexed.extend(&recomputed);
        self.drops(&mut work, &reindexed);
        self.columns(&mut work, &recomputed);
        self.adds(&mut work, &reindexed);
        self.options(&mut work);
        self.extra_columns(&mut work);
        if self.of_kind(Kind::Partitioning).next().is_some() {
            let wanted = self.wanted.partitioning.as_deref();
            // Unique keys hold all columns of the partitioning: of the old one until it is gone.
            let keys_change = self.of_kind(Kind::Index).next().is_some();
            if self.found.partitioning.is_some() && (wanted.is_none() || keys_change) {
                work.before.push(("REMOVE PARTITIONING".to_owned(), None));
            }
            work.partitioning = wanted.map(ddl::partition_by);
        }
        work
    }

    /// Columns that no MODIFY can change: to or from a virtual one, or between virtual and stored
    /// (manual: "ALTER TABLE and Generated Columns").
    fn recomputed(&self) -> BTreeSet<Text> {
        let changed = self
            .of_kind(Kind::Column)
            .filter(|one| matches!(one.change, Change::Different { .. }));
        let kind =
            |column: Option<&Column>| column.map(|one| one.generated.map(|generated| generated.stored));
        changed
            .filter(|one| kind(self.wanted.column(&one.name)) != kind(self.found.column(&one.name_there())))
            .map(|one| one.name)
            .collect()
    }

    /// Columns with another spatial reference system, which MySQL refuses to change as long as a
    /// spatial index is on the column, even in an ALTER that drops it (error 3644, measured on 9.7).
    fn moved_in_space(&self) -> BTreeSet<Text> {
        self.of_kind(Kind::Column)
            .filter(|one| match &one.change {
                Change::Different { fields } => fields.iter().any(|field| field.name == "srid"),
                _ => false,
            })
            .map(|one| one.name)
            .collect()
    }

    /// Whether an index holds one of the columns that cannot change under it.
    fn holds(index: &Index, columns: &BTreeSet<Text>) -> bool {
        index
            .parts
            .iter()
            .filter_map(|part| part.column_name())
            .any(|column| columns.contains(&column))
    }

    /// Checks and indexes that go or change.
    fn drops(&self, work: &mut Work, reindexed: &BTreeSet<Text>) {
        for one in self.of_kind(Kind::Check) {
            let check = self.found.checks.get(&one.name_there());
            let there = !matches!(one.change, Change::Missing { .. });
            if there && check.is_some_and(|check| !check.of_column) {
                work.clauses
                    .push(format!("DROP CONSTRAINT {}", name(&one.name_there())));
            }
        }
        for one in self.of_kind(Kind::Index) {
            let live = self.found.indexes.get(&one.name_there());
            let (Some(live), false) = (live, matches!(one.change, Change::Missing { .. })) else {
                continue;
            };
            if self.index_in_place(one).is_none() {
                self.drop_index(work, one.name_there(), live);
            }
        }
        for (index_name, index) in self
            .kept_indexes()
            .filter(|(_, index)| Self::holds(index, reindexed))
        {
            self.drop_index(work, index_name, index);
        }
    }

    fn drop_index(&self, work: &mut Work, index_name: Text, index: &Index) {
        work.unindexed
            .extend(index.parts.first().and_then(|part| part.column_name()));
        let clause = match index_name == PRIMARY {
            true => "DROP PRIMARY KEY".to_owned(),
            false => format!("DROP INDEX {}", name(&index_name)),
        };
        match Self::holds(index, &self.moved_in_space()) {
            true => work.before.push((clause, None)),
            false => work.clauses.push(clause),
        }
    }

    /// Live indexes that are as expected.
    fn kept_indexes(&self) -> impl Iterator<Item = (Text, &'a Index)> {
        let changed: BTreeSet<Text> = self.of_kind(Kind::Index).map(Difference::name_there).collect();
        self.found
            .indexes
            .iter()
            .filter(move |(name, _)| !changed.contains(*name))
            .map(|(name, index)| (*name, index))
    }

    /// The clause that changes an index without building it again, if one does.
    fn index_in_place(&self, one: &Difference) -> Option<String> {
        let Change::Different { fields } = &one.change else {
            return None;
        };
        let wanted = self.wanted.indexes.get(&one.name)?;
        match fields.as_slice() {
            [field] if field.name == "name" => Some(format!(
                "RENAME INDEX {} TO {}",
                name(&one.name_there()),
                name(&one.name)
            )),
            [field] if field.name == "invisible" => {
                let state = match (self.planner.live.dialect, wanted.invisible) {
                    (Dialect::MySQL, true) => "INVISIBLE",
                    (Dialect::MySQL, false) => "VISIBLE",
                    (Dialect::MariaDB, true) => "IGNORED",
                    (Dialect::MariaDB, false) => "NOT IGNORED",
                };
                Some(format!("ALTER INDEX {} {state}", name(&one.name_there())))
            }
            _ => None,
        }
    }

    /// Columns to add and to change, in the order of the expected table, so that each AFTER
    /// names a column that is there.
    fn columns(&self, work: &mut Work, recomputed: &BTreeSet<Text>) {
        let by_name: BTreeMap<Text, &Difference> = self
            .of_kind(Kind::Column)
            .filter(|one| !matches!(one.change, Change::Extra { .. }))
            .map(|one| (one.name, one))
            .collect();
        let with_checks = self.column_checks();
        let mut before: Option<Text> = None;
        for column in &self.wanted.columns {
            let place = before.map_or("FIRST".to_owned(), |before| format!("AFTER {}", name(&before)));
            before = Some(column.name);
            let difference = by_name.get(&column.name);
            let Some(live) = difference.map_or(self.found.column(&column.name), |one| {
                self.found.column(&one.name_there())
            }) else {
                if difference.is_some() {
                    work.clauses
                        .push(format!("ADD COLUMN {} {place}", self.definition(column)));
                } else {
                    // Missing on purpose: the next one goes where this one would have been.
                    before = None;
                }
                continue;
            };
            let Some(difference) = difference else {
                if with_checks.contains(&column.name) {
                    work.clauses
                        .push(format!("MODIFY COLUMN {}", self.definition(column)));
                }
                continue;
            };
            work.loses
                .extend(loss::of_change(live, column).map(|why| format!("{}: {why}", column.name)));
            if recomputed.contains(&column.name) {
                work.touched.insert(live.name);
                work.clauses.push(format!("DROP COLUMN {}", name(&live.name)));
                work.clauses
                    .push(format!("ADD COLUMN {} {place}", self.definition(column)));
            } else {
                self.change_column(work, difference, live, column, &place);
            }
        }
    }

    fn change_column(
        &self,
        work: &mut Work,
        difference: &Difference,
        live: &Column,
        column: &Column,
        place: &str,
    ) {
        let Change::Different { fields } = &difference.change else {
            return;
        };
        let has = |names: &[&str]| fields.iter().any(|field| names.contains(&field.name.as_str()));
        if has(&["type", "null", "collation", "auto_increment", "generated"]) {
            work.touched.insert(live.name);
        }
        let verb = match live.name == column.name {
            true => "MODIFY COLUMN".to_owned(),
            false => format!("CHANGE COLUMN {}", name(&live.name)),
        };
        let place = if has(&["position"]) {
            format!(" {place}")
        } else {
            String::new()
        };
        work.clauses
            .push(format!("{verb} {}{place}", self.definition(column)));
    }

    /// Columns of MariaDB whose own check changes, which takes a MODIFY.
    fn column_checks(&self) -> BTreeSet<Text> {
        let of_column = |name: Text| {
            let check = self.found.checks.get(&name).or(self.wanted.checks.get(&name));
            self.planner.live.dialect == Dialect::MariaDB && check.is_some_and(|check| check.of_column)
        };
        self.of_kind(Kind::Check)
            .map(|one| one.name)
            .filter(|name| of_column(*name))
            .collect()
    }

    /// A column for the live server, with the check that belongs to it there.
    fn definition(&self, column: &Column) -> String {
        let live = self.planner.live.dialect == Dialect::MariaDB;
        let own =
            |checks: &'a ByName<Check>| checks.get(&column.name).filter(|check| check.of_column && live);
        let changed = self
            .of_kind(Kind::Check)
            .any(|one| one.name_there() == column.name);
        let kept = own(&self.found.checks).filter(|_| !changed);
        let check = own(&self.wanted.checks).or(kept);
        self.planner.writer.column(column, None, check)
    }

    /// Indexes and checks that come or change.
    fn adds(&self, work: &mut Work, reindexed: &BTreeSet<Text>) {
        for one in self
            .of_kind(Kind::Index)
            .filter(|one| !matches!(one.change, Change::Extra { .. }))
        {
            if let Some(clause) = self.index_in_place(one) {
                work.clauses.push(clause);
            } else if let Some(index) = self.wanted.indexes.get(&one.name) {
                work.clauses
                    .push(format!("ADD {}", self.planner.writer.index(&one.name, index)));
            }
        }
        for (index_name, index) in self
            .kept_indexes()
            .filter(|(_, index)| Self::holds(index, reindexed))
        {
            work.clauses
                .push(format!("ADD {}", self.planner.writer.index(&index_name, index)));
        }
        for one in self
            .of_kind(Kind::Check)
            .filter(|one| !matches!(one.change, Change::Extra { .. }))
        {
            let in_column = self.planner.live.dialect == Dialect::MariaDB;
            let check = self
                .wanted
                .checks
                .get(&one.name)
                .filter(|check| !(check.of_column && in_column));
            if let Some(check) = check {
                work.clauses
                    .push(format!("ADD {}", ddl::check(&self.table, &one.name, check)));
            }
        }
    }

    fn options(&self, work: &mut Work) {
        let changes = self.of_kind(Kind::Table).filter_map(|one| match &one.change {
            Change::Different { fields } => Some(fields),
            _ => None,
        });
        for field in changes.flatten() {
            let gone = !self.wanted.options.contains_key(&Text::new(&field.name));
            if field.name == ddl::SYSTEM_VERSIONING && gone {
                let why = "the old versions of the rows go".to_owned();
                work.before.push((ddl::option(&field.name, None), Some(why)));
                continue;
            }
            work.clauses.push(match field.name.as_str() {
                "engine" => format!("ENGINE={}", self.wanted.engine),
                "comment" => comment_option(self.wanted.comment),
                "default collation" => {
                    format!("DEFAULT {}", self.planner.writer.charset(self.wanted.collation))
                }
                ddl::SYSTEM_VERSIONING => "ADD SYSTEM VERSIONING".to_owned(),
                key => ddl::option(key, self.wanted.options.get(&Text::new(key))),
            });
        }
    }

    /// Columns that are not expected go in a statement of their own, after the rest.
    fn extra_columns(&self, work: &mut Work) {
        let extra: Vec<&Difference> = self
            .of_kind(Kind::Column)
            .filter(|one| matches!(one.change, Change::Extra { .. }))
            .collect();
        // A column with AUTO_INCREMENT has to stay in a key: it goes with its key or not at all.
        let counts = |one: &&Difference| {
            self.found
                .column(&one.name)
                .is_some_and(|column| column.auto_increment)
        };
        let together = extra.iter().any(counts);
        let mut clauses = Vec::new();
        for one in extra {
            work.touched.insert(one.name);
            let why = format!("the column {} and what it holds go", one.name);
            if together {
                work.loses.insert(why);
                work.clauses.insert(0, format!("DROP COLUMN {}", name(&one.name)));
            } else {
                clauses.push((format!("DROP COLUMN {}", name(&one.name)), why));
            }
        }
        if !clauses.is_empty() {
            let (clauses, reasons): (Vec<_>, Vec<_>) = clauses.into_iter().unzip();
            work.losing.push((clauses.join(", "), reasons.join("; ")));
        }
    }
}
