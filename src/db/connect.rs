//! One attempt at a connection: driver options, TLS modes, and whether trying again makes sense.

use std::path::PathBuf;

use mysql_async::{ClientIdentity, Conn, Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, SslOpts};

use super::codes;
use crate::config::{Address, Config, SslMode};

/// Everything a connection is made with; cheap to share.
#[derive(Clone)]
pub(super) struct Target {
    builder: OptsBuilder,
    ssl_mode: SslMode,
    ssl: SslOpts,
    is_socket: bool,
    is_loopback: bool,
    /// `user@address`, for messages.
    pub(super) label: String,
    /// The account's name, for messages.
    pub(super) user: String,
}

/// Which names a verified certificate may be made out to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// The configured host's.
    Host,
    /// Any, or none at all, as the certificates are that MySQL makes for itself.
    Any,
}

/// The name to expect in a certificate whose name does not matter. The driver (0.37) accepts another
/// name when it was told to and finds the words "NotValidForName" in the refusal; rustls (0.23) writes
/// the expected name there instead, and writes it in no refusal but the one for a name, after the
/// chain was verified. So the two agree on exactly this name. Any other refusal stands, and should
/// either library change its words, the connection is refused (`tests/tls.rs`).
const ANY_NAME: &str = "NotValidForName";

/// The driver's pool, and the options it was made with.
#[derive(Clone)]
pub(super) struct Door {
    pool: Pool,
}

impl Target {
    /// Driver options from the configuration. `command` is shown to the server in the
    /// connection's attributes, so that a DBA sees who it is.
    pub(super) fn new(config: &Config, command: &str) -> Target {
        let mut builder = OptsBuilder::default()
            // The driver would otherwise open a second connection over the server's
            // socket while it still holds the first: one more than the budget knows of.
            .prefer_socket(false)
            .user(Some(config.user_name()))
            .pass(
                config
                    .password
                    .as_ref()
                    .map(|password| password.value.reveal().to_owned()),
            )
            .db_name(config.database.as_ref().map(|name| name.value.clone()))
            .stmt_cache_size(16)
            // The driver's handshake names a collation, which would be that of the session; as the
            // command-line clients have it, it is the server's own for this character set.
            .init(vec!["SET NAMES utf8mb4"])
            .tcp_keepalive(Some(std::time::Duration::from_secs(30)))
            .connect_attribute("program_name", "dbtool")
            .connect_attribute("dbtool_command", command)
            .connect_attribute("_pid", std::process::id().to_string())
            .connect_attribute("_client_version", env!("CARGO_PKG_VERSION"));
        let is_socket = matches!(config.address.value, Address::Socket(_));
        builder = match &config.address.value {
            Address::Tcp { host, port } => builder.ip_or_hostname(host.clone()).tcp_port(*port),
            Address::Socket(path) => builder.socket(Some(path.to_string_lossy().into_owned())),
        };
        Target {
            builder,
            ssl_mode: if is_socket {
                SslMode::Disabled
            } else {
                config.ssl_mode.value
            },
            ssl: ssl_opts(config),
            is_socket,
            is_loopback: config.is_local(),
            label: format!("{}@{}", config.user_name(), config.address.value),
            user: config.user_name().to_owned(),
        }
    }

    /// The same server through another port; `None` for a unix socket, which has no ports.
    pub(super) fn through_port(&self, port: u16) -> Option<Target> {
        let mut other = self.clone();
        if self.is_socket {
            // The reserved port listens on TCP only.
            other.builder = other.builder.socket(None::<String>).ip_or_hostname("127.0.0.1");
            other.is_socket = false;
        }
        other.builder = other.builder.tcp_port(port);
        other.label = format!("{} (port {port})", self.label);
        Some(other)
    }

