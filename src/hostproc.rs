//! Processes of this host: which of them holds a connection to the server.
//!
//! Linux tells through `/proc`: the socket tables give the inode behind a port, and a
//! process's open files give the inodes it holds (proc(5)). What belongs to other users is
//! closed to an ordinary account; that is counted, not failed. On other systems nothing is found.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A process of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its command line, secrets as stars; its name in brackets when there is none to be seen.
    pub command: String,
    /// When it started.
    pub started: Option<SystemTime>,
    /// Its parent: id and name.
    pub parent: Option<(u32, String)>,
}

/// One end of a TCP connection, as the server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The address; `None` when the server only tells a name that is known to be this host.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// What was found out about a number of peers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// The process that holds each peer's socket.
    pub processes: HashMap<Peer, Process>,
    /// Sockets that are this host's but whose process cannot be seen: it belongs to another user.
    pub hidden: usize,
}

/// An established TCP connection of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    inode: u64,
}

const ESTABLISHED: &str = "01";

/// The processes of this host that hold the client ends of `peers`, which are connected to a
/// server that listens on one of `server_ports`.
pub fn holders(peers: &HashSet<Peer>, server_ports: &[u16]) -> Holders {
    let mut by_inode = HashMap::new();
    each_established(|socket| {
        if let Some(peer) = matching(&socket, peers, server_ports) {
            by_inode.insert(socket.inode, peer);
        }
    });
    let owners = owners(by_inode.keys().copied().collect());
    let mut found = Holders::default();
    for (inode, peer) in by_inode {
        match owners.get(&inode).and_then(|pid| process(*pid)) {
            Some(process) => {
                found.processes.insert(peer, process);
            }
            None => found.hidden += 1,
        }
    }
    found
}

/// How many connections from this host to `port` each process holds, most first, and how many
/// belong to processes that cannot be seen. `server` narrows it to one address.
pub fn clients_of(server: Option<IpAddr>, port: u16) -> (Vec<(Process, usize)>, usize) {
    let mut inodes = HashSet::new();
    each_established(|socket| {
        let (address, remote_port) = socket.remote;
        if remote_port == port && server.is_none_or(|server| server == address) {
            inodes.insert(socket.inode);
        }
    });
    let owners = owners(inodes.clone());
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for pid in owners.values() {
        *counts.entry(*pid).or_default() += 1;
    }
    let hidden = inodes.len() - owners.len();
    let mut clients: Vec<(Process, usize)> = counts
        .into_iter()
        .filter_map(|(pid, count)| Some((process(pid)?, count)))
        .collect();
    clients.sort_by_key(|(process, count)| (std::cmp::Reverse(*count), process.pid));
    (clients, hidden)
}

fn each_established(mut seen: impl FnMut(Socket)) {
    for (path, wide) in [("/proc/net/tcp", false), ("/proc/net/tcp6", true)] {
        let Ok(file) = fs::File::open(path) else { continue };
        // The table of a busy host is large: it is read line by line.
        for line in BufReader::new(file).lines().skip(1).map_while(Result::ok) {
            if let Some(socket) = parse_socket(&line, wide) {
                seen(socket);
            }
        }
    }
}

fn matching(socket: &Socket, peers: &HashSet<Peer>, server_ports: &[u16]) -> Option<Peer> {
    if !server_ports.contains(&socket.remote.1) {
        return None;
    }
    let (address, port) = socket.local;
    [Some(address), None]
        .into_iter()
        .map(|address| Peer { address, port })
        .find(|peer| peers.contains(peer))
}

