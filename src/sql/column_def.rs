//! The definition of a column, as CREATE TABLE, ALTER TABLE and SHOW CREATE TABLE write it.
//!
//! Grammar from the MySQL 8.4 manual, "CREATE TABLE Statement", and MariaDB's "CREATE TABLE". Synonyms of types are
//! read as the type they mean ("Using Data Types from Other Database Engines").

use super::cursor::{SqlToken, TokenCursor};
use super::table_def::IndexType;

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

/// The value of DEFAULT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultValue {
    /// NULL.
    Null,
    /// A literal, or the current time: the server stores the same value in every row.
    Literal,
    /// An expression in parentheses or a function.
    Expression {
        /// Whether it consists of literals and operators alone.
        constant: bool,
    },
}

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

fn data_type(cursor: &mut TokenCursor<'_>, def: &mut ColumnDef) {
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

fn default_value(cursor: &mut TokenCursor<'_>) -> DefaultValue {
    if cursor.at('(') {
        let start = cursor.clone();
        parentheses(cursor);
        return DefaultValue::Expression {
            constant: constant(start),
        };
    }
    while cursor.eat_char('-') || cursor.eat_char('+') {}
    match cursor.next() {
        Some(SqlToken::Word(word)) => {
            let upper = word.to_ascii_uppercase();
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                // 1.5, 1e-3: a word, a character, a word.
                let exponent = upper.ends_with('E') && !upper.starts_with("0X");
                if cursor.eat_char('.') || exponent && (cursor.eat_char('-') || cursor.eat_char('+')) {
                    let fraction = cursor.word().unwrap_or_default();
                    if fraction.ends_with('E') && (cursor.eat_char('-') || cursor.eat_char('+')) {
                        cursor.word();
                    }
                }
                return DefaultValue::Literal;
            }
            match upper.as_str() {
                "NULL" => DefaultValue::Null,
                "CURRENT_TIMESTAMP" | "NOW" | "LOCALTIME" | "LOCALTIMESTAMP" => {
                    parentheses(cursor);
                    DefaultValue::Literal
                }
                _ => {
                    // b'1', x'ff', _utf8mb4'x', DATE '2020-01-01', N'x'.
                    if matches!(cursor.peek(), Some(SqlToken::Text(_))) {
                        cursor.next();
                        return DefaultValue::Literal;
                    }
                    if cursor.at('(') {
                        parentheses(cursor);
                        return DefaultValue::Expression { constant: false };
                    }
                    match upper.as_str() {
                        "TRUE" | "FALSE" => DefaultValue::Literal,
                        _ => {
                            // NEXT VALUE FOR s; anything else is not known.
                            if upper == "NEXT" && cursor.eat("VALUE") && cursor.eat("FOR") {
                                cursor.name();
                            }
                            DefaultValue::Expression { constant: false }
                        }
                    }
                }
            }
        }
        Some(SqlToken::Char('.')) => {
            cursor.word();
            DefaultValue::Literal
        }
        Some(SqlToken::Text(_) | SqlToken::Name(_)) => DefaultValue::Literal,
        _ => DefaultValue::Expression { constant: false },
    }
}

/// Whether the parentheses that begin here hold literals and operators alone.
fn constant(mut cursor: TokenCursor<'_>) -> bool {
    let mut depth = 0_usize;
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => {
                depth -= 1;
                if depth == 0 {
                    return true;
                }
            }
            SqlToken::Word(word) => {
                let upper = word.to_ascii_uppercase();
                let literal = word.starts_with(|c: char| c.is_ascii_digit())
                    || matches!(upper.as_str(), "NULL" | "TRUE" | "FALSE");
                if !literal {
                    return false;
                }
            }
            SqlToken::Name(_) => return false,
            SqlToken::Char(_) | SqlToken::Text(_) => {}
        }
    }
    false
}

