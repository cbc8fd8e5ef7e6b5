//! SQL text for people to read and for a client to run. The names and strings in it come from a
//! server and may hold anything; here is the one place that writes them, so that nothing leaves a
//! comment, no statement becomes two, and nothing hides from the reader.

use std::fmt::Write as _;

use super::lex::{Kind, Lexer};
use super::{Options, split};
use crate::report::{is_hidden, visible};

/// What tools of migrations take for orders when a comment begins with it.
const ORDERS: [&str; 9] = [
    "dbtool",
    "migrate",
    "+",
    "//",
    "@",
    "rollback",
    "changeset",
    "liquibase",
    "precondition",
];

/// Text as a comment of one line, without a line break: what would end it is a visible escape, and what
/// a tool would take for an order is set off by a bar.
pub fn comment(text: &str) -> String {
    let start = text.trim_start().to_ascii_lowercase();
    let orders = ORDERS.iter().any(|order| start.starts_with(order));
    let mut out = if orders { "-- | " } else { "-- " }.to_owned();
    out.extend(visible(text).chars().filter(|letter| !is_hidden(*letter)));
    out
}

/// How a statement can be written for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// As it is, with its end, perhaps between DELIMITER lines.
    Plain(String),
    /// It holds characters that do not show, so its text is given in hexadecimal digits and prepared.
    Prepared(String),
    /// Not so that it would run: why.
    Not(&'static str),
}

/// Writes one statement for the command line client or dbtool. `prepares` says whether the server
/// takes it as a prepared statement.
pub fn write(sql: &str, prepares: bool) -> Written {
    let shows = is_shown(sql);
    if shows {
        let text = terminated(sql);
        if reads_back(&text, sql) {
            return Written::Plain(text);
        }
    }
    match (shows, prepares) {
        (true, _) => Written::Not("it would not be read as one statement"),
        (false, false) => {
            Written::Not("it holds characters that do not show, and the server prepares no such statement")
        }
        (false, true) => Written::Prepared(prepared(sql)),
    }
}

/// Statements of a stored program: what ends a statement may stand within them.
fn is_program(sql: &str) -> bool {
    let starts = [
        "CREATE TRIGGER ",
        "CREATE PROCEDURE ",
        "CREATE FUNCTION ",
        "CREATE AGGREGATE FUNCTION ",
        "CREATE EVENT ",
    ];
    starts.iter().any(|start| sql.starts_with(start))
}

/// Whether a reader sees every character of a statement for what it is. Line breaks and tabs are white
/// space, and no part of a name; the strings within a program may hold them too.
fn is_shown(sql: &str) -> bool {
    let layout = |letter: char| matches!(letter, '\n' | '\t');
    if sql.chars().any(|letter| is_hidden(letter) && !layout(letter)) {
        return false;
    }
    let program = is_program(sql);
    let mut lexer = Lexer::new(sql, 0, true);
    loop {
        match lexer.next("") {
            Err(_) => return false,
            Ok(None) => return true,
            Ok(Some(token)) => {
                let quoted = match token.kind {
                    Kind::Backtick => true,
                    Kind::Single | Kind::Double => !program,
                    _ => false,
                };
                if quoted && sql[token.range].contains(layout) {
                    return false;
                }
            }
        }
    }
}

/// A statement with its end, in DELIMITER lines if it holds statements of its own.
fn terminated(sql: &str) -> String {
    // A comment at the end would swallow what ends the statement.
    let compound = is_program(sql) && [";", "--", "#"].iter().any(|part| sql.contains(part));
    if compound {
        let mut delimiter = "$$".to_owned();
        while sql.contains(&delimiter) {
            delimiter.push('$');
        }
        format!("DELIMITER {delimiter}\n{sql}\n{delimiter}\nDELIMITER ;")
    } else {
        format!("{sql};")
    }
}

/// Whether a client takes the text for this one statement and nothing else.
fn reads_back(text: &str, sql: &str) -> bool {
    split(text, Options::default()).is_ok_and(|read| match read.statements.as_slice() {
        // Comments at the end of a program belong to no statement.
        [one] => sql.trim_start().starts_with(one.text.trim()),
        _ => false,
    })
}

/// What prepares and runs a statement that is given in hexadecimal digits.
fn prepared(sql: &str) -> String {
    let mut out = "SET @dbtool_statement = CONVERT(0x".to_owned();
    for byte in sql.bytes() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out.push_str(
        " USING utf8mb4);\nPREPARE dbtool_statement FROM @dbtool_statement;\nEXECUTE dbtool_statement;\n\
         DEALLOCATE PREPARE dbtool_statement;",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_comment() {
        for (text, written) in [
            ("plain é 日本", "-- plain é 日本"),
            ("a\nDROP TABLE b;\r\n", "-- a\\nDROP TABLE b;\\r\\n"),
            (
                "\u{1b}[2J\u{7}\u{85}\u{2028}\u{2029}",
                "-- \\x1b[2J\\x07\\x85\\u{2028}\\u{2029}",
            ),
            ("user\u{202e}gpj\u{206b}\u{200d}", "-- user\\u{202e}gpj"),
            ("migrate:down", "-- | migrate:down"),
            (" +goose Down", "-- |  +goose Down"),
        ] {
            assert_eq!(comment(text), written);
        }
    }

    #[test]
    fn a_program_of_statements_gets_a_delimiter() {
        assert_eq!(terminated("DROP TABLE `a`"), "DROP TABLE `a`;");
        assert_eq!(
            terminated("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1"),
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1;"
        );
        let body = "CREATE PROCEDURE p() BEGIN SELECT 1; END";
        assert_eq!(terminated(body), format!("DELIMITER $$\n{body}\n$$\nDELIMITER ;"));
        let dollars = "CREATE PROCEDURE p() BEGIN SELECT '$$'; END";
        assert_eq!(
            terminated(dollars),
            format!("DELIMITER $$$\n{dollars}\n$$$\nDELIMITER ;")
        );
        let comment = "CREATE PROCEDURE p() SELECT 1 -- one";
        assert_eq!(
            terminated(comment),
            format!("DELIMITER $$\n{comment}\n$$\nDELIMITER ;")
        );
    }

    #[test]
    fn what_hides_or_is_several_statements_is_not_written_as_it_is() {
        let several = "ALTER TABLE `a` ENGINE=InnoDB; DROP TABLE `b`";
        assert!(matches!(write(several, true), Written::Not(_)));
        assert!(matches!(
            write("DROP TABLE `a", true),
            Written::Prepared(_) | Written::Not(_)
        ));
        for hidden in [
            "DROP TABLE `a\nb`",
            "DROP TABLE `a\u{1b}`",
            "DROP TABLE `a\u{202e}`",
            "ALTER TABLE a COMMENT='\t'",
        ] {
            assert!(matches!(write(hidden, true), Written::Prepared(_)), "{hidden:?}");
            assert!(matches!(write(hidden, false), Written::Not(_)), "{hidden:?}");
        }
        for shown in [
            "ALTER TABLE `a`\n  DROP COLUMN `é`",
            "CREATE TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW\tSET @a = 'x\ny'",
        ] {
            assert_eq!(write(shown, false), Written::Plain(format!("{shown};")));
        }
        let Written::Prepared(text) = write("DROP TABLE `\u{7}`", true) else {
            panic!("it hides")
        };
        assert!(text.starts_with(
            "SET @dbtool_statement = CONVERT(0x44524f50205441424c4520600760 USING utf8mb4);\nPREPARE"
        ));
    }
}
