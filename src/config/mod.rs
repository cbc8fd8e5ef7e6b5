//! Flags, environment, `.env` file and defaults make one typed [`Config`];
//! every value knows where it came from.

mod env_file;
mod read;
mod show;
mod source;
mod url;
mod url_options;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use env_file::EnvFile;
pub use show::ConfigLine;
pub use source::{Origin, Setting, Sources};

use crate::cancel::Cancel;
use crate::exit::Failure;
use crate::secret::Secret;
use read::{Unreadable, read_small};
use source::Lookup;
use url::UrlParts;

/// Connections all dbtool processes of a host may hold to one server together, unless configured.
pub const DEFAULT_CONNECTION_LIMIT: u32 = 3;
/// A limit above this is a typing error: no maintenance run needs more.
const MAX_CONNECTION_LIMIT: u32 = 100;
const DEFAULT_PORT: u16 = 3306;
const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// No password file is larger (bytes).
const PASSWORD_LIMIT: usize = 64 * 1024;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Host name or address, and port. `localhost` means TCP here, as for the driver;
    /// `DB_SOCKET` chooses the unix socket.
    Tcp {
        /// Host name or IP address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// Path of a unix socket.
    Socket(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How far the connection insists on TLS; the names are those of the MySQL client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypted.
    Disabled,
    /// Encrypted when the server offers it, plain otherwise.
    Preferred,
    /// Encrypted or no connection; the certificate is not checked.
    Required,
    /// The certificate must come from the given authority; its name is not checked.
    VerifyCa,
    /// The certificate must come from the given authority and be made out to the host.
    VerifyIdentity,
}

impl SslMode {
    const NAMES: [(&'static str, SslMode); 5] = [
        ("disabled", SslMode::Disabled),
        ("preferred", SslMode::Preferred),
        ("required", SslMode::Required),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-identity", SslMode::VerifyIdentity),
    ];

    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("preferred", |(name, _)| name)
    }

    /// Whether the server's certificate is checked against an authority.
    pub fn verifies(self) -> bool {
        matches!(self, SslMode::VerifyCa | SslMode::VerifyIdentity)
    }
}

/// The whole configuration of a run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the server listens.
    pub address: Setting<Address>,
    /// Where the port came from; the address's own origin is the host's or the socket's.
    pub port_origin: Origin,
    /// Account to connect as; only showing the configuration does without.
    pub user: Option<Setting<String>>,
    /// Its password; `None` is an account without one.
    pub password: Option<Setting<Secret>>,
    /// Database to work in; some commands need none.
    pub database: Option<Setting<String>>,
    /// Connections all dbtool processes of this host may hold together.
    pub connection_limit: Setting<u32>,
    /// Connections all dbtool processes of all hosts may hold together; off when `None`.
    pub fleet_limit: Option<Setting<u32>>,
    /// How long a command waits for a free connection.
    pub acquire_timeout: Setting<Duration>,
    /// How long one statement may run; `None` is no limit.
    pub timeout: Setting<Option<Duration>>,
    /// TLS mode.
    pub ssl_mode: Setting<SslMode>,
    /// File with the authority's certificate, PEM.
    pub ssl_ca: Option<Setting<PathBuf>>,
    /// File with the client's certificate, PEM.
    pub ssl_cert: Option<Setting<PathBuf>>,
    /// File with the client's key, PEM.
    pub ssl_key: Option<Setting<PathBuf>>,
    /// MySQL `admin_port`, MariaDB `extra_port`: a way in when the server is full.
    pub admin_port: Option<Setting<u16>>,
    /// Whether slots are shared with the other dbtool processes of this host.
    pub shared_budget: Setting<bool>,
    /// Folder for the slots, instead of the user's runtime directory.
    pub budget_dir: Option<Setting<PathBuf>>,
    /// The `.env` file that was read, if any.
    pub env_file: Option<PathBuf>,
    /// What the user should know about how the values were read; whole sentences without secrets.
    pub notes: Vec<String>,
}

