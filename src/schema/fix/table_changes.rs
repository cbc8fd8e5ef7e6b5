//! The changes to one table, with lossless and destructive changes separated.

use std::collections::BTreeSet;

use crate::schema::model::Symbol;

/// The effects of an ALTER on columns that foreign keys and programs depend on.
#[derive(Default)]
pub(super) struct ColumnChanges {
    /// Columns that are added, retyped, or switch between plain and generated.
    pub(super) touched: BTreeSet<Symbol>,
    /// Columns that are added.
    pub(super) added: BTreeSet<Symbol>,
    /// First columns of indexes that are dropped or changed.
    pub(super) unindexed: BTreeSet<Symbol>,
    /// First columns of indexes that are added or changed.
    pub(super) indexed: BTreeSet<Symbol>,
}

impl ColumnChanges {
    fn extend(&mut self, other: ColumnChanges) {
        self.touched.extend(other.touched);
        self.added.extend(other.added);
        self.unindexed.extend(other.unindexed);
        self.indexed.extend(other.indexed);
    }
}

/// One ALTER TABLE, and its effects on columns.
#[derive(Default)]
pub(super) struct AlterTable {
    /// Its clauses, in order.
    pub(super) clauses: Vec<String>,
    /// Hints to read before running it.
    pub(super) notes: Vec<String>,
    /// Its effects on columns.
    pub(super) columns: ColumnChanges,
}

impl AlterTable {
    /// Whether it has no clause.
    pub(super) fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Appends the clauses, notes and effects of another.
    fn extend(&mut self, other: AlterTable) {
        self.clauses.extend(other.clauses);
        self.notes.extend(other.notes);
        self.columns.extend(other.columns);
    }
}

/// The changes to one table.
#[derive(Default)]
pub(super) struct TableChanges {
    /// Columns whose change may lose data, and those that can change only together with them.
    pub(super) destructive_columns: BTreeSet<Symbol>,
    /// The ALTER that loses no data.
    pub(super) safe: AlterTable,
    /// The ALTER that may lose data.
    pub(super) destructive: AlterTable,
    /// Why it may lose data.
    pub(super) reasons: BTreeSet<String>,
    /// Columns that are dropped.
    pub(super) dropped_columns: BTreeSet<Symbol>,
    /// The clause that drops them in an ALTER of its own after the others, and the reason.
    pub(super) dropped: Option<(String, String)>,
    /// The PARTITION BY clause, which needs an ALTER of its own.
    pub(super) partitioning: Option<String>,
    /// Clauses that need ALTERs of their own before the others, with the reason if they may lose data.
    pub(super) first: Vec<(String, Option<String>)>,
}

impl TableChanges {
    /// The destructive or the lossless ALTER.
    pub(super) fn alter_for(&mut self, destructive: bool) -> &mut AlterTable {
        match destructive {
            true => &mut self.destructive,
            false => &mut self.safe,
        }
    }

    /// Why the destructive ALTER may lose data; `None` if there is no such reason.
    pub(super) fn loses(&self) -> Option<String> {
        let reasons: Vec<&str> = self.reasons.iter().map(String::as_str).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Moves all clauses into the destructive ALTER, if they cannot be separated.
    pub(super) fn merge_into_destructive(&mut self) {
        let destructive = std::mem::take(&mut self.destructive);
        let mut all = std::mem::take(&mut self.safe);
        all.extend(destructive);
        self.destructive = all;
    }
}
