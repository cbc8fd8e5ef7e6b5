//! The canonical model of a schema, and the snapshot format.
//!
//! All values are normalised: the same migrations give the same model on every supported server,
//! except for collations, which [`Schema::same_collation`] compares. Maps are ordered, so that a
//! snapshot changes only where the schema does.

mod keys;
mod programs;

use crate::db::Flavor;
use std::collections::{BTreeMap, BTreeSet};

use super::normalise;
use litemap::LiteMap;
use serde::{Deserialize, Serialize, Serializer};

pub use super::column::{Attributes, Column, GeneratedColumn};
pub use crate::memory::shared::Shared;
pub use crate::memory::symbol::Symbol;
pub use keys::{ColumnNames, ForeignKey, Index, IndexKey, IndexKind, KeyPart, ReferentialAction};
pub use programs::{Routine, ScheduledEvent, Trigger, View};

/// Objects by name, in the order of their names. A sorted vector: a thousand tables have several
/// thousand maps of two or three entries, and a tree's node has capacity for eleven.
pub type ByName<T> = LiteMap<Symbol, T>;

/// The version of the snapshot format that this build reads and writes.
pub const FORMAT: u32 = 1;

/// The name of the index of the primary key.
pub const PRIMARY: &str = "PRIMARY";

/// A whole database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// [`FORMAT`] of the snapshot.
    pub format: u32,
    /// The server family it was read from.
    #[serde(rename = "dialect")]
    pub flavor: Flavor,
    /// The database's default collation.
    #[serde(skip, default = "utf8mb4")]
    pub collation: Symbol,
    /// The same in a snapshot, if the migrations set it or create tables that inherit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_collation: Option<Symbol>,
    /// The server's default collation of each character set used by the schema, which applies if a
    /// migration names only a character set.
    #[serde(default)]
    pub default_collations: BTreeMap<Symbol, Symbol>,
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
    pub events: ByName<ScheduledEvent>,
    /// Bodies whose strings the server prints without their escapes, and whose original text the user
    /// cannot see.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub inexact: BTreeSet<Symbol>,
    /// Names of tables equal to those of the compared schema, which a snapshot omits from `tables` to
    /// save memory.
    #[serde(skip)]
    pub equal_tables: BTreeSet<Symbol>,
    /// Whether the server rejects values that do not fit (strict mode), instead of changing them.
    #[serde(skip, default = "yes")]
    pub strict: bool,
    /// The `sql_mode` of the session that read it; unknown for a snapshot.
    #[serde(skip, default = "empty")]
    pub sql_mode: Symbol,
    /// The kinds of objects hidden from the reading user; comparisons omit these.
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
            equal_tables: BTreeSet::new(),
            strict: yes(),
            sql_mode: empty(),
            hidden: Hidden::default(),
        }
    }
}

/// Kinds of objects hidden entirely by missing privileges. A single hidden body is `None` in the model.
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
    /// Foreign keys and checks, visible only with a privilege other than SELECT.
    pub constraints: bool,
}

/// A base table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Storage engine, as the server spells it (`InnoDB`).
    pub engine: Symbol,
    /// Default collation of new columns.
    pub collation: Symbol,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Symbol>,
    /// Explicit options (`row_format`, `key_block_size`, ...), in lower case.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    pub options: ByName<Symbol>,
    /// Columns in order.
    pub columns: Shared<Vec<Column>>,
    /// Indexes by name; the primary key is [`PRIMARY`].
    #[serde(default, skip_serializing_if = "no_entries")]
    pub indexes: Shared<ByName<Index>>,
    /// Foreign keys by constraint name.
    #[serde(default, skip_serializing_if = "no_entries")]
    pub foreign_keys: Shared<ByName<ForeignKey>>,
    /// Check constraints by name.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    pub checks: ByName<CheckConstraint>,
    /// Triggers by name.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    pub triggers: ByName<Trigger>,
    /// The partitioning of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioning: Option<Box<TablePartitioning>>,
    /// The server's statistics; not part of a snapshot.
    #[serde(skip)]
    pub stats: Stats,
}

impl Table {
    /// An empty InnoDB table.
    pub fn new(collation: Symbol) -> Table {
        Table {
            engine: Symbol::new("InnoDB"),
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

    /// The column called `name` (column names are case-insensitive on both servers).
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| same_name(&column.name, name))
    }

    /// The start and end columns of the row period, if they are explicit.
    pub fn row_times(&self) -> Option<(&Column, &Column)> {
        let find = |expression: &str| {
            let is = |column: &&Column| {
                column
                    .generated
                    .is_some_and(|generated| generated.expression == *expression)
            };
            self.columns.iter().find(is)
        };
        Some((find("row start")?, find("row end")?))
    }

    /// The column-level check of this column.
    pub fn column_check(&self, column: &str) -> Option<&CheckConstraint> {
        let name = Symbol::new(column);
        let own = |name: &Symbol| self.checks.get(name).filter(|check| check.column_level);
        own(&name).or_else(|| own(&CheckConstraint::disambiguated(name)))
    }

