//! One line about a statement, for people.

use super::cursor::{SqlToken, TokenCursor};
use super::lex::{Lexer, TokenKind};
use crate::escape::is_hidden;

/// A statement in at most `width` characters: comments gone, white space collapsed, secrets as stars, cut
/// with `…`.
///
/// Where a secret stands cannot be known of a statement that is mistyped (`IDENTIFID BY '…'`), so only plain
/// changes of rows and tables show their strings.
pub fn summary(statement: &str, width: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    each_token(statement, is_plain(statement), |gap, shown| {
        let blank = (gap && !line.is_empty()).then_some(' ');
        for c in blank.into_iter().chain(shown.chars()) {
            if length == width {
                line.pop();
                line.push('…');
                return false;
            }
            line.push(if is_hidden(c) { ' ' } else { c });
            length += 1;
        }
        true
    });
    line
}

/// What a server says about a statement, without what of the statement may be a secret.
///
/// The servers quote the statement from where they stopped understanding it: `near 'IDENTIFID BY 'x'' at line 1`
/// (error 1064, measured on MariaDB 10.11 and MySQL 9.7).
pub fn without_secrets(message: &str, statement: &str) -> String {
    const NEAR: &str = "near '";
    let Some(start) = message.find(NEAR).map(|at| at + NEAR.len()) else {
        return message.to_owned();
    };
    let end = message.rfind("' at line ").filter(|end| *end >= start);
    let (quoted, rest) = message[start..].split_at(end.unwrap_or(message.len()) - start);
    let before = statement.find(quoted).map_or("", |at| &statement[..at]);
    let mut shown = String::new();
    if is_plain(statement) {
        each_token(quoted, !announced(before), |gap, text| {
            if gap && !shown.is_empty() {
                shown.push(' ');
            }
            shown.push_str(text);
            true
        });
    } else {
        // The word shows where the mistake is, unless it stands where the secret does.
        let word = quoted
            .split(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        let before = before.trim_end().to_ascii_uppercase();
        let value = ["BY", "AS", "USING", "=", "(", ",", "PASSWORD"]
            .iter()
            .any(|end| before.ends_with(end));
        shown = match word {
            "" => "***".to_owned(),
            _ if value => "***".to_owned(),
            word => format!("{word} ***"),
        };
    }
    format!("{}{shown}{rest}", &message[..start])
}

/// Hands over each token and whether white space or a comment is before it, secrets as stars, until `take`
/// has enough.
fn each_token(statement: &str, plain: bool, mut take: impl FnMut(bool, &str) -> bool) {
    let mut lexer = Lexer::new(statement, 0, true);
    let mut gap = false;
    let mut secret = !plain;
    // The word before said that a value follows: it may lack its quotes.
    let mut value = false;
    loop {
        let at = lexer.pos();
        let token = match lexer.next("") {
            Ok(Some(token)) => token,
            Ok(None) => return,
            // A quote that is cut off hides everything behind it.
            Err(_) => {
                take(
                    gap,
                    if statement[at..].starts_with('`') {
                        "`…"
                    } else {
                        "'***"
                    },
                );
                return;
            }
        };
        let text = &statement[token.range];
        let shown = match token.kind {
            TokenKind::Space | TokenKind::LineComment | TokenKind::BlockComment => {
                gap = true;
                continue;
            }
            TokenKind::Word if value && secret && !follows_by(text) => "***",
            TokenKind::Word
                if secret && text.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("0x")) =>
            {
                "***"
            }
            TokenKind::Single | TokenKind::Double if secret || holds_secret(text) => "'***'",
            // Somebody took the wrong quotes.
            TokenKind::Backtick if value && secret => "`***`",
            _ => text,
        };
        value = token.kind == TokenKind::Word && text.eq_ignore_ascii_case("BY");
        secret |= token.kind == TokenKind::Word && announces_secret(text);
        if !take(std::mem::take(&mut gap), shown) {
            return;
        }
    }
}

/// Whether a string holds a password beside other things: `password "…"`, `mysql://user:…@host`.
fn holds_secret(text: &str) -> bool {
    text.to_ascii_uppercase().contains("PASSW") || text.contains("://") && text.contains('@')
}

/// Words that follow BY where no value does.
fn follows_by(word: &str) -> bool {
    let cursor = ["PASSWORD", "RANDOM", "ROLE", "USER"];
    cursor.iter().any(|one| one.eq_ignore_ascii_case(word))
}

/// Whether a statement changes or reads rows, or defines tables, views or databases, and nothing else.
fn is_plain(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    let first = cursor.word().unwrap_or_default();
    match first.as_str() {
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "SELECT" | "WITH" | "TRUNCATE" | "RENAME"
        | "ANALYZE" | "OPTIMIZE" | "START" | "BEGIN" | "COMMIT" | "ROLLBACK" | "USE" | "SHOW"
        | "DESCRIBE" | "EXPLAIN" | "LOAD" => true,
        "CREATE" | "ALTER" | "DROP" => loop {
            match cursor.word().as_deref() {
                Some("TABLE" | "INDEX" | "VIEW" | "DATABASE" | "SCHEMA" | "SEQUENCE") => return true,
                Some(
                    "OR" | "REPLACE" | "TEMPORARY" | "UNIQUE" | "FULLTEXT" | "SPATIAL" | "ONLINE" | "IGNORE",
                ) => {}
                _ => return false,
            }
        },
        // `(SELECT …) UNION …`.
        _ => cursor.at('('),
    }
}

fn announced(text: &str) -> bool {
    let mut cursor = TokenCursor::new(text);
    while let Some(tok) = cursor.next() {
        if matches!(tok, SqlToken::Word(word) if announces_secret(word)) {
            return true;
        }
    }
    false
}

