//! Indexes and foreign keys.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Text, is_false};

/// The columns of one side of a foreign key, of which there are two at most as a rule.
pub type Names = SmallVec<[Text; 2]>;

/// What an index is for.
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
    /// What it is for.
    #[serde(default)]
    pub kind: IndexKind,
    /// Its parts in order; most have one.
    pub parts: SmallVec<[Part; 1]>,
    /// HASH where the engine's own default is another.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hash: bool,
    /// Invisible (MySQL) or ignored (MariaDB): kept up to date but not used.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invisible: bool,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
}

impl Index {
    /// The columns that it holds, without its expressions.
    pub fn columns(&self) -> impl Iterator<Item = Text> {
        self.parts.iter().filter_map(Part::column_name)
    }
}

/// One part of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The column, or the expression of a functional part.
    #[serde(flatten)]
    pub key: Key,
    /// Only that many leading characters or bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<NonZeroU32>,
    /// Descending.
    #[serde(default, skip_serializing_if = "is_false")]
    pub descending: bool,
}

/// What a part of an index is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// A column.
    Column(Text),
    /// An expression (MySQL only).
    Expression(Text),
}

impl Part {
    /// An ascending part over the whole column.
    pub fn column(name: &str) -> Part {
        Part {
            key: Key::Column(Text::new(name)),
            prefix: None,
            descending: false,
        }
    }

    /// The column, unless the part is an expression.
    pub fn column_name(&self) -> Option<Text> {
        match self.key {
            Key::Column(name) => Some(name),
            Key::Expression(_) => None,
        }
    }
}

/// What happens to the child row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// RESTRICT and NO ACTION, which are the same in InnoDB.
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
    pub columns: Names,
    /// The parent table; of another database as `` `database`.`table` ``.
    pub table: Text,
    /// Columns of the parent.
    pub references: Names,
    /// ON DELETE.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_delete: Action,
    /// ON UPDATE.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_update: Action,
}

/// For `skip_serializing_if`.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
