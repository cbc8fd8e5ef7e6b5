//! Small files whose path somebody else chose: a password, an environment file.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::cancel::{Cancel, Cancelled};

/// How often a wait looks whether the run was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Why a small file was not read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The system refused.
    Io(std::io::Error),
    /// It is a pipe, and nobody wrote to it, or closed it, in time.
    Silent(Duration),
    /// It is larger than anything it could be.
    Large(usize),
    /// The run was cancelled meanwhile.
    Cancelled(Cancelled),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Io(error) => error.fmt(f),
            Unreadable::Silent(waited) => write!(
                f,
                "it is a pipe, and what writes to it did not finish within {} ms",
                waited.as_millis()
            ),
            Unreadable::Large(limit) => write!(f, "it holds more than {limit} bytes"),
            Unreadable::Cancelled(cancelled) => cancelled.fmt(f),
        }
    }
}

/// Reads a file of at most `limit` bytes. A pipe is waited for, at most for `patience`: opening one
/// that nobody writes to would otherwise wait for ever, and deaf to signals.
pub(super) fn read_small(
    path: &Path,
    limit: usize,
    patience: Duration,
    cancel: &Cancel,
) -> Result<Vec<u8>, Unreadable> {
    let deadline = Instant::now() + patience;
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default())
        .open(path)
        .map_err(Unreadable::Io)?;
    let about = file.metadata().map_err(Unreadable::Io)?;
    let waits = !about.is_file() && !about.is_dir();
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        if waits {
            ready(&file, deadline, patience, cancel)?;
        }
        match file.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(Unreadable::Io(error)),
        }
        if bytes.len() > limit {
            return Err(Unreadable::Large(limit));
        }
    }
}

/// Waits until there is something to read, or the last writer has gone.
fn ready(
    file: &std::fs::File,
    deadline: Instant,
    patience: Duration,
    cancel: &Cancel,
) -> Result<(), Unreadable> {
    let look = Timespec::try_from(LOOK).ok();
    loop {
        cancel.check().map_err(Unreadable::Cancelled)?;
        if Instant::now() >= deadline {
            return Err(Unreadable::Silent(patience));
        }
        let mut waited = [PollFd::new(file, PollFlags::IN)];
        match poll(&mut waited, look.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(Unreadable::Io(error.into())),
        }
    }
}
