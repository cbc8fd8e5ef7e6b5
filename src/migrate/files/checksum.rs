//! Checksums of migrations: whether a file, or the part of it that was run, has changed.

use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::memmem;
use sha2::{Digest, Sha256};

use super::failure::FileFailure;
use super::input::{self, CHUNK};
use super::layout::{self, FilePart, Layout, LayoutMark};
use super::reader::MigrationScript;
use crate::cancel::Cancel;

/// A mark at the beginning of a line is no longer than this.
const MAX_MARK: usize = 256;

impl MigrationScript {
    /// SHA-256 of the up script, as hexadecimal digits. The file is split only if it has several parts, and is never
    /// in memory as a whole.
    ///
    /// Byte order mark and CR before LF do not count: git's autocrlf and editors change them on
    /// another machine although nobody changed the migration. The text of files that it reads with
    /// `source` counts as its own.
    ///
    /// # Errors
    /// A file cannot be read; one with several parts has an error; the run was cancelled.
    pub fn checksum(&self, cancel: &Cancel) -> anyhow::Result<Checksum> {
        let (own, hints) = self.own_checksum(cancel)?;
        let mut checksum = Checksum {
            hash: own,
            included: Vec::new(),
            may_have_down: hints.marks || hints.source,
            layouts: hints.layouts,
        };
        if !hints.source {
            return Ok(checksum);
        }
        let mut reader = self.open()?;
        let read = loop {
            cancel.check()?;
            match reader.next() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        if !reader.has_includes() {
            // An error in the file is reported when the file is to be run.
            return Ok(checksum);
        }
        read?;
        let mut all = Sha256::new();
        all.update(&checksum.hash);
        for path in reader.files().included() {
            all.update(hash_lines(path, cancel, |_| true)?.0);
            checksum.included.push(path.to_owned());
        }
        checksum.hash = crate::hex::encode(&all.finalize());
        Ok(checksum)
    }

    /// Of the script's own file.
    fn own_checksum(&self, cancel: &Cancel) -> anyhow::Result<(String, FileHints)> {
        let (hash, hints) = hash_lines(&self.path, cancel, |_| true)?;
        if self.whole || !hints.marks {
            return Ok((hash, hints));
        }
        // The down script of the same file may be edited after the up script was applied.
        let borders = self.open()?.borders()?;
        let mut next = borders.iter().peekable();
        let mut part = FilePart::Up;
        let (hash, _) = hash_lines(&self.path, cancel, |line| {
            while let Some((_, begun)) = next.next_if(|(border, _)| *border <= line) {
                part = *begun;
            }
            part == FilePart::Up
        })?;
        Ok((hash, hints))
    }
}

/// The checksum of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// In hexadecimal digits.
    pub hash: String,
    /// The files that the script reads.
    pub included: Vec<PathBuf>,
    /// Whether the file of the up script may also contain a down script.
    pub may_have_down: bool,
    /// The layouts whose marks its lines begin with.
    pub layouts: Vec<Layout>,
}

/// What a file may contain, found without splitting it: nothing is missed, but a hint may be wrong.
#[derive(Debug, Clone, Default)]
struct FileHints {
    /// A mark that begins a part.
    marks: bool,
    /// A command that reads another file.
    source: bool,
    /// The layouts of the marks, each once.
    layouts: Vec<Layout>,
}

impl FileHints {
    /// Notes a mark that a line may begin with; the splitter knows whether it is a comment.
    fn note(&mut self, head: &[u8]) {
        let head = head.trim_ascii();
        if !matches!(head.first(), Some(b'-' | b'#' | b'/')) {
            return;
        }
        let Some((layout, mark)) = layout::mark(&String::from_utf8_lossy(head), None) else {
            return;
        };
        self.marks |= matches!(mark, LayoutMark::Part(_));
        let layout = Layout::of(layout);
        if layout::speaks(&mark) && !self.layouts.contains(&layout) {
            self.layouts.push(layout);
        }
    }
}

/// Looks for the client's `source` and `\.` in a text that comes in pieces.
struct SourceHint {
    /// The end of what was seen before, and the piece, in lower case.
    text: Vec<u8>,
    word: memmem::Finder<'static>,
    short: memmem::Finder<'static>,
}

impl SourceHint {
    fn new() -> SourceHint {
        SourceHint {
            text: Vec::new(),
            word: memmem::Finder::new("source"),
            short: memmem::Finder::new("\\."),
        }
    }

    fn seen_in(&mut self, piece: &[u8]) -> bool {
        const LONGEST: usize = "source".len();
        let old = self.text.len();
        self.text.extend_from_slice(piece);
        self.text[old..].make_ascii_lowercase();
        let text = &self.text;
        let spaced = |at: usize| matches!(text.get(at + LONGEST), None | Some(b' ' | b'\t'));
        let seen = self.short.find(text).is_some() || self.word.find_iter(text).any(spaced);
        let keep = self.text.len().saturating_sub(LONGEST);
        self.text.drain(..keep);
        seen
    }
}

/// The hash of the lines that `wanted` picks by their numbers, and hints from all lines.
fn hash_lines(
    path: &Path,
    cancel: &Cancel,
    mut wanted: impl FnMut(u32) -> bool,
) -> anyhow::Result<(String, FileHints)> {
    let (mut file, stamp) = input::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut head: Vec<u8> = Vec::with_capacity(MAX_MARK);
    let (mut line, mut held_cr, mut first) = (1_u32, false, true);
    let (mut hints, mut sources) = (FileHints::default(), SourceHint::new());
    let mut include = wanted(line);
    loop {
        cancel.check()?;
        let count = file
            .read(&mut chunk)
            .map_err(|error| FileFailure::unreadable(path, error))?;
        let mut rest = &chunk[..count];
        if std::mem::take(&mut first) {
            rest = rest.strip_prefix("\u{feff}".as_bytes()).unwrap_or(rest);
        }
        if rest.is_empty() && count == 0 {
            break;
        }
        hints.source = hints.source || sources.seen_in(rest);
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (piece, tail) = rest.split_at(end);
            rest = tail;
            let room = MAX_MARK.saturating_sub(head.len());
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
                hints.note(&head);
                head.clear();
                line = line.saturating_add(1);
                include = wanted(line);
            }
        }
    }
    if held_cr && include {
        hash.update(b"\r");
    }
    hints.note(&head);
    if input::open(path)?.1 != stamp {
        return Err(input::changed(path).into());
    }
    Ok((crate::hex::encode(&hash.finalize()), hints))
}

/// SHA-256 of a migration's first statements, each with its end marked: a resumed run must
/// find them unchanged. Grows statement by statement, so that a long file is hashed once.
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
        crate::hex::encode(&self.hash.clone().finalize())
    }
}
