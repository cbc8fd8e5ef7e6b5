//! An error of the database: what happened, what to do next, and the exit code.

use std::fmt;

use super::codes::{
    ER_DBACCESS_DENIED_ERROR, ER_ERROR_ON_RENAME, ER_NET_PACKET_TOO_LARGE, ER_OPTION_PREVENTS_STATEMENT,
    ER_USER_LIMIT_REACHED, LOST_TABLE_FILE, advice,
};
use crate::cancel::{Cancelled, Signal};
use crate::exit::Exit;

/// The kind of an error, as far as commands distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection could be made; no statement has run.
    Connect,
    /// The connection budget had no free slot in time; no statement has run.
    NoSlot,
    /// The server refused or failed a statement.
    Statement,
    /// The statement reached its time limit and was killed on the server.
    Timeout {
        /// Whether the server had finished it before the kill arrived.
        completed: bool,
    },
    /// The run was cancelled before or during the statement.
    Cancelled(Signal),
    /// The connection was lost; unless `sent` is false, it is unknown whether the statement in
    /// flight took effect.
    Lost {
        /// Whether the statement may have reached the server.
        sent: bool,
    },
}

/// An error of the database room. Never holds a password.
#[derive(Debug, Clone)]
pub struct DbError {
    kind: ErrorKind,
    code: Option<u16>,
    what: String,
    next: String,
}

/// The largest possible max_allowed_packet.
const LARGEST_PACKET: u64 = 1 << 30;

impl DbError {
    /// An error that is not a server's.
    pub fn new(kind: ErrorKind, what: impl Into<String>, next: impl Into<String>) -> Self {
        DbError {
            kind,
            code: None,
            what: what.into(),
            next: next.into(),
        }
    }

