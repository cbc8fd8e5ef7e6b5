//! Table options as SQL.

use super::quote;
use crate::schema::model::Symbol;

/// The option of the model for a system-versioned table of MariaDB.
pub const SYSTEM_VERSIONING: &str = "system_versioning";

/// Options whose value is a keyword; the values of all others are numbers or strings.
const KEYWORDS: [&str; 2] = ["insert_method", "row_format"];

/// Options without DEFAULT, with the value that resets them.
const DEFAULTS: [(&str, &str); 9] = [
    ("avg_row_length", "0"),
    ("checksum", "0"),
    ("compression", "'none'"),
    ("delay_key_write", "0"),
    ("encryption", "'N'"),
    ("key_block_size", "0"),
    ("max_rows", "0"),
    ("min_rows", "0"),
    ("secondary_engine", "NULL"),
];

/// A table option as `KEY=value`; without a value, the clause that resets the option.
pub fn option(key: &str, value: Option<&Symbol>) -> String {
    match value {
        Some(_) if key == SYSTEM_VERSIONING => return "WITH SYSTEM VERSIONING".to_owned(),
        None if key == SYSTEM_VERSIONING => return "DROP SYSTEM VERSIONING".to_owned(),
        _ => {}
    }
    // MariaDB also accepts options of engines in backticks.
    let plain = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let written = if plain {
        key.to_ascii_uppercase()
    } else {
        super::name(key)
    };
    let value = match value {
        Some(value) if KEYWORDS.contains(&key) => value.to_ascii_uppercase(),
        Some(value) if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() => {
            value.to_string()
        }
        Some(value) => quote(value),
        // DEFAULT does not change these.
        None if key == "page_checksum" || key == "transactional" => "1".to_owned(),
        None => {
            let known = DEFAULTS.iter().find(|(known, _)| *known == key);
            known.map_or("DEFAULT", |(_, value)| value).to_owned()
        }
    };
    format!("{written}={value}")
}

#[cfg(test)]
mod tests {
    use super::option;
    use crate::schema::model::Symbol;

    #[test]
    fn values_are_written_as_their_kind_asks() {
        let table = [
            ("row_format", Some("compressed"), "ROW_FORMAT=COMPRESSED"),
            ("max_rows", Some("100"), "MAX_ROWS=100"),
            ("compression", Some("zlib"), "COMPRESSION='zlib'"),
            ("page_compressed", Some("1"), "PAGE_COMPRESSED=1"),
            ("encrypted", Some("yes"), "ENCRYPTED='yes'"),
            ("foo bar", Some("It's"), "`foo bar`='It''s'"),
            ("max_rows", None, "MAX_ROWS=0"),
            ("encryption", None, "ENCRYPTION='N'"),
            ("page_compressed", None, "PAGE_COMPRESSED=DEFAULT"),
        ];
        for (key, value, expected) in table {
            assert_eq!(option(key, value.map(Symbol::new).as_ref()), expected);
        }
    }
}
