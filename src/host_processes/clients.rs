//! Who on this host is connected to a server: known without a connection to it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::owners::Owners;
use super::tcp::{Namespace, Socket};
use super::{Process, place, process, socket_inode, unix};

/// Where a server is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends {
    /// Its addresses, when it is another host; empty for a server of this host.
    pub addresses: Vec<IpAddr>,
    /// Its TCP ports.
    pub ports: Vec<u16>,
    /// Its unix sockets.
    pub sockets: Vec<PathBuf>,
}

/// A process and how many connections it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The process; each of its connections has it too.
    pub process: Arc<Process>,
    /// Its own ends of its connections through TCP.
    pub tcp: Vec<(IpAddr, u16)>,
    /// Its connections through a unix socket.
    pub unix: usize,
}

impl Client {
    /// All of its connections.
    pub fn count(&self) -> usize {
        self.tcp.len() + self.unix
    }
}

/// The clients of a server, as this host knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clients {
    /// Processes of this host, the largest holder first; this process is not among them.
    pub processes: Vec<Client>,
    /// Users of this host with connections whose processes may not be seen.
    pub hidden: Vec<(String, usize)>,
    /// Addresses from which a server of this host has connections that no process here holds.
    pub elsewhere: Vec<(IpAddr, usize)>,
    /// The server's own process, where it is of this host and can be seen.
    pub server: Option<Process>,
    /// What could not be seen, and what would show it.
    pub unseen: Vec<String>,
}

impl Clients {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.hidden.is_empty() && self.elsewhere.is_empty()
    }
}

/// A client's end and its user; no address through a unix socket.
type End = (Option<(IpAddr, u16)>, Option<u32>);

/// The sockets of clients by inode.
#[derive(Default)]
struct Sockets {
    clients: HashMap<u64, End>,
    listeners: HashSet<u64>,
    /// Those at the server's end whose client has not been found.
    strangers: HashSet<(IpAddr, u16)>,
}

impl Clients {
    /// The process that holds the client's end of a TCP connection; without an address, of this port.
    pub fn holder(&self, address: Option<IpAddr>, port: u16) -> Option<&Arc<Process>> {
        let is_it = |end: &(IpAddr, u16)| end.1 == port && address.is_none_or(|address| address == end.0);
        let client = self
            .processes
            .iter()
            .find(|client| client.tcp.iter().any(is_it))?;
        Some(&client.process)
    }
}

/// Who on this host is connected to the server at `ends`.
pub fn clients_of(ends: &Ends) -> Clients {
    let mut found = Clients::default();
    let namespaces = Namespace::all();
    let tables = Tables::read(&namespaces);
    let mut sockets = through_unix(&ends.sockets, &namespaces, &mut found);
    sockets.merge(through_tcp(ends, &tables));
    let mut wanted: HashSet<u64> = sockets.clients.keys().copied().collect();
    wanted.extend(&sockets.listeners);
    let mut all_owners = Owners::new();
    let mut owners = all_owners.of(&wanted);
    let server = sockets
        .listeners
        .iter()
        .find_map(|inode| owners.get(inode))
        .copied();
    if let Some(server) = server {
        found.server = process(server);
        // It may be reached in more ways than the one that is configured.
        let all = further_ends(server, ends, &tables);
        if all != *ends {
            sockets = through_unix(&all.sockets, &namespaces, &mut found);
            sockets.merge(through_tcp(&all, &tables));
            owners = all_owners.of(&sockets.clients.keys().copied().collect());
        }
    }
    count(&sockets, &owners, &mut found);
    if found.server.is_none() && ends.addresses.is_empty() && ends.sockets.is_empty() && !place::sees_all() {
        found.unseen.push(
            "connections through the server's unix socket: its path is not known here; as root (sudo -E) it is found"
                .into(),
        );
    }
    found
}

impl Sockets {
    fn merge(&mut self, other: Sockets) {
        self.clients.extend(other.clients);
        self.listeners.extend(other.listeners);
        self.strangers.extend(other.strangers);
    }
}

fn count(sockets: &Sockets, owners: &HashMap<u64, u32>, found: &mut Clients) {
    let mut held: BTreeMap<u32, (Vec<(IpAddr, u16)>, usize)> = BTreeMap::new();
    let mut hidden: BTreeMap<Option<u32>, usize> = BTreeMap::new();
    for (inode, (end, uid)) in &sockets.clients {
        match owners.get(inode) {
            Some(pid) if *pid == std::process::id() => {}
            Some(pid) => {
                let (tcp, unix) = held.entry(*pid).or_default();
                match end {
                    Some(end) => tcp.push(*end),
                    None => *unix += 1,
                }
            }
            None => *hidden.entry(*uid).or_default() += 1,
        }
    }
    found.processes = held
        .into_iter()
        .filter_map(|(pid, (tcp, unix))| {
            Some(Client {
                process: Arc::new(process(pid)?),
                tcp,
                unix,
            })
        })
        .collect();
    found
        .processes
        .sort_by_key(|client| (std::cmp::Reverse(client.count()), client.process.pid));
    let all_seen = hidden.is_empty() && sockets.strangers.is_empty();
    if !all_seen && !place::sees_all() {
        found.unseen.push(
            "processes of other users and in containers of this host: run this as root (sudo -E) to see them"
                .into(),
        );
    }
    let name = |uid: Option<u32>| uid.map_or("another user".to_owned(), place::user_name);
    found.hidden = hidden
        .into_iter()
        .map(|(uid, count)| (name(uid), count))
        .collect();
    found.hidden.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut elsewhere: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (address, _) in &sockets.strangers {
        *elsewhere.entry(*address).or_default() += 1;
    }
    found.elsewhere = elsewhere.into_iter().collect();
    found
        .elsewhere
        .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
}

