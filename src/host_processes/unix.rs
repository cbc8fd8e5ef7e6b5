//! Connections through unix sockets: sock_diag(7) tells which socket is at the other end.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::netlink::{each_message, question, u16_at, u32_at};
use super::tcp::Namespace;

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

/// The clients of the server that listens on `paths`, in these network namespaces.
///
/// # Errors
/// The kernel does not tell.
pub(super) fn clients(paths: &[PathBuf], namespaces: &[Namespace]) -> io::Result<Found> {
    if paths.is_empty() {
        return Ok(Found::default());
    }
    let wanted: Vec<Bound> = paths.iter().flat_map(Bound::of).collect();
    let mut sockets = Vec::new();
    each_message(&request(), |message| {
        sockets.extend(parse_socket(message, &wanted));
    })?;
    // The server's end of a connection is in the network namespace of its client, such as a container into which the
    // socket's path leads.
    for namespace in namespaces.iter().filter(|one| !one.own) {
        sockets.extend(sockets_in(namespace, &wanted));
    }
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

/// The sockets of another network namespace; none where this process may not look.
#[cfg(target_os = "linux")]
fn sockets_in(namespace: &Namespace, wanted: &[Bound]) -> Vec<Socket> {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    use std::os::fd::AsFd;

    let Ok(link) = std::fs::File::open(namespace.link()) else {
        return Vec::new();
    };
    // A namespace is a thread's: one that ends with this look does nothing else in it.
    let look = || {
        let mut sockets = Vec::new();
        move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network)).ok()?;
        each_message(&request(), |message| {
            sockets.extend(parse_socket(message, wanted));
        })
        .ok()?;
        Some(sockets)
    };
    std::thread::scope(|scope| scope.spawn(look).join().ok().flatten()).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn sockets_in(_namespace: &Namespace, _wanted: &[Bound]) -> Vec<Socket> {
    Vec::new()
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

// Numbers of linux/unix_diag.h.
const NAME: u16 = 0;
const FILE: u16 = 1;
const PEER: u16 = 2;
const UID: u16 = 7;
const LISTEN: u8 = 10;
const SOCKET_HEADER: usize = 16;

/// Asks for all unix sockets, each with its name, file, peer and user.
fn request() -> Vec<u8> {
    let mut body = Vec::with_capacity(24);
    body.extend([1, 0, 0, 0]); // AF_UNIX
    body.extend(u32::MAX.to_ne_bytes()); // every state
    body.extend(0_u32.to_ne_bytes());
    body.extend((1_u32 | 2 | 4 | 0x40).to_ne_bytes());
    body.extend([0xFF; 8]);
    question(&body)
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
            let found = clients(std::slice::from_ref(path), &Namespace::all()).expect("an answer");
            let [(inode, _)] = found.clients[..] else {
                panic!("{found:?}")
            };
            let owners = super::super::owners::Owners::new().of(&[inode].into());
            assert_eq!(owners.get(&inode), Some(&std::process::id()));
            assert_eq!(found.listeners.len(), 1);
        }
        drop((client, accepted));
    }

    #[test]
    fn a_broken_answer_is_no_socket() {
        for message in [&[][..], &[1, 1, 1], &[1; 16], &[1; 19], &[0xFF; 64]] {
            let _ = parse_socket(message, &[]);
        }
    }
}
