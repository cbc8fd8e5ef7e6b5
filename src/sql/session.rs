//! What a statement leaves in the session, and what it takes from the statement before it.

use super::mention::mentions;
use super::words::{Tok, Words};

/// Names of the user variables that a statement mentions, lower case. An account's host
/// (`'u'@'h'`) may be among them: a name too many does no harm.
pub fn user_variables(statement: &str) -> Vec<String> {
    let mut names = Vec::new();
    if !statement.contains('@') {
        return names;
    }
    let mut words = Words::new(statement);
    while let Some(tok) = words.next() {
        if tok != Tok::Char('@') {
            continue;
        }
        if words.eat_char('@') {
            words.next();
            continue;
        }
        let mut name = match words.peek() {
            Some(Tok::Text(text)) => {
                words.next();
                text[1..text.len() - 1].to_owned()
            }
            _ => match words.identifier() {
                Some(name) => name,
                None => continue,
            },
        };
        while words.at('.') {
            let mut ahead = words.clone();
            ahead.next();
            match ahead.word() {
                Some(part) => {
                    name = format!("{name}.{part}");
                    words = ahead;
                }
                None => break,
            }
        }
        names.push(name.to_lowercase());
    }
    names.sort();
    names.dedup();
    names
}

/// Whether a statement asks for LAST_INSERT_ID or one of its other names.
pub fn reads_last_insert_id(statement: &str) -> bool {
    if !mentions(statement, "LAST_INSERT_ID") && !mentions(statement, "IDENTITY") {
        return false;
    }
    let mut words = Words::new(statement);
    while let Some(tok) = words.next() {
        if tok.is("LAST_INSERT_ID") || tok.is("IDENTITY") {
            return true;
        }
    }
    false
}

/// Whether a statement asks what the one before it did: ROW_COUNT(), FOUND_ROWS(), its warnings.
/// No other statement may come between them.
pub fn reads_diagnostics(statement: &str) -> bool {
    let mut words = Words::new(statement);
    let shows = words.at_any(&["SHOW", "GET"]);
    if !shows && !mentions(statement, "_COUNT") && !mentions(statement, "FOUND_ROWS") {
        return false;
    }
    let mut before = None;
    let mut first = None;
    while let Some(tok) = words.next() {
        let asks = match (before, tok) {
            (_, Tok::Word(word)) if is_any(word, &["ROW_COUNT", "FOUND_ROWS"]) => words.at('('),
            (Some(Tok::Char('@')), Tok::Word(word)) => {
                is_any(word, &["WARNING_COUNT", "ERROR_COUNT"])
                    // @@session.warning_count
                    || is_any(word, &["SESSION", "LOCAL"])
                        && { let mut ahead = words.clone(); ahead.eat_char('.') && ahead.at_any(&["WARNING_COUNT", "ERROR_COUNT"]) }
            }
            (_, Tok::Word(word)) => match first {
                Some("SHOW") => is_any(word, &["WARNINGS", "ERRORS"]),
                Some("GET") => is_any(word, &["DIAGNOSTICS"]),
                _ => false,
            },
            _ => false,
        };
        if asks {
            return true;
        }
        if before.is_none() {
            first = Some(match tok {
                Tok::Word(word) if word.eq_ignore_ascii_case("SHOW") => "SHOW",
                Tok::Word(word) if word.eq_ignore_ascii_case("GET") => "GET",
                _ => "",
            });
        }
        before = Some(tok);
    }
    false
}

/// Whether a statement is a SET whose value only the next statement sees: INSERT_ID.
pub fn sets_for_next_statement(statement: &str) -> bool {
    super::assigned_variables(statement)
        .iter()
        .any(|name| name == "insert_id")
}

/// Whether a statement is SET TRANSACTION without a scope: about the next transaction only.
pub fn sets_next_transaction(statement: &str) -> bool {
    let mut words = Words::new(statement);
    words.eat("SET") && words.eat("TRANSACTION")
}