fn through_unix(paths: &[PathBuf], namespaces: &[Namespace], found: &mut Clients) -> Sockets {
    let mut sockets = Sockets::default();
    match unix::clients(paths, namespaces) {
        Ok(unix) => {
            let clients = unix.clients.into_iter();
            sockets.clients = clients.map(|(inode, uid)| (inode, (None, uid))).collect();
            sockets.listeners = unix.listeners.into_iter().collect();
        }
        Err(error) => {
            let unseen = format!(
                "connections through the unix socket: the kernel does not tell their other ends ({error}); \
                 its module unix_diag does (modprobe unix_diag)"
            );
            if !found.unseen.contains(&unseen) {
                found.unseen.push(unseen);
            }
        }
    }
    sockets
}

/// The TCP connections and listeners of this host, read once: to read them takes longer than to look through them.
struct Tables {
    /// Those of this process's own network namespace.
    own: Vec<Socket>,
    others: Vec<Socket>,
}

impl Tables {
    fn read(namespaces: &[Namespace]) -> Tables {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for namespace in namespaces {
            let list = if namespace.own { &mut own } else { &mut others };
            namespace.each(|socket| list.push(socket));
        }
        Tables { own, others }
    }
}

fn through_tcp(ends: &Ends, tables: &Tables) -> Sockets {
    let mut found = Sockets::default();
    if ends.ports.is_empty() {
        return found;
    }
    let concerned = |socket: &&Socket| {
        let ports = [socket.local.1, socket.remote.1];
        ports.iter().any(|port| ends.ports.contains(port))
    };
    let own: Vec<Socket> = tables.own.iter().filter(concerned).copied().collect();
    let others: Vec<Socket> = tables.others.iter().filter(concerned).copied().collect();
    let to_server = |socket: &Socket| !socket.listens && ends.ports.contains(&socket.remote.1);
    if !ends.addresses.is_empty() {
        let sockets = own.iter().chain(&others);
        let clients = sockets.filter(|socket| to_server(socket) && ends.addresses.contains(&socket.remote.0));
        found.clients = clients
            .map(|socket| (socket.inode, (Some(socket.local), Some(socket.uid))))
            .collect();
        return found;
    }
    let at_server = |socket: &&Socket| ends.ports.contains(&socket.local.1);
    found.listeners = own
        .iter()
        .filter(at_server)
        .filter(|socket| socket.listens)
        .map(|socket| socket.inode)
        .collect();
    // Both ends of a connection within this host are in its tables.
    let mut strangers: HashSet<((IpAddr, u16), (IpAddr, u16))> = own
        .iter()
        .filter(at_server)
        .filter(|socket| !socket.listens)
        .map(|socket| (socket.remote, socket.local))
        .collect();
    for (socket, here) in own
        .iter()
        .map(|one| (one, true))
        .chain(others.iter().map(|one| (one, false)))
    {
        if !to_server(socket) || !here && socket.local.0.is_loopback() {
            continue;
        }
        let mirrored = strangers.remove(&(socket.local, socket.remote));
        // A port that leads into a container has its server's end elsewhere.
        if mirrored || here && socket.remote.0.is_loopback() {
            found
                .clients
                .insert(socket.inode, (Some(socket.local), Some(socket.uid)));
        }
    }
    found.strangers = strangers.into_iter().map(|(client, _)| client).collect();
    found
}

/// Ports on which a server talks with other servers of its cluster: Galera's and group replication's.
const CLUSTER: [u16; 4] = [4444, 4567, 4568, 33061];

/// All ports and unix sockets that the process `server` listens on, besides those of `ends`.
fn further_ends(server: u32, ends: &Ends, tables: &Tables) -> Ends {
    let mut all = ends.clone();
    let files = fs::read_dir(format!("/proc/{server}/fd"));
    let inodes: HashSet<u64> = files
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| socket_inode(fs::read_link(file.path()).ok()?.to_str()?))
        .collect();
    for socket in &tables.own {
        let port = socket.local.1;
        let known = all.ports.contains(&port) || CLUSTER.contains(&port);
        if socket.listens && inodes.contains(&socket.inode) && !known {
            all.ports.push(port);
        }
    }
    // Num RefCount Protocol Flags Type St Inode Path
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    for line in table.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some("00010000"), Some(inode), Some(path)) = (fields.nth(3), fields.nth(2), fields.next())
        else {
            continue;
        };
        let ours = inode.parse().is_ok_and(|inode| inodes.contains(&inode));
        if ours && path.starts_with('/') && !all.sockets.iter().any(|known| known.as_os_str() == path) {
            all.sockets.push(path.into());
        }
    }
    all
}
