//! MySQL's ways.

use super::Dialect;
use crate::schema::expr::{self, lexer};
use crate::schema::normalise::{Family, decoded, family, from_hexadecimal, has_word, is_current_time};

pub(super) const DIALECT: Dialect = Dialect {
    column_checks: false,
    column_srid: true,
    generated_not_null: true,
    unused_index: "INVISIBLE",
    used_index: "VISIBLE",
    // Error 1795.
    one_fulltext_at_a_time: true,
    // None that are about stored programs (manual, "SQL Syntax Permitted in Prepared Statements"; error
    // 1295 on 9.7).
    prepared: Some(&[
        "ALTER TABLE ",
        "CREATE TABLE ",
        "DROP TABLE ",
        "RENAME TABLE ",
        "CREATE OR REPLACE ",
        "DROP VIEW ",
        "SET ",
    ]),
    routine_privilege: "SHOW_ROUTINE",
    // Not of a table partitioned by KEY ().
    says_partitioned: false,
    periods: false,
    quotes_by_mode: false,
    keeps_last_comments: true,
    prints_escaped: true,
    is_cut_default,
    default_sql,
    default_of_bytes,
};

/// Empty, or empty before a NUL byte.
fn is_cut_default(default: &str) -> bool {
    default == "''"
}

/// A literal's value is shown without its quotes, and an expression with DEFAULT_GENERATED.
fn default_sql(raw: &str, extra: &str, ty: &str, database: &str) -> Option<String> {
    if has_word(extra, "DEFAULT_GENERATED") || is_current_time(raw, ty) {
        return Some(expr::canonical(&decoded(raw), database)).filter(|sql| sql != "null");
    }
    Some(match family(ty) {
        Family::Number | Family::Bit => raw.to_ascii_lowercase(),
        Family::Binary if raw.starts_with("0x") => raw.to_ascii_lowercase(),
        Family::Binary | Family::Quoted => lexer::quote(raw),
    })
}

fn default_of_bytes(raw: &str) -> Option<String> {
    from_hexadecimal(raw.strip_prefix("0x")?)
}