/// Whether a statement is SET ROLE or SET DEFAULT ROLE … : rights of the session.
pub fn sets_role(statement: &str) -> bool {
    let mut words = Words::new(statement);
    words.eat("SET") && words.eat("ROLE")
}

/// Where the text of a prepared statement comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// Written in the statement.
    Text(String),
    /// A user variable's value; its name, lower case.
    Variable(String),
    /// An expression.
    Expression,
}

/// The name that PREPARE gives, lower case, and its text.
pub fn prepares(statement: &str) -> Option<(String, Prepared)> {
    let mut words = Words::new(statement);
    if !words.eat("PREPARE") {
        return None;
    }
    let name = words.identifier()?.to_lowercase();
    words.eat("FROM").then(|| (name, source(&mut words)))
}

/// The prepared statement that DEALLOCATE PREPARE or DROP PREPARE ends, lower case.
pub fn deallocates(statement: &str) -> Option<String> {
    let mut words = Words::new(statement);
    (words.eat("DEALLOCATE") || words.eat("DROP")).then_some(())?;
    words.eat("PREPARE").then_some(())?;
    words.identifier().map(|name| name.to_lowercase())
}

/// What EXECUTE runs: a prepared statement by its name, lower case, or (MariaDB) a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executed {
    /// EXECUTE name.
    Name(String),
    /// EXECUTE IMMEDIATE.
    Immediate(Prepared),
}

/// What an EXECUTE runs.
pub fn executes(statement: &str) -> Option<Executed> {
    let mut words = Words::new(statement);
    words.eat("EXECUTE").then_some(())?;
    if words.eat("IMMEDIATE") {
        return Some(Executed::Immediate(source(&mut words)));
    }
    words.identifier().map(|name| Executed::Name(name.to_lowercase()))
}

fn source(words: &mut Words<'_>) -> Prepared {
    let found = match words.next() {
        Some(Tok::Text(text) | Tok::Name(text)) if !text.starts_with('`') => Prepared::Text(unquote(text)),
        Some(Tok::Char('@')) if !words.at('@') => match words.identifier() {
            Some(name) => Prepared::Variable(name.to_lowercase()),
            None => Prepared::Expression,
        },
        _ => Prepared::Expression,
    };
    if words.at_end() || words.at_any(&["USING"]) {
        found
    } else {
        Prepared::Expression
    }
}

/// A string's value, from its text with quotes (manual, "String Literals").
fn unquote(quoted: &str) -> String {
    let quote = quoted.chars().next().unwrap_or('\'');
    let mut value = String::new();
    let mut chars = quoted[1..quoted.len() - 1].chars().peekable();
    while let Some(c) = chars.next() {
        if c == quote {
            chars.next_if_eq(&quote);
            value.push(c);
        } else if c == '\\' {
            match chars.next() {
                Some('0') => value.push('\0'),
                Some('b') => value.push('\u{8}'),
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('Z') => value.push('\u{1a}'),
                Some(other) => value.push(other),
                None => {}
            }
        } else {
            value.push(c);
        }
    }
    value
}

