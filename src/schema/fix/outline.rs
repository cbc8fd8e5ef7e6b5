//! What has to be done to all tables, without the statements that do it: those of a thousand tables would
//! fill megabytes, so they are made again when it is their turn.

use std::collections::{BTreeMap, BTreeSet};

use litemap::LiteMap;

use super::keys::sides;
use super::work::{Alteration, Work};
use crate::schema::model::{ByName, ForeignKey, Schema, Text};

/// What is done to one column at an end of a foreign key, by the ALTER that loses nothing and by the one
/// that may lose data.
#[derive(Debug, Clone, Copy, Default)]
struct KeyColumn {
    safe: Change,
    losing: Change,
    dropped: bool,
}

/// What one ALTER does to a column.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    /// It is added, gets another type, or switches between plain and generated.
    touched: bool,
    /// An index that begins with it is dropped or changed.
    unindexed: bool,
    /// An index that begins with it is added or changed.
    indexed: bool,
}

impl Change {
    fn of(part: &Alteration, column: Text) -> Self {
        Change {
            touched: part.columns.touched.contains(&column),
            unindexed: part.columns.unindexed.contains(&column),
            indexed: part.columns.indexed.contains(&column),
        }
    }

    fn or(self, other: Change) -> Self {
        Change {
            touched: self.touched || other.touched,
            unindexed: self.unindexed || other.unindexed,
            indexed: self.indexed || other.indexed,
        }
    }
}

/// Which of the two ALTERs a foreign key meets on its two sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meets {
    pub(super) safe: bool,
    pub(super) losing: bool,
}

impl std::ops::BitOr for Meets {
    type Output = Meets;
    fn bitor(self, other: Meets) -> Meets {
        Meets {
            safe: self.safe || other.safe,
            losing: self.losing || other.losing,
        }
    }
}

/// The columns that the ALTERs of a table add.
struct Added {
    safe: BTreeSet<Text>,
    losing: BTreeSet<Text>,
    /// Why what uses those of the losing ALTER has to wait.
    why: Option<String>,
}

/// Columns that only an ALTER adds that may lose data, by table, with the reason.
pub(super) type WithLoss<'a> = BTreeMap<Text, (&'a BTreeSet<Text>, Option<&'a str>)>;

/// One table's work.
struct Outline {
    /// Whether there is an ALTER that loses nothing.
    safe: bool,
    /// Whether there is one that may lose data, with a reason of its own.
    loses: bool,
    /// Whether columns are dropped by an ALTER of their own.
    drops: bool,
    /// The table to whose change a foreign key ties all of this one, which then has one ALTER.
    tie: Option<Text>,
    added: Option<Box<Added>>,
}

/// The work of all tables that are there and stay.
pub(super) struct Outlines {
    tables: ByName<Outline>,
    columns: LiteMap<(Text, Text), KeyColumn>,
}

impl Outlines {
    /// No work yet, for `tables` tables.
    pub(super) fn new(live: &Schema, expected: &Schema, tables: usize) -> Self {
        let columns: BTreeSet<(Text, Text)> = key_columns(live).chain(key_columns(expected)).collect();
        Outlines {
            tables: ByName::with_capacity(tables),
            columns: columns
                .into_iter()
                .map(|column| (column, KeyColumn::default()))
                .collect(),
        }
    }

    /// Notes what is done to a table.
    pub(super) fn insert(&mut self, table: Text, work: Work) {
        for ((of, column), change) in self.columns.iter_mut() {
            if *of == table {
                *change = KeyColumn {
                    safe: Change::of(&work.safe, *column),
                    losing: Change::of(&work.losing, *column),
                    dropped: work.gone.contains(column),
                };
            }
        }
        let (safe, drops) = (!work.safe.is_empty(), work.dropped.is_some());
        let why = work.loses();
        let loses = why.is_some();
        let (adds_safe, adds_losing) = (work.safe.columns.added, work.losing.columns.added);
        let none = adds_safe.is_empty() && adds_losing.is_empty();
        let outline = Outline {
            safe,
            loses,
            drops,
            tie: None,
            added: (!none).then(|| {
                Box::new(Added {
                    safe: adds_safe,
                    losing: adds_losing,
                    why,
                })
            }),
        };
        self.tables.insert(table, outline);
    }

