//! What has to be done to a table, what loses nothing apart from what may.

use std::collections::BTreeSet;

use crate::schema::model::Text;

/// What an ALTER does to columns, as far as foreign keys and programs need to know.
#[derive(Default)]
pub(super) struct Columns {
    /// Columns that are added, that get another type, or that switch between plain and generated.
    pub(super) touched: BTreeSet<Text>,
    /// Columns that are added.
    pub(super) added: BTreeSet<Text>,
    /// First columns of indexes that are dropped or changed.
    pub(super) unindexed: BTreeSet<Text>,
    /// First columns of indexes that are added or changed.
    pub(super) indexed: BTreeSet<Text>,
}

impl Columns {
    fn extend(&mut self, other: Columns) {
        self.touched.extend(other.touched);
        self.added.extend(other.added);
        self.unindexed.extend(other.unindexed);
        self.indexed.extend(other.indexed);
    }
}

/// One ALTER, and what it does to columns that foreign keys need.
#[derive(Default)]
pub(super) struct Alteration {
    /// Its clauses, in order.
    pub(super) clauses: Vec<String>,
    /// What to know before it runs.
    pub(super) notes: Vec<String>,
    /// What it does to columns.
    pub(super) columns: Columns,
}

impl Alteration {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Adds the clauses of another.
    fn extend(&mut self, other: Alteration) {
        self.clauses.extend(other.clauses);
        self.notes.extend(other.notes);
        self.columns.extend(other.columns);
    }
}

/// What has to be done to one table.
#[derive(Default)]
pub(super) struct Work {
    /// Columns that change and may lose data, and those that change only together with them.
    pub(super) risky: BTreeSet<Text>,
    /// The ALTER that loses nothing.
    pub(super) safe: Alteration,
    /// The ALTER that may lose data.
    pub(super) losing: Alteration,
    /// Why.
    pub(super) reasons: BTreeSet<String>,
    /// Columns that go.
    pub(super) gone: BTreeSet<Text>,
    /// The ALTER that drops them, with the reason: on its own, after the rest.
    pub(super) dropped: Option<(String, String)>,
    /// PARTITION BY has to stand alone.
    pub(super) partitioning: Option<String>,
    /// ALTERs of their own that have to come before the rest, perhaps with what they lose.
    pub(super) before: Vec<(String, Option<String>)>,
}

impl Work {
    /// The ALTER of this kind.
    pub(super) fn part(&mut self, losing: bool) -> &mut Alteration {
        match losing {
            true => &mut self.losing,
            false => &mut self.safe,
        }
    }

    /// Why the losing ALTER may lose data; nothing if there is none.
    pub(super) fn loses(&self) -> Option<String> {
        let reasons: Vec<&str> = self.reasons.iter().map(String::as_str).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Puts everything into the losing ALTER, where it cannot be told apart.
    pub(super) fn unite(&mut self) {
        let losing = std::mem::take(&mut self.losing);
        let mut all = std::mem::take(&mut self.safe);
        all.extend(losing);
        self.losing = all;
    }
}
