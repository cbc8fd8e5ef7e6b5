//! Finds the tables that inherit the default character set of their database.

use super::cursor::{SqlToken, TokenCursor};
use super::{Classification, ObjectEffect, ObjectKind};

/// The tables that inherit their character set, collected from the statements of migrations.
#[derive(Debug, Default)]
pub struct InheritedCharsets {
    tables: Vec<String>,
    database_is_set: bool,
}

impl InheritedCharsets {
    /// Reads the next statement and its classification.
    pub fn read(&mut self, statement: &str, found: &Classification) {
        if found.temporary {
            return;
        }
        for object in &found.objects {
            let name = object.name.name.as_str();
            match (object.kind, &object.effect) {
                (ObjectKind::Database, ObjectEffect::Create | ObjectEffect::Alter) => {
                    self.database_is_set |= names_charset(statement, 0);
                }
                (ObjectKind::Table, ObjectEffect::Create)
                    if !self.database_is_set && !names_charset(statement, 1) =>
                {
                    self.tables.push(name.to_owned());
                }
                (ObjectKind::Table, ObjectEffect::Drop) => self.forget(name),
                (ObjectKind::Table, ObjectEffect::Rename(to)) => {
                    for table in self
                        .tables
                        .iter_mut()
                        .filter(|table| table.eq_ignore_ascii_case(name))
                    {
                        table.clone_from(&to.name);
                    }
                }
                // The character set may be a column's only; in doubt the table no longer inherits.
                (ObjectKind::Table, ObjectEffect::Alter) if names_charset(statement, 0) => self.forget(name),
                _ => {}
            }
        }
    }

    fn forget(&mut self, name: &str) {
        self.tables.retain(|table| !table.eq_ignore_ascii_case(name));
    }

    /// Whether this table inherited the default that the database had before the first statement.
    pub fn holds(&self, table: &str) -> bool {
        self.tables.iter().any(|name| name.eq_ignore_ascii_case(table))
    }

    /// Whether no table inherited it.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Whether a statement sets the database's default.
    pub fn database_is_set(&self) -> bool {
        self.database_is_set
    }
}

/// Whether a character set or a collation is named outside parentheses, after the first `lists` of them.
/// A table created LIKE another, or from a query, gets its definition from there.
fn names_charset(statement: &str, lists: usize) -> bool {
    let mut cursor = TokenCursor::new(statement);
    let (mut depth, mut closed) = (0_usize, 0);
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => {
                depth = depth.saturating_sub(1);
                closed += usize::from(depth == 0);
            }
            _ if depth > 0 && !tok.is("LIKE") => {}
            _ if tok.is("LIKE") && closed == 0 => return true,
            _ if closed < lists => {}
            _ if ["CHARSET", "CHARACTER", "COLLATE"]
                .iter()
                .any(|word| tok.is(word)) =>
            {
                return true;
            }
            _ => {}
        }
    }
    closed < lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    #[test]
    fn tables_without_a_character_set_take_their_databases() {
        let mut read = InheritedCharsets::default();
        for statement in [
            "CREATE TABLE a (id INT, t TEXT CHARACTER SET latin1)",
            "CREATE TABLE b (id INT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
            "CREATE TABLE c (id INT) /*!40101 COLLATE utf8mb4_bin */",
            "CREATE TABLE d LIKE a",
            "CREATE TABLE d2 (LIKE a)",
            "CREATE TABLE e (t TEXT)",
            "CREATE TABLE f (t TEXT)",
            "CREATE TABLE g (t TEXT CHECK (t LIKE 'x'))",
            "DROP TABLE f",
            "RENAME TABLE e TO h",
            "ALTER TABLE g CONVERT TO CHARACTER SET latin1",
            "CREATE TEMPORARY TABLE i (t TEXT)",
        ] {
            read.read(statement, &classify(statement));
        }
        assert_eq!(read.tables, ["a", "h"]);
        assert!(!read.database_is_set());
        for statement in [
            "ALTER DATABASE CHARACTER SET utf8mb4",
            "CREATE TABLE later (t TEXT)",
        ] {
            read.read(statement, &classify(statement));
        }
        assert!(read.database_is_set() && !read.holds("later") && read.holds("A"));
    }
}
