//! The definition of a table, as CREATE TABLE and SHOW CREATE TABLE write it, and its change by an ALTER TABLE.

use super::column_def::{
    ColumnDef, ColumnPosition, charset_name, column_def, name_of, parentheses, references,
};
use super::cursor::{SqlToken, TokenCursor};
use super::statement::{AlterAction, ObjectName};

/// Kinds of indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexType {
    /// An ordinary secondary index.
    Plain,
    /// A unique index.
    Unique,
    /// A full-text index.
    Fulltext,
    /// A spatial index.
    Spatial,
    /// The primary key.
    Primary,
    /// MariaDB's and MySQL's vector index.
    Vector,
}

/// A part of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexPart {
    /// The column; none for an expression.
    pub column: Option<String>,
    /// A prefix of this many characters.
    pub prefix: Option<u64>,
    /// Whether the expression is cast to an ARRAY: a multi-valued index.
    pub multi_valued: bool,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDef {
    /// The kind of index.
    pub kind: IndexType,
    /// The index's name: `PRIMARY` for the primary key, none where the server chooses one.
    pub name: Option<String>,
    /// The indexed columns and expressions.
    pub parts: Vec<IndexPart>,
    /// USING HASH.
    pub hash: bool,
}

impl IndexDef {
    /// Whether a column is part of it.
    pub fn covers(&self, column: &str) -> bool {
        self.parts
            .iter()
            .any(|part| part.column.as_deref().is_some_and(|name| same(name, column)))
    }

    /// Whether a part is an expression.
    pub fn is_functional(&self) -> bool {
        self.parts.iter().any(|part| part.column.is_none())
    }
}

/// A foreign key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignKeyDef {
    /// The constraint's name, if the statement gives one.
    pub name: Option<String>,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The table that it refers to.
    pub table: Option<ObjectName>,
    /// The columns that it refers to.
    pub references: Vec<String>,
}

/// How rows are assigned to partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionScheme {
    /// By RANGE or LIST: a new partition gets no rows of others.
    Ranges,
    /// By HASH or KEY: another number of partitions moves rows.
    Hash,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableDef {
    /// Columns, in order.
    pub columns: Vec<(String, ColumnDef)>,
    /// Indexes.
    pub indexes: Vec<IndexDef>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKeyDef>,
    /// Names of the table's checks.
    pub checks: Vec<Option<String>>,
    /// ENGINE, lower case.
    pub engine: Option<String>,
    /// DEFAULT CHARSET, lower case.
    pub charset: Option<String>,
    /// COLLATE, lower case.
    pub collation: Option<String>,
    /// ROW_FORMAT, lower case.
    pub row_format: Option<String>,
    /// Other options and their values.
    pub options: Vec<(String, String)>,
    /// How it is partitioned.
    pub partitioning: Option<PartitionScheme>,
    /// MariaDB's WITH SYSTEM VERSIONING.
    pub versioned: bool,
}

/// Whether two names of columns or indexes are equal: both families compare them without case.
pub(super) fn same(name: &str, other: &str) -> bool {
    name == other || name.to_lowercase() == other.to_lowercase()
}

impl TableDef {
    /// Reads a CREATE TABLE; `None` when it lists no columns (LIKE, AS SELECT).
    pub fn parse(statement: &str) -> Option<TableDef> {
        let mut cursor = TokenCursor::new(statement);
        while !cursor.eat("TABLE") {
            cursor.next()?;
        }
        cursor.if_exists();
        cursor.name()?;
        if !cursor.eat_char('(') || cursor.at_any(&["LIKE", "SELECT", "WITH"]) {
            return None;
        }
        let mut table = TableDef::default();
        while !cursor.eat_char(')') {
            if cursor.at_end() {
                return None;
            }
            table.element(&mut cursor);
            cursor.rest_of_action();
            cursor.eat_char(',');
        }
        table.read_options(&mut cursor);
        Some(table)
    }

