//! The canonical model of a schema, and the snapshot format.
//!
//! Everything in here is already normalised: the same migrations give the same model on every
//! supported server, but for collations, where [`Schema::same_collation`] decides. Maps are
//! ordered, so a snapshot changes only where the schema did.

mod keys;
mod programs;

use crate::db::Flavor;
use std::collections::{BTreeMap, BTreeSet};

use super::normalise;
use litemap::LiteMap;
use serde::{Deserialize, Serialize, Serializer};

pub use super::column::{Attributes, Column, Generated};
pub use super::shared::Shared;
pub use super::text::Text;
pub use keys::{Action, ForeignKey, Index, IndexKind, Key, Names, Part};
pub use programs::{Event, Routine, Trigger, View};

/// Objects by name, in the order of their names. A sorted vector: a thousand tables have several
/// thousand maps of two or three entries, and a tree's node alone holds room for eleven.
pub type ByName<T> = LiteMap<Text, T>;

/// The version of the snapshot format that this build reads and writes.
pub const FORMAT: u32 = 1;

/// The index that is a table's primary key.
pub const PRIMARY: &str = "PRIMARY";

/// A whole database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// [`FORMAT`] of the snapshot.
    pub format: u32,
    /// Which family of servers it was read from.
    #[serde(rename = "dialect")]
    pub flavor: Flavor,
    /// The database's default collation.
    #[serde(skip, default = "utf8mb4")]
    pub collation: Text,
    /// The same in a snapshot of migrations that say it, or make tables that take it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_collation: Option<Text>,
    /// The server's default collation of each character set that the schema uses: what a
    /// migration that names only a character set gets here.
    #[serde(default)]
    pub default_collations: BTreeMap<Text, Text>,
    /// Tables by name.
    #[serde(default, serialize_with = "as_map")]
    pub tables: ByName<Table>,
    /// Views by name.
    #[serde(default, serialize_with = "as_map")]
    pub views: ByName<View>,
    /// Stored procedures by name.
    #[serde(default, serialize_with = "as_map")]
    pub procedures: ByName<Routine>,
    /// Stored functions by name.
    #[serde(default, serialize_with = "as_map")]
    pub functions: ByName<Routine>,
    /// Scheduled events by name.
    #[serde(default, serialize_with = "as_map")]
    pub events: ByName<Event>,
    /// Bodies whose strings the server printed without their escapes, and the reading user may not see
    /// in another way.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub inexact: BTreeSet<Text>,
    /// Tables that were found equal to those of the schema it is compared with while a snapshot
    /// was read, and are left out of `tables`: one model of a thousand tables is enough.
    #[serde(skip)]
    pub same: BTreeSet<Text>,
    /// Whether the server refuses values that do not fit, instead of changing them.
    #[serde(skip, default = "yes")]
    pub strict: bool,
    /// The `sql_mode` of the session that read it; that of a snapshot is not known.
    #[serde(skip, default = "empty")]
    pub sql_mode: Text,
    /// What the reading user may not see; comparisons leave these out.
    #[serde(skip)]
    pub hidden: Hidden,
}

impl Default for Schema {
    fn default() -> Self {
        Schema {
            format: FORMAT,
            flavor: Flavor::default(),
            collation: utf8mb4(),
            database_collation: None,
            default_collations: BTreeMap::new(),
            tables: ByName::new(),
            views: ByName::new(),
            procedures: ByName::new(),
            functions: ByName::new(),
            events: ByName::new(),
            inexact: BTreeSet::new(),
            same: BTreeSet::new(),
            strict: yes(),
            sql_mode: empty(),
            hidden: Hidden::default(),
        }
    }
}

/// Kinds of objects that privileges hide as a whole. A single hidden body is `None` in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hidden {
    /// No privilege on the whole database: tables and views without a grant of their own.
    pub tables: bool,
    /// Privileges on single columns only: the other columns.
    pub columns: bool,
    /// No TRIGGER privilege.
    pub triggers: bool,
    /// No EVENT privilege.
    pub events: bool,
    /// No privilege that shows stored routines.
    pub routines: bool,
    /// Foreign keys and checks: shown only to users with more than SELECT.
    pub constraints: bool,
}

