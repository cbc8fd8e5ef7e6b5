//! The table under test: how to add a row to it and find that row again.

use std::collections::HashMap;

use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session, quote_name};

/// The columns an INSERT must fill, and the key.
const COLUMNS: &str = "SELECT column_name, data_type, column_type, character_maximum_length, column_key, extra, \
     is_nullable = 'NO' AND column_default IS NULL AND COALESCE(generation_expression, '') = '' \
     FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position";

/// Which columns must name a row of another table.
const REFERENCES: &str = "SELECT column_name, referenced_table_name, referenced_column_name \
     FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND table_name = ? \
     AND referenced_table_name IS NOT NULL";

/// The table under test: how to add a row to it and find that row again.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(super) table: String,
    pub(super) key: String,
    pub(super) column: String,
    /// Columns to fill besides the image's, and an SQL expression for each.
    fillers: Vec<(String, String)>,
}

impl Target {
    /// The name of the AUTO_INCREMENT key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Bytes of the INSERT around the image.
    pub fn overhead(&self) -> u64 {
        // The image stands in quotes; one more byte names the command.
        self.insert("''").len() as u64 + 1
    }

    pub(super) fn insert(&self, image: &str) -> String {
        let mut columns: Vec<String> = self.fillers.iter().map(|(name, _)| quote_name(name)).collect();
        let mut values: Vec<&str> = self.fillers.iter().map(|(_, value)| value.as_str()).collect();
        columns.push(quote_name(&self.column));
        values.push(image);
        format!(
            "INSERT INTO {} ({}) VALUES ({})",
            quote_name(&self.table),
            columns.join(", "),
            values.join(", ")
        )
    }

    /// Reads the columns that a new row must fill; `None` when the table has no AUTO_INCREMENT key.
    pub async fn find(session: &mut Session, table: &str, column: &str) -> Result<Option<Target>, DbError> {
        let mut references = HashMap::new();
        for row in session.rows::<Row>(Query::new(REFERENCES).bind(table)).await? {
            if let (Some(name), Some(of), Some(key)) = (text(&row, 0), text(&row, 1), text(&row, 2)) {
                references.insert(
                    name,
                    format!("(SELECT MIN({}) FROM {})", quote_name(&key), quote_name(&of)),
                );
            }
        }
        let unique = format!("dbtool{:016x}", rand::random::<u64>());
        let mut target = Target {
            table: table.into(),
            key: String::new(),
            column: column.into(),
            fillers: Vec::new(),
        };
        for row in session.rows::<Row>(Query::new(COLUMNS).bind(table)).await? {
            let name = text(&row, 0).unwrap_or_default();
            let is_key =
                text(&row, 5).is_some_and(|extra| extra.to_ascii_lowercase().contains("auto_increment"));
            let required = get::<u64>(&row, 6).unwrap_or_default() != 0;
            if is_key {
                target.key = name;
            } else if required && name != column {
                let value = match references.remove(&name) {
                    Some(value) => value,
                    None => filler(
                        &text(&row, 1).unwrap_or_default(),
                        &text(&row, 2).unwrap_or_default(),
                        get::<u64>(&row, 3),
                        &unique,
                    ),
                };
                target.fillers.push((name, value));
            }
        }
        Ok(Some(target).filter(|target| !target.key.is_empty()))
    }
}

/// An SQL value that a column of this type takes; text is unique, as an email address must be.
fn filler(data_type: &str, declared: &str, characters: Option<u64>, unique: &str) -> String {
    match data_type {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "binary" | "varbinary"
        | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            let most = usize::try_from(characters.unwrap_or(64)).unwrap_or(64);
            // The last characters differ most between two runs.
            format!("'{}'", &unique[unique.len().saturating_sub(most)..])
        }
        // The first member, quoted as the declaration quotes it.
        "enum" | "set" => declared
            .split_once('(')
            .and_then(|(_, members)| members.split(['\'']).nth(1))
            .map_or("''".into(), |member| format!("'{member}'")),
        "date" => "'2000-01-01'".into(),
        "datetime" | "timestamp" => "'2000-01-01 00:00:00'".into(),
        "time" => "'00:00:00'".into(),
        "year" => "2000".into(),
        "json" => "'{}'".into(),
        _ => "0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_fit_their_types() {
        for (data_type, declared, characters, value) in [
            ("varchar", "varchar(255)", Some(255), "'dbtool0123456789abcdef'"),
            ("char", "char(4)", Some(4), "'cdef'"),
            ("enum", "enum('guest','host')", Some(5), "'guest'"),
            ("int", "int(11)", None, "0"),
            ("date", "date", None, "'2000-01-01'"),
            ("json", "json", None, "'{}'"),
        ] {
            assert_eq!(
                filler(data_type, declared, characters, "dbtool0123456789abcdef"),
                value,
                "{declared}"
            );
        }
    }

    #[test]
    fn the_statement_around_the_image() {
        let target = Target {
            table: "users".into(),
            key: "id".into(),
            column: "image".into(),
            fillers: vec![("email".into(), "'x'".into())],
        };
        assert_eq!(
            target.insert("@i"),
            "INSERT INTO `users` (`email`, `image`) VALUES ('x', @i)"
        );
        assert_eq!(
            target.overhead(),
            "INSERT INTO `users` (`email`, `image`) VALUES ('x', '')".len() as u64 + 1
        );
    }
}
