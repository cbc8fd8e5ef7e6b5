//! The definition of a table, as CREATE TABLE and SHOW CREATE TABLE write it, and what an ALTER TABLE makes of it.

use super::alter::Action;
use super::column_def::{ColumnDef, Position, charset_name, column_def, name_of, parentheses, references};
use super::words::{Tok, Words};

/// Kinds of indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
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
    /// Its kind.
    pub kind: IndexKind,
    /// Its name, `PRIMARY` for the primary key, none where the server chooses one.
    pub name: Option<String>,
    /// Its columns and expressions.
    pub parts: Vec<IndexPart>,
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
    /// Its name, if it is given one.
    pub name: Option<String>,
    /// Its columns.
    pub columns: Vec<String>,
}

/// How rows find their partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// By RANGE or LIST: a new partition takes no rows from others.
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
    pub partitioning: Option<Partitioning>,
    /// MariaDB's WITH SYSTEM VERSIONING.
    pub versioned: bool,
}

/// Whether two names of columns or indexes are the same: both families compare them without case.
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

impl TableDef {
    /// Reads a CREATE TABLE; `None` when it lists no columns (LIKE, AS SELECT).
    pub fn parse(statement: &str) -> Option<TableDef> {
        let mut words = Words::new(statement);
        while !words.eat("TABLE") {
            words.next()?;
        }
        words.if_exists();
        words.name()?;
        if !words.eat_char('(') || words.at_any(&["LIKE", "SELECT", "WITH"]) {
            return None;
        }
        let mut table = TableDef::default();
        while !words.eat_char(')') {
            if words.at_end() {
                return None;
            }
            table.element(&mut words);
            words.rest_of_action();
            words.eat_char(',');
        }
        table.read_options(&mut words);
        Some(table)
    }

    fn element(&mut self, words: &mut Words<'_>) {
        match constraint(words) {
            Some(Constraint::Index(index)) => self.indexes.push(index),
            Some(Constraint::ForeignKey(key)) => self.foreign_keys.push(key),
            Some(Constraint::Check { name, .. }) => self.checks.push(name),
            None if words.at_any(&["PERIOD"]) => {}
            None => {
                if let Some(name) = words.identifier() {
                    let def = column_def(words);
                    self.add_column(&name, def);
                }
            }
        }
    }

    fn read_options(&mut self, words: &mut Words<'_>) {
        while let Some(tok) = words.next() {
            let Tok::Word(word) = tok else { continue };
            match word.to_ascii_uppercase().as_str() {
                "PARTITION" if words.eat("BY") => {
                    words.eat("LINEAR");
                    let hash = words.at_any(&["HASH", "KEY"]);
                    self.partitioning = Some(if hash {
                        Partitioning::Hash
                    } else {
                        Partitioning::Ranges
                    });
                    return;
                }
                "WITH" if words.eat("SYSTEM") => self.versioned = true,
                "DEFAULT" | "AS" | "SELECT" | "IGNORE" | "REPLACE" | "VERSIONING" => {}
                "CHARACTER" => {
                    words.eat("SET");
                    self.option(words, "CHARSET");
                }
                option => self.option(words, option),
            }
        }
    }

