//! sqlx: `<time>_name.sql`, or `<time>_name.up.sql` with `<time>_name.down.sql` (the documentation of its macro
//! `migrate!`). A first line `-- no-transaction` has no meaning where DDL commits on its own.

use std::io::{self, Read};

use sha2::{Digest, Sha384};

use super::foreign::ForeignRow;
use super::{FileLayout, ForeignHistory};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "sqlx",
    name: "sqlx",
    names: |names| {
        let pairs = names.are_pairs() && names.are_times();
        pairs.then_some("its files are named with a time and end in .up.sql and .down.sql")
    },
    history: Some(&HISTORY),
    ..FileLayout::BY_NAMES
};

const HISTORY: ForeignHistory = ForeignHistory {
    table: "_sqlx_migrations",
    columns: &["version", "description", "success", "checksum"],
    select: "SELECT CAST(version AS CHAR), description, LOWER(HEX(checksum)), IF(success, 'done', 'failed') FROM {table} \
             ORDER BY version",
    checksum: Some(checksum),
    ..ForeignHistory::BY_VERSION
};

/// SHA-384 of the file.
fn checksum(file: &mut dyn Read, _row: &ForeignRow) -> io::Result<Vec<String>> {
    let mut hash = Sha384::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(vec![crate::hex::encode(&hash.finalize())]),
            count => hash.update(&chunk[..count]),
        }
    }
}
