//! Writes SQL text for people to read and for a client to run. Its names and strings come from a server
//! and may contain any character; all of it is written here, so that no text escapes from a comment, no
//! statement becomes two, and no character is invisible to the reader.

use std::fmt::Write as _;

use super::lex::{Lexer, TokenKind};
use super::{SplitOptions, split};
use crate::escape::{is_hidden, visible};

/// Beginnings of comments that migration tools treat as directives.
const TOOL_DIRECTIVES: [&str; 9] = [
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

/// Text as a comment of one line, without a line break: characters that would end it are escaped, and a
/// text that a tool would treat as a directive is preceded by a bar.
pub fn comment(text: &str) -> String {
    let start = text.trim_start().to_ascii_lowercase();
    let is_directive = TOOL_DIRECTIVES.iter().any(|order| start.starts_with(order));
    let mut out = if is_directive { "-- | " } else { "-- " }.to_owned();
    out.extend(visible(text).chars().filter(|letter| !is_hidden(*letter)));
    out
}

/// A statement written for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenStatement {
    /// Unchanged, with its delimiter, between DELIMITER lines if needed.
    Plain(String),
    /// It contains invisible characters, so its text is written in hexadecimal digits and prepared.
    Prepared(String),
    /// It cannot be written so that it runs; the reason.
    Unwritable(&'static str),
}

/// Writes one statement for the command line client or dbtool. `prepares`: whether the server
/// accepts it as a prepared statement.
pub fn write(sql: &str, prepares: bool) -> WrittenStatement {
    let shows = is_shown(sql);
    if shows {
        let text = terminated(sql);
        if reads_back(&text, sql) {
            return WrittenStatement::Plain(text);
        }
    }
    match (shows, prepares) {
        (true, _) => WrittenStatement::Unwritable("it would not be read as one statement"),
        (false, false) => WrittenStatement::Unwritable(
            "it contains invisible characters, and the server cannot prepare such a statement",
        ),
        (false, true) => WrittenStatement::Prepared(prepared(sql)),
    }
}

/// Whether a statement creates a stored program, which may contain delimiters.
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

/// Whether every character of a statement is visible. Line breaks and tabs are allowed as white space but
/// not in a name; strings within a program may contain them too.
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
                    TokenKind::Backtick => true,
                    TokenKind::Single | TokenKind::Double => !program,
                    _ => false,
                };
                if quoted && sql[token.range].contains(layout) {
                    return false;
                }
            }
        }
    }
}

/// A statement with its delimiter, in DELIMITER lines if it contains statements.
fn terminated(sql: &str) -> String {
    // A comment at the end would hide the delimiter.
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

/// Whether a client reads the text as exactly this statement.
fn reads_back(text: &str, sql: &str) -> bool {
    split(text, SplitOptions::default()).is_ok_and(|read| match read.statements.as_slice() {
        // Comments at the end of a program belong to no statement.
        [statement] => sql.trim_start().starts_with(statement.text.trim()),
        _ => false,
    })
}

/// Statements that prepare and run a statement given in hexadecimal digits.
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
        assert!(matches!(write(several, true), WrittenStatement::Unwritable(_)));
        assert!(matches!(
            write("DROP TABLE `a", true),
            WrittenStatement::Prepared(_) | WrittenStatement::Unwritable(_)
        ));
        for hidden in [
            "DROP TABLE `a\nb`",
            "DROP TABLE `a\u{1b}`",
            "DROP TABLE `a\u{202e}`",
            "ALTER TABLE a COMMENT='\t'",
        ] {
            assert!(
                matches!(write(hidden, true), WrittenStatement::Prepared(_)),
                "{hidden:?}"
            );
            assert!(
                matches!(write(hidden, false), WrittenStatement::Unwritable(_)),
                "{hidden:?}"
            );
        }
        for shown in [
            "ALTER TABLE `a`\n  DROP COLUMN `é`",
            "CREATE TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW\tSET @a = 'x\ny'",
        ] {
            assert_eq!(write(shown, false), WrittenStatement::Plain(format!("{shown};")));
        }
        let WrittenStatement::Prepared(text) = write("DROP TABLE `\u{7}`", true) else {
            panic!("it hides")
        };
        assert!(text.starts_with(
            "SET @dbtool_statement = CONVERT(0x44524f50205441424c4520600760 USING utf8mb4);\nPREPARE"
        ));
    }
}
