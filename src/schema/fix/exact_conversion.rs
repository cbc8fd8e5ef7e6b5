//! Conversions between different kinds of types that keep every value.

use crate::schema::expr::lexer;

/// The parts of a type such as `decimal(10,2) unsigned`.
pub(super) struct TypeParts<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
    pub(super) unsigned: bool,
}

/// Reads a type as the server writes it.
pub(super) fn parse(ty: &str) -> TypeParts<'_> {
    let (head, rest) = ty.split_once('(').unwrap_or((ty, ""));
    let arguments = rest.rsplit_once(')').map_or("", |(inside, _)| inside);
    TypeParts {
        name: head.split(' ').next().unwrap_or(head),
        arguments,
        unsigned: ty.contains("unsigned") || ty.contains("zerofill"),
    }
}

/// Whether every value of `from` can be written in `to`, and reads the same there.
pub(super) fn keeps_values(from: &str, to: &str) -> bool {
    let (from_type, to_type) = (parse(from), parse(to));
    let listed = |ty: &TypeParts<'_>| values(ty.arguments);
    match (from_type.name, to_type.name) {
        // A value is converted by its name, not by its number.
        ("enum", "enum") | ("set", "set") => {
            let there = listed(&to_type);
            return listed(&from_type).iter().all(|value| there.contains(value));
        }
        (
            "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon",
            "geometry",
        ) => {
            return true;
        }
        _ => {}
    }
    if let (Some(letters), Some(room)) = (longest(&from_type), room(&to_type)) {
        return letters <= room;
    }
    let Some(digits) = integer_digits(&from_type) else {
        return false;
    };
    match to_type.name {
        "decimal" => {
            let (precision, scale) = precision(to_type.arguments);
            precision.saturating_sub(scale) >= digits && (from_type.unsigned || !to_type.unsigned)
        }
        // A double represents integers of 53 bits exactly, a float those of 24.
        "double" => digits <= 10,
        "float" => digits <= 5,
        "smallint" | "mediumint" | "int" | "bigint" => from_type.name == "year",
        _ => false,
    }
}

/// The values of an ENUM or a SET.
fn values(arguments: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = arguments;
    while let Some(start) = rest.find('\'') {
        rest = &rest[start..];
        // A doubled quote is part of the value.
        let mut end = 1;
        while let Some(at) = rest[end..].find('\'') {
            end += at + 1;
            if !rest[end..].starts_with('\'') {
                break;
            }
            end += 1;
        }
        out.extend(lexer::literal_value(&rest[..end]));
        rest = &rest[end..];
    }
    out
}

/// Decimal digits of the largest value of an integer type.
fn integer_digits(ty: &TypeParts<'_>) -> Option<u64> {
    Some(match ty.name {
        "tinyint" => 3,
        "smallint" => 5,
        "mediumint" => 8,
        "int" => 10,
        "bigint" if ty.unsigned => 20,
        "bigint" => 19,
        "year" => 4,
        _ => return None,
    })
}

/// A number among the arguments of a type.
pub(super) fn number(text: &str, default: u64) -> u64 {
    text.trim().parse().unwrap_or(default)
}

/// Precision and scale of a decimal.
pub(super) fn precision(arguments: &str) -> (u64, u64) {
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    (number(precision, 10), number(scale, 0))
}

/// Length of the longest value as text, in characters.
fn longest(ty: &TypeParts<'_>) -> Option<u64> {
    let fraction = match number(ty.arguments, 0) {
        0 => 0,
        digits => digits + 1,
    };
    Some(match ty.name {
        "decimal" => precision(ty.arguments).0 + 3,
        "date" => 10,
        "datetime" | "timestamp" => 19 + fraction,
        "time" => 10 + fraction,
        "uuid" => 36,
        "inet6" => 39,
        "inet4" => 15,
        "enum" => {
            let lengths = values(ty.arguments)
                .into_iter()
                .map(|value| value.chars().count());
            lengths.max().unwrap_or(0) as u64
        }
        "set" => {
            let lengths = values(ty.arguments)
                .into_iter()
                .map(|value| value.chars().count() + 1);
            lengths.sum::<usize>() as u64
        }
        _ => {
            let digits = integer_digits(ty)?;
            // ZEROFILL pads to the display width.
            digits.max(number(ty.arguments, 0)) + u64::from(!ty.unsigned && ty.name != "year")
        }
    })
}

/// Capacity of a text type in characters, for characters of any length.
fn room(ty: &TypeParts<'_>) -> Option<u64> {
    Some(match ty.name {
        "char" | "varchar" => number(ty.arguments, 1),
        "tinytext" => 255 / 4,
        "text" => 65_535 / 4,
        "mediumtext" => 16_777_215 / 4,
        "longtext" => 4_294_967_295 / 4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::keeps_values;

    #[test]
    fn what_reads_the_same_is_told_from_what_may_not() {
        for (from, to) in [
            ("int", "varchar(20)"),
            ("int", "varchar(11)"),
            ("int unsigned", "varchar(10)"),
            ("tinyint(1)", "char(4)"),
            ("bigint unsigned", "text"),
            ("int(20) unsigned zerofill", "varchar(20)"),
            ("decimal(10,2)", "varchar(13)"),
            ("enum('a','b,c')", "text"),
            ("enum('a','it''s')", "varchar(4)"),
            ("enum('a','b')", "enum('a','c','b')"),
            ("set('a','b')", "varchar(4)"),
            ("date", "varchar(10)"),
            ("datetime(3)", "varchar(23)"),
            ("time", "char(10)"),
            ("year", "varchar(4)"),
            ("year", "smallint"),
            ("int", "decimal(12,2)"),
            ("int", "double"),
            ("smallint", "float"),
            ("point", "geometry"),
        ] {
            assert!(keeps_values(from, to), "{from} -> {to}");
        }
        for (from, to) in [
            ("int", "varchar(10)"),
            ("bigint", "varchar(11)"),
            ("int(20) unsigned zerofill", "varchar(19)"),
            ("decimal(10,2)", "varchar(12)"),
            ("enum('a','long')", "varchar(3)"),
            ("enum('a','b')", "enum('a')"),
            ("float", "varchar(30)"),
            ("bigint", "double"),
            ("int", "float"),
            ("int", "decimal(10,2)"),
            ("int", "decimal(12,2) unsigned"),
            ("varchar(20)", "int"),
            ("text", "varchar(20)"),
            ("date", "int"),
            ("datetime", "varchar(18)"),
            ("geometry", "point"),
            ("bit(8)", "varchar(20)"),
            ("int", "date"),
        ] {
            assert!(!keeps_values(from, to), "{from} -> {to}");
        }
    }
}
