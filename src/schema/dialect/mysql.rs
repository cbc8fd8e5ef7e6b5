//! MySQL's dialect.

use super::Dialect;
use crate::schema::expr::{self, lexer};
use crate::schema::normalise::{TypeFamily, decoded, family, from_hexadecimal, has_word, is_current_time};

pub(super) const DIALECT: Dialect = Dialect {
    column_checks: false,
    column_srid: true,
    generated_not_null: true,
    unused_index: "INVISIBLE",
    used_index: "VISIBLE",
    // Error 1795.
    one_fulltext_at_a_time: true,
    // Statements about stored programs cannot be prepared (manual, "SQL Syntax Permitted in Prepared
    // Statements"; error 1295 on 9.7).
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
    // Tables partitioned by KEY () are not identified.
    says_partitioned: false,
    periods: false,
    quotes_by_mode: false,
    keeps_last_comments: true,
    prints_escaped: true,
    is_cut_default,
    default_sql,
    default_of_bytes,
};

/// An empty default may have been cut at a NUL byte.
fn is_cut_default(default: &str) -> bool {
    default == "''"
}

/// A literal's value is displayed without its quotes, and an expression with DEFAULT_GENERATED.
fn default_sql(raw: &str, extra: &str, ty: &str, database: &str) -> Option<String> {
    if has_word(extra, "DEFAULT_GENERATED") || is_current_time(raw, ty) {
        return Some(expr::canonical(&decoded(raw), database)).filter(|sql| sql != "null");
    }
    Some(match family(ty) {
        TypeFamily::Number | TypeFamily::Bit => raw.to_ascii_lowercase(),
        TypeFamily::Binary if raw.starts_with("0x") => raw.to_ascii_lowercase(),
        TypeFamily::Binary | TypeFamily::Quoted => lexer::quote(raw),
    })
}

fn default_of_bytes(raw: &str) -> Option<String> {
    from_hexadecimal(raw.strip_prefix("0x")?)
}
