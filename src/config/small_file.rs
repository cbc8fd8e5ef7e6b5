//! Reads small files whose path the user chose: a password file, an environment file.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::cancel::{Cancel, Cancelled};

/// Interval at which a wait checks for cancellation.
const CANCEL_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Why a small file was not read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The system call failed.
    Io(std::io::Error),
    /// It is a pipe whose writer did not finish in time.
    TimedOut(Duration),
    /// It is larger than this limit in bytes.
    TooLarge(usize),
    /// The run was cancelled meanwhile.
    Cancelled(Cancelled),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => error.fmt(f),
            ReadError::TimedOut(waited) => write!(
                f,
                "it is a pipe, and what writes to it did not finish within {} ms",
                waited.as_millis()
            ),
            ReadError::TooLarge(limit) => write!(f, "it holds more than {limit} bytes"),
            ReadError::Cancelled(cancelled) => cancelled.fmt(f),
        }
    }
}

/// Reads a file of at most `limit` bytes. Waits at most `timeout` for a pipe: opening one without a
/// writer would otherwise block for ever and ignore signals.
pub(super) fn read_small(
    path: &Path,
    limit: usize,
    timeout: Duration,
    cancel: &Cancel,
) -> Result<Vec<u8>, ReadError> {
    let deadline = Instant::now() + timeout;
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default())
        .open(path)
        .map_err(ReadError::Io)?;
    let about = file.metadata().map_err(ReadError::Io)?;
    let is_pipe = !about.is_file() && !about.is_dir();
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        if is_pipe {
            ready(&file, deadline, timeout, cancel)?;
        }
        match file.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(ReadError::Io(error)),
        }
        if bytes.len() > limit {
            return Err(ReadError::TooLarge(limit));
        }
    }
}

/// Waits until there is data to read or the last writer has closed the pipe.
fn ready(
    file: &std::fs::File,
    deadline: Instant,
    timeout: Duration,
    cancel: &Cancel,
) -> Result<(), ReadError> {
    let look = Timespec::try_from(CANCEL_POLL_INTERVAL).ok();
    loop {
        cancel.check().map_err(ReadError::Cancelled)?;
        if Instant::now() >= deadline {
            return Err(ReadError::TimedOut(timeout));
        }
        let mut waited = [PollFd::new(file, PollFlags::IN)];
        match poll(&mut waited, look.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(ReadError::Io(error.into())),
        }
    }
}
