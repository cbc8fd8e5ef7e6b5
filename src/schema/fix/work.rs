//! What has to be done to a table, what loses nothing apart from what may.

use std::collections::BTreeSet;

use crate::schema::model::Text;

/// One ALTER, and what it does to columns that foreign keys need.
#[derive(Default)]
pub(super) struct Alteration {
    /// Its clauses, in order.
    pub(super) clauses: Vec<String>,
    /// Whether there are clauses that were made and forgotten, to be made again when it is their turn.
    forgotten: bool,
    /// What to know before it runs.
    pub(super) notes: Vec<String>,
    /// Columns that come, or whose type or very being changes.
    pub(super) touched: BTreeSet<Text>,
    /// Columns that come.
    pub(super) added: BTreeSet<Text>,
    /// First columns of indexes that go or change.
    pub(super) unindexed: BTreeSet<Text>,
    /// First columns of indexes that come or change.
    pub(super) indexed: BTreeSet<Text>,
}

impl Alteration {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.clauses.is_empty() && !self.forgotten
    }

    /// Adds the clauses of another.
    fn extend(&mut self, other: Alteration) {
        self.clauses.extend(other.clauses);
        self.forgotten |= other.forgotten;
        self.notes.extend(other.notes);
        self.touched.extend(other.touched);
        self.added.extend(other.added);
        self.unindexed.extend(other.unindexed);
        self.indexed.extend(other.indexed);
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
    /// Whether all of it is in the losing ALTER.
    pub(super) united: bool,
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
        self.united = true;
        let losing = std::mem::take(&mut self.losing);
        let mut all = std::mem::take(&mut self.safe);
        all.extend(losing);
        self.losing = all;
    }

    /// What is kept of it while other tables are looked at: of the columns that it touches, those that
    /// foreign keys of any table need. The rest, of a thousand tables, would fill megabytes.
    pub(super) fn outline(mut self, in_a_key: impl Fn(Text) -> bool) -> Work {
        self.risky = BTreeSet::new();
        for part in [&mut self.safe, &mut self.losing] {
            part.forgotten = !part.is_empty();
            part.clauses = Vec::new();
            part.notes = Vec::new();
            let touched = std::mem::take(&mut part.touched).into_iter();
            part.touched = touched.filter(|column| in_a_key(*column)).collect();
        }
        self
    }
}
