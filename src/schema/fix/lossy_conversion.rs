//! Determines whether changing a column's definition may lose stored values.

use super::exact_conversion::{self, TypeParts, number, parse, precision};
use crate::schema::model::{Column, Schema};
use crate::sql::integer_bits;

/// Why changing `from` into `to` may lose data; `None` if it cannot. Strict servers reject the
/// truncation of most values, but not of all, and not every server is strict.
pub(super) fn reason(from: &Column, to: &Column) -> Option<&'static str> {
    match (from.generated, to.generated) {
        (None, Some(_)) => return Some("the stored values are replaced by computed ones"),
        (Some(generated), None) if !generated.stored => return Some("the computed values are not kept"),
        (Some(_), Some(_)) => return None,
        // MODIFY keeps the values of a stored column.
        (_, None) => {}
    }
    if !widens(&from.ty, &to.ty) {
        return Some("values may not fit the other type");
    }
    let charset = |column: &Column| {
        column
            .collation
            .map(|name| Schema::charset_of(&name.to_string()).to_owned())
    };
    match (charset(from), charset(to)) {
        (Some(from_type), Some(to_type))
            if from_type != to_type && to_type != "utf8mb4" && from_type != "ascii" =>
        {
            Some("characters may be missing in the other character set")
        }
        _ => None,
    }
}

/// Whether every value of `from` can be stored in `to`.
pub(crate) fn widens(from: &str, to: &str) -> bool {
    if from == to || exact_conversion::keeps_values(from, to) {
        return true;
    }
    let (from_type, to_type) = (parse(from), parse(to));
    if let (Some(a), Some(b)) = (integer_bits(from_type.name), integer_bits(to_type.name)) {
        return match (from_type.unsigned, to_type.unsigned) {
            (true, false) => b > a,
            (false, true) => false,
            _ => b >= a,
        };
    }
    if let (Some(a), Some(b)) = (characters(&from_type), characters(&to_type)) {
        return b >= a;
    }
    if let (Some(a), Some(b)) = (bytes(&from_type), bytes(&to_type)) {
        return b >= a;
    }
    match (from_type.name, to_type.name) {
        ("enum", "enum") | ("set", "set") => to_type.arguments.starts_with(from_type.arguments),
        ("decimal", "decimal") if from_type.unsigned || !to_type.unsigned => {
            let ((a, b), (c, d)) = (precision(from_type.arguments), precision(to_type.arguments));
            d >= b && c.saturating_sub(d) >= a.saturating_sub(b)
        }
        ("float", "double") => true,
        ("datetime", "datetime")
        | ("timestamp", "timestamp")
        | ("time", "time")
        | ("timestamp", "datetime") => number(to_type.arguments, 0) >= number(from_type.arguments, 0),
        ("date", "datetime") => true,
        ("json", "longtext") => true,
        _ => false,
    }
}

/// Capacity of a character type in characters; TEXT types count bytes, and a character takes up to four.
fn characters(ty: &TypeParts<'_>) -> Option<u64> {
    Some(match ty.name {
        "char" | "varchar" => number(ty.arguments, 1),
        "tinytext" => 255 / 4,
        "text" => 65_535 / 4,
        "mediumtext" => 16_777_215 / 4,
        "longtext" => 4_294_967_295 / 4,
        _ => return None,
    })
}

fn bytes(ty: &TypeParts<'_>) -> Option<u64> {
    Some(match ty.name {
        "varbinary" => number(ty.arguments, 1),
        "tinyblob" => 255,
        "blob" => 65_535,
        "mediumblob" => 16_777_215,
        "longblob" => 4_294_967_295,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::widens;

    #[test]
    fn widening_is_told_from_narrowing() {
        let wider = [
            ("int", "bigint"),
            ("int unsigned", "bigint"),
            ("tinyint(1)", "tinyint"),
            ("varchar(100)", "varchar(255)"),
            ("varchar(500)", "mediumtext"),
            ("char(3)", "varchar(3)"),
            ("text", "longtext"),
            ("enum('a','b')", "enum('a','b','c')"),
            ("decimal(10,2)", "decimal(12,2)"),
            ("decimal(10,2)", "decimal(12,4)"),
            ("datetime", "datetime(6)"),
            ("date", "datetime"),
            ("blob", "mediumblob"),
            ("float", "double"),
        ];
        for (from, to) in wider {
            assert!(widens(from, to), "{from} -> {to}");
            assert!(
                !widens(to, from) || from == "tinyint(1)" || from == "char(3)",
                "{to} -> {from}"
            );
        }
        let narrower = [
            ("int", "int unsigned"),
            ("bigint", "decimal(10,2)"),
            ("decimal(10,2)", "decimal(10,4)"),
            ("varchar(10)", "int"),
            ("longtext", "json"),
            ("enum('a','b')", "enum('a','c')"),
        ];
        for (from, to) in narrower {
            assert!(!widens(from, to), "{from} -> {to}");
        }
    }
}