/// Words behind which a parenthesis is no call of a function that could do anything but compute.
const HARMLESS: &[&str] = &[
    "VALUES",
    "VALUE",
    "IN",
    "AND",
    "OR",
    "NOT",
    "XOR",
    "ON",
    "KEY",
    "PARTITION",
    "WHERE",
    "SET",
    "BETWEEN",
    "LIKE",
    "BINARY",
    "CHAR",
    "VARCHAR",
    "DECIMAL",
    "SIGNED",
    "UNSIGNED",
    "DATETIME",
    "TIME",
    "DATE",
    "WHEN",
    "THEN",
    "ELSE",
    "CASE",
    "IS",
    "BY",
    "INTERVAL",
    "DIV",
    "MOD",
    "NOW",
    "CURRENT_TIMESTAMP",
    "LOCALTIMESTAMP",
    "UTC_TIMESTAMP",
    "UTC_DATE",
    "CURDATE",
    "CURTIME",
    "CURRENT_DATE",
    "UUID",
    "CONCAT",
    "CONCAT_WS",
    "COALESCE",
    "IFNULL",
    "NULLIF",
    "IF",
    "LOWER",
    "UPPER",
    "LCASE",
    "UCASE",
    "MD5",
    "SHA1",
    "SHA2",
    "HEX",
    "UNHEX",
    "JSON_OBJECT",
    "JSON_ARRAY",
    "JSON_SET",
    "JSON_EXTRACT",
    "JSON_UNQUOTE",
    "CAST",
    "CONVERT",
    "STR_TO_DATE",
    "FROM_UNIXTIME",
    "UNIX_TIMESTAMP",
    "REPLACE",
    "TRIM",
    "LTRIM",
    "RTRIM",
    "SUBSTRING",
    "SUBSTR",
    "LEFT",
    "RIGHT",
    "LENGTH",
    "CHAR_LENGTH",
    "ROUND",
    "FLOOR",
    "CEIL",
    "ABS",
    "GREATEST",
    "LEAST",
    "DATE_ADD",
    "DATE_SUB",
    "ADDDATE",
    "DATE_FORMAT",
    "REPEAT",
    "LPAD",
    "RPAD",
    "FROM_BASE64",
    "UUID_TO_BIN",
    "ST_GEOMFROMTEXT",
    "POINT",
    "INET_ATON",
    "INET6_ATON",
    "DEFAULT",
];

/// The one table that a statement writes, when it is an INSERT … VALUES, UPDATE or DELETE of rows of one
/// table that reads and calls nothing which could tell, or do, anything else: no user variable, no
/// subquery, no function but those known to compute only. Several of them may share a transaction
/// without anybody seeing a difference.
pub fn plain_write(statement: &str) -> Option<super::Name> {
    let mut words = Words::new(statement);
    let verb = words.word()?;
    while ["LOW_PRIORITY", "HIGH_PRIORITY", "QUICK", "IGNORE"]
        .iter()
        .any(|word| words.eat(word))
    {}
    let name = match verb.as_str() {
        "INSERT" | "REPLACE" => {
            words.eat("INTO");
            let name = words.name()?;
            if words.eat_char('(') {
                while !words.eat_char(')') {
                    words.next()?;
                }
            }
            (words.at_any(&["VALUES", "VALUE", "SET"])).then_some(name)?
        }
        "UPDATE" => {
            let name = words.name()?;
            words.eat("AS");
            if !words.at_any(&["SET"]) {
                words.identifier()?;
            }
            words.at_any(&["SET"]).then_some(name)?
        }
        "DELETE" => {
            words.eat("FROM").then_some(())?;
            let name = words.name()?;
            (words.at_end() || words.at_any(&["WHERE", "LIMIT", "ORDER"])).then_some(name)?
        }
        _ => return None,
    };
    while let Some(tok) = words.next() {
        match tok {
            Tok::Char('@') => return None,
            Tok::Name(_) if words.at('(') => return None,
            Tok::Word(word)
                if is_any(
                    word,
                    &[
                        "SELECT",
                        "TABLE",
                        "WITH",
                        "RETURNING",
                        "SLEEP",
                        "NEXT",
                        "PREVIOUS",
                    ],
                ) || words.at('(') && !is_any(word, HARMLESS) =>
            {
                return None;
            }
            _ => {}
        }
    }
    Some(name)
}

/// Whether a SET may do more than assign: it calls something, or reads a table.
pub fn may_call(statement: &str) -> bool {
    let mut words = Words::new(statement);
    while let Some(tok) = words.next() {
        let calls = match tok {
            Tok::Word(word) => word.eq_ignore_ascii_case("SELECT") || words.at('('),
            Tok::Name(_) => words.at('('),
            _ => false,
        };
        if calls {
            return true;
        }
    }
    false
}

/// Whether a statement has a query in it.
pub fn has_query(statement: &str) -> bool {
    let mut words = Words::new(statement);
    while let Some(tok) = words.next() {
        if matches!(tok, Tok::Word(word) if is_any(word, &["SELECT"])) {
            return true;
        }
    }
    false
}

