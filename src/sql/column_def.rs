//! The definition of a column, as CREATE TABLE, ALTER TABLE and SHOW CREATE TABLE write it.
//!
//! Grammar from the MySQL 8.4 manual, "CREATE TABLE Statement", and MariaDB's "CREATE TABLE". Synonyms of types are
//! read as the type they mean ("Using Data Types from Other Database Engines").

mod data_type;
mod default_value;
mod parentheses;

pub use data_type::{DataType, integer_bits};
pub use default_value::DefaultValue;
pub(super) use parentheses::parentheses;

use super::cursor::{SqlToken, TokenCursor};
use super::table_def::IndexType;
use data_type::data_type;
use default_value::default_value;

/// GENERATED ALWAYS AS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedDef {
    /// The expression without outer parentheses, identifier quotes and white space.
    pub expression: String,
    /// STORED or PERSISTENT; VIRTUAL otherwise.
    pub stored: bool,
}

/// The position of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnPosition {
    /// Before all others.
    First,
    /// After this column.
    After(String),
}

/// A column's definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnDef {
    /// The type.
    pub data_type: DataType,
    /// CHARACTER SET, lower case; also what ASCII, UNICODE, BYTE and NATIONAL imply.
    pub charset: Option<String>,
    /// COLLATE, lower case.
    pub collation: Option<String>,
    /// BINARY after a character type: the binary collation of its character set.
    pub binary_collation: bool,
    /// NOT NULL; NULL and no attribute are the same except for TIMESTAMP.
    pub not_null: bool,
    /// DEFAULT.
    pub default: Option<DefaultValue>,
    /// ON UPDATE CURRENT_TIMESTAMP.
    pub on_update: bool,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
    /// GENERATED ALWAYS AS, AS.
    pub generated: Option<GeneratedDef>,
    /// PRIMARY KEY or UNIQUE as an attribute.
    pub key: Option<IndexType>,
    /// CHECK as an attribute; its expression without parentheses, quotes and white space.
    pub check: Option<String>,
    /// REFERENCES as an attribute.
    pub references: bool,
    /// COMMENT.
    pub comment: Option<String>,
    /// INVISIBLE.
    pub invisible: bool,
    /// MariaDB's COMPRESSED.
    pub compressed: bool,
    /// MariaDB's WITH or WITHOUT SYSTEM VERSIONING.
    pub versioning: Option<bool>,
    /// GENERATED ALWAYS AS ROW START or END.
    pub row_period: bool,
    /// SRID, REF_SYSTEM_ID.
    pub srid: Option<String>,
    /// COLUMN_FORMAT, STORAGE, ENGINE_ATTRIBUTE and other attributes with a value, and their values.
    pub attributes: Vec<(String, String)>,
    /// FIRST or AFTER.
    pub position: Option<ColumnPosition>,
    /// The first unknown word.
    pub unknown: Option<String>,
}

/// Parses a definition after the column's name, up to a comma or a closing parenthesis.
pub(super) fn column_def(cursor: &mut TokenCursor<'_>) -> ColumnDef {
    let mut def = ColumnDef::default();
    data_type(cursor, &mut def);
    while !(cursor.at_end() || cursor.at(',') || cursor.at(')')) {
        if !attribute(cursor, &mut def) {
            let start = cursor.pos();
            cursor.next();
            let text = cursor.since(start);
            def.unknown.get_or_insert(text);
        }
    }
    def.normalise();
    def
}

impl ColumnDef {
    /// A character type with charset binary becomes the binary type.
    fn normalise(&mut self) {
        let binary = self.charset.as_deref() == Some("binary") || self.collation.as_deref() == Some("binary");
        if binary {
            let name = match self.data_type.name.as_str() {
                "char" => "binary",
                "varchar" => "varbinary",
                "tinytext" => "tinyblob",
                "text" => "blob",
                "mediumtext" => "mediumblob",
                "longtext" => "longblob",
                _ => return,
            };
            self.data_type.name = name.to_owned();
            self.charset = None;
            self.collation = None;
        }
    }

    /// Whether its values are text in a character set.
    pub fn is_text(&self) -> bool {
        matches!(
            self.data_type.name.as_str(),
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
        )
    }

    /// Whether it is computed when it is read.
    pub fn is_virtual(&self) -> bool {
        self.generated.as_ref().is_some_and(|generated| !generated.stored)
    }

    /// Whether it is computed when a row is written.
    pub fn is_stored(&self) -> bool {
        self.generated.as_ref().is_some_and(|generated| generated.stored)
    }
}

