//! Flyway: `V1__name.sql`, `V1.2__name.sql`, its way back `U1__name.sql`, `R__name.sql` which runs whenever it has
//! changed, `B1__name.sql` which makes an empty database (its documentation, "Migrations"). `${name}` in a file is
//! text, as with Flyway's `placeholderReplacement=false`.

use std::io::{self, Read};

use super::foreign::ForeignRow;
use super::{FileLayout, ForeignHistory};
use crate::migrate::files::names::{NameParts, Role, fits};
use crate::migrate::files::version::Version;

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "flyway",
    name: "Flyway",
    names: |names| match () {
        () if names.is_flyway_only() => {
            Some("it has names that only Flyway gives: R__name.sql, V1.2__name.sql or the like")
        }
        () if names.are_lettered() => Some("its files are named V1__name.sql"),
        () => None,
    },
    history: Some(&HISTORY),
    ..FileLayout::BY_NAMES
};

const HISTORY: ForeignHistory = ForeignHistory {
    table: "flyway_schema_history",
    columns: &["installed_rank", "version", "script", "checksum", "success"],
    select: "SELECT version, script, CAST(checksum AS CHAR), CASE WHEN NOT success THEN 'failed' \
             WHEN type LIKE '%BASELINE' THEN 'up-to' WHEN type LIKE 'UNDO%' OR type = 'DELETE' THEN 'undone' \
             WHEN type = 'SCHEMA' THEN 'other' ELSE 'done' END FROM {table} ORDER BY installed_rank",
    checksum: Some(checksum),
    settle: "finish or undo that migration by hand, then remove its row with `flyway repair`",
    ..ForeignHistory::BY_VERSION
};

/// The parts of a name with a letter; `None` for another name.
pub(in crate::migrate::files) fn name(stem: &str) -> Option<Result<NameParts<'_>, &'static str>> {
    let label = label(stem)?;
    let role = match stem.as_bytes().first()? {
        b'V' => Role::LetteredUp,
        b'U' => Role::Undo,
        b'B' => Role::Baseline,
        _ => Role::Repeatable,
    };
    let description = stem.split_once("__").map_or("", |(_, rest)| rest);
    let version = match role {
        Role::Repeatable => Some(Version::of_repeatable(stem)),
        _ => Version::parse(label),
    };
    Some(match (fits(stem), version) {
        (Err(why), _) => Err(why),
        (Ok(()), None) => Err("its version is not made of up to eight numbers, or one of them is too large"),
        (Ok(()), Some(_)) if description.is_empty() => Err("its name has no text behind the two underscores"),
        (Ok(()), Some(version)) => Ok(NameParts {
            version,
            label,
            name: stem,
            role,
        }),
    })
}

/// What stands between the letter and the two underscores; the whole name of a repeatable migration, which has no
/// version.
pub(in crate::migrate::files) fn label(stem: &str) -> Option<&str> {
    if stem.starts_with("R__") {
        return Some(stem);
    }
    let rest = stem.strip_prefix(['V', 'U', 'B'])?;
    let (label, _) = rest.split_once("__")?;
    label.starts_with(|c: char| c.is_ascii_digit()).then_some(label)
}

/// CRC-32 of the file's lines without their ends, as a number with a sign.
fn checksum(file: &mut dyn Read, _row: &ForeignRow) -> io::Result<Vec<String>> {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| (0..8).fold(byte, |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1))))
        .collect();
    let mut text = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let (mut sum, mut first) = (u32::MAX, true);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(vec![(!sum).cast_signed().to_string()]);
        }
        text.clear();
        text.extend_from_slice(&chunk[..count]);
        let bytes = match std::mem::take(&mut first) {
            true => text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text),
            false => &text,
        };
        for byte in bytes.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
            sum = (sum >> 8) ^ table[usize::from(sum.to_le_bytes()[0] ^ byte)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::foreign::ForeignRow;

    #[test]
    fn checksums_are_flyways() {
        let sum = |text: &str| {
            super::checksum(&mut text.as_bytes(), &ForeignRow::default())
                .unwrap()
                .remove(0)
        };
        // The check value of this CRC is 0xCBF43926.
        assert_eq!(sum("123456789"), "-873187034");
        assert_eq!(sum("\u{feff}1234\r\n56\r789\n"), "-873187034");
        assert_eq!(sum(""), "0");
    }
}
