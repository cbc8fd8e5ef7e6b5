//! What a statement leaves in the session, and what it takes from the statement before it.

use super::cursor::{SqlToken, TokenCursor};
use super::mention::mentions;

/// Names of the user variables that a statement mentions, lower case. An account's host
/// (`'u'@'h'`) may be among them: a name too many does no harm.
pub fn user_variables(statement: &str) -> Vec<String> {
    let mut names = Vec::new();
    if !statement.contains('@') {
        return names;
    }
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        if tok != SqlToken::Char('@') {
            continue;
        }
        if cursor.eat_char('@') {
            cursor.next();
            continue;
        }
        let mut name = match cursor.peek() {
            Some(SqlToken::Text(text)) => {
                cursor.next();
                text[1..text.len() - 1].to_owned()
            }
            _ => match cursor.identifier() {
                Some(name) => name,
                None => continue,
            },
        };
        while cursor.at('.') {
            let mut ahead = cursor.clone();
            ahead.next();
            match ahead.word() {
                Some(part) => {
                    name = format!("{name}.{part}");
                    cursor = ahead;
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

/// Whether a statement reads LAST_INSERT_ID or a synonym of it.
pub fn reads_last_insert_id(statement: &str) -> bool {
    if !mentions(statement, "LAST_INSERT_ID") && !mentions(statement, "IDENTITY") {
        return false;
    }
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        if tok.is("LAST_INSERT_ID") || tok.is("IDENTITY") {
            return true;
        }
    }
    false
}

/// Whether a statement reads results of the previous one: ROW_COUNT(), FOUND_ROWS(), its warnings.
/// No other statement may come between them.
pub fn reads_diagnostics(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    let shows = cursor.at_any(&["SHOW", "GET"]);
    if !shows && !mentions(statement, "_COUNT") && !mentions(statement, "FOUND_ROWS") {
        return false;
    }
    let mut before = None;
    let mut first = None;
    while let Some(tok) = cursor.next() {
        let asks = match (before, tok) {
            (_, SqlToken::Word(word)) if is_any(word, &["ROW_COUNT", "FOUND_ROWS"]) => cursor.at('('),
            (Some(SqlToken::Char('@')), SqlToken::Word(word)) => {
                is_any(word, &["WARNING_COUNT", "ERROR_COUNT"])
                    // @@session.warning_count
                    || is_any(word, &["SESSION", "LOCAL"])
                        && { let mut ahead = cursor.clone(); ahead.eat_char('.') && ahead.at_any(&["WARNING_COUNT", "ERROR_COUNT"]) }
            }
            (_, SqlToken::Word(word)) => match first {
                Some("SHOW") => is_any(word, &["WARNINGS", "ERRORS"]),
                Some("GET") => is_any(word, &["DIAGNOSTICS"]),
                _ => false,
            },
            _ => false,
        };
        if asks {
            return creates_program(statement).is_none();
        }
        if before.is_none() {
            first = Some(match tok {
                SqlToken::Word(word) if word.eq_ignore_ascii_case("SHOW") => "SHOW",
                SqlToken::Word(word) if word.eq_ignore_ascii_case("GET") => "GET",
                _ => "",
            });
        }
        before = Some(tok);
    }
    false
}

/// Whether a stored program's body reads results of the statement that ran before it: before any statement of its
/// own is over, judged by the order in the text.
pub fn asks_first(body: &str) -> bool {
    let mut cursor = TokenCursor::new(body);
    let mut own = false;
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Word(word) if is_any(word, &["ROW_COUNT", "FOUND_ROWS"]) && cursor.at('(') => {
                return true;
            }
            SqlToken::Word(word) if is_any(word, &["WARNING_COUNT", "ERROR_COUNT"]) => return true,
            SqlToken::Word(word)
                if is_any(
                    word,
                    &[
                        "INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "CALL", "EXECUTE",
                    ],
                ) =>
            {
                own = true;
            }
            SqlToken::Char(';') if own => return false,
            _ => {}
        }
    }
    false
}

/// Whether a statement mentions a name, quoted or not; names are compared in lower case.
pub fn mentions_name(statement: &str, wanted: impl Fn(&str) -> bool) -> bool {
    let mut cursor = TokenCursor::new(statement);
    loop {
        match cursor.peek() {
            None => return false,
            Some(SqlToken::Word(_) | SqlToken::Name(_)) => {
                if cursor
                    .identifier()
                    .is_some_and(|name| wanted(&name.to_lowercase()))
                {
                    return true;
                }
            }
            Some(_) => drop(cursor.next()),
        }
    }
}

/// The prepared statement that EXECUTE runs, lower case.
pub fn executes_name(statement: &str) -> Option<String> {
    match executes(statement)? {
        Executed::Name(name) => Some(name),
        Executed::Immediate(_) => None,
    }
}

/// Whether a statement creates a stored program or a view, and the name under which others run it: for a trigger
/// that of its table.
pub fn creates_program(statement: &str) -> Option<String> {
    let found = super::classify(statement);
    let object = found.objects.first()?;
    match found.verb.as_str() {
        "CREATE PROCEDURE" | "CREATE FUNCTION" | "CREATE VIEW" | "CREATE EVENT" => {
            Some(object.name.name.clone())
        }
        "CREATE TRIGGER" => {
            let mut cursor = TokenCursor::new(statement);
            while let Some(tok) = cursor.next() {
                if tok.is("ON") {
                    return cursor.name().map(|table| table.name);
                }
            }
            None
        }
        _ => None,
    }
}

/// Whether a statement is a SET that affects only the next statement: INSERT_ID.
pub fn sets_for_next_statement(statement: &str) -> bool {
    super::assigned_variables(statement)
        .iter()
        .any(|name| name == "insert_id")
}

/// Whether a statement is SET TRANSACTION without a scope, which affects only the next transaction.
pub fn sets_next_transaction(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("SET") && cursor.eat("TRANSACTION")
}

/// Whether a statement is SET ROLE or SET DEFAULT ROLE … : rights of the session.
pub fn sets_role(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("SET") && cursor.eat("ROLE")
}

/// The source of a prepared statement's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// A string in the statement: as it is written, and its value where a backslash escapes.
    Text {
        /// With its quotes.
        written: String,
        /// Its value.
        value: String,
    },
    /// A user variable's value; its name, lower case.
    Variable(String),
    /// An expression.
    Expression,
}

