//! Bodies of triggers, routines and events.

use crate::db::Flavor;
use crate::schema::dialect;

/// The body with LF line endings outside strings, without surrounding comments and trailing `;`: MariaDB
/// omits comments before the body of a trigger, MySQL those after a compound statement.
pub fn body(flavor: Flavor, text: &str) -> String {
    let text = pieces(text)
        .map(|piece| match piece {
            BodyPart::Quoted(text) => text.to_owned(),
            BodyPart::Comment(text) | BodyPart::Other(text) => text.replace("\r\n", "\n"),
        })
        .collect::<String>();
    let mut body = text.trim_start();
    while let Some(rest) = after_comment(body) {
        body = rest.trim_start();
    }
    if !dialect::for_flavor(flavor).keeps_last_comments {
        body = without_last_comments(body);
    }
    body.trim_end().trim_end_matches(';').trim_end().to_owned()
}

/// A body without comments, and with one space for any white space outside quotes. The clients of MariaDB
/// and MySQL remove comments from statements unless `--comments` is set.
pub fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            BodyPart::Quoted(text) => out.push_str(text),
            BodyPart::Comment(_) => out.push(' '),
            BodyPart::Other(text) => {
                for letter in text.chars() {
                    out.push(if letter.is_whitespace() { ' ' } else { letter });
                }
            }
        }
    }
    squeezed(&out)
}

/// The text without white space at its ends, and with one space for several outside quotes.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text.trim()) {
        match piece {
            BodyPart::Other(text) => {
                for letter in text.chars() {
                    if letter != ' ' || !out.ends_with(' ') {
                        out.push(letter);
                    }
                }
            }
            BodyPart::Quoted(text) | BodyPart::Comment(text) => out.push_str(text),
        }
    }
    out
}

/// A part of a program's text.
#[derive(Debug, Clone, Copy)]
enum BodyPart<'a> {
    /// Quoted text, with its quotes.
    Quoted(&'a str),
    /// A comment that the server does not execute.
    Comment(&'a str),
    /// Anything else.
    Other(&'a str),
}

/// Divides a text into parts; a backslash escapes in strings.
fn pieces(text: &str) -> impl Iterator<Item = BodyPart<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (piece, used): (fn(_) -> _, usize) = match first {
            '\'' | '"' | '`' => (BodyPart::Quoted, quoted(rest, first)),
            _ => match after_comment(rest) {
                Some(after) => (BodyPart::Comment, rest.len() - after.len()),
                None => {
                    let next = rest.char_indices().skip(1).find(|(at, letter)| {
                        matches!(letter, '\'' | '"' | '`') || after_comment(&rest[*at..]).is_some()
                    });
                    (BodyPart::Other, next.map_or(rest.len(), |(at, _)| at))
                }
            },
        };
        let (this, after) = rest.split_at(used);
        rest = after;
        Some(piece(this))
    })
}

/// The length in bytes of the quoted text at the start of `text`.
fn quoted(text: &str, quote: char) -> usize {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && quote != '`' {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The text after a comment at the start of `text`.
fn after_comment(text: &str) -> Option<&str> {
    let of_line = text.starts_with('#')
        || text
            .strip_prefix("--")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|next: char| next.is_ascii_whitespace()));
    if of_line {
        return Some(text.find('\n').map_or("", |end| &text[end..]));
    }
    let inner = text.strip_prefix("/*")?;
    // These contain SQL that the server executes.
    if inner.starts_with(['!', '+']) || inner.starts_with("M!") {
        return None;
    }
    inner.find("*/").map(|end| &inner[end + 2..])
}

/// A compound statement without the comments after it. MariaDB prints strings without backslash escapes,
/// so that every quote starts or ends a string.
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

/// The text without escapes, quotes and white space, which servers print differently.
pub fn without_escapes(text: &str) -> String {
    let mut letters = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        match letter {
            // The printed form of an escaped backslash before an n equals the written form of an escaped n.
            '\\' => {
                while letters.next_if_eq(&'\\').is_some() {}
                letters.next_if(|next| "ntr0bZ".contains(*next));
            }
            '\'' | '"' | '\0' | '\u{8}' | '\u{1a}' => {}
            letter if letter.is_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_drops_or_changes_outside_strings_is_no_difference() {
        let plain = "begin select 'a  -- b', \"/* c */\"; end";
        let same = [
            "begin\r\n  -- one\r\n  select 'a  -- b', /* two */ \"/* c */\"; # three\nend",
            "begin select 'a  -- b',   \"/* c */\";end /* four */",
        ];
        assert_eq!(without_comments(plain), plain);
        assert_eq!(without_comments(same[0]), plain);
        assert_eq!(without_comments(same[1]), plain.replace("; end", ";end"));
        for other in [
            "begin select 'a -- b', \"/* c */\"; end",
            "begin select 'a  -- b', \"\"; end",
            "begin select /*! sql_no_cache */ 'a  -- b', \"/* c */\"; end",
        ] {
            assert_ne!(without_comments(other), plain);
        }
        assert_eq!(
            body(Flavor::MySql, "select 'a\r\nb\\'',\r\n1"),
            "select 'a\r\nb\\'',\n1"
        );
    }

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
            assert_eq!(body(Flavor::MariaDb, mariadb), expected, "MariaDB");
            assert_eq!(body(Flavor::MySql, mysql), expected, "MySQL");
        }
    }
}