impl Config {
    /// Resolves the configuration: flag, environment, `.env`, default.
    ///
    /// # Errors
    /// A value that cannot be used, named with its variable and where it was set, or two
    /// sources that disagree (exit 2).
    pub fn resolve(sources: &Sources) -> Result<Config, Failure> {
        let lookup = Lookup::new(sources);
        let url = UrlParts::read(&lookup)?;
        let ssl_mode = lookup
            .merged("DB_SSL_MODE", url.option("ssl-mode"))?
            .map(parse_ssl_mode)
            .transpose()?;
        let ssl_ca = lookup.merged("DB_SSL_CA", url.option("ssl-ca"))?.map(path);
        let ssl_mode = ssl_mode.unwrap_or(Setting::default(match ssl_ca {
            // A CA that is silently not used would be worse than none.
            Some(_) => SslMode::VerifyCa,
            None => SslMode::Preferred,
        }));
        let (address, port_origin) = address(&lookup, &url)?;
        let acquire_timeout = lookup
            .get("DB_ACQUIRE_TIMEOUT")
            .map(|s| milliseconds(s, 1))
            .transpose()?
            .unwrap_or(Setting::default(DEFAULT_TIMEOUT));
        let mut notes = url.notes.clone();
        notes.extend(sources.env_file.iter().flat_map(|file| file.notes.clone()));
        let config = Config {
            address,
            port_origin,
            user: lookup.merged("DB_USER", url.user.clone())?,
            password: password(&lookup, &url, acquire_timeout.value)?,
            database: lookup.merged("DB_NAME", url.database.clone())?,
            connection_limit: lookup
                .get("DB_CONNECTION_LIMIT")
                .map(|s| number(s, 1, MAX_CONNECTION_LIMIT))
                .transpose()?
                .unwrap_or(Setting::default(DEFAULT_CONNECTION_LIMIT)),
            fleet_limit: lookup
                .get("DB_FLEET_CONNECTION_LIMIT")
                .map(|s| number(s, 1, 1_000))
                .transpose()?,
            acquire_timeout,
            timeout: lookup
                .get("DB_TIMEOUT")
                .map(|s| milliseconds(s, 0))
                .transpose()?
                .unwrap_or(Setting::default(DEFAULT_TIMEOUT))
                .map(|limit| (!limit.is_zero()).then_some(limit)),
            ssl_mode,
            ssl_ca,
            ssl_cert: lookup.merged("DB_SSL_CERT", url.option("ssl-cert"))?.map(path),
            ssl_key: lookup.merged("DB_SSL_KEY", url.option("ssl-key"))?.map(path),
            admin_port: lookup
                .get("DB_ADMIN_PORT")
                .map(|s| number(s, 1, u16::MAX))
                .transpose()?,
            shared_budget: lookup
                .get("DB_SHARED_BUDGET")
                .map(boolean)
                .transpose()?
                .unwrap_or(Setting::default(true)),
            budget_dir: lookup.get("DB_BUDGET_DIR").map(path),
            env_file: sources.env_file.as_ref().map(|file| file.path.clone()),
            notes,
        };
        config.check_tls_files()?;
        Ok(config)
    }

    /// The account's name; empty where none is configured.
    pub fn user_name(&self) -> &str {
        self.user.as_ref().map_or("", |name| &name.value)
    }

    /// Whether there is an account to connect as.
    ///
    /// # Errors
    /// None is configured (exit 2).
    pub fn require_user(&self) -> Result<(), Failure> {
        match self.user {
            Some(_) => Ok(()),
            None => Err(Failure::usage(
                "no database account is configured",
                "set DATABASE_URL, or DB_USER with DB_PASSWORD and DB_NAME, in the environment or a .env file \
                 (see .env.example); `dbtool config` shows what is set, `dbtool sandbox` tries dbtool without any \
                 server",
            )),
        }
    }

    /// The database's name.
    ///
    /// # Errors
    /// None is configured (exit 2).
    pub fn require_database(&self) -> Result<&str, Failure> {
        self.database
            .as_ref()
            .map(|name| name.value.as_str())
            .ok_or_else(|| {
                Failure::usage(
                    "no database is named",
                    "set DB_NAME, use --db-name, or end DATABASE_URL with /NAME",
                )
            })
    }

