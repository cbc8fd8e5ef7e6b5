//! Connections through unix sockets: sock_diag(7) tells which socket is at the other end.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A unix socket of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Socket {
    listens: bool,
    inode: u32,
    peer: Option<u32>,
    uid: Option<u32>,
    /// Whether it is bound to one of the paths asked for: the server's ends are.
    bound: bool,
}

/// What the kernel tells about the clients of a server's unix sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Inode of each client's end, and its user where the kernel tells.
    pub(super) clients: Vec<(u64, Option<u32>)>,
    /// Inodes of the sockets that the server listens on.
    pub(super) listeners: Vec<u64>,
}

/// The clients of the server that listens on `paths`.
///
/// # Errors
/// The kernel does not tell.
pub(super) fn clients(paths: &[PathBuf]) -> io::Result<Found> {
    if paths.is_empty() {
        return Ok(Found::default());
    }
    let wanted: Vec<Bound> = paths.iter().flat_map(Bound::of).collect();
    let mut sockets = Vec::new();
    each_message(|message| {
        sockets.extend(parse_socket(message, &wanted));
    })?;
    let mut found = Found::default();
    for socket in sockets.iter().filter(|socket| socket.bound) {
        match (socket.listens, socket.peer) {
            (true, _) => found.listeners.push(u64::from(socket.inode)),
            (false, Some(peer)) => {
                let client = sockets.iter().find(|other| other.inode == peer);
                found
                    .clients
                    .push((u64::from(peer), client.and_then(|client| client.uid)));
            }
            (false, None) => {}
        }
    }
    Ok(found)
}

/// What a server's socket may be bound to: a name, or the file of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bound {
    Name(PathBuf),
    File { inode: u32, device: u32 },
}

impl Bound {
    #[cfg(target_os = "linux")]
    fn of(path: &PathBuf) -> Vec<Bound> {
        let mut bound = vec![Bound::Name(path.clone())];
        bound.extend(path.canonicalize().ok().map(Bound::Name));
        if let Ok(stat) = rustix::fs::stat(path) {
            let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
            bound.push(Bound::File {
                // The kernel tells the lower half.
                inode: stat.st_ino as u32,
                device: major << 20 | minor,
            });
        }
        bound
    }

    #[cfg(not(target_os = "linux"))]
    fn of(path: &PathBuf) -> Vec<Bound> {
        vec![Bound::Name(path.clone())]
    }
}

// Numbers of linux/netlink.h, linux/sock_diag.h and linux/unix_diag.h.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NAME: u16 = 0;
const FILE: u16 = 1;
const PEER: u16 = 2;
const UID: u16 = 7;
const LISTEN: u8 = 10;
const MESSAGE_HEADER: usize = 16;
const SOCKET_HEADER: usize = 16;

#[cfg(target_os = "linux")]
fn each_message(mut seen: impl FnMut(&[u8])) -> io::Result<()> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    // A kernel that does not answer must not hold up the picture.
    rustix::net::sockopt::set_socket_timeout(
        &socket,
        rustix::net::sockopt::Timeout::Recv,
        Some(std::time::Duration::from_millis(500)),
    )?;
    rustix::net::sendto(
        &socket,
        &request(),
        SendFlags::empty(),
        &netlink::SocketAddrNetlink::new(0, 0),
    )?;
    let mut buffer = vec![0_u8; 32 * 1024];
    loop {
        let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if !each_in(buffer.get(..length).unwrap_or_default(), &mut seen)? {
            return Ok(());
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn each_message(_seen: impl FnMut(&[u8])) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Asks for all unix sockets, each with its name, file, peer and user.
fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40);
    bytes.extend(40_u32.to_ne_bytes());
    bytes.extend(20_u16.to_ne_bytes()); // SOCK_DIAG_BY_FAMILY
    bytes.extend(0x301_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_DUMP
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([1, 0, 0, 0]); // AF_UNIX
    bytes.extend(u32::MAX.to_ne_bytes()); // every state
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend((1_u32 | 2 | 4 | 0x40).to_ne_bytes());
    bytes.extend([0xFF; 8]);
    bytes
}

/// Hands over the messages of one answer; false after the last.
fn each_in(mut answer: &[u8], seen: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    while let (Some(length), Some(kind)) = (u32_at(answer, 0), u16_at(answer, 4)) {
        let length = length as usize;
        match kind {
            NLMSG_DONE => return Ok(false),
            NLMSG_ERROR => {
                let code = u32_at(answer, MESSAGE_HEADER).unwrap_or_default().cast_signed();
                return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
            }
            _ => {}
        }
        match answer.get(MESSAGE_HEADER..length) {
            Some(message) => seen(message),
            None => return Ok(false),
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

/// A `unix_diag_msg` and its attributes.
fn parse_socket(message: &[u8], wanted: &[Bound]) -> Option<Socket> {
    let mut socket = Socket {
        listens: *message.get(2)? == LISTEN,
        inode: u32_at(message, 4)?,
        ..Socket::default()
    };
    let mut rest = message.get(SOCKET_HEADER..).unwrap_or_default();
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let length = usize::from(length);
        let Some(value) = rest.get(4..length) else { break };
        match kind {
            PEER => socket.peer = u32_at(value, 0).filter(|inode| *inode != 0),
            UID => socket.uid = u32_at(value, 0),
            NAME => {
                let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
                let name = PathBuf::from(OsStr::from_bytes(name));
                socket.bound |= !name.as_os_str().is_empty() && wanted.contains(&Bound::Name(name));
            }
            FILE => {
                if let (Some(inode), Some(device)) = (u32_at(value, 0), u32_at(value, 4)) {
                    socket.bound |= wanted.contains(&Bound::File { inode, device });
                }
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(socket)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn the_clients_of_a_socket_are_found_by_their_inodes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let link = folder.path().join("link.sock");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let client = UnixStream::connect(&path).expect("a connection");
        let accepted = listener.accept().expect("a connection");
        for path in [&path, &link] {
            let found = clients(std::slice::from_ref(path)).expect("an answer");
            let [(inode, _)] = found.clients[..] else {
                panic!("{found:?}")
            };
            let owners = super::super::owners(&[inode].into());
            assert_eq!(owners.get(&inode), Some(&std::process::id()));
            assert_eq!(found.listeners.len(), 1);
        }
        drop((client, accepted));
    }

    #[test]
    fn a_broken_answer_is_no_socket() {
        for message in [&[][..], &[1, 1, 1], &[1; 16], &[1; 19], &[0xFF; 64]] {
            let _ = parse_socket(message, &[]);
            let _ = each_in(message, &mut |_| {});
        }
    }
}
