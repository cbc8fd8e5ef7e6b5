//! Bodies of triggers, routines and events.

use crate::schema::model::Dialect;

/// A body as written, but for its line breaks, what ends it, and the comments around it: MariaDB
/// leaves out those before the body of a trigger, MySQL those behind a compound statement.
pub fn body(dialect: Dialect, text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut body = text.trim_start();
    while let Some(rest) = after_comment(body) {
        body = rest.trim_start();
    }
    if dialect == Dialect::MariaDB {
        body = without_last_comments(body);
    }
    body.trim_end().trim_end_matches(';').trim_end().to_owned()
}

/// What follows the comment that `text` begins with.
fn after_comment(text: &str) -> Option<&str> {
    let of_line = text.starts_with('#')
        || text
            .strip_prefix("--")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|next: char| next.is_ascii_whitespace()));
    if of_line {
        return Some(text.find('\n').map_or("", |end| &text[end..]));
    }
    let inner = text.strip_prefix("/*")?;
    // What stands in these is SQL.
    if inner.starts_with(['!', '+']) || inner.starts_with("M!") {
        return None;
    }
    inner.find("*/").map(|end| &inner[end + 2..])
}

/// A compound statement without the comments behind it. MariaDB prints strings without
/// backslashes that escape, so that every quote ends or begins one.
fn without_last_comments(text: &str) -> &str {
    let mut end = 0;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = after_comment(rest) {
            rest = after;
            continue;
        }
        let used = match letter {
            '\'' | '"' | '`' => rest[1..].find(letter).map_or(rest.len(), |at| at + 2),
            _ => letter.len_utf8(),
        };
        rest = &rest[used..];
        if !letter.is_whitespace() {
            end = text.len() - rest.len();
        }
    }
    let code = text[..end].trim_end_matches(';');
    // The last word, or the one before the label.
    let mut words = code.split_whitespace().rev().take(2);
    match words.any(|word| word.eq_ignore_ascii_case("end")) {
        true => &text[..end],
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_around_a_body_are_no_part_of_it() {
        // (MariaDB, MySQL, canonical), the first two as 10.11, 11.8 and 9.7 print them
        let table = [
            ("SET @a = 1;", "SET @a = 1;", "SET @a = 1"),
            (
                "begin set @a = 1; end",
                "-- one\n# two\n/* three */\nbegin set @a = 1; end",
                "begin set @a = 1; end",
            ),
            (
                "begin select 1; end -- behind",
                "begin select 1; end",
                "begin select 1; end",
            ),
            (
                "begin select 1; end a;\n/* b */",
                "begin select 1; end a",
                "begin select 1; end a",
            ),
            (
                "-- of an event\nselect 1 -- kept",
                "-- of an event\nselect 1 -- kept",
                "select 1 -- kept",
            ),
            (
                "begin /* end */ select 'it''s \\', '-- end'; end",
                "begin /* end */ select 'it''s \\', '-- end'; end",
                "begin /* end */ select 'it''s \\', '-- end'; end",
            ),
            ("/*! select 1 */", "/*! select 1 */", "/*! select 1 */"),
            ("--1", "--1", "--1"),
        ];
        for (mariadb, mysql, expected) in table {
            assert_eq!(body(Dialect::MariaDB, mariadb), expected, "MariaDB");
            assert_eq!(body(Dialect::MySQL, mysql), expected, "MySQL");
        }
    }
}
