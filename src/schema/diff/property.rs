//! The properties of objects that can differ, and their values.

use std::fmt;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use crate::schema::ddl;
use crate::schema::model::{ReferentialAction, Symbol};

/// A property of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Property {
    /// The name of an index, foreign key or check that is equal in everything else that matters.
    Name,
    /// The comment of a table, column, index, routine or event.
    Comment,
    /// The storage engine of a table.
    Engine,
    /// The default collation of a database or table.
    DefaultCollation,
    /// Another table option, by its name.
    TableOption(Symbol),
    /// The partitioning of a table.
    Partitions,
    /// The type of a column.
    Type,
    /// Whether a column may be NULL.
    Null,
    /// The default of a column.
    Default,
    /// The ON UPDATE of a column or of a foreign key.
    OnUpdate,
    /// The expression of a generated column.
    Generated,
    /// The collation of a column.
    Collation,
    /// Whether a column has AUTO_INCREMENT.
    AutoIncrement,
    /// Whether a column or index is invisible.
    Invisible,
    /// Whether a column of a system-versioned table keeps no history.
    WithoutSystemVersioning,
    /// The spatial reference system of a column.
    Srid,
    /// The position of a column in its table.
    Position,
    /// The definition of an index or view.
    Definition,
    /// The columns of a foreign key.
    Columns,
    /// The table and columns that a foreign key references.
    References,
    /// The ON DELETE of a foreign key.
    OnDelete,
    /// The condition of a check.
    Clause,
    /// Whether a check is not enforced.
    NotEnforced,
    /// When a trigger fires.
    When,
    /// The order of a trigger among those of its event.
    Order,
    /// The body of a trigger, routine or event.
    Body,
    /// The `sql_mode` of a trigger, routine or event.
    SqlMode,
    /// The CHECK OPTION of a view.
    CheckOption,
    /// Whether a view or routine has SQL SECURITY INVOKER.
    SecurityInvoker,
    /// The parameters of a routine.
    Parameters,
    /// The type that a function returns.
    Returns,
    /// Whether a routine is DETERMINISTIC.
    Deterministic,
    /// The data access of a routine.
    DataAccess,
    /// The schedule of an event.
    Schedule,
    /// When an event starts.
    Starts,
    /// Whether an event is disabled.
    Disabled,
    /// Whether an event is preserved on completion.
    KeptWhenDone,
}

impl Property {
    /// The name in text output and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Property::Name => "name",
            Property::Comment => "comment",
            Property::Engine => "engine",
            Property::DefaultCollation => "default collation",
            Property::TableOption(name) => name.as_str(),
            Property::Partitions => "partitions",
            Property::Type => "type",
            Property::Null => "null",
            Property::Default => "default",
            Property::OnUpdate => "on update",
            Property::Generated => "generated",
            Property::Collation => "collation",
            Property::AutoIncrement => "auto_increment",
            Property::Invisible => "invisible",
            Property::WithoutSystemVersioning => "without system versioning",
            Property::Srid => "srid",
            Property::Position => "position",
            Property::Definition => "definition",
            Property::Columns => "columns",
            Property::References => "references",
            Property::OnDelete => "on delete",
            Property::Clause => "clause",
            Property::NotEnforced => "not enforced",
            Property::When => "when",
            Property::Order => "order",
            Property::Body => "body",
            Property::SqlMode => "sql mode",
            Property::CheckOption => "check option",
            Property::SecurityInvoker => "security invoker",
            Property::Parameters => "parameters",
            Property::Returns => "returns",
            Property::Deterministic => "deterministic",
            Property::DataAccess => "data access",
            Property::Schedule => "schedule",
            Property::Starts => "starts",
            Property::Disabled => "disabled",
            Property::KeptWhenDone => "kept when done",
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Property {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The value of a property. Names are kept as they are, not within a sentence: each would be one more
/// string for every column that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// The object has no such property.
    None,
    /// Whether the object has the property.
    Flag(bool),
    /// A name, a type, or a piece of SQL.
    Text(Symbol),
    /// The expression of a generated column, and whether its values are stored.
    Generated(Symbol, bool),
    /// A spatial reference system.
    Srid(u32),
    /// Any spatial reference system.
    AnySrid,
    /// A referential action.
    Action(ReferentialAction),
    /// The first position.
    First,
    /// The position after the object of this name.
    After(Symbol),
    /// Another position than the expected one.
    Elsewhere,
}

impl Value {
    /// The position after `before`; the first without it.
    pub(super) fn position(before: Option<Symbol>) -> Value {
        before.map_or(Value::First, Value::After)
    }

    /// Whether the text of the value has more than one line.
    pub fn is_multiline(self) -> bool {
        match self {
            Value::Text(text) | Value::Generated(text, _) | Value::After(text) => text.contains('\n'),
            _ => false,
        }
    }
}

impl From<Symbol> for Value {
    fn from(text: Symbol) -> Value {
        Value::Text(text)
    }
}

impl From<Option<Symbol>> for Value {
    fn from(text: Option<Symbol>) -> Value {
        text.map_or(Value::None, Value::Text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(Symbol::from(text))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Flag(flag)
    }
}

impl From<ReferentialAction> for Value {
    fn from(action: ReferentialAction) -> Value {
        Value::Action(action)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => f.write_str("none"),
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
            Value::Text(text) => f.write_str(text),
            Value::Generated(expression, true) => write!(f, "{expression} (stored)"),
            Value::Generated(expression, false) => write!(f, "{expression} (virtual)"),
            Value::Srid(srid) => write!(f, "{srid}"),
            Value::AnySrid => f.write_str("any"),
            Value::Action(action) => f.write_str(ddl::action_name(*action)),
            Value::First => f.write_str("first"),
            Value::After(name) => write!(f, "after {name}"),
            Value::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One property that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Hash)]
pub struct Field {
    /// The property.
    #[serde(rename = "name")]
    pub property: Property,
    /// The expected value.
    pub expected: Value,
    /// The live value.
    pub live: Value,
}

impl Field {
    /// A property that differs.
    pub(super) fn new(property: Property, expected: impl Into<Value>, live: impl Into<Value>) -> Field {
        Field {
            property,
            expected: expected.into(),
            live: live.into(),
        }
    }
}

/// The properties of an object that differ, usually one.
pub type FieldList = SmallVec<[Field; 1]>;

#[cfg(test)]
mod tests {
    use super::{Field, Property, Value};
    use crate::schema::model::Symbol;

    // A report of 20,000 differing columns must fit into memory.
    #[test]
    fn a_field_is_no_larger_than_three_words() {
        assert_eq!(size_of::<Field>(), 24);
    }

    #[test]
    fn a_field_is_written_as_three_strings() {
        let written = |field: Field| serde_json::to_string(&field).unwrap();
        let one = Field::new(
            Property::Position,
            Value::After(Symbol::new("b")),
            Value::Elsewhere,
        );
        assert_eq!(
            written(one),
            r#"{"name":"position","expected":"after b","live":"elsewhere"}"#
        );
        let option = Property::TableOption(Symbol::new("row_format"));
        let one = Field::new(option, Some(Symbol::new("COMPRESSED")), None);
        assert_eq!(
            written(one),
            r#"{"name":"row_format","expected":"COMPRESSED","live":"none"}"#
        );
        let stored = Value::Generated(Symbol::new("a + 1"), true);
        assert_eq!(
            written(Field::new(Property::Generated, stored, false)),
            r#"{"name":"generated","expected":"a + 1 (stored)","live":"no"}"#
        );
    }
}
