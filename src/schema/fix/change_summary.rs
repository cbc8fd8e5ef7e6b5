//! Summaries of the changes of all tables, without the statements: those of a thousand tables take
//! megabytes, so they are generated again when they are emitted.

use std::collections::{BTreeMap, BTreeSet};

use litemap::LiteMap;

use super::table_changes::{AlterTable, TableChanges};
use crate::schema::model::{ByName, ForeignKey, Schema, Symbol};

/// The effects of the lossless and of the destructive ALTER on a column at an end of a foreign key.
#[derive(Debug, Clone, Copy, Default)]
struct KeyColumn {
    safe: ColumnEffect,
    destructive: ColumnEffect,
    dropped: bool,
}

/// The effects of one ALTER on a column.
#[derive(Debug, Clone, Copy, Default)]
struct ColumnEffect {
    /// It is added, retyped, or switches between plain and generated.
    touched: bool,
    /// An index whose first column it is is dropped or changed.
    unindexed: bool,
    /// An index whose first column it is is added or changed.
    indexed: bool,
}

impl ColumnEffect {
    fn from_alter(alter: &AlterTable, column: Symbol) -> Self {
        ColumnEffect {
            touched: alter.columns.touched.contains(&column),
            unindexed: alter.columns.unindexed.contains(&column),
            indexed: alter.columns.indexed.contains(&column),
        }
    }

    fn or(self, other: ColumnEffect) -> Self {
        ColumnEffect {
            touched: self.touched || other.touched,
            unindexed: self.unindexed || other.unindexed,
            indexed: self.indexed || other.indexed,
        }
    }
}

/// Which of a table's two ALTERs affect a foreign key, on either of its sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TouchedBy {
    pub(super) safe: bool,
    pub(super) destructive: bool,
}

impl std::ops::BitOr for TouchedBy {
    type Output = TouchedBy;
    fn bitor(self, other: TouchedBy) -> TouchedBy {
        TouchedBy {
            safe: self.safe || other.safe,
            destructive: self.destructive || other.destructive,
        }
    }
}

/// The columns that the ALTERs of a table add.
struct AddedColumns {
    safe: BTreeSet<Symbol>,
    destructive: BTreeSet<Symbol>,
    /// Why objects that use the columns of the destructive ALTER are deferred.
    why: Option<String>,
}

/// Columns added by destructive ALTERs, by table, with the reason.
pub(super) type DestructiveAdditions<'a> = BTreeMap<Symbol, (&'a BTreeSet<Symbol>, Option<&'a str>)>;

/// The summary of one table's changes.
struct ChangeSummary {
    /// Whether there is a lossless ALTER.
    safe: bool,
    /// Whether there is a destructive ALTER with a reason of its own.
    loses: bool,
    /// Whether columns are dropped by an ALTER of their own.
    drops: bool,
    /// The table whose change a foreign key ties to this table's, which then has a single ALTER.
    tie: Option<Symbol>,
    added: Option<Box<AddedColumns>>,
}

/// The summaries of all tables that exist in both schemas.
pub(super) struct ChangeSummaries {
    tables: ByName<ChangeSummary>,
    columns: LiteMap<(Symbol, Symbol), KeyColumn>,
}

impl ChangeSummaries {
    /// An empty collection for `tables` tables.
    pub(super) fn new(live: &Schema, expected: &Schema, tables: usize) -> Self {
        let columns: BTreeSet<(Symbol, Symbol)> = key_columns(live).chain(key_columns(expected)).collect();
        ChangeSummaries {
            tables: ByName::with_capacity(tables),
            columns: columns
                .into_iter()
                .map(|column| (column, KeyColumn::default()))
                .collect(),
        }
    }

    /// Adds the changes of a table.
    pub(super) fn insert(&mut self, table: Symbol, changes: TableChanges) {
        for ((of, column), change) in self.columns.iter_mut() {
            if *of == table {
                *change = KeyColumn {
                    safe: ColumnEffect::from_alter(&changes.safe, *column),
                    destructive: ColumnEffect::from_alter(&changes.destructive, *column),
                    dropped: changes.dropped_columns.contains(column),
                };
            }
        }
        let (safe, drops) = (!changes.safe.is_empty(), changes.dropped.is_some());
        let why = changes.loses();
        let loses = why.is_some();
        let (adds_safe, adds_destructive) = (changes.safe.columns.added, changes.destructive.columns.added);
        let none = adds_safe.is_empty() && adds_destructive.is_empty();
        let summary = ChangeSummary {
            safe,
            loses,
            drops,
            tie: None,
            added: (!none).then(|| {
                Box::new(AddedColumns {
                    safe: adds_safe,
                    destructive: adds_destructive,
                    why,
                })
            }),
        };
        self.tables.insert(table, summary);
    }

    /// The tables with changes.
    pub(super) fn tables(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.tables.keys().copied()
    }

