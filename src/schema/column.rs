//! Columns. Of 20,000 columns only a few hundred definitions differ apart from the name, so
//! definitions are interned.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::model::is_false;
use crate::memory::symbol::Symbol;

/// A column: its name, and its attributes, which columns of equal definition share. Eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ColumnRepr<Attributes>", into = "ColumnRepr<&'static Attributes>")]
pub struct Column {
    /// Column name.
    pub name: Symbol,
    attributes: AttributesId,
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.name, **self)
    }
}

/// The serialized form of a column in a snapshot.
#[derive(Serialize, Deserialize)]
struct ColumnRepr<A> {
    name: Symbol,
    #[serde(flatten)]
    attributes: A,
}

impl From<ColumnRepr<Attributes>> for Column {
    fn from(whole: ColumnRepr<Attributes>) -> Self {
        Column::with_attributes(whole.name, whole.attributes)
    }
}

impl From<Column> for ColumnRepr<&'static Attributes> {
    fn from(column: Column) -> Self {
        ColumnRepr {
            name: column.name,
            attributes: column.attributes.get(),
        }
    }
}

/// The definition of a column without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attributes {
    /// Canonical type: without display widths; `json` for both servers.
    #[serde(rename = "type")]
    pub ty: Symbol,
    /// Whether it can be NULL.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// The default as an SQL expression: `'pending'`, `0.00`, `current_timestamp()`.
    /// A nullable column without one defaults to NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Symbol>,
    /// The expression of ON UPDATE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<Symbol>,
    /// The expression of a generated column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedColumn>,
    /// Collation of a character column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<Symbol>,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Symbol>,
    /// AUTO_INCREMENT.
    #[serde(default, skip_serializing_if = "is_false")]
    pub auto_increment: bool,
    /// INVISIBLE: not part of `SELECT *`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invisible: bool,
    /// WITHOUT SYSTEM VERSIONING: changes of this column create no row version (MariaDB only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub unversioned: bool,
    /// SRID, the spatial reference system of all values (MySQL only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srid: Option<u32>,
}

impl Attributes {
    /// A NOT NULL column without a default.
    pub fn new(ty: Symbol) -> Attributes {
        Attributes {
            ty,
            nullable: false,
            default: None,
            on_update: None,
            generated: None,
            collation: None,
            comment: None,
            auto_increment: false,
            invisible: false,
            unversioned: false,
            srid: None,
        }
    }
}

/// The number of interned attributes. As with [`Symbol`], they live as long as the process.
#[derive(Clone, Copy, PartialEq, Eq)]
struct AttributesId(u32);

#[derive(Default)]
struct AttributesStore {
    numbers: HashMap<&'static Attributes, u32>,
    list: Vec<&'static Attributes>,
}

static STORE: LazyLock<RwLock<AttributesStore>> = LazyLock::new(RwLock::default);

impl AttributesId {
    fn new(attributes: Attributes) -> AttributesId {
        let mut store = STORE.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = store.numbers.get(&attributes) {
            return AttributesId(*number);
        }
        let new: &'static Attributes = Box::leak(Box::new(attributes));
        let number = u32::try_from(store.list.len()).unwrap_or(u32::MAX);
        store.list.push(new);
        store.numbers.insert(new, number);
        AttributesId(number)
    }

    fn get(self) -> &'static Attributes {
        STORE.read().unwrap_or_else(PoisonError::into_inner).list[self.0 as usize]
    }
}

/// The definition of a generated column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GeneratedColumn {
    /// The canonical expression.
    pub expression: Symbol,
    /// STORED, as opposed to VIRTUAL.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stored: bool,
}

impl GeneratedColumn {
    /// Whether it is the start or end column of the row period in a system-versioned table of MariaDB.
    pub fn is_row_time(&self) -> bool {
        self.expression == "row start" || self.expression == "row end"
    }
}

impl Column {
    /// Whether it is the start or end column of the row period.
    pub fn is_row_time(&self) -> bool {
        self.generated.is_some_and(|generated| generated.is_row_time())
    }

    /// A NOT NULL column without a default.
    pub fn new(name: &str, ty: &str) -> Column {
        Column::with_attributes(Symbol::new(name), Attributes::new(Symbol::new(ty)))
    }

    /// A column of this name with these attributes.
    pub fn with_attributes(name: Symbol, attributes: Attributes) -> Column {
        Column {
            name,
            attributes: AttributesId::new(attributes),
        }
    }

    /// As [`Column::new`], with attributes changed.
    pub fn with(name: &str, ty: &str, change: impl FnOnce(&mut Attributes)) -> Column {
        let mut column = Column::new(name, ty);
        column.change(change);
        column
    }

    /// Changes the attributes of this column.
    pub fn change(&mut self, change: impl FnOnce(&mut Attributes)) {
        let mut attributes = *self.attributes.get();
        change(&mut attributes);
        self.attributes = AttributesId::new(attributes);
    }
}

impl Deref for Column {
    type Target = Attributes;
    fn deref(&self) -> &Attributes {
        self.attributes.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_kept_once_and_changed_for_one_column_only() -> serde_json::Result<()> {
        let one = Column::new("one", "int");
        let mut other = Column::new("other", "int");
        assert!(one.attributes == other.attributes && size_of::<Column>() == 8);
        other.change(|attributes| attributes.nullable = true);
        assert!(other.nullable && !one.nullable);
        let text = serde_json::to_string(&other)?;
        assert_eq!(text, r#"{"name":"other","type":"int","nullable":true}"#);
        assert_eq!(serde_json::from_str::<Column>(&text)?, other);
        Ok(())
    }
}