/// A base table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Storage engine, as the server spells it (`InnoDB`).
    pub engine: Text,
    /// Default collation of new columns.
    pub collation: Text,
    /// The table's comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    /// Options given explicitly (`row_format`, `key_block_size`, ...), in lower case.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    pub options: ByName<Text>,
    /// Columns in their order.
    pub columns: Shared<Vec<Column>>,
    /// Indexes by name; the primary key is [`PRIMARY`].
    #[serde(default, skip_serializing_if = "no_entries")]
    pub indexes: Shared<ByName<Index>>,
    /// Foreign keys by constraint name.
    #[serde(default, skip_serializing_if = "no_entries")]
    pub foreign_keys: Shared<ByName<ForeignKey>>,
    /// Check constraints by name.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    pub checks: ByName<Check>,
    /// Triggers by name.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    pub triggers: ByName<Trigger>,
    /// How the table is partitioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioning: Option<Box<Partitioning>>,
    /// What the server counted; no part of a snapshot.
    #[serde(skip)]
    pub stats: Stats,
}

impl Table {
    /// An empty InnoDB table.
    pub fn new(collation: Text) -> Table {
        Table {
            engine: Text::new("InnoDB"),
            collation,
            comment: None,
            options: ByName::new(),
            columns: Shared::default(),
            indexes: Shared::default(),
            foreign_keys: Shared::default(),
            checks: ByName::new(),
            triggers: ByName::new(),
            partitioning: None,
            stats: Stats::default(),
        }
    }

    /// The column called `name` (names of columns know no case on either server).
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| same_name(&column.name, name))
    }

    /// The columns for the beginning and the end of a row's time, in this order, where they were named.
    pub fn row_times(&self) -> Option<(&Column, &Column)> {
        let find = |expression: &str| {
            let is = |column: &&Column| column.generated.is_some_and(|one| one.expression == *expression);
            self.columns.iter().find(is)
        };
        Some((find("row start")?, find("row end")?))
    }

    /// The check that is part of this column's definition.
    pub fn column_check(&self, column: &str) -> Option<&Check> {
        let name = Text::new(column);
        let own = |name: &Text| self.checks.get(name).filter(|check| check.of_column);
        own(&name).or_else(|| own(&Check::beside(name)))
    }

    /// Adds a check. MariaDB allows a column's check and a table's of one name.
    pub fn add_check(&mut self, name: Text, check: Check) {
        let taken = self.checks.get(&name).copied();
        match taken {
            Some(other) if other.of_column && !check.of_column => {
                self.checks.insert(Check::beside(name), other);
                self.checks.insert(name, check);
            }
            Some(other) if check.of_column && !other.of_column => {
                self.checks.insert(Check::beside(name), check);
            }
            _ => {
                self.checks.insert(name, check);
            }
        }
    }

    /// The names of the triggers of each event (`before insert`), in the order in which they run.
    pub fn triggers_in_order(&self) -> BTreeMap<Text, Vec<Text>> {
        let mut events: BTreeMap<Text, Vec<Text>> = BTreeMap::new();
        for (name, trigger) in &self.triggers {
            events.entry(trigger.when).or_default().push(*name);
        }
        for names in events.values_mut() {
            names.sort_by_key(|name| self.triggers.get(name).map(|trigger| trigger.order));
        }
        events
    }

    /// The primary key.
    pub fn primary_key(&self) -> Option<&Index> {
        self.indexes.get(&Text::new(PRIMARY))
    }
}

/// Sizes as the server estimates them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Estimated rows.
    pub rows: u64,
    /// Bytes of the clustered index.
    pub data_bytes: u64,
    /// Bytes of all other indexes.
    pub index_bytes: u64,
    /// The next AUTO_INCREMENT value.
    pub auto_increment: Option<u64>,
}