    /// Whether the server is on this machine.
    pub fn is_local(&self) -> bool {
        match &self.address.value {
            Address::Socket(_) => true,
            Address::Tcp { host, .. } => is_loopback(host),
        }
    }

    fn check_tls_files(&self) -> Result<(), Failure> {
        if self.ssl_mode.value == SslMode::Disabled {
            return Ok(());
        }
        if self.ssl_mode.value.verifies() && self.ssl_ca.is_none() {
            return Err(Failure::usage(
                format!(
                    "DB_SSL_MODE={} ({}) needs an authority to check against, and DB_SSL_CA is not set",
                    self.ssl_mode.value.name(),
                    self.ssl_mode.origin
                ),
                "set DB_SSL_CA to the PEM file of the certificate authority",
            ));
        }
        match (&self.ssl_cert, &self.ssl_key) {
            (Some(cert), None) => return Err(half_pair("DB_SSL_CERT", cert, "DB_SSL_KEY")),
            (None, Some(key)) => return Err(half_pair("DB_SSL_KEY", key, "DB_SSL_CERT")),
            _ => {}
        }
        let files = [
            ("DB_SSL_CA", &self.ssl_ca),
            ("DB_SSL_CERT", &self.ssl_cert),
            ("DB_SSL_KEY", &self.ssl_key),
        ];
        for (name, file) in files
            .into_iter()
            .filter_map(|(name, file)| Some((name, file.as_ref()?)))
        {
            if let Err(error) = open_regular(&file.value) {
                return Err(Failure::usage(
                    format!("{name}={} ({}): {error}", file.value.display(), file.origin),
                    "give the path of a readable PEM file",
                ));
            }
        }
        Ok(())
    }
}

/// Opens a file to see that it can be read. A pipe is refused unopened: it would wait for a writer,
/// and the driver reads these files once per connection.
fn open_regular(path: &Path) -> std::io::Result<()> {
    if std::fs::metadata(path)?.is_file() {
        return std::fs::File::open(path).map(drop);
    }
    Err(std::io::Error::other("it is not a regular file"))
}

fn half_pair(given: &str, setting: &Setting<PathBuf>, missing: &str) -> Failure {
    Failure::usage(
        format!("{given} is set ({}) but {missing} is not", setting.origin),
        format!("a client certificate needs both files: set {missing}, or unset {given}"),
    )
}

/// Whether `host` names this machine through the loopback interface.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The address, and where its port came from.
fn address(lookup: &Lookup<'_>, url: &UrlParts) -> Result<(Setting<Address>, Origin), Failure> {
    let host = lookup.merged("DB_HOST", url.host.clone())?;
    if let Some(host) = host.as_ref().filter(|host| host.value.contains(['/', '@'])) {
        return Err(Failure::usage(
            // Not shown: a URL may hold a password.
            format!("the value set by {} is not a host name", host.origin),
            "write the name or address alone; a whole URL belongs into DATABASE_URL, a socket's path into DB_SOCKET",
        ));
    }
    let port = lookup
        .merged("DB_PORT", url.port.clone())?
        .map(|setting| number::<u16>(setting, 1, u16::MAX))
        .transpose()?
        .unwrap_or(Setting::default(DEFAULT_PORT));
    let Some(socket) = lookup.merged("DB_SOCKET", url.option("socket"))? else {
        let host = host.unwrap_or(Setting::default(DEFAULT_HOST.to_owned()));
        let address = host.map(|host| Address::Tcp {
            host,
            port: port.value,
        });
        return Ok((address, port.origin));
    };
    if let Some(host) = host.filter(|host| !is_loopback(&host.value)) {
        return Err(Failure::usage(
            format!(
                "DB_SOCKET={} ({}) and the host {} ({}) are two different servers",
                socket.value, socket.origin, host.value, host.origin
            ),
            "unset one of them: a unix socket is always a server on this machine",
        ));
    }
    Ok((
        socket.map(|path| Address::Socket(PathBuf::from(path))),
        port.origin,
    ))
}

