//! One line about a statement, for people.

use super::lex::{Kind, Lexer};
use crate::report::is_hidden;

/// A statement in at most `width` characters: comments gone, white space collapsed, passwords as
/// stars, cut with `…`.
pub fn summary(statement: &str, width: usize) -> String {
    let mut lexer = Lexer::new(statement, 0, true);
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    let mut secret = false;
    while let Ok(Some(token)) = lexer.next("") {
        let text = &statement[token.range];
        let shown = match token.kind {
            Kind::Space | Kind::LineComment | Kind::BlockComment => {
                gap = true;
                continue;
            }
            Kind::Word if announces_secret(text) => {
                secret = true;
                text
            }
            Kind::Other if text == "," => {
                secret = false;
                text
            }
            Kind::Single | Kind::Double if secret => "'***'",
            _ => text,
        };
        let blank = (gap && !line.is_empty()).then_some(' ');
        gap = false;
        for c in blank.into_iter().chain(shown.chars()) {
            if length == width {
                line.pop();
                line.push('…');
                return line;
            }
            line.push(if is_hidden(c) { ' ' } else { c });
            length += 1;
        }
    }
    line
}

/// `IDENTIFIED BY '…'`, `SET PASSWORD = '…'`, `MASTER_PASSWORD = '…'`, `OPTIONS (PASSWORD '…')`.
fn announces_secret(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word == "IDENTIFIED" || word.ends_with("PASSWORD")
}

#[cfg(test)]
mod tests {
    use super::summary;

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
            (
                "CHANGE MASTER TO MASTER_USER='r', MASTER_PASSWORD='geheim', MASTER_PORT=1",
                80,
                "CHANGE MASTER TO MASTER_USER='r', MASTER_PASSWORD='***', MASTER_PORT=1",
            ),
            ("", 5, ""),
        ];
        for (statement, width, expected) in cases {
            assert_eq!(summary(statement, width), expected);
        }
    }
}
