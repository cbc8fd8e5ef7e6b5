//! Converts the contents of INFORMATION_SCHEMA to the canonical form. Pure functions.
//!
//! The differences between the servers were measured with MariaDB 10.11 and 11.8 and MySQL 9.7; the
//! tables of the tests contain the output of each.

use crate::db::Flavor;
use crate::hex;
use std::borrow::Cow;

mod body;
mod checks;
mod identifier_case;
mod mode;
mod options;
mod schedule;
mod versioning;

pub use body::{body, without_comments, without_escapes};
pub use checks::name_column_checks;
pub use identifier_case::{unify_column_case, with_case_of};
pub use mode::{ORACLE, modes_against, program_mode};
pub use options::table_options;
pub use schedule::intervals;
pub use versioning::normalise_versioning;

use super::dialect;
use super::expr::{self, lexer};
use super::model::{Column, IndexKey, ReferentialAction, Schema, Symbol, Table};

/// Canonical name of a collation or character set: `utf8` is the old name of `utf8mb3`.
pub fn collation(name: &str) -> String {
    match name.strip_prefix("utf8_") {
        Some(rest) => format!("utf8mb3_{rest}"),
        None if name == "utf8" => "utf8mb3".to_owned(),
        None => name.to_owned(),
    }
}

/// Canonical column type: without integer display widths, except those with an effect (ZEROFILL,
/// `tinyint(1)`).
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

/// Families of types whose defaults are printed differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeFamily {
    Number,
    Bit,
    Binary,
    Quoted,
}

pub(super) fn family(ty: &str) -> TypeFamily {
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
        "bit" => TypeFamily::Bit,
        "binary" | "varbinary" => TypeFamily::Binary,
        name if NUMBERS.contains(&name) => TypeFamily::Number,
        _ => TypeFamily::Quoted,
    }
}

/// The canonical default of a column; `None` if it has none or NULL, which are equal.
///
/// MariaDB prints the default as SQL; MySQL prints a literal's value without its quotes, and an
/// expression as SQL with `DEFAULT_GENERATED` in `extra`.
pub fn default_value(
    flavor: Flavor,
    raw: Option<&str>,
    extra: &str,
    ty: &str,
    database: &str,
) -> Option<String> {
    let raw = raw?;
    let sql = (dialect::for_flavor(flavor).default_sql)(raw, extra, ty, database)?;
    let value = lexer::literal_value(&sql);
    Some(match (family(ty), value) {
        (TypeFamily::Number, Some(value)) if value.parse::<f64>().is_ok() => value,
        (TypeFamily::Binary, value) => {
            let bytes = value.map(|value| hexadecimal(&value)).unwrap_or(sql);
            match bytes.strip_prefix("0x") {
                Some(digits) => binary_default(ty, digits),
                None => bytes,
            }
        }
        (TypeFamily::Quoted, None) if expr::is_literal(&sql) && sql.parse::<f64>().is_ok() => {
            lexer::quote(&sql)
        }
        _ => sql,
    })
}

/// The default of an ENUM or SET in the character set `binary`, as text: MySQL and MariaDB 11.8 print its
/// bytes.
pub fn default_of_bytes(flavor: Flavor, raw: &str) -> String {
    (dialect::for_flavor(flavor).default_of_bytes)(raw).unwrap_or_else(|| raw.to_owned())
}

/// Whether a default is the current time.
pub(super) fn is_current_time(raw: &str, ty: &str) -> bool {
    let is_time = ty.starts_with("timestamp") || ty.starts_with("datetime");
    let start = raw.get(..17);
    is_time && start.is_some_and(|start| start.eq_ignore_ascii_case("current_timestamp"))
}

/// The text with these bytes, given as hexadecimal digits; `None` if it is not UTF-8.
pub fn from_hexadecimal(digits: &str) -> Option<String> {
    String::from_utf8(hex::decode(digits)?).ok()
}