    fn element(&mut self, cursor: &mut TokenCursor<'_>) {
        match constraint(cursor) {
            Some(Constraint::Index(index)) => self.indexes.push(index),
            Some(Constraint::ForeignKey(key)) => self.foreign_keys.push(key),
            Some(Constraint::Check { name, .. }) => self.checks.push(name),
            None if cursor.at_any(&["PERIOD"]) => {}
            None => {
                if let Some(name) = cursor.identifier() {
                    let def = column_def(cursor);
                    self.add_column(&name, def);
                }
            }
        }
    }

    fn read_options(&mut self, cursor: &mut TokenCursor<'_>) {
        while let Some(tok) = cursor.next() {
            let SqlToken::Word(word) = tok else { continue };
            match word.to_ascii_uppercase().as_str() {
                "PARTITION" if cursor.eat("BY") => {
                    cursor.eat("LINEAR");
                    let hash = cursor.at_any(&["HASH", "KEY"]);
                    self.partitioning = Some(if hash {
                        PartitionScheme::Hash
                    } else {
                        PartitionScheme::Ranges
                    });
                    return;
                }
                "WITH" if cursor.eat("SYSTEM") => self.versioned = true,
                "DEFAULT" | "AS" | "SELECT" | "IGNORE" | "REPLACE" | "VERSIONING" => {}
                "CHARACTER" => {
                    cursor.eat("SET");
                    self.option(cursor, "CHARSET");
                }
                option => self.option(cursor, option),
            }
        }
    }

    /// Reads the value of an option.
    fn option(&mut self, cursor: &mut TokenCursor<'_>, name: &str) {
        cursor.eat_char('=');
        if cursor.at('(') {
            parentheses(cursor);
            return;
        }
        let value = name_of(cursor).unwrap_or_default();
        self.set_option(name, &value);
    }