fn password(
    lookup: &Lookup<'_>,
    url: &UrlParts,
    patience: Duration,
) -> Result<Option<Setting<Secret>>, Failure> {
    let plain = lookup.get("DB_PASSWORD");
    let file = lookup.get("DB_PASSWORD_FILE");
    if let (Some(plain), Some(file)) = (&plain, &file) {
        return Err(Failure::usage(
            format!(
                "both DB_PASSWORD ({}) and DB_PASSWORD_FILE ({}) are set",
                plain.origin, file.origin
            ),
            "unset one of them",
        ));
    }
    let part = match file {
        None => plain.map(|setting| setting.map(Secret::new)),
        Some(file) => Some(read_password(&file, patience, lookup.cancel())?),
    };
    match (&part, &url.password) {
        (Some(part), Some(in_url)) if part.value != in_url.value => Err(Failure::usage(
            format!(
                "the password in DATABASE_URL ({}) and the one from {} differ",
                in_url.origin, part.origin
            ),
            "keep the password in one place",
        )),
        (None, in_url) => Ok(in_url.clone()),
        (part, _) => Ok(part.clone()),
    }
}

fn read_password(
    file: &Setting<String>,
    patience: Duration,
    cancel: &Cancel,
) -> Result<Setting<Secret>, Failure> {
    let refused = |problem: &dyn fmt::Display| {
        Failure::usage(
            format!("DB_PASSWORD_FILE={} ({}): {problem}", file.value, file.origin),
            "give the path of a readable file that holds the password and nothing else",
        )
    };
    let bytes = match read_small(Path::new(&file.value), PASSWORD_LIMIT, patience, cancel) {
        Ok(bytes) => bytes,
        Err(Unreadable::Cancelled(cancelled)) => return Err(cancelled.into()),
        Err(error) => return Err(refused(&error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| refused(&"it is not UTF-8"))?;
    // Editors and `echo` end a file with a newline that is not part of the password.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(Setting {
        value: Secret::new(text),
        origin: file.origin.clone(),
    })
}

fn path(setting: Setting<String>) -> Setting<PathBuf> {
    setting.map(PathBuf::from)
}

fn parse_ssl_mode(setting: Setting<String>) -> Result<Setting<SslMode>, Failure> {
    let wanted = setting.value.to_ascii_lowercase().replace('_', "-");
    let found = SslMode::NAMES
        .iter()
        .find(|(name, _)| *name == wanted)
        .map(|(_, mode)| *mode);
    match found {
        Some(mode) => Ok(setting.map(|_| mode)),
        None => Err(bad_value(
            &setting,
            "use one of disabled, preferred, required, verify-ca, verify-identity",
        )),
    }
}

fn number<T>(setting: Setting<String>, min: T, max: T) -> Result<Setting<T>, Failure>
where
    T: std::str::FromStr + PartialOrd + fmt::Display,
{
    match setting.value.trim().parse::<T>() {
        Ok(value) if value >= min && value <= max => Ok(setting.map(|_| value)),
        _ => Err(bad_value(
            &setting,
            &format!("use a whole number from {min} to {max}"),
        )),
    }
}

fn milliseconds(setting: Setting<String>, min: u64) -> Result<Setting<Duration>, Failure> {
    // A day: longer waits are a unit mistake (the value is in milliseconds).
    number::<u64>(setting.clone(), min, 86_400_000)
        .map(|setting| setting.map(Duration::from_millis))
        .map_err(|_| {
            bad_value(
                &setting,
                &format!("use milliseconds, a whole number from {min} to 86400000"),
            )
        })
}

fn boolean(setting: Setting<String>) -> Result<Setting<bool>, Failure> {
    match setting.value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(setting.map(|_| true)),
        "0" | "false" | "no" | "off" => Ok(setting.map(|_| false)),
        _ => Err(bad_value(&setting, "use true or false")),
    }
}

/// The message for a value that cannot be used; `setting.origin` names the variable.
fn bad_value(setting: &Setting<String>, next: &str) -> Failure {
    Failure::usage(
        format!(
            "'{}' is not a valid value, set by {}",
            setting.value, setting.origin
        ),
        next,
    )
}
