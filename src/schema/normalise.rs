//! What a server's INFORMATION_SCHEMA says, brought to the canonical form: pure functions.
//!
//! The differences between the servers that are undone here were measured with MariaDB 10.11
//! and 11.8 and MySQL 9.7; the tables of the tests hold what each of them prints.

use crate::db::Flavor;
use crate::hex;
use std::borrow::Cow;

mod body;
mod checks;
mod mode;
mod options;
mod schedule;
mod spelling;
mod versioning;

pub use body::{body, without_comments, without_escapes};
pub use checks::name_column_checks;
pub use mode::{ORACLE, modes_against, program_mode};
pub use options::table_options;
pub use schedule::intervals;
pub use spelling::{respelled, spell_columns};
pub use versioning::settle_versioning;

use super::dialect;
use super::expr::{self, lexer};
use super::model::{Action, Column, Key, Schema, Table, Text};

/// Canonical name of a collation or character set: `utf8` is what `utf8mb3` was called before.
pub fn collation(name: &str) -> String {
    match name.strip_prefix("utf8_") {
        Some(rest) => format!("utf8mb3_{rest}"),
        None if name == "utf8" => "utf8mb3".to_owned(),
        None => name.to_owned(),
    }
}

/// Canonical column type: integer display widths go unless they show (ZEROFILL, `tinyint(1)`).
pub fn column_type(raw: &str) -> String {
    const INTEGERS: [&str; 5] = ["tinyint(", "smallint(", "mediumint(", "int(", "bigint("];
    let ty = raw.trim();
    if ty == "tinyint(1)" || ty.ends_with("zerofill") {
        return ty.to_owned();
    }
    if ty == "year(4)" {
        return "year".to_owned();
    }
    if ty == "geomcollection" {
        return "geometrycollection".to_owned();
    }
    let integer = INTEGERS.iter().find(|name| ty.starts_with(**name));
    match (integer, ty.split_once(')')) {
        (Some(name), Some((_, rest))) => format!("{}{rest}", &name[..name.len() - 1]),
        _ => ty.to_owned(),
    }
}

/// The kinds of types that print their defaults differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Number,
    Bit,
    Binary,
    Quoted,
}

pub(super) fn family(ty: &str) -> Family {
    const NUMBERS: [&str; 12] = [
        "tinyint",
        "smallint",
        "mediumint",
        "int",
        "bigint",
        "decimal",
        "numeric",
        "float",
        "double",
        "real",
        "year",
        "bool",
    ];
    let name = ty.split(['(', ' ']).next().unwrap_or(ty);
    match name {
        "bit" => Family::Bit,
        "binary" | "varbinary" => Family::Binary,
        name if NUMBERS.contains(&name) => Family::Number,
        _ => Family::Quoted,
    }
}

/// The canonical default of a column, or nothing if it has none (or NULL, which is the same).
///
/// MariaDB says the default as SQL; MySQL says a literal's value without its quotes, and an
/// expression as SQL with `DEFAULT_GENERATED` in `extra`.
pub fn default_value(
    flavor: Flavor,
    raw: Option<&str>,
    extra: &str,
    ty: &str,
    database: &str,
) -> Option<String> {
    let raw = raw?;
    let sql = (dialect::of(flavor).default_sql)(raw, extra, ty, database)?;
    let value = lexer::literal_value(&sql);
    Some(match (family(ty), value) {
        (Family::Number, Some(value)) if value.parse::<f64>().is_ok() => value,
        (Family::Binary, value) => {
            let bytes = value.map(|value| hexadecimal(&value)).unwrap_or(sql);
            match bytes.strip_prefix("0x") {
                Some(digits) => binary_default(ty, digits),
                None => bytes,
            }
        }
        (Family::Quoted, None) if expr::is_literal(&sql) && sql.parse::<f64>().is_ok() => lexer::quote(&sql),
        _ => sql,
    })
}

/// The default of an ENUM or SET in the character set `binary`, as that of any other: MySQL and
/// MariaDB 11.8 say its bytes.
pub fn default_of_bytes(flavor: Flavor, raw: &str) -> String {
    (dialect::of(flavor).default_of_bytes)(raw).unwrap_or_else(|| raw.to_owned())
}

/// Whether a default is the time of the INSERT.
pub(super) fn is_current_time(raw: &str, ty: &str) -> bool {
    let is_time = ty.starts_with("timestamp") || ty.starts_with("datetime");
    let start = raw.get(..17);
    is_time && start.is_some_and(|start| start.eq_ignore_ascii_case("current_timestamp"))
}

/// The text whose bytes these digits are; nothing if they are no text.
pub fn from_hexadecimal(digits: &str) -> Option<String> {
    String::from_utf8(hex::decode(digits)?).ok()
}

/// The canonical default of a binary column from the digits of its bytes.
pub fn binary_default(ty: &str, digits: &str) -> String {
    let bytes = format!("0x{}", digits.to_ascii_lowercase());
    match ty.starts_with("binary") {
        true => unpadded(&bytes),
        false if digits.is_empty() => "''".to_owned(),
        false => bytes,
    }
}

