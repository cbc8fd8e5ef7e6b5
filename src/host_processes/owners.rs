//! Which process holds which socket, by the files that processes have open.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
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

/// The names of a server's process.
const SERVERS: [&str; 3] = ["mariadbd", "mysqld", "mysqld-debug"];

impl Owners {
    /// Knows the sockets that this process has opened itself.
    pub(super) fn new() -> Owners {
        let mut seen = HashMap::new();
        each_socket("self", |inode, file| {
            if is_own(file) {
                seen.insert(inode, std::process::id());
            }
        });
        // A server that has no other clients is found at once.
        let mut left = pids();
        left.sort_by_cached_key(|pid| std::cmp::Reverse((!is_server(*pid), *pid)));
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

fn is_server(pid: u32) -> bool {
    let mut name = [0; 16];
    let length = fs::File::open(format!("/proc/{pid}/comm")).and_then(|mut file| file.read(&mut name));
    let name = name.get(..length.unwrap_or_default()).unwrap_or_default();
    SERVERS
        .iter()
        .any(|server| name.trim_ascii_end() == server.as_bytes())
}

/// Hands over the sockets that a process has open, as far as they may be seen: inode, and the file's number.
fn each_socket(pid: &str, mut seen: impl FnMut(u64, &str)) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = openat(CWD, format!("/proc/{pid}/fd"), flags, Mode::empty()) else {
        return;
    };
    let Ok(files) = Dir::read_from(&folder) else {
        return;
    };
    // Relative to the folder, a look-up takes half the time.
    let mut buffer = Vec::with_capacity(64);
    for file in files.flatten() {
        buffer.clear();
        let Ok(target) = readlinkat(&folder, file.file_name(), buffer) else {
            buffer = Vec::new();
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
