//! Private servers and the dbtool binary, for tests.
//!
//! ```ignore
//! mod support;
//! let server = support::Server::start();
//! let before = server.counters();
//! let output = server.dbtool().args(["check-connections"]).run();
//! assert_eq!(output.code, Some(0), "{output}");
//! server.assert_unchanged(&before);
//! ```
//!
//! `DBTOOL_TEST_SERVER` chooses the server: `mariadb` (the default), `mysql`, the name of a
//! fetched server (`mariadb-11.8`), or the path of a program.

mod admin;
pub mod big_schema;
pub mod cluster;
mod cmd;
pub mod crash;
pub mod exit_path;
pub mod market;
pub mod migrations;
pub mod proxy;
mod pty;
pub mod schemas;
mod tls;

pub use admin::Admin;
pub use cmd::{Cmd, NOBODY, Output, Running, Signal, dbtool, is_alive, signal};
pub use pty::Pty;
pub use tls::Tls;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dbtool::db::Flavor;
use dbtool::sandbox::{Account, PrivateServer, ServerBinary, ServerOptions, find_server};

/// The variable that chooses the server under test.
pub const SERVER_VARIABLE: &str = "DBTOOL_TEST_SERVER";

/// Long enough for anything that happens at all on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until `condition` holds; panics with `what` when it has not by the deadline.
#[track_caller]
pub fn wait_until(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {patience:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The server program under test; panics with install instructions when there is none.
pub fn server_binary() -> ServerBinary {
    let wanted = std::env::var(SERVER_VARIABLE).unwrap_or_else(|_| "mariadb".to_owned());
    match find_server(Some(&wanted)) {
        Ok(binary) => binary,
        Err(failure) => panic!("{}\n  next: {}", failure.what, failure.next),
    }
}

/// Whether the server under test is MySQL.
pub fn is_mysql() -> bool {
    server_binary().flavor == Flavor::MySql
}

/// The server's counters that tell whether clients said goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Connections that ended without COM_QUIT.
    pub aborted_clients: u64,
    /// Logins that failed or were given up.
    pub aborted_connects: u64,
    /// Connections open now, the one that asks included.
    pub threads_connected: u64,
}

/// How a server is to be started.
#[derive(Debug)]
pub struct Builder {
    max_connections: u32,
    args: Vec<String>,
    setup_first: Vec<String>,
    setup: Vec<String>,
    binary: Option<ServerBinary>,
    account: Option<Account>,
    data_of_another: bool,
}

impl Builder {
    /// Another program than the one under test.
    pub fn binary(mut self, binary: ServerBinary) -> Self {
        self.binary = Some(binary);
        self
    }

    /// The account `app` of another server.
    pub fn account(mut self, account: &Account) -> Self {
        self.account = Some(account.clone());
        self
    }

    /// Its data comes from another server, the account too.
    pub fn data_of_another(mut self) -> Self {
        self.data_of_another = true;
        self
    }

    /// `max_connections`; 30 unless told.
    pub fn max_connections(mut self, max: u32) -> Self {
        self.max_connections = max;
        self
    }

    /// One more server argument, e.g. `--read-only`.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// A statement (one line) that the server runs as it starts, once the account `app` is there.
    pub fn setup(mut self, sql: &str) -> Self {
        self.setup.push(format!("{};", sql.trim_end_matches(';')));
        self
    }

    /// As [`Builder::setup`], before the account is there.
    pub fn setup_first(mut self, sql: &str) -> Self {
        self.setup_first.push(format!("{};", sql.trim_end_matches(';')));
        self
    }

    /// A certificate of the server's own.
    pub fn tls(mut self, tls: &Tls) -> Self {
        for (name, path) in [
            ("ca", tls.ca()),
            ("cert", tls.server_cert()),
            ("key", tls.server_key()),
        ] {
            self.args.push(format!("--ssl-{name}={}", path.display()));
        }
        self
    }

    /// Starts it; panics with the end of its log when it does not start.
    pub fn start(self) -> Server {
        let binary = self.binary.unwrap_or_else(server_binary);
        let name = format!("{}-{}", binary.flavor, binary.version);
        let account = self.account.unwrap_or_else(|| Account::generate("app", "app"));
        let mut options = ServerOptions::new(binary);
        options.max_connections = self.max_connections;
        options.buffer_pool = 32 << 20;
        options.redo_log = 16 << 20;
        options.args = self.args;
        options.setup = self.setup_first;
        if !self.data_of_another {
            options.setup.extend(account.setup());
        }
        options.setup.extend(self.setup);
        options.template = Some(
            Path::new(env!("CARGO_TARGET_TMPDIR"))
                .join("templates")
                .join(name),
        );
        options.stop_at_once = true;
        let server = match PrivateServer::start(&options) {
            Ok(server) => server,
            Err(failure) => panic!("{}\n  next: {}", failure.what, failure.next),
        };
        let admin = Admin::connect(&server.socket());
        Server {
            counting: Mutex::new(admin),
            account,
            server,
        }
    }
}

/// A private server with a database `app` and its user `app`. Dropping it leaves nothing.
pub struct Server {
    // Fields are dropped in this order: the connection says goodbye before the server goes.
    counting: Mutex<Admin>,
    account: Account,
    server: PrivateServer,
}

impl Server {
    /// Starts the usual server.
    pub fn start() -> Server {
        Self::builder().start()
    }

    /// A server with settings of its own.
    pub fn builder() -> Builder {
        Builder {
            max_connections: 30,
            args: Vec::new(),
            setup_first: Vec::new(),
            setup: Vec::new(),
            binary: None,
            account: None,
            data_of_another: false,
        }
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        self.server.socket()
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The directory that holds the server's files.
    pub fn dir(&self) -> &Path {
        self.server.dir()
    }

    /// Which program runs.
    pub fn binary(&self) -> &ServerBinary {
        self.server.binary()
    }

    /// Whether it is MySQL.
    pub fn is_mysql(&self) -> bool {
        self.server.binary().flavor == Flavor::MySql
    }

    /// The account `app` of the database `app`.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// A new connection as root over the socket, open until it is dropped.
    pub fn admin(&self) -> Admin {
        Admin::connect(&self.socket())
    }

    /// Makes an empty utf8mb4 database.
    pub fn create_database(&self, name: &str) {
        self.admin().exec(&format!(
            "CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
        ));
    }

    /// Makes a user from any host with these grants, each written as in `SELECT ON app.*`.
    pub fn create_user(&self, name: &str, password: &str, grants: &[&str]) {
        let mut admin = self.admin();
        admin.exec(&format!("CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'"));
        for grant in grants {
            admin.exec(&format!("GRANT {grant} TO '{name}'@'%'"));
        }
    }

    /// Makes a database with a user of all its rights, as the account `app` is for `app`.
    pub fn create_account(&self, user: &str, database: &str) -> Account {
        let account = Account::generate(user, database);
        let mut admin = self.admin();
        for statement in account.setup() {
            admin.exec(&statement);
        }
        account
    }

    /// A connection over TCP as this account, open until it is dropped.
    pub fn connect_as(&self, account: &Account) -> Admin {
        Admin::connect_tcp(
            self.port(),
            &account.user,
            account.password.reveal(),
            &account.database,
        )
    }

    /// The same, unless the server refuses it.
    ///
    /// # Errors
    /// The server's refusal.
    pub fn try_connect_as(&self, account: &Account) -> Result<Admin, mysql_async::Error> {
        Admin::try_connect_tcp(
            self.port(),
            &account.user,
            account.password.reveal(),
            &account.database,
        )
    }

    /// The binary, set to connect over TCP as the account `app`.
    pub fn dbtool(&self) -> Cmd {
        self.dbtool_as(&self.account)
    }

    /// The binary, set to connect over TCP as this account.
    pub fn dbtool_as(&self, account: &Account) -> Cmd {
        self.set_up(dbtool(), account)
    }

    /// The same command by another build of the program, as the account `app`.
    pub fn dbtool_by(&self, program: &Path) -> Cmd {
        self.set_up(Cmd::new(program), &self.account)
    }

    fn set_up(&self, command: Cmd, account: &Account) -> Cmd {
        command
            .env("DB_HOST", "127.0.0.1")
            .env("DB_PORT", self.port().to_string())
            .env("DB_USER", &account.user)
            .env("DB_PASSWORD", account.password.reveal())
            .env("DB_NAME", &account.database)
    }

    /// The counters now. The connection that asks is open from start to end and always counted.
    pub fn counters(&self) -> Counters {
        let mut admin = self
            .counting
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        Counters {
            aborted_clients: admin.status("Aborted_clients"),
            aborted_connects: admin.status("Aborted_connects"),
            threads_connected: admin.status("Threads_connected"),
        }
    }

    /// Asserts that every connection since `before` was closed as it should be. The server
    /// counts a goodbye a moment after it was sent, hence the short wait for it; one that was
    /// still being counted as `before` was taken leaves fewer, not more.
    #[track_caller]
    pub fn assert_unchanged(&self, before: &Counters) {
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut now = self.counters();
        while now.threads_connected > before.threads_connected && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
            now = self.counters();
        }
        now.threads_connected = now.threads_connected.max(before.threads_connected);
        assert_eq!(
            *before, now,
            "connections were not closed with COM_QUIT, or are still open"
        );
    }

    /// Ends the server without a goodbye, as a crash does.
    pub fn kill(&self) {
        cmd::signal(self.pid(), Signal::KILL);
    }
}