/// MariaDB pads the default of a BINARY column to its length, MySQL does not. Nothing but padding
/// is the empty string, which MySQL prints as `0x` and does not read again.
fn unpadded(hexadecimal: &str) -> String {
    let mut digits = hexadecimal;
    while let Some(rest) = digits.strip_suffix("00").filter(|rest| rest.starts_with("0x")) {
        digits = rest;
    }
    if digits == "0x" { "''" } else { digits }.to_owned()
}

/// Bytes as `0x616200`, which needs no escapes.
fn hexadecimal(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    format!("0x{}", hex::encode(text.as_bytes()))
}

/// MySQL gives the bytes of an expression out as if each were a letter, so that `ü` becomes
/// `Ã¼`: this takes it back. What every server says rightly is no such bytes and stays.
pub fn decoded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(letter).ok()).collect();
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(text),
    }
}

/// What `extra` says after `on update`.
pub fn on_update(extra: &str) -> Option<String> {
    let at = extra.to_ascii_lowercase().find("on update ")?;
    let value = extra[at + "on update ".len()..].split_whitespace().next()?;
    Some(expr::canonical(value, ""))
}

/// Whether `extra` has the word, in any case.
pub fn has_word(extra: &str, word: &str) -> bool {
    extra.split_whitespace().any(|one| one.eq_ignore_ascii_case(word))
}

/// A rule of a foreign key.
pub fn action(rule: &str) -> Action {
    match rule {
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        _ => Action::Restrict,
    }
}

/// The type of a parameter or of a function's result, with the collation of its text unless that
/// is the database's own, which is what it was when the program was made (`database`): a later default of
/// the database changes no program. A collation that the character set alone gives is left to the server.
pub fn program_type(schema: &Schema, ty: &str, collation: Option<&str>, database: Text) -> String {
    let ty = column_type(ty);
    let name = collation.filter(|name| !name.is_empty());
    let Some(name) = name.map(|name| Text::from(self::collation(name))) else {
        return ty;
    };
    let charset = Schema::charset_of(&name);
    match schema.is_default_collation(name) {
        _ if name == database => ty,
        true => format!("{ty} CHARACTER SET {charset}"),
        false => format!("{ty} CHARACTER SET {charset} COLLATE {name}"),
    }
}

/// A parameter as it stands in CREATE PROCEDURE, or in that of MariaDB's mode ORACLE; functions know
/// no modes of parameters.
pub fn parameter(mode: Option<&str>, name: &str, ty: &str, oracle: bool) -> String {
    let name = name.replace('`', "``");
    match mode.filter(|mode| !mode.is_empty()) {
        Some(mode) if oracle => format!("`{name}` {} {ty}", mode.to_ascii_lowercase()),
        Some(mode) => format!("{} `{name}` {ty}", mode.to_ascii_lowercase()),
        None => format!("`{name}` {ty}"),
    }
}

/// MariaDB stores JSON as longtext with a check; this gives the column its type back and
/// takes the check away (manual of MariaDB: "JSON Data Type").
pub fn restore_json(table: &mut Table) {
    let looks = |column: &Column| {
        column.ty == "longtext" && column.collation.is_some_and(|name| name == "utf8mb4_bin")
    };
    // Only what changes is touched: the columns may be another model's as well.
    for at in (0..table.columns.len())
        .filter(|at| looks(&table.columns[*at]))
        .collect::<Vec<_>>()
    {
        let clause = format!("json_valid(`{}`)", table.columns[at].name);
        let mut checks = table.checks.iter();
        let check = checks.find(|(_, check)| check.clause == clause.as_str());
        if let Some(name) = check.map(|(name, _)| *name) {
            table.checks.remove(&name);
            table.columns[at].change(|column| {
                column.ty = Text::new("json");
                column.collation = None;
            });
        }
    }
}

/// Whether a check's name was made up by the server: `t_chk_1` (MySQL), `CONSTRAINT_1` (MariaDB).
pub fn is_generated_check(table: &str, name: &str) -> bool {
    numbered(name, &format!("{table}_chk_")) || numbered(name, "CONSTRAINT_")
}

/// Whether a foreign key's name was made up by the server: `t_ibfk_1`, or a bare number
/// (MariaDB from 12.1).
pub fn is_generated_foreign_key(table: &str, name: &str) -> bool {
    numbered(name, &format!("{table}_ibfk_")) || numbered(name, "")
}

fn numbered(name: &str, prefix: &str) -> bool {
    let rest = name
        .get(..prefix.len())
        .filter(|start| start.eq_ignore_ascii_case(prefix))
        .and_then(|_| name.get(prefix.len()..));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether an index may have been named by the server after its first column: `email`, `email_2`.
pub fn is_generated_index(name: &str, first: Option<Key>) -> bool {
    let Some(Key::Column(column)) = first else {
        return numbered(name, "functional_index_") || name == "functional_index";
    };
    name.eq_ignore_ascii_case(&column) || numbered(name, &format!("{column}_"))
}

#[cfg(test)]
mod tests;
