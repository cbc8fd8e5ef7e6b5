//! Several servers that belong together, on loopback: Galera, Group Replication, a source with its replica,
//! and a proxy in front of them.
//!
//! What the machine lacks is fetched by `scripts/fetch-server galera` and `haproxy`; without it a test fails with
//! that advice.

use std::collections::HashSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use dbtool::db::Flavor;
use dbtool::sandbox::{Account, ServerBinary, find_server};
use rand::RngExt as _;

use super::{Admin, Builder, PATIENCE, Server, wait_until};

/// Ports below those that the system gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Servers of one cluster. Dropping it leaves nothing.
pub struct Cluster {
    // The first one is dropped last: the others may still ask it.
    nodes: Vec<Server>,
}

impl Cluster {
    /// A Galera cluster of MariaDB.
    pub fn galera(count: usize) -> Cluster {
        let mut binary = server("mariadb");
        binary.program = fetched("galera", "bin/galera-node");
        let provider = fetched("galera", "usr/lib/galera/libgalera_smm.so");
        let ports: Vec<[u16; 3]> = (0..count)
            .map(|_| [free_port(), free_port(), free_port()])
            .collect();
        let seeds: Vec<String> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{}", port[0]))
            .collect();
        let mut nodes: Vec<Server> = Vec::new();
        for (number, [group, state, copy]) in ports.into_iter().enumerate() {
            let mut builder = Server::builder()
                .binary(binary.clone())
                .arg("--wsrep-on=ON")
                .arg(format!("--wsrep-provider={}", provider.display()))
                .arg(format!("--wsrep-cluster-address=gcomm://{}", seeds.join(",")))
                .arg("--wsrep-node-address=127.0.0.1")
                .arg(format!("--wsrep-node-name=node{}", number + 1))
                .arg("--wsrep-sst-method=rsync")
                .arg(format!("--wsrep-sst-receive-address=127.0.0.1:{copy}"))
                .arg("--binlog-format=ROW")
                .arg("--innodb-autoinc-lock-mode=2")
                .arg(format!(
                    "--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{group};ist.recv_addr=127.0.0.1:{state};\
                     gcache.size=64M;gcache.recover=no"
                ));
            builder = match nodes.first() {
                None => builder.arg("--wsrep-new-cluster"),
                Some(first) => builder.account(first.account()).data_of_another(),
            };
            let node = builder.start();
            wait_until(PATIENCE, "the node is synced", || {
                // It refuses all other statements until then.
                node.admin().query("SHOW STATUS LIKE 'wsrep_local_state_comment'")[0][1].as_deref()
                    == Some("Synced")
            });
            nodes.push(node);
        }
        Cluster { nodes }
    }

    /// A group of MySQL; `multi_primary`: each member accepts writes.
    pub fn group(count: usize, multi_primary: bool) -> Cluster {
        let binary = server("mysql");
        let ports: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let seeds: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let account = Account::generate("app", "app");
        let mut nodes: Vec<Server> = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let node = mysql_in_replication(binary.clone(), &account, number)
                .arg("--plugin-load-add=group_replication.so")
                .arg("--loose-group-replication-group-name=aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa")
                .arg(format!(
                    "--loose-group-replication-local-address=127.0.0.1:{port}"
                ))
                .arg(format!(
                    "--loose-group-replication-group-seeds={}",
                    seeds.join(",")
                ))
                .arg("--loose-group-replication-ip-allowlist=127.0.0.1")
                .arg("--loose-group-replication-start-on-boot=OFF")
                .arg(format!(
                    "--loose-group-replication-single-primary-mode={}",
                    if multi_primary { "OFF" } else { "ON" }
                ))
                .arg(format!(
                    "--loose-group-replication-enforce-update-everywhere-checks={}",
                    if multi_primary { "ON" } else { "OFF" }
                ))
                .arg("--loose-group-replication-recovery-get-public-key=ON")
                .start();
            let mut admin = node.admin();
            admin.exec("SET GLOBAL super_read_only = 0");
            admin.exec("RESET BINARY LOGS AND GTIDS");
            admin.exec(
                "CHANGE REPLICATION SOURCE TO SOURCE_USER = 'copier', SOURCE_PASSWORD = 'copier' \
                 FOR CHANNEL 'group_replication_recovery'",
            );
            if nodes.is_empty() {
                admin.exec("SET GLOBAL group_replication_bootstrap_group = ON");
            }
            admin.exec("START GROUP_REPLICATION");
            admin.exec("SET GLOBAL group_replication_bootstrap_group = OFF");
            wait_until(PATIENCE, "the member is online", || {
                admin.value(
                    "SELECT member_state FROM performance_schema.replication_group_members \
                     WHERE member_id = @@server_uuid",
                ) == "ONLINE"
            });
            drop(admin);
            nodes.push(node);
        }
        Cluster { nodes }
    }

    /// A source and its replica, which is `read_only`, of the family under test.
    pub fn pair() -> Cluster {
        let binary = super::server_binary();
        let account = Account::generate("app", "app");
        let start = |number: usize| match binary.flavor {
            Flavor::MySql => mysql_in_replication(binary.clone(), &account, number),
            Flavor::MariaDb => Server::builder()
                .binary(binary.clone())
                .account(&account)
                .arg(format!("--server-id={}", number + 1))
                .arg("--log-bin=binlog")
                .arg("--gtid-strict-mode=OFF")
                .setup_first("SET SESSION sql_log_bin = 0")
                .setup("CREATE USER copier@'%' IDENTIFIED BY 'copier';")
                .setup("GRANT REPLICATION SLAVE ON *.* TO copier@'%';"),
        };
        let (source, replica) = (start(0).start(), start(1).arg("--read-only=ON").start());
        let mut admin = replica.admin();
        let port = source.port();
        admin.exec(&match binary.flavor {
            Flavor::MySql => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port}, SOURCE_USER = 'copier', \
                 SOURCE_PASSWORD = 'copier', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1"
            ),
            Flavor::MariaDb => format!(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'copier', \
                 MASTER_PASSWORD = 'copier', MASTER_USE_GTID = slave_pos"
            ),
        });
        admin.exec("START REPLICA");
        drop(admin);
        Cluster {
            nodes: vec![source, replica],
        }
    }

    /// A node by its number, from 0.
    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number]
    }

    /// All of them.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Makes the same database and account, through the first node, on all of them.
    pub fn create_account(&self, name: &str) -> Account {
        let account = self.nodes[0].create_account(name, name);
        for node in &self.nodes[1..] {
            wait_until(PATIENCE, "the account is on each node", || {
                node.try_connect_as(&account).is_ok()
            });
        }
        account
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        while self.nodes.pop().is_some() {}
    }
}