/// Takes a pair of parentheses, if it is next, and gives what it holds in a form that does not depend on white
/// space, quotes around identifiers and further parentheses around the whole.
pub(super) fn parentheses(cursor: &mut TokenCursor<'_>) -> String {
    let mut tokens: Vec<String> = Vec::new();
    if !cursor.at('(') {
        return String::new();
    }
    let mut depth = 0_usize;
    while let Some(tok) = cursor.next() {
        tokens.push(match tok {
            SqlToken::Char(c) => c.to_string(),
            SqlToken::Word(word) => word.to_lowercase(),
            SqlToken::Text(text) => text.to_owned(),
            SqlToken::Name(quoted) if quoted.starts_with('`') => unquoted(quoted).to_lowercase(),
            SqlToken::Name(quoted) => quoted.to_owned(),
        });
        match tok {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let mut inner: &[String] = &tokens;
    while let Some(less) = without_outer(inner) {
        inner = less;
    }
    inner.join(" ")
}

/// The tokens within, when one pair of parentheses surrounds all of them.
fn without_outer(tokens: &[String]) -> Option<&[String]> {
    if tokens.len() < 2 || tokens[0] != "(" {
        return None;
    }
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (index + 1 == tokens.len()).then(|| &tokens[1..index]);
        }
    }
    None
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
mod tests {
    use super::*;

    fn read(text: &str) -> ColumnDef {
        column_def(&mut TokenCursor::new(text))
    }

    #[test]
    fn types_lose_their_synonyms() {
        for (text, same) in [
            ("BOOLEAN", "tinyint"),
            ("TINYINT(1)", "tinyint"),
            ("INTEGER(11) UNSIGNED", "int unsigned"),
            ("INT ZEROFILL", "int unsigned zerofill"),
            ("NUMERIC", "decimal(10,0)"),
            ("DEC(8, 2)", "decimal(8,2)"),
            ("CHARACTER VARYING (20)", "varchar(20)"),
            ("CHAR", "char(1)"),
            ("NATIONAL CHAR VARYING(5)", "varchar(5)"),
            ("LONG VARBINARY", "mediumblob"),
            ("LONG", "mediumtext"),
            ("DOUBLE PRECISION NULL", "double"),
            ("FLOAT(30)", "double"),
            ("DATETIME(0)", "datetime"),
            ("VARCHAR(20) CHARACTER SET binary", "varbinary(20)"),
            ("CHAR(3) BYTE", "binary(3)"),
            ("ENUM('a,b', \"c\")", "enum('a,b','c')"),
            ("SERIAL", "bigint unsigned"),
            ("inet6", "inet6"),
        ] {
            let def = read(text);
            assert_eq!(def.data_type.text(), same, "{text}");
            assert_eq!(def.unknown, None, "{text}");
        }
    }

    #[test]
    fn attributes_are_read_in_any_order() {
        let def = read(
            "VARCHAR(20) COMMENT 'first, after NOT NULL' COLLATE utf8mb4_bin NOT NULL DEFAULT 'unique' INVISIBLE \
             CHARSET utf8 UNIQUE KEY REFERENCES p (id) ON DELETE SET NULL CHECK (`a` > (1)) AFTER `b c`, x",
        );
        assert!(def.not_null && def.invisible && def.references);
        assert_eq!(def.comment.as_deref(), Some("first, after NOT NULL"));
        assert_eq!(def.collation.as_deref(), Some("utf8mb4_bin"));
        assert_eq!(def.charset.as_deref(), Some("utf8mb3"));
        assert_eq!(def.default, Some(DefaultValue::Literal));
        assert_eq!(def.key, Some(IndexType::Unique));
        assert_eq!(def.check.as_deref(), Some("a > ( 1 )"));
        assert_eq!(def.position, Some(ColumnPosition::After("b c".to_owned())));
        assert_eq!(def.unknown, None);
        let def = read("INT GENERATED ALWAYS AS ((`c` + 1)) STORED");
        assert!(def.is_stored());
        assert_eq!(def.generated, read("int as (c+1) persistent").generated);
        assert_ne!(def.generated, read("int as ((c) + (1)) stored").generated);
        assert_eq!(read("INT SOMETHING ELSE").unknown.as_deref(), Some("SOMETHING"));
    }

    #[test]
    fn defaults_are_told_apart() {
        use DefaultValue::{Expression, Literal, Null};
        for (text, expected) in [
            ("NULL", Null),
            ("-5", Literal),
            ("1.5e-3", Literal),
            ("b'1'", Literal),
            ("DATE '2020-01-01'", Literal),
            ("TRUE", Literal),
            ("CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)", Literal),
            ("now()", Literal),
            ("('[]')", Expression { constant: true }),
            ("(1 + 1)", Expression { constant: true }),
            ("(a)", Expression { constant: false }),
            ("(UUID())", Expression { constant: false }),
            ("uuid()", Expression { constant: false }),
            ("NEXT VALUE FOR s", Expression { constant: false }),
        ] {
            let def = read(&format!("INT DEFAULT {text} COMMENT 'x'"));
            assert_eq!(def.default, Some(expected), "{text}");
            assert_eq!((def.comment.as_deref(), def.unknown), (Some("x"), None), "{text}");
        }
    }
}
