//! One attempt at a connection: driver options, TLS modes, and whether trying again makes sense.

use std::path::PathBuf;

use mysql_async::{ClientIdentity, Conn, Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, SslOpts};

use super::codes;
use crate::config::{Address, Config, SslMode};

/// The options of a connection; cheap to clone.
#[derive(Clone)]
pub(super) struct ConnectTarget {
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

/// The names that a verified certificate may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CertificateNames {
    /// The configured host's name.
    Host,
    /// Any name, or none, as in the certificates that MySQL generates.
    Any,
}

/// The name to expect in a certificate whose name does not matter. With this option the driver (0.37)
/// ignores an error that contains "NotValidForName"; rustls (0.23) writes the expected name into that
/// error instead, and into no other error, after it has verified the chain. With exactly this expected
/// name the two match. Any other error remains an error, and if either library changes its text, the
/// connection is refused (`tests/it/tls.rs`).
const ANY_NAME: &str = "NotValidForName";

/// A connection pool of the driver.
#[derive(Clone)]
pub(super) struct DriverPool {
    pool: Pool,
}

impl ConnectTarget {
    /// Driver options from the configuration. `command` is shown to the server in the
    /// connection's attributes, so that a DBA can identify it.
    pub(super) fn new(config: &Config, command: &str) -> ConnectTarget {
        let mut builder = OptsBuilder::default()
            // Otherwise the driver opens a second connection over the server's socket while
            // it still has the first: one more than the budget counts.
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
        ConnectTarget {
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
    pub(super) fn through_port(&self, port: u16) -> Option<ConnectTarget> {
        let mut other = self.clone();
        if self.is_socket {
            // The admin port listens on TCP only.
            other.builder = other.builder.socket(None::<String>).ip_or_hostname("127.0.0.1");
            other.is_socket = false;
        }
        other.builder = other.builder.tcp_port(port);
        other.label = format!("{} (port {port})", self.label);
        Some(other)
    }

    /// A pool of at most `max` connections; none is opened, and none is kept idle.
    pub(super) fn driver_pool(&self, max: usize, tls: bool, names: CertificateNames) -> DriverPool {
        let constraints = PoolConstraints::new(0, max.max(1)).unwrap_or_default();
        let ssl = match names {
            CertificateNames::Any => self
                .ssl
                .clone()
                .with_danger_skip_domain_validation(true)
                .with_danger_tls_hostname_override(Some(ANY_NAME)),
            CertificateNames::Host => self.ssl.clone(),
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
        DriverPool { pool }
    }

    /// The pool to try first in the configured TLS mode.
    pub(super) fn first_pool(&self, max: usize) -> DriverPool {
        self.driver_pool(max, !self.plain_first(), CertificateNames::Host)
    }

    /// Whether the first attempt is made without TLS. A loopback connection does not leave the machine,
    /// so `preferred` gains nothing there; and the driver detects that a server offers no TLS only by
    /// aborting a handshake, which the server counts in `Aborted_connects`.
    fn plain_first(&self) -> bool {
        match self.ssl_mode {
            SslMode::Disabled => true,
            SslMode::Preferred => self.is_loopback,
            SslMode::Required | SslMode::VerifyCa | SslMode::VerifyIdentity => false,
        }
    }

    /// The pool to try after `error`, if the TLS mode allows another attempt.
    pub(super) fn fallback_pool(&self, max: usize, error: &mysql_async::Error) -> Option<DriverPool> {
        match self.ssl_mode {
            SslMode::Preferred if offers_no_tls(error) => {
                Some(self.driver_pool(max, false, CertificateNames::Host))
            }
            // The server or the account may require TLS also on loopback. MySQL then returns 3159,
            // MariaDB 10.11 the error of a wrong password (1045).
            SslMode::Preferred if wants_tls(error) && self.plain_first() => {
                Some(self.driver_pool(max, true, CertificateNames::Host))
            }
            // The authority is checked before the name: a wrong name means a certificate of the right
            // authority, which is all that `verify-ca` requires.
            SslMode::VerifyCa if is_other_name(error) => {
                Some(self.driver_pool(max, true, CertificateNames::Any))
            }
            _ => None,
        }
    }
}

impl DriverPool {
    pub(super) async fn connect(&self) -> Result<Conn, mysql_async::Error> {
        self.pool.get_conn().await
    }

    pub(super) async fn close(self) {
        // The tasks that own the connections close them; this ends the driver's own task.
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
    // Only the configured authority is trusted, no public one.
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

/// Whether a failed attempt may succeed a moment later; no statement has run.
pub(super) fn is_transient(error: &mysql_async::Error) -> bool {
    use std::io::ErrorKind as Io;
    match error {
        mysql_async::Error::Server(server) => match server.code {
            // Too many connections, shutting down, account at its limit of open connections.
            codes::ER_CON_COUNT_ERROR | codes::ER_SERVER_SHUTDOWN | codes::ER_TOO_MANY_USER_CONNECTIONS => {
                true
            }
            // The same number is used for the hourly limits, which do not end while we wait.
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
