//! Columns. A schema of twenty thousand has a few hundred different ones, but for their names.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::model::is_false;
use super::text::Text;

/// A column: its name, and the rest of its definition, which all columns of the same definition
/// share. Eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Whole<Attributes>", into = "Whole<&'static Attributes>")]
pub struct Column {
    /// Its name.
    pub name: Text,
    attributes: Kept,
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.name, **self)
    }
}

/// A column as a snapshot has it.
#[derive(Serialize, Deserialize)]
struct Whole<A> {
    name: Text,
    #[serde(flatten)]
    attributes: A,
}

impl From<Whole<Attributes>> for Column {
    fn from(whole: Whole<Attributes>) -> Self {
        Column::of(whole.name, whole.attributes)
    }
}

impl From<Column> for Whole<&'static Attributes> {
    fn from(column: Column) -> Self {
        Whole {
            name: column.name,
            attributes: column.attributes.get(),
        }
    }
}

/// Everything about a column but its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attributes {
    /// Canonical type: no display widths, `json` whatever the server stores it as.
    #[serde(rename = "type")]
    pub ty: Text,
    /// Whether it takes NULL.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// The default as an SQL expression: `'pending'`, `0.00`, `current_timestamp()`.
    /// A nullable column without one defaults to NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Text>,
    /// What an UPDATE sets it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<Text>,
    /// The expression of a generated column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    /// Collation of a character column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<Text>,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    /// AUTO_INCREMENT.
    #[serde(default, skip_serializing_if = "is_false")]
    pub auto_increment: bool,
    /// Left out of `SELECT *`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invisible: bool,
    /// Whether a table that keeps its old rows does not for changes of this column (MariaDB only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub unversioned: bool,
    /// The spatial reference system that every value has to be in (MySQL only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srid: Option<u32>,
}

impl Attributes {
    /// A NOT NULL column without a default.
    pub fn new(ty: Text) -> Attributes {
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

/// Attributes that are kept once for all columns. As with [`Text`], they live as long as the process.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kept(u32);

#[derive(Default)]
struct Store {
    numbers: HashMap<&'static Attributes, u32>,
    list: Vec<&'static Attributes>,
}

static STORE: LazyLock<RwLock<Store>> = LazyLock::new(RwLock::default);

impl Kept {
    fn new(attributes: Attributes) -> Kept {
        let mut store = STORE.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = store.numbers.get(&attributes) {
            return Kept(*number);
        }
        let new: &'static Attributes = Box::leak(Box::new(attributes));
        let number = u32::try_from(store.list.len()).unwrap_or(u32::MAX);
        store.list.push(new);
        store.numbers.insert(new, number);
        Kept(number)
    }

    fn get(self) -> &'static Attributes {
        STORE.read().unwrap_or_else(PoisonError::into_inner).list[self.0 as usize]
    }
}

/// How a generated column is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Generated {
    /// The canonical expression.
    pub expression: Text,
    /// Stored in the row, or computed when read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stored: bool,
}

impl Generated {
    /// Whether it is the beginning or the end of a row's time in a table of MariaDB that keeps its
    /// old rows.
    pub fn is_row_time(&self) -> bool {
        self.expression == "row start" || self.expression == "row end"
    }
}

impl Column {
    /// Whether it is the beginning or the end of a row's time.
    pub fn is_row_time(&self) -> bool {
        self.generated.is_some_and(|generated| generated.is_row_time())
    }

    /// A NOT NULL column without a default.
    pub fn new(name: &str, ty: &str) -> Column {
        Column::of(Text::new(name), Attributes::new(Text::new(ty)))
    }

    /// The column of this name with these attributes.
    pub fn of(name: Text, attributes: Attributes) -> Column {
        Column {
            name,
            attributes: Kept::new(attributes),
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
        self.attributes = Kept::new(attributes);
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
