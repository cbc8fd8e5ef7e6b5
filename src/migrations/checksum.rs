//! Checksums of migrations: whether a file, or the part of it that was run, has changed.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::input::{self, CHUNK};
use super::layout::{self, Mark, Part};
use super::reader::Script;
use crate::cancel::Cancel;
use crate::exit::Failure;

/// A mark at the beginning of a line is no longer than this.
const LONGEST_MARK: usize = 256;

impl Script {
    /// SHA-256 of what applies the migration, as hexadecimal digits; the file is not split for it unless
    /// it has several parts, and never held.
    ///
    /// Byte order mark and CR before LF do not count: git's autocrlf and editors change them on
    /// another machine without anybody changing the migration.
    ///
    /// # Errors
    /// The file cannot be read; one with several parts is not sound; the run was cancelled.
    pub fn checksum(&self, cancel: &Cancel) -> anyhow::Result<String> {
        let (hash, marks) = hash_lines(&self.path, cancel, |_| true)?;
        if self.whole || !marks {
            return Ok(hash);
        }
        // The down script of the same file may be edited after the up script was applied.
        let borders = self.open()?.borders()?;
        let mut next = borders.iter().peekable();
        let mut part = Part::Up;
        let (hash, _) = hash_lines(&self.path, cancel, |line| {
            while let Some((_, begun)) = next.next_if(|(border, _)| *border <= line) {
                part = *begun;
            }
            part == Part::Up
        })?;
        Ok(hash)
    }
}

/// The hash of the lines that `wanted` picks by their numbers, and whether any line looks like a mark.
fn hash_lines(
    path: &Path,
    cancel: &Cancel,
    mut wanted: impl FnMut(u32) -> bool,
) -> anyhow::Result<(String, bool)> {
    let (mut file, stamp) = input::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut head: Vec<u8> = Vec::with_capacity(LONGEST_MARK);
    let (mut line, mut marks, mut held_cr, mut first) = (1_u32, false, false, true);
    let mut include = wanted(line);
    loop {
        cancel.check()?;
        let count = file.read(&mut chunk).map_err(|error| {
            Failure::usage(
                format!("cannot read {}: {error}", path.display()),
                "make the file readable for this user",
            )
        })?;
        let mut rest = &chunk[..count];
        if std::mem::take(&mut first) {
            rest = rest.strip_prefix("\u{feff}".as_bytes()).unwrap_or(rest);
        }
        if rest.is_empty() && count == 0 {
            break;
        }
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (piece, tail) = rest.split_at(end);
            rest = tail;
            let room = LONGEST_MARK.saturating_sub(head.len());
            head.extend_from_slice(&piece[..piece.len().min(room)]);
            if include {
                // A CR that ended the piece before was held back: only LF makes it part of a line break.
                if held_cr && piece != b"\n" {
                    hash.update(b"\r");
                }
                let body = piece.strip_suffix(b"\r\n").map(|body| (body, true));
                match body {
                    Some((body, _)) => {
                        hash.update(body);
                        hash.update(b"\n");
                    }
                    None => hash.update(piece.strip_suffix(b"\r").unwrap_or(piece)),
                }
            }
            held_cr = piece.ends_with(b"\r");
            if piece.ends_with(b"\n") {
                marks |= is_mark(&head);
                head.clear();
                line = line.saturating_add(1);
                include = wanted(line);
            }
        }
    }
    if held_cr && include {
        hash.update(b"\r");
    }
    marks |= is_mark(&head);
    if input::open(path)?.1 != stamp {
        return Err(input::changed(path).into());
    }
    Ok((hex(&hash.finalize()), marks))
}

/// Whether a line's beginning may be a mark; the splitter knows whether it is a comment.
fn is_mark(head: &[u8]) -> bool {
    let head = head.trim_ascii();
    matches!(head.first(), Some(b'-' | b'#' | b'/'))
        && matches!(
            layout::mark(&String::from_utf8_lossy(head), None),
            Some((_, Mark::Part(_)))
        )
}

/// SHA-256 of a migration's first statements, each with its end marked: what a resumed run
/// must find unchanged. Grows statement by statement, so that a long file is hashed once.
#[derive(Debug, Clone, Default)]
pub struct PrefixHash {
    hash: Sha256,
}

impl PrefixHash {
    /// Adds the next statement.
    pub(super) fn push(&mut self, statement: &str) {
        self.hash.update(statement);
        self.hash.update([0]);
    }

    /// In hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.hash.clone().finalize())
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