/// `IDENTIFIED BY '…'`, `SET PASSWORD = '…'`, `MASTER_PASSWORD = '…'`, `AES_ENCRYPT(x, '…')`,
/// `CONNECTION = 'mysql://user:…@host/…'`, a column called `api_token`.
fn announces_secret(word: &str) -> bool {
    const SIGNS: [&str; 12] = [
        "IDENTIF",
        "PASSW",
        "PASSPHRASE",
        "SECRET",
        "TOKEN",
        "CRYPT",
        // ENCODE(text, '…')
        "ENCODE",
        "DECODE",
        "CONNECTION",
        "CREDENTIAL",
        "AUTH",
        "PRIVATE",
    ];
    let word = word.to_ascii_uppercase();
    SIGNS.iter().any(|sign| word.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::{summary, without_secrets};

    #[test]
    fn statements_become_one_short_line() {
        let cases = [
            (
                "ALTER TABLE users\n  MODIFY COLUMN profile_image_url MEDIUMTEXT",
                48,
                "ALTER TABLE users MODIFY COLUMN profile_image_u…",
            ),
            ("SELECT 1 /* x */ + -- y\r\n 2", 48, "SELECT 1 + 2"),
            ("SELECT 'é漢😀'", 12, "SELECT 'é漢😀'"),
            ("SELECT 'é漢😀'", 10, "SELECT 'é…"),
            (
                "INSERT INTO t VALUES ('a\nb')",
                48,
                "INSERT INTO t VALUES ('a b')",
            ),
            (
                "CREATE USER a IDENTIFIED BY 'geheim', b IDENTIFIED WITH x AS \"geheim\"",
                80,
                "CREATE USER a IDENTIFIED BY '***', b IDENTIFIED WITH x AS '***'",
            ),
            (
                "SET PASSWORD FOR a = PASSWORD('geheim')",
                80,
                "SET PASSWORD FOR a = PASSWORD('***')",
            ),
            ("", 5, ""),
        ];
        for (statement, width, expected) in cases {
            assert_eq!(summary(statement, width), expected);
        }
    }

    #[test]
    fn no_secret_is_in_a_summary_or_in_what_the_server_says() {
        for statement in [
            "CREATE USER x IDENTIFIED BY 'geheim'",
            "CREATE USER x IDENTIFID BY 'geheim'",
            "CREATE USR x IDENTIFIED BY 'geheim'",
            "CRAETE USER x BY 'geheim'",
            "CREATE USER x IDENTIFIED BY geheim",
            "CREATE USER x IDENTIFIED WITH p USING 'geheim'",
            "ALTER USER x IDENTIFIED VIA p USING PASWORD('geheim')",
            "ALTER USER x IDENTIFIED BY \"geheim\"",
            "GRANT ALL ON *.* TO x IDENTIFIED BY 'geheim'",
            "SET PASSWORD = 'geheim'",
            "SET PASSWRD FOR x = 'geheim'",
            "SET @pw = 'geheim'",
            "CHANGE MASTER TO MASTER_HOST='a', MASTER_PASSWORD='geheim', MASTER_PORT=1",
            "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (PASSWORD 'geheim')",
            "CREATE TABLE t (a INT) ENGINE=FEDERATED CONNECTION='mysql://u:geheim@h/d/t'",
            "INSERT INTO users VALUES (1, PASSWORD('geheim'))",
            "UPDATE users SET password_hash = SHA2('geheim', 256)",
            "INSERT INTO t VALUES (AES_ENCRYPT('a', 'geheim'))",
            "INSERT INTO users (name, password) VALUES ('a', 'geheim')",
            "CREATE PROCEDURE p() SET PASSWRD = 'geheim'",
            "CALL login('geheim')",
            "SELECT ENCODE('a', 'geheim')",
            "CREATE USER x IDENTIFIED BY `geheim` WITH x",
            "CREATE TABLE t (a INT) ENGINE=SPIDER COMMENT='wrapper \"mysql\", password \"geheim\"'",
            "UPDATE t SET url = 'https://u:geheim@h/'",
            "PREPARE s FROM \"CREATE USER x IDENTIFIED BY 'geheim'\"",
            "/*!50000 CREATE USER x IDENTIFID BY 'geheim' */",
        ] {
            let shown = summary(statement, 500);
            assert!(!shown.contains("geheim"), "{shown}");
            // From each token where the server may stop understanding.
            for (at, c) in statement.char_indices() {
                let before = statement[..at].chars().next_back();
                let begins = before.is_none_or(|c| " (=,".contains(c)) && (c.is_alphabetic() || c == '\'');
                let inside = statement[..at].contains('"');
                let near: String = statement[at..].chars().take(80).collect();
                if begins && !inside && near.contains("geheim") {
                    let said = without_secrets(&format!("an error near '{near}' at line 1"), statement);
                    assert!(!said.contains("geheim"), "{said} of {statement}");
                    assert!(said.ends_with("' at line 1"), "{said}");
                }
            }
        }
        for (message, statement, expected) in [
            (
                "error near 'IDENTIFID BY 'x'' at line 1",
                "CREATE USER a IDENTIFID BY 'x'",
                "error near 'IDENTIFID ***' at line 1",
            ),
            (
                "error near 'FORM t WHERE a = 'b'' at line 1",
                "SELECT * FORM t WHERE a = 'b'",
                "error near 'FORM t WHERE a = 'b'' at line 1",
            ),
            ("no such table", "SELECT 1", "no such table"),
        ] {
            assert_eq!(without_secrets(message, statement), expected);
        }
    }
}