// Two equal schemas may hold different data.
impl PartialEq for Stats {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Stats {}

/// A check constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The canonical condition.
    pub clause: Text,
    /// NOT ENFORCED (MySQL only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_enforced: bool,
    /// Part of the definition of the column of the same name (MariaDB only), where it can only
    /// be changed with the column.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_column: bool,
}

impl Check {
    /// What a column's check is called in the model where a check of the table has the column's
    /// name. No name on a server ends in a space.
    pub fn beside(column: Text) -> Text {
        Text::from(format!("{column} "))
    }

    /// The name of a check on the server.
    pub fn name_on_server(name: Text) -> Text {
        Text::new(name.trim_end_matches(' '))
    }
}

/// How a table is partitioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitioning {
    /// `range`, `list columns`, `hash`, ...
    pub method: Text,
    /// The canonical expression or list of columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<Text>,
    /// The subpartitioning, as `hash (expression) partitions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpartitions: Option<Text>,
    /// The partitions in order.
    pub partitions: Vec<Partition>,
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name.
    pub name: Text,
    /// The bound or the values; `None` for hash and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Text>,
}

/// Whether two names mean one object where the servers know no case: columns, indexes, constraints,
/// routines, events and partitions (manuals: "Identifier Case Sensitivity").
pub fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase())
}

impl Schema {
    /// Whether two bodies of programs, one of this schema and one of the other, do the same: equal but
    /// for comments and white space, and for escapes where one of them was printed without.
    pub fn same_body(&self, mine: Text, other: &Schema, theirs: Text) -> bool {
        let bare = normalise::without_comments;
        let inexact = || self.inexact.contains(&mine) || other.inexact.contains(&theirs);
        mine == theirs
            || bare(&mine) == bare(&theirs)
            || (inexact() && normalise::without_escapes(&mine) == normalise::without_escapes(&theirs))
    }

    /// Whether the schema has this table.
    pub fn knows(&self, table: Text) -> bool {
        self.tables.contains_key(&table) || self.same.contains(&table)
    }

    /// The character set of a collation: what stands before the first underscore.
    pub fn charset_of(collation: &str) -> &str {
        collation.split('_').next().unwrap_or(collation)
    }

    /// Whether `mine` here is `theirs` there: the same collation, or on each server the one
    /// that a bare character set gives.
    pub fn same_collation(&self, mine: Text, other: &Schema, theirs: Text) -> bool {
        mine == theirs
            || (Self::charset_of(&mine) == Self::charset_of(&theirs)
                && self.is_default_collation(mine)
                && other.is_default_collation(theirs))
    }

    /// Whether a bare character set gives this collation on the server it was read from.
    pub fn is_default_collation(&self, collation: Text) -> bool {
        let charset = Text::new(Self::charset_of(&collation));
        self.default_collations.get(&charset) == Some(&collation)
    }

    /// Keeps the default collations of the character sets that the schema uses.
    pub fn keep_used_collations(&mut self) {
        let mut used = BTreeSet::new();
        used.extend(
            self.database_collation
                .map(|collation| Text::new(Self::charset_of(&collation))),
        );
        for table in self.tables.values() {
            used.insert(Text::new(Self::charset_of(&table.collation)));
            let columns = table.columns.iter().filter_map(|column| column.collation);
            used.extend(columns.map(|collation| Text::new(Self::charset_of(&collation))));
        }
        self.default_collations
            .retain(|charset, _| used.contains(charset));
    }
}

/// What a server is unless it says otherwise.
fn yes() -> bool {
    true
}

fn empty() -> Text {
    Text::new("")
}

/// A collation that every server has.
fn utf8mb4() -> Text {
    Text::new("utf8mb4_general_ci")
}

/// A map as an object, also while it is empty: [`LiteMap`] then takes its keys for no text and
/// writes a list, which is no map to a reader.
fn as_map<T: Serialize, S: Serializer>(map: &ByName<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map)
}

/// For `skip_serializing_if`.
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// For `skip_serializing_if`.
fn no_entries<T>(map: &Shared<ByName<T>>) -> bool {
    map.is_empty()
}
