//! What has to be done to a table that is there.

use std::collections::{BTreeMap, BTreeSet};

use super::hints;
use super::risk::mentions;
use super::work::Work;
use super::{Planner, comment_option};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Difference, Kind, UNVERSIONED};
use crate::schema::model::{ByName, Check, Column, Index, Key, PRIMARY, Table, Text, same_name};

/// The changes of one table.
pub(super) struct Alter<'a, 'b> {
    pub(super) planner: &'b Planner<'a>,
    pub(super) table: Text,
    pub(super) wanted: &'a Table,
    pub(super) found: &'a Table,
    pub(super) differences: &'b [Difference],
}

impl<'a> Alter<'a, '_> {
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Difference> {
        let of_kind = self.differences.iter().filter(move |one| one.kind == kind);
        // The columns for a row's time come and go with the keeping of old rows.
        of_kind.filter(move |one| {
            let is_row_time = |table: &Table| table.column(&one.name).is_some_and(Column::is_row_time);
            kind != Kind::Column || !(is_row_time(self.wanted) || is_row_time(self.found))
        })
    }

    pub(super) fn work(&self) -> Work {
        let losses = self.losses();
        let mut work = Work {
            risky: self.risky_columns(&losses),
            reasons: losses.into_values().collect(),
            ..Work::default()
        };
        let recomputed = self.recomputed();
        let mut reindexed = self.moved_in_space();
        reindexed.extend(&recomputed);
        self.drops(&mut work, &reindexed);
        self.columns(&mut work, &recomputed);
        self.adds(&mut work, &reindexed);
        self.options(&mut work);
        self.versioning(&mut work);
        self.extra_columns(&mut work);
        self.partitioning(&mut work);
        work
    }

    fn partitioning(&self, work: &mut Work) {
        if self.of_kind(Kind::Partitioning).next().is_none() {
            return;
        }
        let wanted = self.wanted.partitioning.as_deref();
        // What the partitioning needs, and what it stands in the way of, is not told apart.
        if !work.reasons.is_empty() {
            work.unite();
        }
        // Unique keys hold all columns of the partitioning: of the old one until it is gone.
        let keys_change = self.of_kind(Kind::Index).next().is_some();
        if self.found.partitioning.is_some() && (wanted.is_none() || keys_change) {
            let loses = work.loses();
            work.before.push(("REMOVE PARTITIONING".to_owned(), loses));
        }
        work.partitioning = wanted.map(ddl::partition_by);
    }

    /// Columns that no MODIFY can change: to or from a virtual one (manual: "ALTER TABLE and
    /// Generated Columns"; MariaDB's error 1907, MySQL's 3106).
    fn recomputed(&self) -> BTreeSet<Text> {
        let changed = self
            .of_kind(Kind::Column)
            .filter(|one| matches!(one.change, Change::Different { .. }));
        let is_virtual = |column: Option<&Column>| {
            let generated = column.and_then(|column| column.generated);
            generated.is_some_and(|generated| !generated.stored)
        };
        let wanted = |one: &Difference| is_virtual(self.wanted.column(&one.name));
        let found = |one: &Difference| is_virtual(self.found.column(&one.name_there()));
        changed
            .filter(|one| wanted(one) != found(one))
            .map(|one| one.name)
            .collect()
    }

    /// Columns with another spatial reference system, which MySQL refuses to change as long as a
    /// spatial index is on the column, even in an ALTER that drops it (error 3644, measured on 9.7).
    fn moved_in_space(&self) -> BTreeSet<Text> {
        self.of_kind(Kind::Column)
            .filter(|one| one.differs_in(&["srid"]))
            .map(|one| one.name)
            .collect()
    }

    /// Whether an index holds one of the columns that cannot change under it.
    fn holds(index: &Index, columns: &BTreeSet<Text>) -> bool {
        index.columns().any(|column| columns.contains(&column))
    }

    /// Checks and indexes that go or change.
    fn drops(&self, work: &mut Work, reindexed: &BTreeSet<Text>) {
        for one in self.of_kind(Kind::Check) {
            let check = self.found.checks.get(&one.name_there());
            let there = !matches!(one.change, Change::Missing { .. });
            if there && check.is_some_and(|check| !check.of_column) {
                let risky = self.is_risky_check(work, one);
                work.part(risky)
                    .clauses
                    .push(format!("DROP CONSTRAINT {}", name(&one.name_there())));
            }
        }
        for one in self.of_kind(Kind::Index) {
            let live = self.found.indexes.get(&one.name_there());
            let (Some(live), false) = (live, matches!(one.change, Change::Missing { .. })) else {
                continue;
            };
            if self.index_in_place(one).is_none() {
                let risky = self.is_risky_index(work, one);
                self.drop_index(work, one.name_there(), live, risky);
            }
        }
        for (index_name, index) in self
            .kept_indexes()
            .filter(|(_, index)| Self::holds(index, reindexed))
        {
            self.drop_index(work, index_name, index, needs_risky(work, index));
        }
    }

    fn drop_index(&self, work: &mut Work, index_name: Text, index: &Index, risky: bool) {
        let part = work.part(risky);
        part.columns.unindexed.extend(index.columns().next());
        let clause = match index_name == PRIMARY {
            true => "DROP PRIMARY KEY".to_owned(),
            false => format!("DROP INDEX {}", name(&index_name)),
        };
        if Self::holds(index, &self.moved_in_space()) {
            let loses = work.loses().filter(|_| risky);
            work.before.push((clause, loses));
        } else {
            work.part(risky).clauses.push(clause);
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
            [field] if field.name == *"name" => Some(format!(
                "RENAME INDEX {} TO {}",
                name(&one.name_there()),
                name(&one.name)
            )),
            [field] if field.name == *"invisible" => {
                let dialect = self.planner.live.dialect();
                let state = match wanted.invisible {
                    true => dialect.unused_index,
                    false => dialect.used_index,
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
            .filter(|one| one.is_expected())
            .map(|one| (one.name, one))
            .collect();
        let with_checks = self.column_checks();
        let mut places = Places::default();
        for column in &self.wanted.columns {
            let difference = by_name.get(&column.name);
            let live = difference.map_or(self.found.column(&column.name), |one| {
                self.found.column(&one.name_there())
            });
            let risky = work.risky.contains(&column.name);
            let place = places.next(column.name, risky, live.is_some(), difference.copied());
            match (live, difference) {
                (None, None) => {}
                (None, Some(difference)) => {
                    let part = work.part(risky);
                    part.notes
                        .extend(hints::on_column(self.table, column, difference));
                    part.columns.touched.insert(column.name);
                    part.columns.added.insert(column.name);
                    part.clauses
                        .push(format!("ADD COLUMN {} {place}", self.definition(column)));
                }
                (Some(_), None) if with_checks.contains(&column.name) => {
                    work.part(risky)
                        .clauses
                        .push(format!("MODIFY COLUMN {}", self.definition(column)));
                }
                (Some(_), None) => {}
                (Some(live), Some(_)) if recomputed.contains(&column.name) => {
                    let part = work.part(risky);
                    part.columns.touched.extend([live.name, column.name]);
                    part.clauses.push(format!("DROP COLUMN {}", name(&live.name)));
                    part.clauses
                        .push(format!("ADD COLUMN {} {place}", self.definition(column)));
                }
                (Some(live), Some(difference)) => {
                    self.change_column(work, difference, live, column, &place);
                }
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
        let risky = work.risky.contains(&column.name);
        let part = work.part(risky);
        if difference.differs_in(&["type", "null", "collation", "auto_increment", "generated"]) {
            part.columns.touched.extend([live.name, column.name]);
        }
        let verb = match live.name == column.name {
            true => "MODIFY COLUMN".to_owned(),
            false => format!("CHANGE COLUMN {}", name(&live.name)),
        };
        let place = if difference.differs_in(&["position"]) {
            format!(" {place}")
        } else {
            String::new()
        };
        let versioned = match difference.differs_in(&[UNVERSIONED]) && !column.unversioned {
            true => " WITH SYSTEM VERSIONING",
            false => "",
        };
        part.clauses
            .push(format!("{verb} {}{versioned}{place}", self.definition(column)));
    }

    /// Columns of MariaDB whose own check changes, which takes a MODIFY.
    fn column_checks(&self) -> BTreeSet<Text> {
        let changed = self
            .of_kind(Kind::Check)
            .flat_map(|one| self.column_checks_of(one));
        changed.flatten().collect()
    }

    /// The columns whose own checks a difference is about: the expected one's, and the live one's.
    fn column_checks_of(&self, one: &Difference) -> [Option<Text>; 2] {
        let live = self.planner.live.dialect().column_checks;
        let column = |checks: &ByName<Check>, name: Text, is_there: bool| {
            let check = checks
                .get(&name)
                .filter(|check| check.of_column && is_there && live);
            check.map(|_| Check::name_on_server(name))
        };
        let missing = matches!(one.change, Change::Missing { .. });
        [
            column(&self.wanted.checks, one.name, one.is_expected()),
            column(&self.found.checks, one.name_there(), !missing),
        ]
    }

    /// A column for the live server, with the check that belongs to it there.
    fn definition(&self, column: &Column) -> String {
        let column_checks = self.planner.live.dialect().column_checks;
        let own = |table: &'a Table| table.column_check(&column.name).filter(|_| column_checks);
        let changed = self
            .of_kind(Kind::Check)
            .any(|one| self.column_checks_of(one).contains(&Some(column.name)));
        let kept = own(self.found).filter(|_| !changed);
        let new = own(self.wanted).filter(|_| changed || kept.is_some());
        self.planner.writer.column(column, None, new.or(kept))
    }

    /// Indexes and checks that come or change.
    fn adds(&self, work: &mut Work, reindexed: &BTreeSet<Text>) {
        for one in self.of_kind(Kind::Index).filter(|one| one.is_expected()) {
            let Some(index) = self.wanted.indexes.get(&one.name) else {
                continue;
            };
            let risky = self.is_risky_index(work, one);
            match self.index_in_place(one) {
                Some(clause) => work.part(risky).clauses.push(clause),
                None => self.add_index(work, spelled_as_live(one), index, risky),
            }
        }
        for (index_name, index) in self
            .kept_indexes()
            .filter(|(_, index)| Self::holds(index, reindexed))
        {
            self.add_index(work, index_name, index, needs_risky(work, index));
        }
        for one in self.of_kind(Kind::Check).filter(|one| one.is_expected()) {
            let in_column = self.planner.live.dialect().column_checks;
            let check = self
                .wanted
                .checks
                .get(&one.name)
                .filter(|check| !(check.of_column && in_column));
            if let Some(check) = check {
                let risky = self.is_risky_check(work, one);
                work.part(risky)
                    .clauses
                    .push(format!("ADD {}", ddl::check(&self.table, &one.name, check)));
            }
        }
    }

    fn add_index(&self, work: &mut Work, index_name: Text, index: &Index, risky: bool) {
        let part = work.part(risky);
        part.columns.indexed.extend(index.columns().next());
        part.clauses
            .push(format!("ADD {}", self.planner.writer.index(&index_name, index)));
    }

    /// Whether the index, as it is or as it is expected, needs a column that may lose data, or its name
    /// is taken by one that does.
    fn is_risky_index(&self, work: &Work, one: &Difference) -> bool {
        let found = [one.name_there(), one.name]
            .into_iter()
            .filter_map(|name| self.found.indexes.get(&name));
        let wanted = self.wanted.indexes.get(&one.name);
        wanted
            .into_iter()
            .chain(found)
            .any(|index| needs_risky(work, index))
    }

    /// Whether the check's condition, before or after, is about a column that may lose data.
    fn is_risky_check(&self, work: &Work, one: &Difference) -> bool {
        let wanted = self.wanted.checks.get(&one.name);
        let found = self.found.checks.get(&one.name_there());
        let mut both = wanted.into_iter().chain(found);
        both.any(|check| mentions(&check.clause, &work.risky))
    }

    fn options(&self, work: &mut Work) {
        let changes = self.of_kind(Kind::Table).filter_map(|one| match &one.change {
            Change::Different { fields } => Some(fields),
            _ => None,
        });
        for field in changes.flatten() {
            if field.name == *ddl::SYSTEM_VERSIONING {
                continue;
            }
            work.safe.clauses.push(match field.name.as_str() {
                "engine" => format!("ENGINE={}", self.wanted.engine),
                "comment" => comment_option(self.wanted.comment),
                "default collation" => {
                    format!("DEFAULT {}", self.planner.writer.charset(self.wanted.collation))
                }
                key => ddl::option(key, self.wanted.options.get(&Text::new(key))),
            });
        }
    }

    /// Columns that are not expected go in a statement of their own, after the rest.
    fn extra_columns(&self, work: &mut Work) {
        let extra: Vec<&Difference> = self
            .of_kind(Kind::Column)
            .filter(|one| !one.is_expected())
            .collect();
        // A column with AUTO_INCREMENT has to stay in a key: it goes with its key or not at all.
        let counts = |one: &&Difference| {
            self.found
                .column(&one.name)
                .is_some_and(|column| column.auto_increment)
        };
        let together = extra.iter().any(counts);
        let mut dropped: Vec<(String, String)> = Vec::new();
        for one in extra {
            work.gone.insert(one.name);
            let why = format!("the column {} and what it holds go", one.name);
            dropped.push((format!("DROP COLUMN {}", name(&one.name)), why));
        }
        if dropped.is_empty() {
            return;
        }
        let (clauses, reasons): (Vec<_>, Vec<_>) = dropped.into_iter().unzip();
        if together {
            work.reasons.extend(reasons);
            work.unite();
            work.losing.clauses.splice(0..0, clauses);
        } else {
            work.dropped = Some((clauses.join(", "), reasons.join("; ")));
        }
    }
}

/// The name of an index to make: in the spelling of a live one that it replaces. MariaDB 10.11 can
/// no longer read an index that an ALTER dropped and added in another case (error 1030).
fn spelled_as_live(one: &Difference) -> Text {
    match same_name(&one.name, &one.name_there()) {
        true => one.name_there(),
        false => one.name,
    }
}

/// Whether an index holds, or is computed from, a column that may lose data.
fn needs_risky(work: &Work, index: &Index) -> bool {
    index.parts.iter().any(|part| match part.key {
        Key::Column(column) => work.risky.contains(&column),
        Key::Expression(expression) => mentions(&expression, &work.risky),
    })
}

/// The places of columns, each behind one that is there when its ALTER runs.
#[derive(Default)]
struct Places {
    /// The column before, once everything is done.
    before: Option<Text>,
    /// The column before while only that is done which loses nothing.
    before_safe: Option<Text>,
}

impl Places {
    /// Where the next column goes. One without a difference that is not there is missing on purpose.
    fn next(&mut self, column: Text, risky: bool, there: bool, difference: Option<&Difference>) -> String {
        let before = if risky { self.before } else { self.before_safe };
        let moves = !there || difference.is_some_and(|one| one.differs_in(&["position"]));
        if there || difference.is_some() {
            self.before = Some(column);
            if !(risky && moves) {
                self.before_safe = Some(column);
            }
        }
        before.map_or("FIRST".to_owned(), |before| format!("AFTER {}", name(&before)))
    }
}
