//! Checksums of migrations: whether a file, or the part of it that was run, has changed.

use sha2::{Digest, Sha256};

use super::{Direction, Source};
use crate::exit::Failure;
use crate::sql::Statement;

impl Source {
    /// SHA-256 of a direction's text as hexadecimal digits.
    ///
    /// Byte order mark and CR before LF do not count: git's autocrlf and editors change them on
    /// another machine without anybody changing the migration.
    ///
    /// # Errors
    /// As [`Source::scripts`].
    pub fn checksum(&self, direction: Direction) -> Result<String, Failure> {
        // Most files have one direction, and need not be split for this.
        let scripts = if self.text.contains("migrate:down") {
            self.scripts()?
        } else {
            Default::default()
        };
        let (_, down) = scripts;
        // The down script of the same file may be edited after the up script was applied.
        let border = down
            .first()
            .and_then(|first| {
                first
                    .markers
                    .iter()
                    .find(|marker| marker.text.starts_with("migrate:down"))
            })
            .map_or(usize::MAX, |marker| marker.line.saturating_sub(1) as usize);
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        let lines = text.split_inclusive('\n').enumerate();
        let mut hash = Sha256::new();
        for (_, line) in lines.filter(|(index, _)| (*index < border) == (direction == Direction::Up)) {
            hash_line(&mut hash, line);
        }
        Ok(hex(&hash.finalize()))
    }
}

fn hash_line(hash: &mut Sha256, line: &str) {
    match line.strip_suffix("\r\n") {
        Some(content) => {
            hash.update(content);
            hash.update("\n");
        }
        None => hash.update(line),
    }
}

/// SHA-256 of a migration's first statements, each with its end marked: what a resumed run
/// must find unchanged. Grows statement by statement, so that a long file is hashed once.
#[derive(Debug, Clone, Default)]
pub struct PrefixHash {
    hash: Sha256,
}

impl PrefixHash {
    /// Of the first `count` statements.
    pub fn of(statements: &[Statement<'_>], count: usize) -> PrefixHash {
        let mut prefix = PrefixHash::default();
        for statement in statements.iter().take(count) {
            prefix.push(statement);
        }
        prefix
    }

    /// Adds the next statement.
    pub fn push(&mut self, statement: &Statement<'_>) {
        for line in statement.text.split_inclusive('\n') {
            hash_line(&mut self.hash, line);
        }
        self.hash.update([0]);
    }

    /// The hash with one more statement.
    pub fn with(&self, statement: &Statement<'_>) -> PrefixHash {
        let mut longer = self.clone();
        longer.push(statement);
        longer
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