    /// Reads the value of an option.
    fn option(&mut self, words: &mut Words<'_>, name: &str) {
        words.eat_char('=');
        if words.at('(') {
            parentheses(words);
            return;
        }
        let value = name_of(words).unwrap_or_default();
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

    /// A column, and where it stands.
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
            Some(Position::First) => 0,
            Some(Position::After(other)) => self
                .column(&other)
                .map_or(self.columns.len(), |(index, _)| index + 1),
            None => self.columns.len(),
        };
        if let Some(kind) = def.key.take() {
            let index = if kind == IndexKind::Primary {
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
    pub fn apply(&mut self, action: &Action) {
        match action {
            Action::AddColumn { name, def } if self.column(name).is_none() => {
                self.add_column(name, def.clone());
            }
            // IF NOT EXISTS: the column is there.
            Action::AddColumn { .. } => {}
            Action::DropColumn(name) => {
                self.columns.retain(|(column, _)| !same(column, name));
                for index in &mut self.indexes {
                    index
                        .parts
                        .retain(|part| part.column.as_deref().is_none_or(|column| !same(column, name)));
                }
                self.indexes.retain(|index| !index.parts.is_empty());
            }
            Action::ModifyColumn { name, to, def } => {
                let Some((place, _)) = self.column(name) else {
                    return;
                };
                let mut def = def.clone();
                def.position.get_or_insert_with(|| match place {
                    0 => Position::First,
                    _ => Position::After(self.columns[place - 1].0.clone()),
                });
                self.columns.remove(place);
                let new = to.as_deref().unwrap_or(name);
                self.add_column(new, def);
                self.rename_parts(name, new);
            }
            Action::RenameColumn(from, to) => {
                if let Some((place, _)) = self.column(from) {
                    self.columns[place].0.clone_from(to);
                }
                self.rename_parts(from, to);
            }
            Action::AddIndex(index) => self.indexes.push(index.clone()),
            Action::DropIndex(name) => {
                let named = |index: &IndexDef| index.name.as_deref().is_some_and(|index| same(index, name));
                self.indexes.retain(|index| !named(index));
            }
            Action::RenameIndex(from, to) => {
                for index in &mut self.indexes {
                    if index.name.as_deref().is_some_and(|name| same(name, from)) {
                        index.name = Some(to.clone());
                    }
                }
            }
            Action::AddForeignKey(key) => self.foreign_keys.push(key.clone()),
            Action::DropForeignKey(name) => self.drop_named(name, true, false),
            Action::DropConstraint(name) => self.drop_named(name, true, true),
            Action::AddCheck { name, .. } => self.checks.push(name.clone()),
            Action::Convert { charset, collation } => {
                self.charset.clone_from(charset);
                self.collation.clone_from(collation);
                for (_, def) in self.columns.iter_mut().filter(|(_, def)| def.is_text()) {
                    def.charset = None;
                    def.collation = None;
                }
            }
            Action::Option { name, value } => self.set_option(name, value),
            Action::Versioning { add } => self.versioned = *add,
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

fn index_on(kind: IndexKind, name: &str, column: &str) -> IndexDef {
    IndexDef {
        kind,
        name: Some(name.to_owned()),
        parts: vec![IndexPart {
            column: Some(column.to_owned()),
            ..IndexPart::default()
        }],
    }
}

/// An index, foreign key or check in a CREATE or ALTER TABLE.
pub(super) enum Constraint {
    Index(IndexDef),
    ForeignKey(ForeignKeyDef),
    Check { name: Option<String>, enforced: bool },
}

/// Reads an index, foreign key or check; `None`, with nothing taken, where none begins.
pub(super) fn constraint(words: &mut Words<'_>) -> Option<Constraint> {
    let begin = words.clone();
    let found = try_constraint(words);
    if found.is_none() {
        *words = begin;
    }
    found
}

fn try_constraint(words: &mut Words<'_>) -> Option<Constraint> {
    let keyword = |words: &Words<'_>| words.at_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]);
    let mut name = None;
    if words.eat("CONSTRAINT") {
        words.if_exists();
        if !keyword(words) {
            name = words.identifier();
        }
        if !keyword(words) {
            return None;
        }
    }
    let kind = if words.eat("PRIMARY") {
        IndexKind::Primary
    } else if words.eat("UNIQUE") {
        IndexKind::Unique
    } else if words.eat("FULLTEXT") {
        IndexKind::Fulltext
    } else if words.eat("SPATIAL") {
        IndexKind::Spatial
    } else if words.eat("FOREIGN") {
        words.eat("KEY");
        words.if_exists();
        let inline = if words.at('(') { None } else { words.identifier() };
        let columns = parts(words).into_iter().filter_map(|part| part.column).collect();
        if words.eat("REFERENCES") {
            references(words);
        }
        return Some(Constraint::ForeignKey(ForeignKeyDef {
            name: name.or(inline),
            columns,
        }));
    } else if words.at_any(&["CHECK"]) {
        words.eat("CHECK");
        if !words.at('(') {
            return None;
        }
        parentheses(words);
        let enforced = !(words.eat("NOT") && words.eat("ENFORCED"));
        return Some(Constraint::Check { name, enforced });
    } else if words.at_any(&["VECTOR"]) {
        words.eat("VECTOR");
        if !words.at_any(&["INDEX", "KEY"]) {
            return None;
        }
        IndexKind::Vector
    } else if words.at_any(&["INDEX", "KEY"]) {
        IndexKind::Plain
    } else {
        return None;
    };
    if !words.eat("INDEX") {
        words.eat("KEY");
    }
    words.if_exists();
    let inline = if words.at('(') || words.at_any(&["USING"]) {
        None
    } else {
        words.identifier()
    };
    if words.eat("USING") {
        words.word();
    }
    let parts = parts(words);
    let name = match kind {
        IndexKind::Primary => Some("PRIMARY".to_owned()),
        _ => inline.or(name),
    };
    Some(Constraint::Index(IndexDef { kind, name, parts }))
}

/// The parts of an index in parentheses.
pub(super) fn parts(words: &mut Words<'_>) -> Vec<IndexPart> {
    let mut parts = Vec::new();
    if !words.eat_char('(') {
        return parts;
    }
    while !words.at_end() && !words.eat_char(')') {
        if words.at('(') {
            let expression = parentheses(words);
            parts.push(IndexPart {
                multi_valued: expression.ends_with(" array )") || expression.contains(" array )"),
                ..IndexPart::default()
            });
        } else if let Some(column) = words.identifier() {
            let mut prefix = None;
            if words.eat_char('(') {
                prefix = words.word().and_then(|length| length.parse().ok());
                words.eat_char(')');
            }
            parts.push(IndexPart {
                column: Some(column),
                prefix,
                multi_valued: false,
            });
        }
        words.rest_of_action();
        words.eat_char(',');
    }
    parts
}