/// The name of the statement that PREPARE defines, lower case, and the source of its text.
pub fn prepares(statement: &str) -> Option<(String, Prepared)> {
    let mut cursor = TokenCursor::new(statement);
    if !cursor.eat("PREPARE") {
        return None;
    }
    let name = cursor.identifier()?.to_lowercase();
    cursor.eat("FROM").then(|| (name, source(&mut cursor)))
}

/// The prepared statement that DEALLOCATE PREPARE or DROP PREPARE drops, lower case.
pub fn deallocates(statement: &str) -> Option<String> {
    let mut cursor = TokenCursor::new(statement);
    (cursor.eat("DEALLOCATE") || cursor.eat("DROP")).then_some(())?;
    cursor.eat("PREPARE").then_some(())?;
    cursor.identifier().map(|name| name.to_lowercase())
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
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("EXECUTE").then_some(())?;
    if cursor.eat("IMMEDIATE") {
        return Some(Executed::Immediate(source(&mut cursor)));
    }
    cursor
        .identifier()
        .map(|name| Executed::Name(name.to_lowercase()))
}

/// What a HANDLER statement does with its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerUse {
    /// Opens it for the session.
    Open,
    /// Reads it.
    Read,
    /// Closes it.
    Close,
}

/// The name under which a HANDLER statement knows its table, lower case, and what it does with it.
pub fn handles(statement: &str) -> Option<(String, HandlerUse)> {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("HANDLER").then_some(())?;
    let name = cursor.name()?.name;
    if !cursor.eat("OPEN") {
        let found = match cursor.eat("CLOSE") {
            true => HandlerUse::Close,
            false => HandlerUse::Read,
        };
        return Some((name.to_lowercase(), found));
    }
    cursor.eat("AS");
    let name = cursor.identifier().unwrap_or(name);
    Some((name.to_lowercase(), HandlerUse::Open))
}

