//! The session variables a SET statement assigns.

use super::column_def::text_of;
use super::cursor::{SqlToken, TokenCursor};

/// Names of the session's system variables that a SET statement assigns, lower case. User
/// variables and global ones are not among them.
pub fn assigned_variables(statement: &str) -> Vec<String> {
    let mut cursor = TokenCursor::new(statement);
    let mut names = Vec::new();
    if !cursor.eat("SET") {
        return names;
    }
    loop {
        names.extend(one(&mut cursor));
        cursor.rest_of_action();
        if !cursor.eat_char(',') {
            return names;
        }
    }
}

/// Session variables that a SET statement assigns, lower case, and their values: numbers, words and strings
/// without their quotes; `None` for an expression.
pub fn assigned_values(statement: &str) -> Vec<(String, Option<String>)> {
    let mut cursor = TokenCursor::new(statement);
    let mut found = Vec::new();
    if !cursor.eat("SET") {
        return found;
    }
    loop {
        let names = one(&mut cursor);
        cursor.eat_char(':');
        cursor.eat_char('=');
        let first = cursor.next();
        let alone = cursor.at_end() || cursor.at(',');
        let value = match first {
            Some(SqlToken::Word(word)) if alone => Some(word.to_owned()),
            Some(tok) if alone => text_of(tok),
            _ => None,
        };
        found.extend(names.into_iter().map(|name| (name, value.clone())));
        cursor.rest_of_action();
        if !cursor.eat_char(',') {
            return found;
        }
    }
}

fn one(cursor: &mut TokenCursor<'_>) -> Vec<String> {
    let system = cursor.eat_char('@');
    if system && !cursor.eat_char('@') {
        return Vec::new();
    }
    let Some(mut name) = cursor.identifier() else {
        return Vec::new();
    };
    let scope = name.to_ascii_uppercase();
    if matches!(scope.as_str(), "GLOBAL" | "PERSIST" | "PERSIST_ONLY") {
        return Vec::new();
    }
    if matches!(scope.as_str(), "SESSION" | "LOCAL") {
        if system {
            cursor.eat_char('.');
        }
        name = cursor.identifier().unwrap_or_default();
    }
    match name.to_ascii_uppercase().as_str() {
        "NAMES" | "CHARSET" => charset(),
        "CHARACTER" if cursor.eat("SET") => charset(),
        "TRANSACTION" => match scope.as_str() {
            // Without a scope it is about the next transaction only.
            "SESSION" | "LOCAL" => vec![
                "transaction_isolation".to_owned(),
                "transaction_read_only".to_owned(),
            ],
            _ => Vec::new(),
        },
        _ => {
            let assigned = cursor.at('=') || cursor.at(':');
            assigned.then(|| name.to_ascii_lowercase()).into_iter().collect()
        }
    }
}

/// Whether the session treats a backslash as an escape, tracked through the SET statements of a file: the
/// client asks the server after each statement (SERVER_STATUS_NO_BACKSLASH_ESCAPES), a file is read before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackslashMode {
    escapes: bool,
    default: bool,
    saved: Vec<(String, bool)>,
}

/// NO_BACKSLASH_ESCAPES as a number: sql_mode is a set (the same bit on both families).
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

impl BackslashMode {
    /// At the beginning of a session.
    pub fn new(backslash_escapes: bool) -> BackslashMode {
        BackslashMode {
            escapes: backslash_escapes,
            default: backslash_escapes,
            saved: Vec::new(),
        }
    }

    /// Whether a backslash escapes now.
    pub fn backslash_escapes(&self) -> bool {
        self.escapes
    }

    /// Applies a statement.
    pub fn follow(&mut self, statement: &str) {
        let mut cursor = TokenCursor::new(statement);
        if !cursor.eat("SET") {
            return;
        }
        loop {
            let start = cursor.pos();
            let assignment = cursor.rest_of_action();
            debug_assert!(cursor.pos() >= start);
            self.assign(&assignment);
            if !cursor.eat_char(',') {
                return;
            }
        }
    }