/// One line of `/proc/net/tcp` or `tcp6`; only established connections.
fn parse_socket(line: &str, wide: bool) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != ESTABLISHED {
        return None;
    }
    Some(Socket {
        local: parse_end(fields.get(1)?, wide)?,
        remote: parse_end(fields.get(2)?, wide)?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// `0100007F:C350`: the address as 32-bit words in the host's byte order, then the port.
fn parse_end(text: &str, wide: bool) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    if !address.is_ascii() || address.len() != if wide { 32 } else { 8 } {
        return None;
    }
    let mut bytes = [0_u8; 16];
    for (index, target) in bytes.chunks_exact_mut(4).enumerate().take(address.len() / 8) {
        let word = u32::from_str_radix(address.get(index * 8..index * 8 + 8)?, 16).ok()?;
        target.copy_from_slice(&word.to_ne_bytes());
    }
    let address = if wide {
        // An IPv4 peer of an IPv6 socket: the server writes it as IPv4.
        Ipv6Addr::from(bytes).to_canonical()
    } else {
        IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

/// The process that holds each of these socket inodes, as far as it may be seen. A socket
/// that a fork shares belongs to the process with the lowest id.
fn owners(wanted: HashSet<u64>) -> HashMap<u64, u32> {
    let mut owners = HashMap::new();
    if wanted.is_empty() {
        return owners;
    }
    for pid in pids() {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        for file in files.flatten() {
            let Ok(target) = fs::read_link(file.path()) else {
                continue;
            };
            let inode = target.to_str().and_then(socket_inode);
            if let Some(inode) = inode.filter(|inode| wanted.contains(inode)) {
                let owner = owners.entry(inode).or_insert(pid);
                *owner = (*owner).min(pid);
            }
        }
    }
    owners
}

/// Whether a process of this program, whose open files may be seen, has a file open that `/proc`
/// shows as `link`.
pub fn is_open_here(link: &std::path::Path) -> bool {
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

fn pids() -> Vec<u32> {
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
        Ok(bytes) if !bytes.is_empty() => masked(&bytes),
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
    })
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

/// A command line of NUL-separated arguments as text, secrets as stars.
fn masked(cmdline: &[u8]) -> String {
    let text = String::from_utf8_lossy(cmdline);
    let mut words: Vec<String> = Vec::new();
    let mut hide_next = false;
    for argument in text.split('\0').filter(|argument| !argument.is_empty()) {
        if hide_next {
            words.push("****".into());
            hide_next = false;
            continue;
        }
        let (shown, next) = mask_argument(argument);
        hide_next = next;
        words.push(shown);
    }
    words.join(" ")
}

/// One argument with its secret as stars, and whether the next argument is a secret.
fn mask_argument(argument: &str) -> (String, bool) {
    let secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        [
            "password", "passwd", "pwd", "secret", "token", "apikey", "api-key", "api_key",
        ]
        .iter()
        .any(|word| name.ends_with(word))
    };
    if let Some((name, _)) = argument.split_once('=')
        && secret(name)
    {
        return (format!("{name}=****"), false);
    }
    if argument.starts_with('-') && secret(argument) {
        return (argument.to_string(), true);
    }
    // The MySQL clients' `-pSECRET`; `-p` alone asks.
    if let Some(rest) = argument.strip_prefix("-p")
        && !rest.is_empty()
        && !rest.chars().all(|c| c.is_ascii_digit())
    {
        return ("-p****".into(), false);
    }
    (mask_url(argument), false)
}

/// `scheme://user:SECRET@host` with the secret as stars.
fn mask_url(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + 3) else {
        return text.to_string();
    };
    let authority_end = text[start..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| start + at);
    // A password may itself hold slashes or at signs: the last at sign before the path ends it.
    let Some(at) = text[start..authority_end].rfind('@').map(|at| start + at) else {
        return match text[start..].rfind('@') {
            Some(at) if text[start..start + at].contains(':') => {
                format!("{}****{}", &text[..start], &text[start + at..])
            }
            _ => text.to_string(),
        };
    };
    match text[start..at].find(':').map(|colon| start + colon) {
        Some(colon) => format!("{}:****{}", &text[..colon], &text[at..]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn socket_tables() {
        let line = "   3: 0100007F:C350 0100007F:0CEA 01 00000000:00000000 00:00000000 00000000  1000        0 98765 1 0 20 4 30 10 -1";
        let expected = Socket {
            local: (IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000),
            remote: (IpAddr::V4(Ipv4Addr::LOCALHOST), 3306),
            inode: 98_765,
        };
        if cfg!(target_endian = "little") {
            assert_eq!(parse_socket(line, false), Some(expected));
            assert_eq!(
                parse_end("0000000000000000FFFF00000100007F:0050", true),
                Some((IpAddr::V4(Ipv4Addr::LOCALHOST), 80))
            );
            assert_eq!(
                parse_end("00000000000000000000000001000000:0CEA", true),
                Some((IpAddr::V6(Ipv6Addr::LOCALHOST), 3306))
            );
        }
        assert_eq!(
            parse_socket(&line.replace(" 01 ", " 0A "), false),
            None,
            "a listener"
        );
        for broken in [
            "",
            "1: x",
            "1: 0100007F:C350 0100007F 01",
            "1: ZZ00007F:C350 0100007F:0CEA 01 a b c d e f",
        ] {
            assert_eq!(parse_socket(broken, false), None, "{broken}");
        }
        assert_eq!(parse_end("é100007F:C350", false), None);
    }

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

    #[test]
    fn secrets_become_stars() {
        for (cmdline, shown) in [
            ("node\0server.js\0", "node server.js"),
            ("mysql\0-uroot\0-phunter2\0app\0", "mysql -uroot -p**** app"),
            ("mysql\0--password=hunter2\0", "mysql --password=****"),
            ("x\0--api-token\0hunter2\0-v\0", "x --api-token **** -v"),
            ("env\0DB_PASSWORD=hunter2\0x\0", "env DB_PASSWORD=**** x"),
            ("x\0mysql://u:hunter2@h/db\0", "x mysql://u:****@h/db"),
            ("x\0mysql://u:hunt/er2@h/db\0", "x mysql://****@h/db"),
            ("x\0--url=mysql://u@h/db?x=1\0", "x --url=mysql://u@h/db?x=1"),
            ("ssh\0-p22\0", "ssh -p22"),
        ] {
            assert_eq!(masked(cmdline.as_bytes()), shown, "{cmdline:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_by_its_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = listener.local_addr().expect("an address").port();
        let client = TcpStream::connect(("127.0.0.1", server)).expect("a connection");
        let local = client.local_addr().expect("an address");
        let by_address = Peer {
            address: Some(local.ip()),
            port: local.port(),
        };
        let found = holders(&HashSet::from([by_address]), &[server]);
        let process = found.processes.get(&by_address).expect("this process");
        assert_eq!(process.pid, std::process::id());
        assert!(process.started.expect("a start") <= SystemTime::now());
        let by_name = Peer {
            address: None,
            port: local.port(),
        };
        assert!(
            holders(&HashSet::from([by_name]), &[server])
                .processes
                .contains_key(&by_name)
        );
        assert_eq!(
            holders(&HashSet::from([by_address]), &[server ^ 1]),
            Holders::default()
        );
    }
}
