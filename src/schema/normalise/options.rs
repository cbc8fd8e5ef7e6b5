//! Table options: INFORMATION_SCHEMA's `create_options`.

use crate::schema::model::{ByName, Symbol};

/// Options that are not part of a schema: paths on one machine, partitioning, and options that no
/// statement sets.
const LEFT_OUT: [&str; 4] = [
    "data_directory",
    "index_directory",
    "partitioned",
    "secondary_load",
];

/// Options, with an engine and a value, that equal the engine's default.
const NO_OPTIONS: [(&str, &str, &str); 5] = [
    ("innodb", "encryption", "n"),
    ("innodb", "compression", "none"),
    ("innodb", "row_format", "dynamic"),
    ("aria", "page_checksum", "1"),
    ("aria", "transactional", "1"),
];

/// The explicit options of a table. InnoDB's row format is the requested one, otherwise the one in
/// use, so that naming the default makes no difference; MySQL 9.7 still reports the old row format
/// after a change on a partitioned table.
pub fn table_options(engine: &str, row_format: &str, create_options: &str) -> ByName<Symbol> {
    let engine = engine.to_ascii_lowercase();
    let mut options = ByName::new();
    if engine == "innodb" && !row_format.is_empty() {
        options.insert(
            Symbol::new("row_format"),
            Symbol::from(row_format.to_ascii_lowercase()),
        );
    }
    for (key, value) in read(create_options) {
        if !LEFT_OUT.contains(&key.as_str()) {
            options.insert(Symbol::from(key), Symbol::from(value));
        }
    }
    options.retain(|key, value| {
        let none = |default: &&(&str, &str, &str)| {
            default.0 == engine && *key == *default.1 && value.eq_ignore_ascii_case(default.2)
        };
        NO_OPTIONS.iter().find(none).is_none()
    });
    options
}

/// Parses `row_format=FIXED DATA DIRECTORY='/a b/' COMPRESSION="none" partitioned`, in which MariaDB
/// writes the options of engines as `` `PAGE_COMPRESSED`='ON' ``.
fn read(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let of_engine = rest.starts_with('`');
        let (key, after) = match rest.chars().next() {
            Some('`') => quoted(rest, '`'),
            _ => {
                let directory = |text: &str| {
                    let word = text.get(..text.find(' ')? + " directory".len())?;
                    word.to_ascii_lowercase()
                        .ends_with(" directory")
                        .then_some(word.len())
                };
                let end = directory(rest)
                    .or_else(|| rest.find(['=', ' ']))
                    .unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        let key = key.to_ascii_lowercase().replace(" directory", "_directory");
        let (value, after) = match after.strip_prefix('=') {
            None => ("1".to_owned(), after),
            Some(value) => match value.chars().next() {
                Some(quote @ ('\'' | '"')) => quoted(value, quote),
                _ => {
                    let end = value.find(' ').unwrap_or(value.len());
                    (value[..end].to_owned(), &value[end..])
                }
            },
        };
        let value = match key.as_str() {
            "page_compressed" => truth(value),
            "encrypted" => value.to_ascii_lowercase(),
            _ if of_engine => value,
            _ => value.to_ascii_lowercase(),
        };
        out.push((key, value));
        rest = after.trim_start();
    }
    out
}

/// The text in quotes, which are doubled inside, and the rest.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut out = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != quote {
            out.push(letter);
        } else if letters.next_if(|(_, next)| *next == quote).is_some() {
            out.push(quote);
        } else {
            return (out, &text[at + 1..]);
        }
    }
    (out, "")
}

/// Unifies the spellings of a truth value, which MariaDB stores as written.
fn truth(value: String) -> String {
    match value.to_ascii_lowercase().as_str() {
        "on" | "yes" | "1" => "1".to_owned(),
        "off" | "no" | "0" => "0".to_owned(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::table_options;

    fn options(engine: &str, row_format: &str, create_options: &str) -> String {
        let options = table_options(engine, row_format, create_options);
        let options = options.iter().map(|(key, value)| format!("{key}={value}"));
        options.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_are_read_as_both_servers_print_them() {
        let table = [
            (
                "InnoDB",
                "Compressed",
                "stats_persistent=0 row_format=COMPRESSED key_block_size=8 partitioned",
                "key_block_size=8 row_format=compressed stats_persistent=0",
            ),
            ("InnoDB", "Dynamic", "row_format=DYNAMIC", ""),
            ("InnoDB", "Dynamic", "ENCRYPTION='N'", ""),
            ("InnoDB", "Dynamic", "COMPRESSION=\"none\"", ""),
            ("InnoDB", "Dynamic", "COMPRESSION=\"zlib\"", "compression=zlib"),
            (
                "InnoDB",
                "Dynamic",
                "SECONDARY_ENGINE=\"rapid\" SECONDARY_LOAD=\"0\"",
                "secondary_engine=rapid",
            ),
            (
                "InnoDB",
                "Dynamic",
                "`PAGE_COMPRESSED`='ON' `PAGE_COMPRESSION_LEVEL`='9' `ENCRYPTED`=NO",
                "encrypted=no page_compressed=1 page_compression_level=9",
            ),
            (
                "InnoDB",
                "Dynamic",
                "`foo bar`='It''s A b' `baz`=Qux",
                "baz=Qux foo bar=It's A b",
            ),
            (
                "MyISAM",
                "Fixed",
                "pack_keys=1 DATA DIRECTORY='/a b/' row_format=FIXED",
                "pack_keys=1 row_format=fixed",
            ),
            (
                "Aria",
                "Page",
                "page_checksum=1 transactional=0",
                "transactional=0",
            ),
        ];
        for (engine, row_format, create_options, expected) in table {
            assert_eq!(
                options(engine, row_format, create_options),
                expected,
                "{create_options}"
            );
        }
    }
}
