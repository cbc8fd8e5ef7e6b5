//! refinery: `V1__name.sql`, and `U1__name.sql` for a migration that may be applied after later ones (the
//! documentation of its crate). `U` takes nothing back here, unlike Flyway's: files alone do not tell the two apart,
//! so that `U` without a `V` of its version needs `--layout refinery`.

use std::io::{self, Read};

use super::foreign::ForeignRow;
use super::sip_hash::SipHash13;
use super::{FileLayout, ForeignHistory, any_name};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "refinery",
    name: "refinery",
    names: any_name,
    history: Some(&HISTORY),
    ..FileLayout::BY_NAMES
};

const HISTORY: ForeignHistory = ForeignHistory {
    table: "refinery_schema_history",
    columns: &["version", "name", "applied_on", "checksum"],
    select: "SELECT CAST(version AS CHAR), name, checksum, 'done' FROM {table} ORDER BY version",
    checksum: Some(checksum),
    ..ForeignHistory::BY_VERSION
};

/// SipHash-1-3 of name, version and text, each as Rust's `Hash` writes it; the version has 32 bits, or 64 with
/// refinery's feature `int8-versions`.
fn checksum(file: &mut dyn Read, row: &ForeignRow) -> io::Result<Vec<String>> {
    let version: i64 = row
        .version
        .as_deref()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let name = row.name.as_deref().unwrap_or_default();
    let begun = || {
        let mut hash = SipHash13::default();
        hash.write(name.as_bytes());
        hash.write(&[0xFF]);
        hash
    };
    let (mut narrow, mut wide) = (begun(), begun());
    narrow.write(&i32::try_from(version).unwrap_or_default().to_le_bytes());
    wide.write(&version.to_le_bytes());
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut chunk)?;
        for hash in [&mut narrow, &mut wide] {
            hash.write(&chunk[..count]);
        }
        if count == 0 {
            return Ok([narrow, wide]
                .map(|mut hash| {
                    hash.write(&[0xFF]);
                    hash.finish().to_string()
                })
                .to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::foreign::ForeignRow;

    #[test]
    fn checksums_are_refinerys() {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let row = ForeignRow {
            version: Some("7".to_owned()),
            name: Some("a_table".to_owned()),
            ..ForeignRow::default()
        };
        let text = "CREATE TABLE t (a INT);\n";
        // The standard library's hash was refinery's own until the crate wrote the algorithm down.
        let mut narrow = DefaultHasher::new();
        ("a_table", 7_i32, text).hash(&mut narrow);
        let mut wide = DefaultHasher::new();
        ("a_table", 7_i64, text).hash(&mut wide);
        let found = super::checksum(&mut text.as_bytes(), &row).unwrap();
        assert_eq!(found, [narrow.finish().to_string(), wide.finish().to_string()]);
    }
}