    /// Removes quotations of `statement` from the server's message that may contain a password.
    pub(super) fn without_secrets(mut self, statement: &str) -> Self {
        if self.code.is_some() {
            self.what = crate::sql::without_secrets(&self.what, statement);
        }
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The server's error number, where there is one.
    pub fn code(&self) -> Option<u16> {
        self.code
    }

    /// What happened, to what.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do next; may be empty.
    pub fn next(&self) -> &str {
        &self.next
    }

    /// The exit code this error means.
    pub fn exit(&self) -> Exit {
        match self.kind {
            ErrorKind::Connect | ErrorKind::NoSlot => Exit::Connect,
            ErrorKind::Statement | ErrorKind::Timeout { .. } | ErrorKind::Lost { .. } => Exit::Statement,
            ErrorKind::Cancelled(signal) => Exit::Interrupted(signal),
        }
    }

    /// Whether the same may succeed a while later without a change by anybody: the server is away, restarts or is
    /// full, or the budget is.
    pub fn may_pass(&self) -> bool {
        match self.kind {
            ErrorKind::Lost { .. } | ErrorKind::NoSlot => true,
            ErrorKind::Connect if self.code.is_none() => true,
            _ => self.is_lack_of_room(),
        }
    }

    /// Whether looking at the server again is of no use. What an account sees for the first time tells what it may see
    /// at all; later, only a refusal of its rights does.
    pub fn ends_looking(&self, seen_before: bool) -> bool {
        match self.kind {
            ErrorKind::Cancelled(_) => true,
            _ if seen_before => self.is_denied(),
            _ => !self.may_pass(),
        }
    }

    /// The refusal of a server that would let this account write all the same.
    pub fn read_only_for_others() -> Self {
        DbError {
            code: Some(ER_OPTION_PREVENTS_STATEMENT),
            ..DbError::new(
                ErrorKind::Statement,
                "the server is read-only, as a replica is (this account could write all the same, and replication \
                 would stop or lose it)",
                "connect to the primary, or insist with --allow-replica",
            )
        }
    }

    pub(super) fn cancelled(signal: Signal) -> Self {
        DbError::new(
            ErrorKind::Cancelled(signal),
            format!("interrupted by {signal}"),
            "",
        )
    }

    /// An error of a statement, as the server or the driver reports it.
    pub(super) fn from_statement(error: mysql_async::Error) -> Self {
        match error {
            mysql_async::Error::Server(server) => DbError {
                kind: ErrorKind::Statement,
                code: Some(server.code),
                what: server_text(&server),
                next: advice_about(&server),
            },
            mysql_async::Error::Io(error) => DbError::lost(true, &error.to_string()),
            mysql_async::Error::Driver(
                mysql_async::DriverError::ConnectionClosed | mysql_async::DriverError::PoolDisconnected,
            ) => DbError::lost(true, "the server closed it"),
            mysql_async::Error::Driver(mysql_async::DriverError::PacketTooLarge) => DbError {
                kind: ErrorKind::Statement,
                code: Some(ER_NET_PACKET_TOO_LARGE),
                what: "the statement is larger than the server's max_allowed_packet".to_owned(),
                next: advice(ER_NET_PACKET_TOO_LARGE).to_owned(),
            },
            other => DbError::new(ErrorKind::Statement, other.to_string(), ""),
        }
    }

    /// Refuses a statement that the server would refuse for its size; a `limit` of 0 means unknown.
    ///
    /// # Errors
    /// It is too large.
    pub fn refuse_too_large(bytes: usize, limit: u64) -> Result<(), DbError> {
        // The command byte is added to the text.
        let packet = (bytes as u64).saturating_add(1);
        if limit == 0 || packet < limit {
            return Ok(());
        }
        let needed = (packet + 1).next_multiple_of(1024);
        let raise = if needed <= LARGEST_PACKET {
            format!(
                "raise the limit (SET GLOBAL max_allowed_packet = {needed}, and in the server's configuration), or split \
                 the statement: "
            )
        } else {
            "split the statement, no server takes one of that size: ".to_owned()
        };
        Err(DbError {
            kind: ErrorKind::Statement,
            code: Some(ER_NET_PACKET_TOO_LARGE),
            what: format!(
                "the statement has {bytes} bytes, and the server's max_allowed_packet is {limit} (server error 1153)"
            ),
            next: format!("{raise}several INSERTs with fewer rows each do the same"),
        })
    }

    pub(super) fn lost(sent: bool, why: &str) -> Self {
        DbError::new(
            ErrorKind::Lost { sent },
            format!("the connection to the server was lost ({why})"),
            if sent {
                "the statement in flight may or may not have taken effect; check that the server is up and \
                 run the command again: it resumes from what is recorded"
            } else {
                "the statement was not sent; check that the server is up and run the command again"
            },
        )
    }

    /// An error while connecting to `target`.
    pub(super) fn from_connect(error: &mysql_async::Error, target: &str) -> Self {
        match error {
            mysql_async::Error::Server(server) => DbError {
                kind: ErrorKind::Connect,
                code: Some(server.code),
                what: format!("cannot connect to {target}: {}", server_text(server)),
                next: match server.code {
                    // While connecting, this error is about the database as a whole; the server does
                    // not reveal to an account without rights on it whether it exists.
                    ER_DBACCESS_DENIED_ERROR => {
                        "correct DB_NAME, or grant the account rights on that database".to_owned()
                    }
                    _ => advice_about(server),
                },
            },
            other => {
                let (why, next) = describe_transport(other);
                DbError::new(
                    ErrorKind::Connect,
                    format!("cannot connect to {target}: {why}"),
                    next,
                )
            }
        }
    }

    pub(super) fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    pub(super) fn with_what(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    pub(super) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }
}

fn server_text(server: &mysql_async::ServerError) -> String {
    format!(
        "server error {} ({}): {}",
        server.code, server.state, server.message
    )
}

const TLS_ADVICE: &str = "check DB_SSL_CA against the server's certificate, the name in the certificate against \
     DB_HOST, or choose another DB_SSL_MODE";

/// Describes a failure below the MySQL protocol.
fn describe_transport(error: &mysql_async::Error) -> (String, &'static str) {
    match error {
        // rustls reports a refused certificate through the stream.
        mysql_async::Error::Io(mysql_async::IoError::Io(io))
            if io.kind() == std::io::ErrorKind::InvalidData =>
        {
            describe_certificate(&io.to_string())
        }
        mysql_async::Error::Io(mysql_async::IoError::Io(io)) => describe_io(io),
        mysql_async::Error::Io(mysql_async::IoError::Tls(tls)) => (format!("TLS: {tls}"), TLS_ADVICE),
        mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => (
            "TLS is required and the server does not offer it".to_owned(),
            "enable TLS on the server, or set DB_SSL_MODE=preferred",
        ),
        mysql_async::Error::Driver(mysql_async::DriverError::UnknownAuthPlugin { name }) => (
            format!("the account uses the authentication plugin {name}, which is not supported"),
            "use an account with mysql_native_password, caching_sha2_password or ed25519",
        ),
        other => (
            other.to_string(),
            "check that the address is that of a MySQL or MariaDB server",
        ),
    }
}

/// Describes a refused certificate, from the error texts of rustls 0.23.
fn describe_certificate(refusal: &str) -> (String, &'static str) {
    let (what, next) = if refusal.contains("CaUsedAsEndEntity") {
        (
            "the server's certificate is an authority's own, as a self-signed one is unless made otherwise; it \
             cannot prove a server's identity",
            "let an authority sign a certificate for the server, or make the self-signed one with \
             basicConstraints=CA:FALSE and name it in DB_SSL_CA; DB_SSL_MODE=required encrypts without verifying",
        )
    } else if refusal.contains("UnsupportedCertVersion") {
        (
            "the server's certificate is in the old format X.509 v1, which cannot be verified",
            "make it again with extensions (openssl x509 -req … -extfile, with basicConstraints=CA:FALSE); \
             DB_SSL_MODE=required encrypts without verifying",
        )
    } else if refusal.contains("UnknownIssuer") || refusal.contains("BadSignature") {
        (
            "the server's certificate does not come from the authority in DB_SSL_CA",
            "name the file of the authority that signed it: ask who runs the server; MySQL's own is ca.pem in the \
             server's data directory",
        )
    } else if refusal.contains("not valid for name") {
        return (
            format!("TLS: {refusal}"),
            "connect by a name that the certificate holds (DB_HOST), have one made for this name, or check the \
             authority alone with DB_SSL_MODE=verify-ca",
        );
    } else {
        return (format!("TLS: {refusal}"), TLS_ADVICE);
    };
    (format!("TLS: {what}"), next)
}

fn describe_io(io: &std::io::Error) -> (String, &'static str) {
    use std::io::ErrorKind as Io;
    match io.kind() {
        Io::ConnectionRefused => (
            "connection refused: nothing listens there".to_owned(),
            "start the server, or correct DB_HOST and DB_PORT (or DB_SOCKET)",
        ),
        Io::NotFound => (
            "there is no such socket".to_owned(),
            "start the server, or correct DB_SOCKET",
        ),
        Io::PermissionDenied => (
            "permission denied on the socket".to_owned(),
            "use an operating-system user that may open it, or connect over TCP with DB_HOST",
        ),
        Io::ConnectionReset | Io::UnexpectedEof | Io::BrokenPipe => (
            "the server closed the connection during the handshake".to_owned(),
            "look into the server's error log: it may be restarting, out of connections, or not a MySQL server",
        ),
        _ if io.to_string().contains("lookup address") => (
            format!("unknown host ({io})"),
            "correct DB_HOST, or check the name service",
        ),
        _ => (
            io.to_string(),
            "check the network, and DB_HOST and DB_PORT (or DB_SOCKET)",
        ),
    }
}

/// What to do about this error of the server's.
fn advice_about(server: &mysql_async::ServerError) -> String {
    let hourly = [
        ("max_connections_per_hour", "MAX_CONNECTIONS_PER_HOUR"),
        ("max_questions", "MAX_QUERIES_PER_HOUR"),
        ("max_queries_per_hour", "MAX_QUERIES_PER_HOUR"),
        ("max_updates", "MAX_UPDATES_PER_HOUR"),
    ];
    let met = hourly
        .iter()
        .find(|(resource, _)| server.message.contains(resource));
    match met {
        Some((_, limit)) if server.code == ER_USER_LIMIT_REACHED => format!(
            "this account has reached a limit per hour: wait until the hour is over, or have its \
             {limit} raised with ALTER USER"
        ),
        // The engine knows no table of that name: seen with MySQL 9.7 killed in RENAME TABLE `a.b` TO ….
        _ if server.code == ER_ERROR_ON_RENAME && server.message.contains("errno: 155") => {
            LOST_TABLE_FILE.to_owned()
        }
        _ => advice(server.code).to_owned(),
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for DbError {}

impl From<Cancelled> for DbError {
    fn from(cancelled: Cancelled) -> Self {
        DbError::cancelled(cancelled.0)
    }
}
