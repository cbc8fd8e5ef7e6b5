//! Processes of this host: which of them holds a connection to the server.
//!
//! Linux tells through `/proc`: the socket tables give the inode behind a port, and a
//! process's open files give the inodes it holds (proc(5)); of unix sockets, sock_diag(7) tells the
//! other end. What belongs to other users is closed to an ordinary account; that is counted, not
//! failed. On other systems nothing is found.

mod clients;
mod ending;
mod mask;
mod netlink;
mod owners;
mod place;
mod tcp;
mod unix;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use clients::{Client, Clients, Ends, clients_of};
pub use ending::{Held, Refusal, own_ancestors};
pub use place::Place;

/// A process of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its command line, secrets as stars; its name in brackets when there is none to be seen.
    pub command: String,
    /// When it started.
    pub started: Option<SystemTime>,
    /// Its parent: id and name.
    pub parent: Option<(u32, String)>,
    /// The user it runs as.
    pub user: Option<String>,
    /// The container or service it runs in.
    pub place: Option<Place>,
}

impl Process {
    /// The program's name: the first word of the command line, without its folders.
    pub fn name(&self) -> &str {
        let first = self.command.split(' ').next().unwrap_or_default();
        first.rsplit('/').next().unwrap_or(first)
    }

    /// The command that ends it in an orderly way.
    pub fn ending(&self) -> String {
        match &self.place {
            Some(place) => place.ending(),
            None => format!("kill {}", self.pid),
        }
    }
}

/// Whether a process of this program, whose open files may be seen, has a file open that `/proc`
/// shows as `link`.
pub fn is_open_here(link: &Path) -> bool {
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    let own = name("self");
    // The names first: the files of all processes of a large host would take a while.
    let same = pids().into_iter().filter(|pid| name(&pid.to_string()) == own);
    same.into_iter().any(|pid| {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| {
            files
                .flatten()
                .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == link))
        })
    })
}

pub(crate) fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// `socket:[12345]`.
fn socket_inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// A running process of this host; `None` when there is none with this id, or it may not be seen.
pub fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, parent, ticks) = parse_stat(&stat)?;
    let command = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) if !bytes.is_empty() => mask::masked(&bytes),
        // A kernel thread, a zombie, or a system that hides command lines.
        Ok(_) => format!("[{name}]"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => format!("[{name}]"),
        Err(_) => return None,
    };
    let parent = fs::read_to_string(format!("/proc/{parent}/comm"))
        .ok()
        .map(|name| (parent, name.trim_end().to_string()));
    Some(Process {
        pid,
        command,
        started: started(ticks),
        parent,
        user: place::user_of(pid),
        place: Place::of(pid),
    })
}

/// Whether a process exists; one that has ended and whose parent has not asked for its end does not.
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.starts_with(['Z', 'X']));
    state == Some(false)
}

/// The running processes that `ancestor` or a child of it, and so on, has started. A process whose parent has
/// ended is among them if `ancestor` is a subreaper.
pub fn descendants(ancestor: u32) -> HashSet<u32> {
    let parents: HashMap<u32, u32> = pids()
        .into_iter()
        .filter(|pid| is_running(*pid))
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, parse_stat(&stat)?.1))
        })
        .collect();
    let mut found = HashSet::new();
    let mut last = vec![ancestor];
    while !last.is_empty() {
        let is_next =
            |(pid, parent): (&u32, &u32)| (last.contains(parent) && !found.contains(pid)).then_some(*pid);
        let next: Vec<u32> = parents.iter().filter_map(is_next).collect();
        found.extend(&next);
        last = next;
    }
    found
}

/// Name, parent and start (in clock ticks after boot) out of `/proc/PID/stat`. The name
/// stands in parentheses and may hold any character, parentheses and spaces included.
fn parse_stat(stat: &str) -> Option<(String, u32, u64)> {
    let open = stat.find('(')?;
    let close = stat.rfind(')')?;
    let name = stat.get(open + 1..close)?.to_string();
    let fields: Vec<&str> = stat.get(close + 1..)?.split_ascii_whitespace().collect();
    Some((name, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

#[cfg(target_os = "linux")]
fn started(ticks: u64) -> Option<SystemTime> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = stat
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let after_boot = Duration::from_millis(ticks.saturating_mul(1_000) / per_second);
    UNIX_EPOCH
        .checked_add(Duration::from_secs(boot))?
        .checked_add(after_boot)
}

#[cfg(not(target_os = "linux"))]
fn started(_ticks: u64) -> Option<SystemTime> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn stat_with_an_awkward_name() {
        let mut stat = String::from("42 (a) b (c) S 7");
        for field in 5..=21 {
            stat.push_str(&format!(" {field}"));
        }
        stat.push_str(" 123456 99");
        assert_eq!(parse_stat(&stat), Some(("a) b (c".into(), 7, 123_456)));
        assert_eq!(parse_stat("garbage"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_by_its_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = listener.local_addr().expect("an address").port();
        let client = TcpStream::connect(("127.0.0.1", server)).expect("a connection");
        let owners = owners::Owners::new().of(&HashSet::from([inode_of(&client)]));
        assert_eq!(owners.values().next(), Some(&std::process::id()));
        let this = process(std::process::id()).expect("this process");
        assert!(this.started.expect("a start") <= SystemTime::now());
        assert!(this.user.is_some());
        // This process is nobody's client but its own.
        let found = clients_of(&Ends {
            ports: vec![server],
            ..Ends::default()
        });
        assert_eq!((found.processes, found.elsewhere), (Vec::new(), Vec::new()));
        assert_eq!(found.server.map(|server| server.pid), Some(std::process::id()));
    }

    #[cfg(target_os = "linux")]
    fn inode_of(stream: &TcpStream) -> u64 {
        use std::os::fd::AsRawFd;
        let link = fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())).expect("a link");
        link.to_str().and_then(socket_inode).expect("a socket")
    }
}
