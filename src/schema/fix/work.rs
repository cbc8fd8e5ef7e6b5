//! What has to be done to a table, what loses nothing apart from what may.

use std::collections::BTreeSet;

use crate::schema::model::{ByName, Text};

/// What has to be done to each table, in outline.
pub(super) type Outlines = ByName<Outline>;

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

    /// What is kept of it while other tables are looked at; `in_a_key` says which columns foreign keys
    /// of any table need.
    pub(super) fn outline(self, in_a_key: impl Fn(Text) -> bool) -> Outline {
        let side = |part: Alteration| {
            let some = !part.is_empty();
            let mut columns = part.columns;
            let touched = std::mem::take(&mut columns.touched).into_iter();
            columns.touched = touched.filter(|column| in_a_key(*column)).collect();
            Side { columns, some }
        };
        let why = self.loses();
        let (safe, losing) = (side(self.safe), side(self.losing));
        Outline {
            loses: why.is_some(),
            why: why.filter(|_| !losing.columns.added.is_empty() || !safe.columns.added.is_empty()),
            safe,
            losing,
            gone: self.gone,
            drops: self.dropped.is_some(),
            tie: None,
        }
    }
}

/// One of the ALTERs of a table in outline.
#[derive(Default)]
pub(super) struct Side {
    /// What it does to columns; those that it touches only as far as they are in a foreign key.
    pub(super) columns: Columns,
    /// Whether there is such an ALTER at all.
    some: bool,
}

/// [`Work`] without its text. That of a thousand tables would fill megabytes, so it is made again when
/// it is its turn.
pub(super) struct Outline {
    /// The ALTER that loses nothing.
    pub(super) safe: Side,
    /// The ALTER that may lose data.
    pub(super) losing: Side,
    /// Columns that are dropped.
    pub(super) gone: BTreeSet<Text>,
    /// Whether the losing ALTER has a reason of its own.
    loses: bool,
    /// The reason, where columns are added: what uses them may have to wait for it.
    why: Option<String>,
    /// Whether columns are dropped by an ALTER of their own.
    drops: bool,
    /// The table to whose change a foreign key ties all of this one, which then has one ALTER.
    tie: Option<Text>,
}

impl Outline {
    /// Whether there is an ALTER that loses nothing.
    pub(super) fn has_safe(&self) -> bool {
        self.safe.some
    }

    /// Whether something of it may lose data.
    pub(super) fn may_lose(&self) -> bool {
        self.loses || self.tie.is_some() || self.drops
    }

    /// Why what uses the columns that the losing ALTER adds has to wait.
    pub(super) fn why(&self) -> Option<String> {
        self.why.clone()
    }

    /// Puts everything into the losing ALTER, because a foreign key ties it to the change of `other`.
    pub(super) fn unite(&mut self, other: Text) {
        self.tie.get_or_insert(other);
        let mut all = std::mem::take(&mut self.safe);
        let losing = std::mem::take(&mut self.losing);
        all.columns.extend(losing.columns);
        all.some |= losing.some;
        if !all.columns.added.is_empty() {
            self.why.get_or_insert_with(|| tie(other));
        }
        self.losing = all;
    }

    /// Does to the work itself what was decided about its outline.
    pub(super) fn decide(&self, work: &mut Work) {
        if let Some(other) = self.tie {
            work.unite();
            if work.reasons.is_empty() {
                work.reasons.insert(tie(other));
            }
        }
    }
}

/// Why all changes of a table are in one ALTER.
fn tie(other: Text) -> String {
    format!("a foreign key ties it to the change of {other}")
}