    /// A pool of at most `max` connections; none is opened, and none is kept idle.
    pub(super) fn door(&self, max: usize, tls: bool, names: Names) -> Door {
        let constraints = PoolConstraints::new(0, max.max(1)).unwrap_or_default();
        let ssl = match names {
            Names::Any => self
                .ssl
                .clone()
                .with_danger_skip_domain_validation(true)
                .with_danger_tls_hostname_override(Some(ANY_NAME)),
            Names::Host => self.ssl.clone(),
        };
        let opts = self
            .builder
            .clone()
            .pool_opts(
                PoolOpts::default()
                    .with_constraints(constraints)
                    .with_reset_connection(false),
            )
            .ssl_opts(tls.then_some(ssl));
        #[allow(
            clippy::disallowed_methods,
            reason = "the one place where connections come from"
        )]
        let pool = Pool::new(Opts::from(opts));
        Door { pool }
    }

    /// The door for the configured TLS mode.
    pub(super) fn first_door(&self, max: usize) -> Door {
        self.door(max, !self.plain_first(), Names::Host)
    }

    /// Whether the first attempt goes without TLS. A loopback connection leaves no machine, so
    /// `preferred` has nothing to gain there; and the driver learns that a server offers no TLS
    /// only by breaking off a handshake, which the server counts in `Aborted_connects`.
    fn plain_first(&self) -> bool {
        match self.ssl_mode {
            SslMode::Disabled => true,
            SslMode::Preferred => self.is_loopback,
            SslMode::Required | SslMode::VerifyCa | SslMode::VerifyIdentity => false,
        }
    }

    /// Another door worth trying after `error`, if the TLS mode allows one.
    pub(super) fn other_door(&self, max: usize, error: &mysql_async::Error) -> Option<Door> {
        match self.ssl_mode {
            SslMode::Preferred if offers_no_tls(error) => Some(self.door(max, false, Names::Host)),
            // The server or the account may insist on TLS also on loopback. MySQL says so (3159);
            // MariaDB 10.11 answers as to a wrong password (1045).
            SslMode::Preferred if wants_tls(error) && self.plain_first() => {
                Some(self.door(max, true, Names::Host))
            }
            // The authority is checked before the name: a name that does not fit means a certificate
            // of the right authority, which is all that `verify-ca` asks for.
            SslMode::VerifyCa if is_other_name(error) => Some(self.door(max, true, Names::Any)),
            _ => None,
        }
    }
}

impl Door {
    pub(super) async fn enter(&self) -> Result<Conn, mysql_async::Error> {
        self.pool.get_conn().await
    }

    pub(super) async fn close(self) {
        // The connections are closed one by one by their owners; this ends the driver's own task.
        let _ = self.pool.disconnect().await;
    }
}

fn ssl_opts(config: &Config) -> SslOpts {
    let mut ssl = SslOpts::default();
    if let (Some(cert), Some(key)) = (&config.ssl_cert, &config.ssl_key) {
        let identity = ClientIdentity::new(
            PathBuf::from(&cert.value).into(),
            PathBuf::from(&key.value).into(),
        );
        ssl = ssl.with_client_identity(Some(identity));
    }
    if !config.ssl_mode.value.verifies() {
        return ssl.with_danger_accept_invalid_certs(true);
    }
    let roots = config.ssl_ca.iter().map(|ca| ca.value.clone().into()).collect();
    // Only the authority that was named may vouch for the server, no public one.
    ssl.with_disable_built_in_roots(true).with_root_certs(roots)
}

fn wants_tls(error: &mysql_async::Error) -> bool {
    matches!(error, mysql_async::Error::Server(server) if matches!(server.code, codes::ER_SECURE_TRANSPORT_REQUIRED | codes::ER_ACCESS_DENIED_ERROR))
}

fn offers_no_tls(error: &mysql_async::Error) -> bool {
    matches!(
        error,
        mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer)
    )
}

/// Whether a certificate of the right authority was refused for its name (rustls 0.23 checks the
/// chain first: `WebPkiServerVerifier::verify_server_cert`).
fn is_other_name(error: &mysql_async::Error) -> bool {
    let mysql_async::Error::Io(mysql_async::IoError::Io(io)) = error else {
        return false;
    };
    io.to_string().contains("not valid for name")
}

/// Whether a failed attempt may succeed a moment later, nothing having run.
pub(super) fn is_transient(error: &mysql_async::Error) -> bool {
    use std::io::ErrorKind as Io;
    match error {
        mysql_async::Error::Server(server) => match server.code {
            // Too many connections, shutting down, account at its limit of open connections.
            codes::ER_CON_COUNT_ERROR | codes::ER_SERVER_SHUTDOWN | codes::ER_TOO_MANY_USER_CONNECTIONS => {
                true
            }
            // Also the hourly limits, which do not pass while we wait.
            codes::ER_USER_LIMIT_REACHED => server.message.contains("max_user_connections"),
            _ => false,
        },
        mysql_async::Error::Io(mysql_async::IoError::Io(io)) => matches!(
            io.kind(),
            Io::ConnectionRefused
                | Io::ConnectionReset
                | Io::ConnectionAborted
                | Io::UnexpectedEof
                | Io::BrokenPipe
                | Io::NotFound
                | Io::TimedOut
        ),
        mysql_async::Error::Driver(mysql_async::DriverError::ConnectionClosed) => true,
        _ => false,
    }
}