/// Parses one attribute; `false` for an unknown word.
fn attribute(cursor: &mut TokenCursor<'_>, def: &mut ColumnDef) -> bool {
    let before = cursor.clone();
    let word = cursor.word().unwrap_or_default();
    match word.as_str() {
        "UNSIGNED" => def.data_type.unsigned = true,
        "SIGNED" => {}
        "ZEROFILL" => {
            def.data_type.zerofill = true;
            def.data_type.unsigned = true;
        }
        "NOT" if cursor.eat("NULL") => def.not_null = true,
        "NOT" if cursor.eat("SECONDARY") || cursor.eat("ENFORCED") => {}
        "NULL" => def.not_null = false,
        "DEFAULT" => def.default = Some(default_value(cursor)),
        "ON" if cursor.eat("UPDATE") => {
            cursor.next();
            parentheses(cursor);
            def.on_update = true;
        }
        "AUTO_INCREMENT" => def.auto_increment = true,
        "UNIQUE" => {
            cursor.eat("KEY");
            def.key = Some(IndexType::Unique);
        }
        "PRIMARY" => {
            cursor.eat("KEY");
            def.key = Some(IndexType::Primary);
        }
        // Manual, "CREATE TABLE": PRIMARY KEY may be written as just KEY in a column's definition.
        "KEY" => def.key = Some(IndexType::Primary),
        "COMMENT" => {
            cursor.eat_char('=');
            def.comment = cursor.next().and_then(text_of);
        }
        "COLLATE" => {
            cursor.eat_char('=');
            def.collation = name_of(cursor);
        }
        "CHARACTER" | "CHAR" if cursor.eat("SET") => {
            cursor.eat_char('=');
            def.charset = name_of(cursor).map(|name| charset_name(&name));
        }
        "CHARSET" => {
            cursor.eat_char('=');
            def.charset = name_of(cursor).map(|name| charset_name(&name));
        }
        "ASCII" => def.charset = Some("latin1".to_owned()),
        "UNICODE" => def.charset = Some("ucs2".to_owned()),
        "BYTE" => def.charset = Some("binary".to_owned()),
        "BINARY" => def.binary_collation = true,
        "GENERATED" => {
            cursor.eat("ALWAYS");
            cursor.eat("AS");
            return generated(cursor, def);
        }
        "AS" => return generated(cursor, def),
        "VIRTUAL" => {}
        "STORED" | "PERSISTENT" => {
            if let Some(generated) = &mut def.generated {
                generated.stored = true;
            }
        }
        "VISIBLE" | "ENFORCED" => {}
        "INVISIBLE" => def.invisible = true,
        "COMPRESSED" => {
            def.compressed = true;
            if cursor.eat_char('=') {
                cursor.next();
            }
        }
        "WITH" | "WITHOUT" if cursor.eat("SYSTEM") => {
            cursor.eat("VERSIONING");
            def.versioning = Some(word == "WITH");
        }
        "CONSTRAINT" => {
            if !cursor.at_any(&["CHECK", "PRIMARY", "UNIQUE", "REFERENCES"]) {
                cursor.identifier();
            }
        }
        "CHECK" => def.check = Some(parentheses(cursor)),
        "REFERENCES" => {
            def.references = true;
            references(cursor);
        }
        "FIRST" => def.position = Some(ColumnPosition::First),
        "AFTER" => def.position = cursor.identifier().map(ColumnPosition::After),
        "SRID" => def.srid = cursor.word(),
        "REF_SYSTEM_ID" => {
            cursor.eat_char('=');
            def.srid = cursor.word();
        }
        "COLUMN_FORMAT" | "STORAGE" => {
            let value = cursor.word().unwrap_or_default();
            def.attributes.push((word, value));
        }
        "" => {
            *cursor = before;
            // MariaDB: an attribute of the engine, with its name in quotes.
            let Some(name) = cursor.identifier() else {
                return false;
            };
            if cursor.eat_char('=') {
                let start = cursor.pos();
                cursor.next();
                def.attributes.push((name, cursor.since(start)));
                return true;
            }
            return false;
        }
        _ if cursor.eat_char('=') => {
            let start = cursor.pos();
            cursor.next();
            def.attributes.push((word, cursor.since(start)));
        }
        _ => {
            *cursor = before;
            return false;
        }
    }
    true
}

fn generated(cursor: &mut TokenCursor<'_>, def: &mut ColumnDef) -> bool {
    if cursor.eat("ROW") {
        cursor.word();
        def.row_period = true;
        return true;
    }
    if !cursor.at('(') {
        return false;
    }
    def.generated = Some(GeneratedDef {
        expression: parentheses(cursor),
        stored: false,
    });
    true
}

/// Parses the rest of REFERENCES: the table, its columns, MATCH, ON DELETE and ON UPDATE.
pub(super) fn references(cursor: &mut TokenCursor<'_>) {
    cursor.name();
    parentheses(cursor);
    if cursor.eat("MATCH") {
        cursor.word();
    }
    loop {
        let saved = cursor.clone();
        if !(cursor.eat("ON") && (cursor.eat("DELETE") || cursor.eat("UPDATE"))) {
            *cursor = saved;
            return;
        }
        let action = cursor.word().unwrap_or_default();
        if matches!(action.as_str(), "SET" | "NO") {
            cursor.word();
        }
    }
}

/// A name, bare or in quotes of any kind, in lower case.
pub(super) fn name_of(cursor: &mut TokenCursor<'_>) -> Option<String> {
    match cursor.next()? {
        SqlToken::Word(word) => Some(word.to_ascii_lowercase()),
        tok => text_of(tok).map(|text| text.to_ascii_lowercase()),
    }
}

/// `utf8` is `utf8mb3` on all servers that have the name `utf8mb3`.
pub(super) fn charset_name(name: &str) -> String {
    match name {
        "utf8" => "utf8mb3".to_owned(),
        other => other.to_owned(),
    }
}

/// The text of a quoted token.
pub(super) fn text_of(tok: SqlToken<'_>) -> Option<String> {
    match tok {
        SqlToken::Text(text) | SqlToken::Name(text) => Some(unquoted(text)),
        _ => None,
    }
}

fn unquoted(text: &str) -> String {
    let quote = &text[..1];
    let inner = &text[1..text.len().saturating_sub(1).max(1)];
    inner.replace(&quote.repeat(2), quote)
}

#[cfg(test)]
mod tests;