    pub(super) fn set_option(&mut self, name: &str, value: &str) {
        match name {
            "ENGINE" | "TYPE" => self.engine = Some(value.to_owned()),
            "CHARSET" => {
                self.charset = Some(charset_name(value));
                self.collation = None;
            }
            "COLLATE" => self.collation = Some(value.to_owned()),
            "ROW_FORMAT" => self.row_format = Some(value.to_owned()),
            _ => {
                self.options.retain(|(option, _)| option != name);
                self.options.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The value of an option, by its name in upper case.
    pub fn option_value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.options.iter().find(|(option, _)| option == name)?;
        Some(value)
    }

    /// A column and its index.
    pub fn column(&self, name: &str) -> Option<(usize, &ColumnDef)> {
        let index = self.columns.iter().position(|(column, _)| same(column, name))?;
        Some((index, &self.columns[index].1))
    }

    /// An index by its name.
    pub fn index(&self, name: &str) -> Option<&IndexDef> {
        let named = |index: &&IndexDef| index.name.as_deref().is_some_and(|index| same(index, name));
        self.indexes.iter().find(named)
    }

    fn add_column(&mut self, name: &str, mut def: ColumnDef) {
        // A key as an attribute becomes an index, a check one of the table's.
        let place = match def.position.take() {
            Some(ColumnPosition::First) => 0,
            Some(ColumnPosition::After(other)) => self
                .column(&other)
                .map_or(self.columns.len(), |(index, _)| index + 1),
            None => self.columns.len(),
        };
        if let Some(kind) = def.key.take() {
            let index = if kind == IndexType::Primary {
                "PRIMARY"
            } else {
                name
            };
            self.indexes.push(index_on(kind, index, name));
        }
        if def.check.is_some() {
            self.checks.push(None);
        }
        self.columns.insert(place, (name.to_owned(), def));
    }

    /// The table after an action, as far as later actions depend on it.
    pub fn apply(&mut self, action: &AlterAction) {
        match action {
            AlterAction::AddColumn { name, def } if self.column(name).is_none() => {
                self.add_column(name, def.clone());
            }
            // IF NOT EXISTS: the column exists.
            AlterAction::AddColumn { .. } => {}
            AlterAction::DropColumn(name) => {
                self.columns.retain(|(column, _)| !same(column, name));
                for index in &mut self.indexes {
                    index
                        .parts
                        .retain(|part| part.column.as_deref().is_none_or(|column| !same(column, name)));
                }
                self.indexes.retain(|index| !index.parts.is_empty());
            }
            AlterAction::ModifyColumn { name, to, def } => {
                let Some((place, _)) = self.column(name) else {
                    return;
                };
                let mut def = def.clone();
                def.position.get_or_insert_with(|| match place {
                    0 => ColumnPosition::First,
                    _ => ColumnPosition::After(self.columns[place - 1].0.clone()),
                });
                self.columns.remove(place);
                let new = to.as_deref().unwrap_or(name);
                self.add_column(new, def);
                self.rename_parts(name, new);
            }
            AlterAction::RenameColumn(from, to) => {
                if let Some((place, _)) = self.column(from) {
                    self.columns[place].0.clone_from(to);
                }
                self.rename_parts(from, to);
            }
            AlterAction::AddIndex(index) => self.indexes.push(index.clone()),
            AlterAction::DropIndex(name) => {
                let named = |index: &IndexDef| index.name.as_deref().is_some_and(|index| same(index, name));
                self.indexes.retain(|index| !named(index));
            }
            AlterAction::RenameIndex(from, to) => {
                for index in &mut self.indexes {
                    if index.name.as_deref().is_some_and(|name| same(name, from)) {
                        index.name = Some(to.clone());
                    }
                }
            }
            AlterAction::AddForeignKey(key) => self.foreign_keys.push(key.clone()),
            AlterAction::DropForeignKey(name) => self.drop_named(name, true, false),
            AlterAction::DropConstraint(name) => self.drop_named(name, true, true),
            AlterAction::AddCheck { name, .. } => self.checks.push(name.clone()),
            AlterAction::Convert { charset, collation } => {
                self.charset.clone_from(charset);
                self.collation.clone_from(collation);
                for (_, def) in self.columns.iter_mut().filter(|(_, def)| def.is_text()) {
                    def.charset = None;
                    def.collation = None;
                }
            }
            AlterAction::Option { name, value } => self.set_option(name, value),
            AlterAction::Versioning { add } => self.versioned = *add,
            _ => {}
        }
    }

    fn drop_named(&mut self, name: &str, keys: bool, checks: bool) {
        let named = |other: &Option<String>| other.as_deref().is_some_and(|other| same(other, name));
        if keys {
            self.foreign_keys.retain(|key| !named(&key.name));
        }
        if checks {
            self.checks.retain(|check| !named(check));
            self.indexes.retain(|index| !named(&index.name));
        }
    }

    fn rename_parts(&mut self, from: &str, to: &str) {
        for part in self.indexes.iter_mut().flat_map(|index| &mut index.parts) {
            if part.column.as_deref().is_some_and(|column| same(column, from)) {
                part.column = Some(to.to_owned());
            }
        }
    }
}

fn index_on(kind: IndexType, name: &str, column: &str) -> IndexDef {
    IndexDef {
        kind,
        name: Some(name.to_owned()),
        parts: vec![IndexPart {
            column: Some(column.to_owned()),
            ..IndexPart::default()
        }],
        hash: false,
    }
}

/// An index, foreign key or check in a CREATE or ALTER TABLE.
pub(super) enum Constraint {
    Index(IndexDef),
    ForeignKey(ForeignKeyDef),
    Check { name: Option<String>, enforced: bool },
}

/// Parses an index, foreign key or check; `None`, with nothing consumed, if there is none.
pub(super) fn constraint(cursor: &mut TokenCursor<'_>) -> Option<Constraint> {
    let begin = cursor.clone();
    let found = try_constraint(cursor);
    if found.is_none() {
        *cursor = begin;
    }
    found
}

fn try_constraint(cursor: &mut TokenCursor<'_>) -> Option<Constraint> {
    let keyword = |cursor: &TokenCursor<'_>| cursor.at_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]);
    let mut name = None;
    if cursor.eat("CONSTRAINT") {
        cursor.if_exists();
        if !keyword(cursor) {
            name = cursor.identifier();
        }
        if !keyword(cursor) {
            return None;
        }
    }
    let kind = if cursor.eat("PRIMARY") {
        IndexType::Primary
    } else if cursor.eat("UNIQUE") {
        IndexType::Unique
    } else if cursor.eat("FULLTEXT") {
        IndexType::Fulltext
    } else if cursor.eat("SPATIAL") {
        IndexType::Spatial
    } else if cursor.eat("FOREIGN") {
        cursor.eat("KEY");
        cursor.if_exists();
        let inline = if cursor.at('(') { None } else { cursor.identifier() };
        let columns = parts(cursor).into_iter().filter_map(|part| part.column).collect();
        let (mut table, mut referenced) = (None, Vec::new());
        if cursor.eat("REFERENCES") {
            let mut target = cursor.clone();
            table = target.name();
            referenced = parts(&mut target)
                .into_iter()
                .filter_map(|part| part.column)
                .collect();
            references(cursor);
        }
        return Some(Constraint::ForeignKey(ForeignKeyDef {
            name: name.or(inline),
            columns,
            table,
            references: referenced,
        }));
    } else if cursor.at_any(&["CHECK"]) {
        cursor.eat("CHECK");
        if !cursor.at('(') {
            return None;
        }
        parentheses(cursor);
        let enforced = !(cursor.eat("NOT") && cursor.eat("ENFORCED"));
        return Some(Constraint::Check { name, enforced });
    } else if cursor.at_any(&["VECTOR"]) {
        cursor.eat("VECTOR");
        if !cursor.at_any(&["INDEX", "KEY"]) {
            return None;
        }
        IndexType::Vector
    } else if cursor.at_any(&["INDEX", "KEY"]) {
        IndexType::Plain
    } else {
        return None;
    };
    if !cursor.eat("INDEX") {
        cursor.eat("KEY");
    }
    cursor.if_exists();
    let inline = if cursor.at('(') || cursor.at_any(&["USING"]) {
        None
    } else {
        cursor.identifier()
    };
    let mut hash = using_hash(cursor);
    let parts = parts(cursor);
    hash |= using_hash(cursor);
    let name = match kind {
        IndexType::Primary => Some("PRIMARY".to_owned()),
        _ => inline.or(name),
    };
    Some(Constraint::Index(IndexDef {
        kind,
        name,
        parts,
        hash,
    }))
}

/// Parses USING, if it is next: whether it is followed by HASH.
pub(super) fn using_hash(cursor: &mut TokenCursor<'_>) -> bool {
    cursor.eat("USING") && cursor.word().as_deref() == Some("HASH")
}

/// The parts of an index in parentheses.
pub(super) fn parts(cursor: &mut TokenCursor<'_>) -> Vec<IndexPart> {
    let mut parts = Vec::new();
    if !cursor.eat_char('(') {
        return parts;
    }
    while !cursor.at_end() && !cursor.eat_char(')') {
        if cursor.at('(') {
            let expression = parentheses(cursor);
            parts.push(IndexPart {
                multi_valued: expression.ends_with(" array )") || expression.contains(" array )"),
                ..IndexPart::default()
            });
        } else if let Some(column) = cursor.identifier() {
            let mut prefix = None;
            if cursor.eat_char('(') {
                prefix = cursor.word().and_then(|length| length.parse().ok());
                cursor.eat_char(')');
            }
            parts.push(IndexPart {
                column: Some(column),
                prefix,
                multi_valued: false,
            });
        }
        cursor.rest_of_action();
        cursor.eat_char(',');
    }
    parts
}