fn is_any(word: &str, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_by_name() {
        for (statement, names) in [
            (
                "SET @a = 1, @B := @@sql_mode, @`c d` = @'e'",
                &["a", "b", "c d", "e"][..],
            ),
            ("SELECT id INTO @my.var FROM t", &["my.var"]),
            ("SELECT @@session.sql_mode, '@x', `@y` -- @z", &[]),
        ] {
            assert_eq!(user_variables(statement), names, "{statement}");
        }
    }

    #[test]
    fn what_asks_about_the_statement_before_is_known() {
        for statement in [
            "INSERT INTO a VALUES (ROW_COUNT())",
            "SELECT found_rows ()",
            "SET @w = @@warning_count",
            "SELECT @@session.error_count",
            "SHOW WARNINGS LIMIT 1",
            "SHOW COUNT(*) ERRORS",
            "GET CURRENT DIAGNOSTICS @n = ROW_COUNT",
            "CALL log(ROW_COUNT())",
        ] {
            assert!(reads_diagnostics(statement), "{statement}");
        }
        for statement in [
            "INSERT INTO row_count VALUES (1)",
            "INSERT INTO a VALUES ('ROW_COUNT()')",
            "SHOW TABLES",
            "SELECT errors FROM t",
            "SELECT LAST_INSERT_ID()",
        ] {
            assert!(!reads_diagnostics(statement), "{statement}");
        }
        assert!(reads_last_insert_id("INSERT INTO c VALUES (last_insert_id())"));
        assert!(reads_last_insert_id("SET @a = @@identity"));
        assert!(!reads_last_insert_id("INSERT INTO c VALUES ('LAST_INSERT_ID()')"));
    }

    #[test]
    fn plain_writes_are_told_from_others() {
        for statement in [
            "INSERT INTO t VALUES (1, 'a'), (2, NOW())",
            "INSERT IGNORE t (a, b) VALUES (1, CONCAT('x', 'y')) ON DUPLICATE KEY UPDATE a = VALUES(a)",
            "REPLACE INTO d.t SET a = 1",
            "UPDATE t SET a = a + 1 WHERE id IN (1, 2)",
            "UPDATE t AS x SET a = 1",
            "DELETE FROM t WHERE a = 1 ORDER BY id LIMIT 3",
        ] {
            assert!(plain_write(statement).is_some(), "{statement}");
        }
        for statement in [
            "INSERT INTO t SELECT 1",
            "INSERT INTO t VALUES (@a)",
            "INSERT INTO t VALUES (f(1))",
            "INSERT INTO t VALUES (`f`(1))",
            "INSERT INTO t VALUES ((SELECT 1))",
            "UPDATE t, u SET t.a = 1",
            "UPDATE t JOIN u SET t.a = 1",
            "DELETE t FROM t JOIN u",
            "DELETE FROM t USING t JOIN u",
            "LOAD DATA INFILE 'x' INTO TABLE t",
        ] {
            assert!(plain_write(statement).is_none(), "{statement}");
        }
    }

    #[test]
    fn prepared_texts_are_read() {
        assert_eq!(
            prepares("PREPARE `St` FROM 'SELECT ''a\\'b'''"),
            Some(("st".to_owned(), Prepared::Text("SELECT 'a'b'".to_owned())))
        );
        assert_eq!(
            prepares("PREPARE s FROM @Sql"),
            Some(("s".to_owned(), Prepared::Variable("sql".to_owned())))
        );
        assert_eq!(
            prepares("PREPARE s FROM CONCAT('a')"),
            Some(("s".to_owned(), Prepared::Expression))
        );
        assert_eq!(deallocates("DEALLOCATE PREPARE S"), Some("s".to_owned()));
        assert_eq!(
            executes("EXECUTE s USING @a"),
            Some(Executed::Name("s".to_owned()))
        );
        assert_eq!(
            executes("EXECUTE IMMEDIATE 'DROP TABLE t'"),
            Some(Executed::Immediate(Prepared::Text("DROP TABLE t".to_owned())))
        );
        assert_eq!(executes("SELECT 1"), None);
    }
}