    /// The ALTERs that change a column or an index that the live key needs.
    pub(super) fn meets(&self, table: Symbol, key: &ForeignKey) -> TouchedBy {
        self.of_key(table, key)
            .map(|(column, is_first)| TouchedBy {
                safe: column.safe.touched || is_first && column.safe.unindexed,
                destructive: column.destructive.touched || is_first && column.destructive.unindexed,
            })
            .fold(TouchedBy::default(), std::ops::BitOr::bitor)
    }

    /// The ALTERs that must run before a key is added: those that change its columns or create its indexes.
    pub(super) fn needs(&self, table: Symbol, key: &ForeignKey) -> TouchedBy {
        let indexed = self
            .of_key(table, key)
            .any(|(column, is_first)| is_first && column.destructive.indexed);
        let destructive = TouchedBy {
            destructive: indexed,
            ..TouchedBy::default()
        };
        self.meets(table, key) | destructive
    }

    /// Whether a column of the key is dropped.
    pub(super) fn drops_column(&self, table: Symbol, key: &ForeignKey) -> bool {
        self.of_key(table, key).any(|(column, _)| column.dropped)
    }

    /// The effects on the key's columns, and whether each is the first on its side.
    fn of_key<'k>(
        &'k self,
        table: Symbol,
        key: &'k ForeignKey,
    ) -> impl Iterator<Item = (&'k KeyColumn, bool)> {
        let side = |(table, columns): (Symbol, &'k [Symbol])| {
            let numbered = columns.iter().enumerate();
            numbered.map(move |(number, column)| ((table, *column), number == 0))
        };
        let columns = sides(table, key).into_iter().flat_map(side);
        columns.filter_map(|(column, is_first)| Some((self.columns.get(&column)?, is_first)))
    }

    /// Why the statements for a key must run together with destructive changes.
    pub(super) fn reason(&self, table: Symbol, key: &ForeignKey) -> String {
        let tables = BTreeSet::from([table, key.table]).into_iter();
        let may_lose = |summary: &ChangeSummary| summary.loses || summary.tie.is_some() || summary.drops;
        let destructive = tables.filter(|table| self.tables.get(table).is_some_and(may_lose));
        let reasons: Vec<String> = destructive
            .map(|table| format!("with the change of {table}"))
            .collect();
        reasons.join(" and ")
    }

    /// Moves all changes of a table into its destructive ALTER, because a foreign key ties them to the
    /// change of `other`. Returns whether there was a lossless ALTER.
    pub(super) fn merge_into_destructive(&mut self, table: Symbol, other: Symbol) -> bool {
        let Some(summary) = self.tables.get_mut(&table).filter(|summary| summary.safe) else {
            return false;
        };
        summary.safe = false;
        summary.tie.get_or_insert(other);
        if let Some(added) = &mut summary.added {
            let safe = std::mem::take(&mut added.safe);
            added.destructive.extend(safe);
            added.why.get_or_insert_with(|| tie(other));
        }
        for ((of, _), column) in self.columns.iter_mut() {
            if *of == table {
                column.destructive = column.destructive.or(std::mem::take(&mut column.safe));
            }
        }
        true
    }

    /// Applies the merge recorded in a table's summary to its changes.
    pub(super) fn apply_merge(&self, table: Symbol, changes: &mut TableChanges) {
        if let Some(other) = self.tables.get(&table).and_then(|summary| summary.tie) {
            changes.merge_into_destructive();
            if changes.reasons.is_empty() {
                changes.reasons.insert(tie(other));
            }
        }
    }

    /// The columns added by destructive ALTERs.
    pub(super) fn destructive_additions(&self) -> DestructiveAdditions<'_> {
        let added = self
            .tables
            .iter()
            .filter_map(|(table, summary)| Some((*table, summary.added.as_deref()?)));
        added
            .filter(|(_, added)| !added.destructive.is_empty())
            .map(|(table, added)| (table, (&added.destructive, added.why.as_deref())))
            .collect()
    }
}

/// The columns of a schema's foreign keys at both ends, each with its table.
fn key_columns(schema: &Schema) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
    let keys = schema
        .tables
        .iter()
        .flat_map(|(table, definition)| definition.foreign_keys.iter().map(move |(_, key)| (*table, key)));
    keys.flat_map(|(table, key)| sides(table, key))
        .flat_map(|(table, columns)| columns.iter().map(move |column| (table, *column)))
}

/// The reason if a foreign key ties all changes of a table together.
fn tie(other: Symbol) -> String {
    format!("a foreign key ties it to the change of {other}")
}

/// The columns of a key in the child and in the parent.
fn sides(table: Symbol, key: &ForeignKey) -> [(Symbol, &[Symbol]); 2] {
    [(table, &key.columns), (key.table, &key.references)]
}