fn source(cursor: &mut TokenCursor<'_>) -> Prepared {
    let found = match cursor.next() {
        Some(SqlToken::Text(text) | SqlToken::Name(text)) if !text.starts_with('`') => Prepared::Text {
            written: text.to_owned(),
            value: unquote(text),
        },
        Some(SqlToken::Char('@')) if !cursor.at('@') => match cursor.identifier() {
            Some(name) => Prepared::Variable(name.to_lowercase()),
            None => Prepared::Expression,
        },
        _ => Prepared::Expression,
    };
    if cursor.at_end() || cursor.at_any(&["USING"]) {
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
                // Left as they are, for LIKE.
                Some(other @ ('%' | '_')) => value.extend(['\\', other]),
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
const PURE_FUNCTIONS: &[&str] = &[
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

/// The table that a statement writes, if it is an INSERT … VALUES, UPDATE or DELETE of rows of one table
/// without user variables, subqueries, or functions that may have side effects. Several such statements
/// may share a transaction without a visible difference.
pub fn plain_write(statement: &str) -> Option<super::ObjectName> {
    let mut cursor = TokenCursor::new(statement);
    let verb = cursor.word()?;
    while ["LOW_PRIORITY", "HIGH_PRIORITY", "QUICK", "IGNORE"]
        .iter()
        .any(|word| cursor.eat(word))
    {}
    let name = match verb.as_str() {
        "INSERT" | "REPLACE" => {
            cursor.eat("INTO");
            let name = cursor.name()?;
            if cursor.eat_char('(') {
                while !cursor.eat_char(')') {
                    cursor.next()?;
                }
            }
            (cursor.at_any(&["VALUES", "VALUE", "SET"])).then_some(name)?
        }
        "UPDATE" => {
            let name = cursor.name()?;
            cursor.eat("AS");
            if !cursor.at_any(&["SET"]) {
                cursor.identifier()?;
            }
            cursor.at_any(&["SET"]).then_some(name)?
        }
        "DELETE" => {
            cursor.eat("FROM").then_some(())?;
            let name = cursor.name()?;
            (cursor.at_end() || cursor.at_any(&["WHERE", "LIMIT", "ORDER"])).then_some(name)?
        }
        _ => return None,
    };
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Char('@') => return None,
            SqlToken::Name(_) if cursor.at('(') => return None,
            SqlToken::Word(word)
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
                ) || cursor.at('(') && !is_any(word, PURE_FUNCTIONS) =>
            {
                return None;
            }
            _ => {}
        }
    }
    Some(name)
}

/// Whether a SET may do more than assign: it calls a function or reads a table.
pub fn may_call(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        let calls = match tok {
            SqlToken::Word(word) => word.eq_ignore_ascii_case("SELECT") || cursor.at('('),
            SqlToken::Name(_) => cursor.at('('),
            _ => false,
        };
        if calls {
            return true;
        }
    }
    false
}

/// Whether a statement contains a query.
pub fn has_query(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    while let Some(tok) = cursor.next() {
        if matches!(tok, SqlToken::Word(word) if is_any(word, &["SELECT"])) {
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
    fn programs_that_ask_about_the_statement_before_are_known() {
        for body in [
            "INSERT INTO audit VALUES (ROW_COUNT())",
            "BEGIN DECLARE n INT DEFAULT FOUND_ROWS(); UPDATE t SET x = n; END",
            "BEGIN SET @w = @@warning_count; END",
            "RETURN row_count()",
        ] {
            assert!(asks_first(body), "{body}");
        }
        for body in [
            "BEGIN UPDATE t SET x = 1; IF ROW_COUNT() = 0 THEN INSERT INTO t VALUES (1); END IF; END",
            "RETURN 'ROW_COUNT()'",
            "SELECT row_count FROM t",
        ] {
            assert!(!asks_first(body), "{body}");
        }
        let name = |statement: &str| creates_program(statement);
        assert_eq!(
            name("CREATE TRIGGER tr BEFORE INSERT ON `a b` FOR EACH ROW SET @x = 1").as_deref(),
            Some("a b")
        );
        assert_eq!(name("CREATE OR REPLACE VIEW v AS SELECT 1").as_deref(), Some("v"));
        assert_eq!(name("CREATE TABLE t AS SELECT ROW_COUNT()"), None);
        let named = |statement: &str| mentions_name(statement, |name| name == "v");
        assert!(named("INSERT INTO t SELECT * FROM d.`V`") && !named("SELECT 'v', @x FROM vv -- v"));
    }

    #[test]
    fn handlers_are_known_by_their_alias() {
        let of = |statement: &str| handles(statement);
        assert_eq!(
            of("HANDLER d.T OPEN AS h"),
            Some(("h".to_owned(), HandlerUse::Open))
        );
        assert_eq!(of("HANDLER `T` OPEN"), Some(("t".to_owned(), HandlerUse::Open)));
        assert_eq!(
            of("HANDLER h READ NEXT"),
            Some(("h".to_owned(), HandlerUse::Read))
        );
        assert_eq!(of("HANDLER h CLOSE"), Some(("h".to_owned(), HandlerUse::Close)));
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
        let text = |written: &str, value: &str| Prepared::Text {
            written: written.to_owned(),
            value: value.to_owned(),
        };
        assert_eq!(
            prepares(r"PREPARE `St` FROM 'SELECT ''a\'b\%\_'''"),
            Some((
                "st".to_owned(),
                text(r"'SELECT ''a\'b\%\_'''", r"SELECT 'a'b\%\_'")
            ))
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
            Some(Executed::Immediate(text("'DROP TABLE t'", "DROP TABLE t")))
        );
        assert_eq!(executes("SELECT 1"), None);
    }
}
