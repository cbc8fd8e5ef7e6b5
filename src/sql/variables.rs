//! The session variables a SET statement assigns.

use super::column_def::text_of;
use super::words::{Tok, Words};

/// Names of the session's system variables that a SET statement assigns, lower case. User
/// variables and global ones are not among them.
pub fn assigned_variables(statement: &str) -> Vec<String> {
    let mut words = Words::new(statement);
    let mut names = Vec::new();
    if !words.eat("SET") {
        return names;
    }
    loop {
        names.extend(one(&mut words));
        words.rest_of_action();
        if !words.eat_char(',') {
            return names;
        }
    }
}

/// Session variables that a SET statement assigns, lower case, and their values: numbers, words and strings
/// without their quotes; `None` for an expression.
pub fn assigned_values(statement: &str) -> Vec<(String, Option<String>)> {
    let mut words = Words::new(statement);
    let mut found = Vec::new();
    if !words.eat("SET") {
        return found;
    }
    loop {
        let names = one(&mut words);
        words.eat_char(':');
        words.eat_char('=');
        let first = words.next();
        let alone = words.at_end() || words.at(',');
        let value = match first {
            Some(Tok::Word(word)) if alone => Some(word.to_owned()),
            Some(tok) if alone => text_of(tok),
            _ => None,
        };
        found.extend(names.into_iter().map(|name| (name, value.clone())));
        words.rest_of_action();
        if !words.eat_char(',') {
            return found;
        }
    }
}

fn one(words: &mut Words<'_>) -> Vec<String> {
    let system = words.eat_char('@');
    if system && !words.eat_char('@') {
        return Vec::new();
    }
    let Some(mut name) = words.identifier() else {
        return Vec::new();
    };
    let scope = name.to_ascii_uppercase();
    if matches!(scope.as_str(), "GLOBAL" | "PERSIST" | "PERSIST_ONLY") {
        return Vec::new();
    }
    if matches!(scope.as_str(), "SESSION" | "LOCAL") {
        if system {
            words.eat_char('.');
        }
        name = words.identifier().unwrap_or_default();
    }
    match name.to_ascii_uppercase().as_str() {
        "NAMES" | "CHARSET" => charset(),
        "CHARACTER" if words.eat("SET") => charset(),
        "TRANSACTION" => match scope.as_str() {
            // Without a scope it is about the next transaction only.
            "SESSION" | "LOCAL" => vec![
                "transaction_isolation".to_owned(),
                "transaction_read_only".to_owned(),
            ],
            _ => Vec::new(),
        },
        _ => {
            let assigned = words.at('=') || words.at(':');
            assigned.then(|| name.to_ascii_lowercase()).into_iter().collect()
        }
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
    use super::{assigned_values, assigned_variables};

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
}
