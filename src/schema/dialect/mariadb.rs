//! MariaDB's dialect.

use super::Dialect;
use crate::schema::expr::{self, lexer};
use crate::schema::normalise::from_hexadecimal;

pub(super) const DIALECT: Dialect = Dialect {
    column_checks: true,
    column_srid: false,
    generated_not_null: false,
    unused_index: "IGNORED",
    used_index: "NOT IGNORED",
    one_fulltext_at_a_time: false,
    prepared: None,
    routine_privilege: "SHOW CREATE ROUTINE (or SELECT on mysql.proc)",
    says_partitioned: true,
    periods: true,
    quotes_by_mode: true,
    keeps_last_comments: false,
    prints_escaped: false,
    is_cut_default,
    default_sql,
    default_of_bytes,
};

/// A `?` or U+FFFD may replace a character that utf8mb3 lacks.
fn is_cut_default(default: &str) -> bool {
    default.starts_with("0x") && (default.contains("3f") || default.contains("efbfbd"))
}

/// Defaults are displayed as SQL.
fn default_sql(raw: &str, _: &str, _: &str, database: &str) -> Option<String> {
    (!raw.eq_ignore_ascii_case("null")).then(|| expr::canonical(raw, database))
}

fn default_of_bytes(raw: &str) -> Option<String> {
    let digits = raw.strip_prefix("x'").and_then(|rest| rest.strip_suffix('\''))?;
    from_hexadecimal(digits).map(|text| lexer::quote(&text))
}
