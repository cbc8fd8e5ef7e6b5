//! Indexes and foreign keys.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Symbol, is_false};

/// The columns of one side of a foreign key, usually at most two.
pub type ColumnNames = SmallVec<[Symbol; 2]>;

/// The type of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexKind {
    /// The primary key.
    Primary,
    /// Unique.
    Unique,
    /// A plain index.
    #[default]
    Plain,
    /// Full text.
    Fulltext,
    /// Spatial.
    Spatial,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Index {
    /// Type of the index.
    #[serde(default)]
    pub kind: IndexKind,
    /// Key parts in order; most indexes have one.
    pub parts: SmallVec<[KeyPart; 1]>,
    /// USING HASH, if that is not the engine's default.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hash: bool,
    /// INVISIBLE (MySQL) or IGNORED (MariaDB): maintained but not used by queries.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invisible: bool,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Symbol>,
}

impl Index {
    /// Its columns, without expressions.
    pub fn columns(&self) -> impl Iterator<Item = Symbol> {
        self.parts.iter().filter_map(KeyPart::column_name)
    }
}

/// One part of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPart {
    /// The column, or the expression of a functional part.
    #[serde(flatten)]
    pub key: IndexKey,
    /// Length of the prefix in characters or bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<NonZeroU32>,
    /// Descending.
    #[serde(default, skip_serializing_if = "is_false")]
    pub descending: bool,
}

/// The content of an index part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexKey {
    /// A column.
    Column(Symbol),
    /// An expression (MySQL only).
    Expression(Symbol),
}

impl KeyPart {
    /// An ascending part over the whole column.
    pub fn column(name: &str) -> KeyPart {
        KeyPart {
            key: IndexKey::Column(Symbol::new(name)),
            prefix: None,
            descending: false,
        }
    }

    /// The column, unless the part is an expression.
    pub fn column_name(&self) -> Option<Symbol> {
        match self.key {
            IndexKey::Column(name) => Some(name),
            IndexKey::Expression(_) => None,
        }
    }
}

/// The referential action of a foreign key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferentialAction {
    /// RESTRICT or NO ACTION, which are equal in InnoDB.
    #[default]
    Restrict,
    /// CASCADE.
    Cascade,
    /// SET NULL.
    #[serde(rename = "set null")]
    SetNull,
    /// SET DEFAULT.
    #[serde(rename = "set default")]
    SetDefault,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Columns of this table.
    pub columns: ColumnNames,
    /// The parent table; of another database as `` `database`.`table` ``.
    pub table: Symbol,
    /// Columns of the parent.
    pub references: ColumnNames,
    /// ON DELETE.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_delete: ReferentialAction,
    /// ON UPDATE.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_update: ReferentialAction,
}

/// For `skip_serializing_if`.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
