//! Which tables take the default character set of their database.

use super::words::{Tok, Words};
use super::{Classification, Effect, ObjectKind};

/// Follows the statements of migrations.
#[derive(Debug, Default)]
pub struct Inheriting {
    tables: Vec<String>,
    database_is_set: bool,
}

impl Inheriting {
    /// Reads the next statement, of which `found` was found.
    pub fn read(&mut self, statement: &str, found: &Classification) {
        if found.temporary {
            return;
        }
        for object in &found.objects {
            let name = object.name.name.as_str();
            match (object.kind, &object.effect) {
                (ObjectKind::Database, Effect::Create | Effect::Alter) => {
                    self.database_is_set |= names_charset(statement, 0);
                }
                (ObjectKind::Table, Effect::Create)
                    if !self.database_is_set && !names_charset(statement, 1) =>
                {
                    self.tables.push(name.to_owned());
                }
                (ObjectKind::Table, Effect::Drop) => self.forget(name),
                (ObjectKind::Table, Effect::Rename(to)) => {
                    for table in self
                        .tables
                        .iter_mut()
                        .filter(|table| table.eq_ignore_ascii_case(name))
                    {
                        table.clone_from(&to.name);
                    }
                }
                // A column's own character set does not make it the table's, but that is no evidence either.
                (ObjectKind::Table, Effect::Alter) if names_charset(statement, 0) => self.forget(name),
                _ => {}
            }
        }
    }

    fn forget(&mut self, name: &str) {
        self.tables.retain(|table| !table.eq_ignore_ascii_case(name));
    }

    /// Whether this table took the default that the database had before the first statement.
    pub fn holds(&self, table: &str) -> bool {
        self.tables.iter().any(|one| one.eq_ignore_ascii_case(table))
    }

    /// Whether no table did.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Whether a statement says the database's own default.
    pub fn database_is_set(&self) -> bool {
        self.database_is_set
    }
}

/// Whether a character set or a collation is named outside of parentheses, behind the first `lists` of
/// them. A table made like another, or of a query, has its definition from there.
fn names_charset(statement: &str, lists: usize) -> bool {
    let mut words = Words::new(statement);
    let (mut depth, mut closed) = (0_usize, 0);
    while let Some(tok) = words.next() {
        match tok {
            Tok::Char('(') => depth += 1,
            Tok::Char(')') => {
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
        let mut read = Inheriting::default();
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