    fn assign(&mut self, assignment: &str) {
        let Some((name, value)) = assignment.split_once('=') else {
            return;
        };
        let name = name.trim().trim_end_matches(':').trim().to_ascii_lowercase();
        let value = value.trim().to_ascii_lowercase();
        let reads_mode = value.trim_start_matches("@@").trim_start_matches("session.") == "sql_mode";
        if let Some(variable) = name.strip_prefix('@').filter(|name| !name.starts_with('@')) {
            if reads_mode {
                self.saved.retain(|(saved, _)| saved != variable);
                self.saved.push((variable.to_owned(), self.escapes));
            }
            return;
        }
        let name = name.trim_start_matches("@@");
        let mut parts = name.split(['.', ' ']).filter(|part| !part.is_empty()).rev();
        let mode = parts
            .next()
            .is_some_and(|last| last.trim_matches('`') == "sql_mode");
        if !mode
            || parts
                .next()
                .is_some_and(|scope| scope != "session" && scope != "local")
        {
            return;
        }
        self.escapes = if let Some(variable) = value.strip_prefix('@').filter(|rest| !rest.starts_with('@')) {
            let saved = self.saved.iter().find(|(saved, _)| saved == variable);
            saved.map_or(self.escapes, |(_, escapes)| *escapes)
        } else if let Ok(number) = value.parse::<u64>() {
            number & NO_BACKSLASH_ESCAPES == 0
        } else if value == "default" {
            self.default
        } else if value.starts_with("replace") {
            self.escapes || value.contains("no_backslash_escapes")
        } else if value.contains("no_backslash_escapes") {
            false
        } else {
            !value.starts_with(['\'', '"']) && value.contains("sql_mode") && self.escapes
                || value.starts_with(['\'', '"'])
                || !value.contains("sql_mode")
        };
    }
}

fn charset() -> Vec<String> {
    [
        "character_set_client",
        "character_set_results",
        "character_set_connection",
        "collation_connection",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::{BackslashMode, assigned_values, assigned_variables};

    #[test]
    fn values_are_read_where_they_are_plain() {
        let value = |statement| assigned_values(statement);
        let one = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(
            value("SET @a = 1, FOREIGN_KEY_CHECKS = 0, SESSION sql_mode := '', x = @old, y = CONCAT('a')"),
            [
                one("foreign_key_checks", Some("0")),
                one("sql_mode", Some("")),
                one("x", None),
                one("y", None)
            ]
        );
        assert_eq!(
            value("SET foreign_key_checks=OFF"),
            [one("foreign_key_checks", Some("OFF"))]
        );
    }

    #[test]
    fn session_variables_are_found() {
        let cases: &[(&str, &[&str])] = &[
            ("SET foreign_key_checks = 0", &["foreign_key_checks"]),
            (
                "SET @a = 1, SQL_MODE := 'x,y', @@session.time_zone = CONCAT('a', 'b'), @@local.x=1",
                &["sql_mode", "time_zone", "x"],
            ),
            (
                "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
                &["sql_mode"],
            ),
            (
                "SET SESSION group_concat_max_len = 5, GLOBAL b = 1",
                &["group_concat_max_len"],
            ),
            ("SET GLOBAL x = 1", &[]),
            (
                "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
                &[
                    "character_set_client",
                    "character_set_results",
                    "character_set_connection",
                    "collation_connection",
                ],
            ),
            (
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                &["transaction_isolation", "transaction_read_only"],
            ),
            ("SET TRANSACTION READ ONLY", &[]),
            ("SELECT 1", &[]),
        ];
        for (statement, expected) in cases {
            assert_eq!(&assigned_variables(statement), expected, "{statement}");
        }
    }

    #[test]
    fn the_meaning_of_backslashes_is_followed() {
        let cases: &[(&[&str], bool)] = &[
            (&["SET sql_mode = 'NO_BACKSLASH_ESCAPES'"], false),
            (&["SET sql_mode = 'ANSI,no_backslash_escapes'"], false),
            (
                &["SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')"],
                false,
            ),
            (&["SET @@session.sql_mode := 1048576"], false),
            (&["SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'"], true),
            (&["SELECT 'NO_BACKSLASH_ESCAPES'"], true),
            (
                &["SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "SET sql_mode = ''"],
                true,
            ),
            (
                &["SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "SET sql_mode = DEFAULT"],
                true,
            ),
            (
                &[
                    "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
                    "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')",
                ],
                false,
            ),
            (
                &[
                    "/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='NO_BACKSLASH_ESCAPES' */",
                    "/*!40101 SET SQL_MODE=@OLD */",
                ],
                true,
            ),
            (
                &[
                    "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
                    "SET sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')",
                ],
                true,
            ),
        ];
        for (statements, expected) in cases {
            let mut modes = BackslashMode::new(true);
            for statement in *statements {
                modes.follow(statement);
            }
            assert_eq!(modes.backslash_escapes(), *expected, "{statements:?}");
        }
    }
}
