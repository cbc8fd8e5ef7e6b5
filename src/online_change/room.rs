//! The room that a second table takes on the server's disk.

use std::path::PathBuf;

use crate::db::row::text;
use crate::db::{DbError, Row, Session};

/// Where the server keeps its tables, and on which host.
const PLACE: &str = "SELECT @@datadir, @@hostname";
/// Rows that are copied and compared in a second, where nothing else limits it: for estimates.
const ROWS_PER_SECOND: u64 = 25_000;

/// The free room of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The server's folder.
    pub folder: PathBuf,
    /// Free bytes.
    pub free: u64,
}

/// The bytes that a copy of a table takes, with its log: a fifth more than the table.
pub fn needed(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 5)
}

/// How long a change takes, in seconds, roughly.
pub fn estimated_seconds(rows: u64) -> u64 {
    1 + rows / ROWS_PER_SECOND
}

/// The room on the server's disk, where it can be seen: the server runs on this host.
///
/// # Errors
/// The connection failed.
pub(super) async fn free(session: &mut Session) -> Result<Option<Room>, DbError> {
    let Some(row) = session.first::<Row>(PLACE).await? else {
        return Ok(None);
    };
    let (Some(folder), Some(host)) = (text(&row, 0), text(&row, 1)) else {
        return Ok(None);
    };
    let name = rustix::system::uname();
    if name.nodename().to_bytes() != host.as_bytes() {
        return Ok(None);
    }
    let folder = PathBuf::from(folder);
    Ok(rustix::fs::statvfs(&folder).ok().map(|found| Room {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        folder,
    }))
}
