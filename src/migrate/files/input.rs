//! A migration file, read through a window that never holds more than one statement.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::failure::FileFailure;

/// Bytes read at once.
pub(super) const CHUNK: usize = 64 * 1024;
const BOM: &str = "\u{feff}";

/// Tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl FileStamp {
    fn of(meta: &Metadata) -> FileStamp {
        FileStamp {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        }
    }
}

/// Opens a file that can be read to its end: a pipe or a device could keep its reader waiting for ever.
///
/// # Errors
/// It is not a file, or not readable.
pub(super) fn open(path: &Path) -> Result<(File, FileStamp), FileFailure> {
    let unreadable = |error| FileFailure::unreadable(path, error);
    refuse_others(path, &fs::metadata(path).map_err(unreadable)?)?;
    let file = OpenOptions::new()
        .read(true)
        // Anything that has replaced the file meanwhile must not block either.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    refuse_others(path, &meta)?;
    Ok((file, FileStamp::of(&meta)))
}

fn refuse_others(path: &Path, meta: &Metadata) -> Result<(), FileFailure> {
    let kind = meta.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(FileFailure::NotAFile {
        path: path.to_owned(),
        kind: what,
    })
}

/// The failure for a file that was changed.
pub(super) fn changed(path: &Path) -> FileFailure {
    FileFailure::Changed {
        path: path.to_owned(),
    }
}

/// The window onto a file.
#[derive(Debug)]
pub(super) struct Input {
    path: Arc<Path>,
    file: File,
    stamp: FileStamp,
    text: String,
    /// Where in the file the window begins.
    base: u64,
    /// The first bytes of a character whose others are not read yet.
    cut: Vec<u8>,
    chunk: Vec<u8>,
    ended: bool,
}

/// Why the window could not be moved on.
#[derive(Debug)]
pub(super) enum InputError {
    /// It does not concern the window's text.
    Failure(FileFailure),
    /// The byte at this offset, at the end of the window's text, is NUL.
    Nul(u64),
    /// The byte at this offset, at the end of the window's text, is not UTF-8.
    NotUtf8(u64, u8),
}

impl Input {
    pub(super) fn open(path: &Arc<Path>) -> Result<Input, FileFailure> {
        let (file, stamp) = open(path)?;
        Ok(Input {
            path: Arc::clone(path),
            file,
            stamp,
            text: String::new(),
            base: 0,
            cut: Vec::new(),
            chunk: Vec::new(),
            ended: false,
        })
    }

    pub(super) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    pub(super) fn stamp(&self) -> FileStamp {
        self.stamp
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The file's offset of a byte of the window.
    pub(super) fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    /// Removes bytes at the window's beginning.
    pub(super) fn discard(&mut self, count: usize) {
        self.text.drain(..count);
        self.base += count as u64;
        // One large statement must not keep its room for the rest of the file.
        if self.text.capacity() > 8 * CHUNK && self.text.len() < CHUNK {
            self.text.shrink_to(2 * CHUNK);
        }
    }

    /// Removes bytes at the window's beginning and returns those of `range` without copying them.
    pub(super) fn take(&mut self, range: Range<usize>, count: usize) -> String {
        let rest = self.text[count..].to_owned();
        let mut taken = std::mem::replace(&mut self.text, rest);
        self.base += count as u64;
        taken.truncate(range.end);
        taken.drain(..range.start);
        taken.shrink_to_fit();
        taken
    }

    /// Adds to the window's end: a piece of fixed size, more only behind a statement that is larger.
    pub(super) fn fill(&mut self) -> Result<(), InputError> {
        // What is read beyond the statement is held with it. A string that is cut is read again from its start
        // each time, so that the pieces have to grow with it.
        let wanted = CHUNK.max(self.text.len() / 8);
        self.text.reserve_exact(wanted + CHUNK);
        let mut read = 0;
        while read < wanted && !self.ended {
            read += self.read_chunk()?;
        }
        Ok(())
    }

    fn read_chunk(&mut self) -> Result<usize, InputError> {
        let path = Arc::clone(&self.path);
        let failed = |error| InputError::Failure(FileFailure::unreadable(&path, error));
        let kept = self.cut.len();
        self.chunk.resize(CHUNK + 4, 0);
        self.chunk[..kept].copy_from_slice(&self.cut);
        let count = self
            .file
            .read(&mut self.chunk[kept..kept + CHUNK])
            .map_err(failed)?;
        let meta = self.file.metadata().map_err(failed)?;
        if FileStamp::of(&meta) != self.stamp {
            return Err(InputError::Failure(changed(&self.path)));
        }
        self.ended = count == 0;
        let bytes = &self.chunk[..kept + count];
        let (good, rest) = match std::str::from_utf8(bytes) {
            Ok(good) => (good, None),
            Err(error) => {
                let (good, bad) = bytes.split_at(error.valid_up_to());
                let good = std::str::from_utf8(good).unwrap_or_default();
                (good, Some((bad, error.error_len().is_none() && !self.ended)))
            }
        };
        let first = self.base == 0 && self.text.is_empty();
        let nul = memchr::memchr(0, good.as_bytes());
        self.text.push_str(&good[..nul.unwrap_or(good.len())]);
        if first && self.text.starts_with(BOM) {
            self.text.drain(..BOM.len());
            self.base = BOM.len() as u64;
        }
        let at = self.offset(self.text.len());
        if nul.is_some() {
            return Err(InputError::Nul(at));
        }
        self.cut.clear();
        match rest {
            Some((bad, true)) => self.cut.extend_from_slice(bad),
            Some((bad, false)) => {
                let byte = bad.first().copied().unwrap_or_default();
                return Err(InputError::NotUtf8(at, byte));
            }
            None => {}
        }
        Ok(count)
    }

    /// Seeks an offset of the file that [`Input::offset`] gave.
    pub(super) fn seek(&mut self, offset: u64) -> Result<(), FileFailure> {
        self.file
            .seek(SeekFrom::Start(offset))
            .map_err(|error| FileFailure::unreadable(&self.path, error))?;
        self.text.clear();
        self.cut.clear();
        self.base = offset;
        self.ended = false;
        Ok(())
    }
}