fn mysql_in_replication(binary: ServerBinary, account: &Account, number: usize) -> Builder {
    Server::builder()
        .binary(binary)
        .account(account)
        .arg(format!("--server-id={}", number + 1))
        .arg("--log-bin=binlog")
        .arg("--gtid-mode=ON")
        .arg("--enforce-gtid-consistency=ON")
        .arg("--report-host=127.0.0.1")
        .setup_first("SET SESSION sql_log_bin = 0")
        .setup("CREATE USER copier@'%' IDENTIFIED BY 'copier';")
        .setup("GRANT REPLICATION SLAVE, CONNECTION_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO copier@'%';")
}

fn server(name: &str) -> ServerBinary {
    match find_server(Some(name)) {
        Ok(binary) => binary,
        Err(failure) => panic!("{}\n  next: {}", failure.what, failure.next),
    }
}

/// A file of what `scripts/fetch-server` has unpacked.
fn fetched(name: &str, file: &str) -> PathBuf {
    let cache = std::env::var_os("DBTOOL_SERVER_CACHE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/servers"),
        PathBuf::from,
    );
    let path = cache.join(name).join(file);
    assert!(
        path.exists(),
        "{} is not there\n  next: run scripts/fetch-server {name}",
        path.display()
    );
    // The server runs in another folder and as another user.
    path.canonicalize().expect("an existing path")
}

/// A port that is free now, and that this process gives out once.
fn free_port() -> u16 {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    for _ in 0..1_000 {
        let port = rand::rng().random_range(PORTS);
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free && GIVEN.lock().expect("no panic inside").insert(port) {
            return port;
        }
    }
    panic!("no port is free")
}

/// HAProxy before servers: each new connection goes to the next of them.
pub struct Balancer {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Balancer {
    /// Starts it before these servers.
    pub fn start(servers: &[&Server]) -> Balancer {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut text = format!(
            "global\n maxconn 200\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n\
             listen all\n bind 127.0.0.1:{port}\n balance roundrobin\n"
        );
        for (number, server) in servers.iter().enumerate() {
            text += &format!(" server s{number} 127.0.0.1:{}\n", server.port());
        }
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text).expect("a file");
        let process = Command::new(fetched("haproxy", "bin/haproxy"))
            .args(["-db", "-q", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the proxy's program");
        let balancer = Balancer {
            process,
            port,
            _folder: folder,
        };
        wait_until(PATIENCE, "the proxy accepts connections", || {
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        balancer
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The statements that connections of this account run on a server.
pub fn running(admin: &mut Admin, account: &Account, word: &str) -> u64 {
    admin.number(&format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{}' AND info LIKE '%{word}%'",
        account.user
    ))
}
