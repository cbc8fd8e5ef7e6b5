//! A statement as the log shows it: recognisable, but without the text of its string literals.

/// Characters of a statement in the log.
const MAX_CHARS: usize = 120;

/// A statement in one line: literals in quotes as `'…'`, cut to a readable length. Of one about
/// accounts only the first words are shown, since a password may be outside quotes by mistake.
pub(super) fn redacted(sql: &str) -> String {
    let mut line = String::new();
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        if line.chars().count() >= MAX_CHARS {
            line.push('…');
            break;
        }
        match c {
            '\'' | '"' => {
                skip_literal(&mut chars, c);
                line.push_str("'…'");
            }
            c if c.is_whitespace() => {
                if !line.ends_with(' ') && !line.is_empty() {
                    line.push(' ');
                }
            }
            c if c.is_control() => line.push('\u{fffd}'),
            c => line.push(c),
        }
    }
    if is_about_accounts(sql) {
        let words: Vec<&str> = line.split(' ').take(2).collect();
        return format!("{} …", words.join(" "));
    }
    line.trim_end().to_owned()
}

/// Goes to the end of a literal: past escaped and doubled quotes.
fn skip_literal(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) {
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if_eq(&quote).is_none() {
            return;
        }
    }
}

fn is_about_accounts(sql: &str) -> bool {
    sql.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| {
            [
                "identified",
                "identifid",
                "password",
                "user",
                "grant",
                "master",
                "source",
                "server",
            ]
            .iter()
            .any(|other| word.eq_ignore_ascii_case(other))
                && ["create", "alter", "set", "grant", "change", "rename"]
                    .iter()
                    .any(|verb| {
                        sql.trim_start()
                            .get(..verb.len())
                            .is_some_and(|start| start.eq_ignore_ascii_case(verb))
                    })
        })
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn statements_are_recognised_and_secrets_are_not() {
        for (sql, line) in [
            ("SELECT  1\n FROM t ", "SELECT 1 FROM t"),
            (
                "INSERT INTO t VALUES ('hush', \"hu\\\"sh\", 'it''s')",
                "INSERT INTO t VALUES ('…', '…', '…')",
            ),
            ("SELECT 'hush", "SELECT '…'"),
            ("CREATE USER x IDENTIFID BY hush", "CREATE USER …"),
            ("alter user x identified by 'hush'", "alter user …"),
            ("SET PASSWORD = hush", "SET PASSWORD …"),
        ] {
            assert_eq!(redacted(sql), line, "{sql}");
        }
        let long = redacted(&"SELECT 1, ".repeat(100));
        assert_eq!(long.chars().count(), 121);
    }
}