    /// Adds a check. MariaDB allows a column-level and a table-level check of the same name.
    pub fn add_check(&mut self, name: Symbol, check: CheckConstraint) {
        let taken = self.checks.get(&name).copied();
        match taken {
            Some(other) if other.column_level && !check.column_level => {
                self.checks.insert(CheckConstraint::disambiguated(name), other);
                self.checks.insert(name, check);
            }
            Some(other) if check.column_level && !other.column_level => {
                self.checks.insert(CheckConstraint::disambiguated(name), check);
            }
            _ => {
                self.checks.insert(name, check);
            }
        }
    }

    /// The names of the triggers of each event (`before insert`), in execution order.
    pub fn triggers_in_order(&self) -> BTreeMap<Symbol, Vec<Symbol>> {
        let mut events: BTreeMap<Symbol, Vec<Symbol>> = BTreeMap::new();
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
        self.indexes.get(&Symbol::new(PRIMARY))
    }
}

/// The server's statistics and estimates.
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

// Equal schemas can hold different data.
impl PartialEq for Stats {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Stats {}

/// A check constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckConstraint {
    /// The canonical condition.
    pub clause: Symbol,
    /// NOT ENFORCED (MySQL only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_enforced: bool,
    /// Part of the definition of the column of the same name (MariaDB only), which can be changed only
    /// together with the column.
    #[serde(default, skip_serializing_if = "is_false")]
    #[serde(rename = "of_column")]
    pub column_level: bool,
}

impl CheckConstraint {
    /// The name of a column-level check in the model if a table-level check has the column's name. No
    /// name on a server ends in a space.
    pub fn disambiguated(column: Symbol) -> Symbol {
        Symbol::from(format!("{column} "))
    }

    /// The name on the server of a check in the model.
    pub fn name_on_server(name: Symbol) -> Symbol {
        Symbol::new(name.trim_end_matches(' '))
    }
}

/// The partitioning of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePartitioning {
    /// `range`, `list columns`, `hash`, ...
    pub method: Symbol,
    /// The canonical expression or list of columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<Symbol>,
    /// The subpartitioning, as `hash (expression) partitions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpartitions: Option<Symbol>,
    /// The partitions in order.
    pub partitions: Vec<Partition>,
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Partition name.
    pub name: Symbol,
    /// The bound or list of values; `None` for HASH and KEY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Symbol>,
}

/// Whether two names are equal under the servers' case-insensitive comparison, which applies to columns,
/// indexes, constraints, routines, events and partitions (manuals: "Identifier Case Sensitivity").
pub fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase())
}

impl Schema {
    /// Whether two bodies of programs, one of this schema and one of the other, are equivalent: equal except
    /// for comments and white space, and for escapes if one of them was printed without.
    pub fn same_body(&self, mine: Symbol, other: &Schema, theirs: Symbol) -> bool {
        let bare = normalise::without_comments;
        let inexact = || self.inexact.contains(&mine) || other.inexact.contains(&theirs);
        mine == theirs
            || bare(&mine) == bare(&theirs)
            || (inexact() && normalise::without_escapes(&mine) == normalise::without_escapes(&theirs))
    }

    /// Whether the schema has this table.
    pub fn has_table(&self, table: Symbol) -> bool {
        self.tables.contains_key(&table) || self.equal_tables.contains(&table)
    }

    /// The character set of a collation: the part before the first underscore.
    pub fn charset_of(collation: &str) -> &str {
        collation.split('_').next().unwrap_or(collation)
    }

    /// Whether `mine` in this schema equals `theirs` in the other: the same collation, or each the default
    /// of the same character set on its server.
    pub fn same_collation(&self, mine: Symbol, other: &Schema, theirs: Symbol) -> bool {
        mine == theirs
            || (Self::charset_of(&mine) == Self::charset_of(&theirs)
                && self.is_default_collation(mine)
                && other.is_default_collation(theirs))
    }

    /// Whether this collation is the default of its character set on the server.
    pub fn is_default_collation(&self, collation: Symbol) -> bool {
        let charset = Symbol::new(Self::charset_of(&collation));
        self.default_collations.get(&charset) == Some(&collation)
    }

    /// Removes the default collations of character sets that the schema does not use.
    pub fn retain_used_collations(&mut self) {
        let mut used = BTreeSet::new();
        used.extend(
            self.database_collation
                .map(|collation| Symbol::new(Self::charset_of(&collation))),
        );
        for table in self.tables.values() {
            used.insert(Symbol::new(Self::charset_of(&table.collation)));
            let columns = table.columns.iter().filter_map(|column| column.collation);
            used.extend(columns.map(|collation| Symbol::new(Self::charset_of(&collation))));
        }
        self.default_collations
            .retain(|charset, _| used.contains(charset));
    }
}

/// Default of `strict`.
fn yes() -> bool {
    true
}

fn empty() -> Symbol {
    Symbol::new("")
}

/// A collation that every server supports.
fn utf8mb4() -> Symbol {
    Symbol::new("utf8mb4_general_ci")
}

/// Serializes a map as an object even if it is empty; [`LiteMap`] itself would then write a list.
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
