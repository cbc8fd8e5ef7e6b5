//! Statements that write rows of one table and do nothing else.

use super::is_any;
use crate::sql::ObjectName;
use crate::sql::cursor::{SqlToken, TokenCursor};

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
pub fn plain_write(statement: &str) -> Option<ObjectName> {
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
