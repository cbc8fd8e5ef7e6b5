//! Which process holds which socket, by the files that processes have open.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat};

use super::{pids, socket_inode};

/// Reads the open files of each process once, and only while something wanted is missing: on a large host that is
/// most of the work.
pub(super) struct Owners {
    /// The holder of each socket that was read.
    seen: HashMap<u64, u32>,
    /// The processes to read, the next one last.
    left: Vec<u32>,
}

impl Owners {
    /// Knows the sockets that this process has opened itself.
    pub(super) fn new() -> Owners {
        let mut seen = HashMap::new();
        each_socket("self", |inode, file| {
            if is_own(file) {
                seen.insert(inode, std::process::id());
            }
        });
        let mut left = pids();
        left.sort_unstable_by_key(|pid| std::cmp::Reverse(*pid));
        Owners { seen, left }
    }

    /// The process that holds each of these socket inodes, as far as it may be seen. A socket that a fork shares
    /// belongs to the process with the lowest id.
    pub(super) fn of(&mut self, wanted: &HashSet<u64>) -> HashMap<u64, u32> {
        let mut missing = wanted
            .iter()
            .filter(|inode| !self.seen.contains_key(inode))
            .count();
        while missing > 0
            && let Some(pid) = self.left.pop()
        {
            each_socket(&pid.to_string(), |inode, _| {
                self.seen.entry(inode).or_insert_with(|| {
                    missing -= usize::from(wanted.contains(&inode));
                    pid
                });
            });
        }
        let owner = |inode: &u64| Some((*inode, *self.seen.get(inode)?));
        wanted.iter().filter_map(owner).collect()
    }
}

/// Hands over the sockets that a process has open, as far as they may be seen: inode, and the file's number.
fn each_socket(pid: &str, mut seen: impl FnMut(u64, &str)) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, format!("/proc/{pid}/fd"), flags, Mode::empty());
    let Ok(mut files) = folder.and_then(Dir::new) else {
        return;
    };
    let mut buffer = Vec::with_capacity(64);
    while let Some(Ok(file)) = files.read() {
        // `.` and `..` are no links.
        if file.file_name().to_bytes().starts_with(b".") {
            continue;
        }
        let Ok(folder) = files.fd() else { return };
        buffer.clear();
        // Relative to the folder, a look-up takes half the time.
        let Ok(target) = readlinkat(folder, file.file_name(), buffer) else {
            buffer = Vec::with_capacity(64);
            continue;
        };
        let name = file.file_name().to_str().unwrap_or_default();
        if let Some(inode) = target.to_str().ok().and_then(socket_inode) {
            seen(inode, name);
        }
        buffer = target.into_bytes();
    }
}

/// Whether this process opened the file itself: what it has inherited is open across exec, what it opens is not.
fn is_own(file: &str) -> bool {
    let about = fs::read_to_string(Path::new("/proc/self/fdinfo").join(file)).unwrap_or_default();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & CLOSE_ON_EXEC != 0)
}

/// The flag of a file that is closed on exec, as fdinfo shows it.
const CLOSE_ON_EXEC: u32 = OFlags::CLOEXEC.bits();