    /// The tables that have work.
    pub(super) fn tables(&self) -> impl Iterator<Item = Text> + '_ {
        self.tables.keys().copied()
    }

    /// Which ALTERs stand between a key as it is and a column or an index that it needs.
    pub(super) fn meets(&self, table: Text, key: &ForeignKey) -> Meets {
        self.of_key(table, key)
            .map(|(column, is_first)| Meets {
                safe: column.safe.touched || is_first && column.safe.unindexed,
                losing: column.losing.touched || is_first && column.losing.unindexed,
            })
            .fold(Meets::default(), std::ops::BitOr::bitor)
    }

    /// Which ALTERs a key needs to be made: those it meets, and those that make its indexes.
    pub(super) fn needs(&self, table: Text, key: &ForeignKey) -> Meets {
        let indexed = self
            .of_key(table, key)
            .any(|(column, is_first)| is_first && column.losing.indexed);
        let losing = Meets {
            losing: indexed,
            ..Meets::default()
        };
        self.meets(table, key) | losing
    }

    /// Whether a column that the key needs is dropped.
    pub(super) fn loses_a_column(&self, table: Text, key: &ForeignKey) -> bool {
        self.of_key(table, key).any(|(column, _)| column.dropped)
    }

    /// What is done to the key's columns, with whether each is the first on its side.
    fn of_key<'k>(&'k self, table: Text, key: &'k ForeignKey) -> impl Iterator<Item = (&'k KeyColumn, bool)> {
        let side = |(table, columns): (Text, &'k [Text])| {
            let numbered = columns.iter().enumerate();
            numbered.map(move |(number, column)| ((table, *column), number == 0))
        };
        let columns = sides(table, key).into_iter().flat_map(side);
        columns.filter_map(|(column, is_first)| Some((self.columns.get(&column)?, is_first)))
    }

    /// Why the statements for a key may only run together with changes that may lose data.
    pub(super) fn reason(&self, table: Text, key: &ForeignKey) -> String {
        let tables = BTreeSet::from([table, key.table]).into_iter();
        let may_lose = |one: &Outline| one.loses || one.tie.is_some() || one.drops;
        let losing = tables.filter(|table| self.tables.get(table).is_some_and(may_lose));
        let reasons: Vec<String> = losing
            .map(|table| format!("with the change of {table}"))
            .collect();
        reasons.join(" and ")
    }

    /// Puts everything about a table into the ALTER that may lose data, because a foreign key ties it to
    /// the change of `other`. Says whether there was anything that is now elsewhere.
    pub(super) fn unite(&mut self, table: Text, other: Text) -> bool {
        let Some(outline) = self.tables.get_mut(&table).filter(|one| one.safe) else {
            return false;
        };
        outline.safe = false;
        outline.tie.get_or_insert(other);
        if let Some(added) = &mut outline.added {
            let safe = std::mem::take(&mut added.safe);
            added.losing.extend(safe);
            added.why.get_or_insert_with(|| tie(other));
        }
        for ((of, _), column) in self.columns.iter_mut() {
            if *of == table {
                column.losing = column.losing.or(std::mem::take(&mut column.safe));
            }
        }
        true
    }

    /// Does to a table's work what was decided about its outline.
    pub(super) fn decide(&self, table: Text, work: &mut Work) {
        if let Some(other) = self.tables.get(&table).and_then(|outline| outline.tie) {
            work.unite();
            if work.reasons.is_empty() {
                work.reasons.insert(tie(other));
            }
        }
    }

    /// The columns that only ALTERs add that may lose data.
    pub(super) fn added_with_loss(&self) -> WithLoss<'_> {
        let added = self
            .tables
            .iter()
            .filter_map(|(table, outline)| Some((*table, outline.added.as_deref()?)));
        added
            .filter(|(_, added)| !added.losing.is_empty())
            .map(|(table, added)| (table, (&added.losing, added.why.as_deref())))
            .collect()
    }
}

/// The columns, each with its table, at both ends of a schema's foreign keys.
fn key_columns(schema: &Schema) -> impl Iterator<Item = (Text, Text)> + '_ {
    let keys = schema
        .tables
        .iter()
        .flat_map(|(table, one)| one.foreign_keys.iter().map(move |(_, key)| (*table, key)));
    keys.flat_map(|(table, key)| sides(table, key))
        .flat_map(|(table, columns)| columns.iter().map(move |column| (table, *column)))
}

/// Why all changes of a table are in one ALTER.
fn tie(other: Text) -> String {
    format!("a foreign key ties it to the change of {other}")
}