/// The canonical default of a binary column, from the hexadecimal digits of its bytes.
pub fn binary_default(ty: &str, digits: &str) -> String {
    let bytes = format!("0x{}", digits.to_ascii_lowercase());
    match ty.starts_with("binary") {
        true => unpadded(&bytes),
        false if digits.is_empty() => "''".to_owned(),
        false => bytes,
    }
}

/// Removes the padding of a BINARY column's default, which MariaDB prints and MySQL does not. A default of
/// padding only is the empty string, which MySQL prints as `0x` but does not accept.
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

/// Decodes an expression of MySQL, which prints each UTF-8 byte as a character, so that `ü` becomes
/// `Ã¼`. Text that is printed correctly does not decode and stays unchanged.
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

/// The expression after `on update` in `extra`.
pub fn on_update(extra: &str) -> Option<String> {
    let at = extra.to_ascii_lowercase().find("on update ")?;
    let value = extra[at + "on update ".len()..].split_whitespace().next()?;
    Some(expr::canonical(value, ""))
}

/// Whether `extra` contains a word, ignoring case.
pub fn has_word(extra: &str, word: &str) -> bool {
    extra.split_whitespace().any(|one| one.eq_ignore_ascii_case(word))
}

/// The referential action of a foreign key's rule.
pub fn action(rule: &str) -> ReferentialAction {
    match rule {
        "CASCADE" => ReferentialAction::Cascade,
        "SET NULL" => ReferentialAction::SetNull,
        "SET DEFAULT" => ReferentialAction::SetDefault,
        _ => ReferentialAction::Restrict,
    }
}

/// The type of a parameter or of a function's result, with its collation unless that is `database`, the
/// database's collation at the creation of the program, which a later change does not affect. The default
/// collation of a character set is omitted.
pub fn program_type(schema: &Schema, ty: &str, collation: Option<&str>, database: Symbol) -> String {
    let ty = column_type(ty);
    let name = collation.filter(|name| !name.is_empty());
    let Some(name) = name.map(|name| Symbol::from(self::collation(name))) else {
        return ty;
    };
    let charset = Schema::charset_of(&name);
    match schema.is_default_collation(name) {
        _ if name == database => ty,
        true => format!("{ty} CHARACTER SET {charset}"),
        false => format!("{ty} CHARACTER SET {charset} COLLATE {name}"),
    }
}

/// A parameter as written in CREATE PROCEDURE, also under MariaDB's mode ORACLE; parameters of functions
/// have no mode.
pub fn parameter(mode: Option<&str>, name: &str, ty: &str, oracle: bool) -> String {
    let name = name.replace('`', "``");
    match mode.filter(|mode| !mode.is_empty()) {
        Some(mode) if oracle => format!("`{name}` {} {ty}", mode.to_ascii_lowercase()),
        Some(mode) => format!("{} `{name}` {ty}", mode.to_ascii_lowercase()),
        None => format!("`{name}` {ty}"),
    }
}

/// Restores the type of JSON columns, which MariaDB stores as longtext with a check, and removes the
/// check (manual of MariaDB: "JSON Data Type").
pub fn restore_json(table: &mut Table) {
    let looks = |column: &Column| {
        column.ty == "longtext" && column.collation.is_some_and(|name| name == "utf8mb4_bin")
    };
    // Do not touch unchanged tables: the columns may be shared with another model.
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
                column.ty = Symbol::new("json");
                column.collation = None;
            });
        }
    }
}

/// Whether the server generated a check's name: `t_chk_1` (MySQL), `CONSTRAINT_1` (MariaDB).
pub fn is_generated_check(table: &str, name: &str) -> bool {
    numbered(name, &format!("{table}_chk_")) || numbered(name, "CONSTRAINT_")
}

/// Whether the server generated a foreign key's name: `t_ibfk_1`, or a bare number
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

/// Whether the server may have generated an index's name from its first column: `email`, `email_2`.
pub fn is_generated_index(name: &str, first: Option<IndexKey>) -> bool {
    let Some(IndexKey::Column(column)) = first else {
        return numbered(name, "functional_index_") || name == "functional_index";
    };
    name.eq_ignore_ascii_case(&column) || numbered(name, &format!("{column}_"))
}

#[cfg(test)]
mod tests;
