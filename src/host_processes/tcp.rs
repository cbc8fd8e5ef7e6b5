//! TCP connections of this host, in every network namespace that may be seen.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use super::netlink::{each_message, question, u32_at};
use super::pids;

/// A TCP socket of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
    pub(super) listens: bool,
    pub(super) uid: u32,
    pub(super) inode: u64,
}

const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// The socket tables of one network namespace.
#[derive(Debug, Clone)]
pub(super) struct Namespace {
    folder: PathBuf,
    /// Whether it is that of this process.
    pub(super) own: bool,
}

impl Namespace {
    /// The namespace of this process, then those of all processes that may be seen.
    pub(super) fn all() -> Vec<Namespace> {
        let mut found = vec![Namespace {
            folder: "/proc/self/net".into(),
            own: true,
        }];
        let link = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let mut seen: HashSet<PathBuf> = link("self").into_iter().collect();
        if seen.is_empty() {
            return found;
        }
        for pid in pids() {
            let new = link(&pid.to_string()).is_some_and(|name| seen.insert(name));
            if new {
                found.push(Namespace {
                    folder: format!("/proc/{pid}/net").into(),
                    own: false,
                });
            }
        }
        found
    }

    /// The file that stands for it.
    pub(super) fn link(&self) -> PathBuf {
        self.folder.with_file_name("ns").join("net")
    }

    /// Every connection and listener.
    pub(super) fn each(&self, mut seen: impl FnMut(Socket)) {
        // The kernel answers for this process's own namespace, and leaves out what has been closed: on a busy host the
        // tables consist of that.
        let mut asked = Vec::new();
        if self.own
            && FAMILIES
                .iter()
                .all(|family| each_message(&request(*family), |one| asked.extend(parse_message(one))).is_ok())
        {
            asked.into_iter().for_each(seen);
            return;
        }
        for (table, wide) in [("tcp", false), ("tcp6", true)] {
            each_line(&self.folder.join(table), |line| {
                if let Some(socket) = parse_socket(line, wide) {
                    seen(socket);
                }
            });
        }
    }
}

// Numbers of sys/socket.h, netinet/tcp.h and linux/inet_diag.h.
const FAMILIES: [u8; 2] = [2, 10];
const TCP: u8 = 6;
const STATE_ESTABLISHED: u8 = 1;
const STATE_LISTEN: u8 = 10;

/// Asks for all established connections and listeners of a family (`inet_diag_req_v2`).
fn request(family: u8) -> Vec<u8> {
    let mut body = vec![family, TCP, 0, 0];
    body.extend((1_u32 << STATE_ESTABLISHED | 1 << STATE_LISTEN).to_ne_bytes());
    body.extend([0; 40]); // any ports, addresses and interface
    body.extend([0xFF; 8]); // any socket
    question(&body)
}

/// An `inet_diag_msg`.
fn parse_message(message: &[u8]) -> Option<Socket> {
    let end = |port: usize, address: usize| {
        let port = u16::from_be_bytes(message.get(port..port + 2)?.try_into().ok()?);
        let address: [u8; 16] = message.get(address..address + 16)?.try_into().ok()?;
        Some(match message.first()? {
            2 => (
                IpAddr::V4(Ipv4Addr::new(address[0], address[1], address[2], address[3])),
                port,
            ),
            _ => (Ipv6Addr::from(address).to_canonical(), port),
        })
    };
    Some(Socket {
        local: end(4, 8)?,
        remote: end(6, 24)?,
        listens: *message.get(1)? == STATE_LISTEN,
        uid: u32_at(message, 64)?,
        inode: u32_at(message, 68)?.into(),
    })
}

fn each_line(path: &Path, mut seen: impl FnMut(&str)) {
    let Ok(file) = fs::File::open(path) else { return };
    // The table of a busy host is large: it is read line by line.
    let mut lines = BufReader::new(file);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
        seen(&line);
        line.clear();
    }
}

/// One line of `/proc/net/tcp` or `tcp6`; only established connections and listeners.
fn parse_socket(line: &str, wide: bool) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let remote = fields.next()?;
    let listens = match fields.next()? {
        ESTABLISHED => false,
        LISTEN => true,
        _ => return None,
    };
    Some(Socket {
        local: parse_end(local, wide)?,
        remote: parse_end(remote, wide)?,
        listens,
        uid: fields.nth(3)?.parse().ok()?,
        inode: fields.nth(1)?.parse().ok()?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_answers_as_its_tables_say() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let wide =
            std::net::TcpListener::bind("[::1]:0").or_else(|_| std::net::TcpListener::bind("127.0.0.1:0"));
        let wide = wide.expect("a port");
        let addresses = [&listener, &wide].map(|one| one.local_addr().expect("an address"));
        let ports = addresses.map(|address| address.port());
        let clients = addresses.map(|address| std::net::TcpStream::connect(address).expect("a connection"));
        let all = |own| {
            let mut found = Vec::new();
            let namespace = Namespace {
                folder: "/proc/self/net".into(),
                own,
            };
            namespace.each(|socket| found.push(socket));
            found.retain(|one| {
                [one.local.1, one.remote.1]
                    .iter()
                    .any(|port| ports.contains(port))
            });
            found.sort_by_key(|one| (one.inode, one.local));
            found
        };
        // Each with both ends and its listener; the server's ends have no inode before they are accepted. A table
        // that is read while other tests open and close sockets may lack one or show it twice, so one look of a
        // hundred must agree.
        let agree = |asked: &Vec<Socket>| asked.len() == 6 && *asked == all(false);
        assert!(
            (0..100).map(|_| all(true)).any(|asked| agree(&asked)),
            "{:?}\n{:?}",
            all(true),
            all(false)
        );
        drop(clients);
        for message in [&[][..], &[2; 8], &[10; 71], &[0xFF; 72]] {
            let _ = parse_message(message);
        }
    }

    #[test]
    fn socket_tables() {
        let line = "   3: 0100007F:C350 0100007F:0CEA 01 00000000:00000000 00:00000000 00000000  1000        0 98765 1 0 20 4 30 10 -1";
        let expected = Socket {
            local: (IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000),
            remote: (IpAddr::V4(Ipv4Addr::LOCALHOST), 3306),
            listens: false,
            uid: 1_000,
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
        let listener = parse_socket(&line.replace(" 01 ", " 0A "), false);
        assert!(listener.is_some_and(|socket| socket.listens));
        assert_eq!(parse_socket(&line.replace(" 01 ", " 06 "), false), None, "closed");
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
}
