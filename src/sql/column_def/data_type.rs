//! The type of a column.

use super::{ColumnDef, unquoted};
use crate::sql::cursor::{SqlToken, TokenCursor};
use crate::sql::table_def::IndexType;

/// A column's type. Synonyms are gone: BOOLEAN is `tinyint`, NUMERIC is `decimal`, CHARACTER VARYING is `varchar`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataType {
    /// Its name in lower case.
    pub name: String,
    /// Length, precision, scale: with the default where none is written, without a display width.
    pub args: Vec<u64>,
    /// Members of an ENUM or SET, without quotes.
    pub members: Vec<String>,
    /// UNSIGNED, or ZEROFILL, which implies it.
    pub unsigned: bool,
    /// ZEROFILL.
    pub zerofill: bool,
}

/// The bits of an integer type (manual, "Integer Types"); none for another type.
pub fn integer_bits(name: &str) -> Option<u32> {
    Some(match name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    })
}

/// Parses the type, and what it implies for the column.
pub(super) fn data_type(cursor: &mut TokenCursor<'_>, def: &mut ColumnDef) {
    let word = cursor.word().unwrap_or_default();
    let varying = |cursor: &mut TokenCursor<'_>| cursor.eat("VARYING");
    let name = match word.as_str() {
        "INTEGER" | "INT4" => "int",
        "INT1" | "BOOL" | "BOOLEAN" => "tinyint",
        "INT2" => "smallint",
        "INT3" | "MIDDLEINT" => "mediumint",
        "INT8" => "bigint",
        "DEC" | "NUMERIC" | "FIXED" | "NUMBER" => "decimal",
        "FLOAT4" => "float",
        "FLOAT8" => "double",
        "DOUBLE" => {
            cursor.eat("PRECISION");
            "double"
        }
        "CHAR" | "CHARACTER" if varying(cursor) => "varchar",
        "CHAR" | "CHARACTER" => "char",
        "VARCHARACTER" => "varchar",
        "NCHAR" | "NVARCHAR" | "NATIONAL" => {
            def.charset = Some("utf8mb3".to_owned());
            let second = match word.as_str() {
                "NATIONAL" => cursor.word().unwrap_or_default(),
                _ => word.clone(),
            };
            let long = second.contains("VARCHAR") || cursor.eat("VARCHAR") || varying(cursor);
            if long { "varchar" } else { "char" }
        }
        "LONG" => {
            if cursor.eat("VARBINARY") {
                "mediumblob"
            } else {
                let _ = cursor.eat("VARCHAR")
                    || (cursor.eat("CHAR") || cursor.eat("CHARACTER")) && varying(cursor);
                "mediumtext"
            }
        }
        "SERIAL" => {
            def.data_type.unsigned = true;
            def.not_null = true;
            def.auto_increment = true;
            def.key = Some(IndexType::Unique);
            "bigint"
        }
        "GEOMCOLLECTION" => "geometrycollection",
        _ => "",
    };
    def.data_type.name = match name {
        "" => word.to_ascii_lowercase(),
        name => name.to_owned(),
    };
    if cursor.eat_char('(') {
        arguments(cursor, &mut def.data_type);
    }
    def.data_type.normalise();
}

/// Parses the parentheses of a type.
fn arguments(cursor: &mut TokenCursor<'_>, data_type: &mut DataType) {
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Char(')') => break,
            SqlToken::Word(word) => data_type.args.extend(word.parse::<u64>().ok()),
            SqlToken::Text(text) | SqlToken::Name(text) => data_type.members.push(unquoted(text)),
            SqlToken::Char(_) => {}
        }
    }
}

impl DataType {
    /// Adds default arguments and removes those without a meaning.
    fn normalise(&mut self) {
        let args = &mut self.args;
        match self.name.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "double" | "real" => {
                args.clear()
            }
            "float" => {
                if args.len() == 1 && args[0] > 24 {
                    self.name = "double".to_owned();
                }
                args.clear();
            }
            "decimal" => {
                if args.is_empty() {
                    args.push(10);
                }
                if args.len() == 1 {
                    args.push(0);
                }
            }
            "bit" | "char" | "binary" if args.is_empty() => args.push(1),
            "datetime" | "timestamp" | "time" if args.as_slice() == [0] => args.clear(),
            _ => {}
        }
    }

    /// The type as SQL text.
    pub fn text(&self) -> String {
        let list = |items: Vec<String>| match items.is_empty() {
            true => String::new(),
            false => format!("({})", items.join(",")),
        };
        let args = match self.members.is_empty() {
            true => list(self.args.iter().map(u64::to_string).collect()),
            false => list(self.members.iter().map(|member| format!("'{member}'")).collect()),
        };
        let unsigned = if self.unsigned { " unsigned" } else { "" };
        let zerofill = if self.zerofill { " zerofill" } else { "" };
        format!("{}{args}{unsigned}{zerofill}", self.name)
    }
}
