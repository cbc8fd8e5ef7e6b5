//! The configuration variables: each is an entry of [`VARS`], a field of [`Config`] and the line of
//! [`Config::resolve`] that reads the field. The flags, the help, `dbtool config`, `.env.example` and the
//! variables that a sandbox replaces are derived from the entry.

use std::path::PathBuf;
use std::time::Duration;

use super::SslMode;
use super::address::{Address, address};
use super::parse::{boolean, milliseconds, number, parse_ssl_mode, path};
use super::password::password;
use super::source::{Lookup, Origin, Setting, Sources};
use super::url::UrlParts;
use super::var::{Argument, ExampleValue, Flag, Scope, Var};
use crate::exit::Failure;
use crate::secret::Secret;

/// A higher limit is a typing error: no maintenance run needs more.
const MAX_CONNECTION_LIMIT: u32 = 100;

/// The whole configuration of a run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server's address.
    pub address: Setting<Address>,
    /// Origin of the port; the address's own origin is that of the host or socket.
    pub port_origin: Origin,
    /// Account to connect as; only `dbtool config` works without one.
    pub user: Option<Setting<String>>,
    /// The account's password; `None` for an account without password.
    pub password: Option<Setting<Secret>>,
    /// Database to work in; some commands do not need one.
    pub database: Option<Setting<String>>,
    /// Connections all dbtool processes of this host may hold together.
    pub connection_limit: Setting<u32>,
    /// Connections all dbtool processes of all hosts may hold together; off when `None`.
    pub fleet_limit: Option<Setting<u32>>,
    /// How long a command waits for a free connection.
    pub acquire_timeout: Setting<Duration>,
    /// Time limit of a statement; `None` is no limit.
    pub timeout: Setting<Option<Duration>>,
    /// TLS requirement of the connection.
    pub ssl_mode: Setting<SslMode>,
    /// File with the authority's certificate, PEM.
    pub ssl_ca: Option<Setting<PathBuf>>,
    /// File with the client's certificate, PEM.
    pub ssl_cert: Option<Setting<PathBuf>>,
    /// File with the client's key, PEM.
    pub ssl_key: Option<Setting<PathBuf>>,
    /// MySQL `admin_port`, MariaDB `extra_port`: used when the server has no free connection.
    pub admin_port: Option<Setting<u16>>,
    /// Whether slots are shared with the other dbtool processes of this host.
    pub shared_budget: Setting<bool>,
    /// Whether to write on a server that is read-only for others.
    pub allow_replica: Setting<bool>,
    /// Folder for the slots, instead of the user's runtime directory.
    pub budget_dir: Option<Setting<PathBuf>>,
    /// The `.env` file that was read, if any.
    pub env_file: Option<PathBuf>,
    /// Warnings about how the values were read; whole sentences without secrets.
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
        let ssl_ca = lookup.merged("DB_SSL_CA", url.option("ssl-ca"))?.map(path);
        let ssl_mode = match lookup.merged("DB_SSL_MODE", url.option("ssl-mode"))? {
            Some(mode) => parse_ssl_mode(mode)?,
            // A CA without verification would give false security.
            None if ssl_ca.is_some() => Setting::default(SslMode::VerifyCa),
            None => parse_ssl_mode(lookup.default("DB_SSL_MODE"))?,
        };
        let (address, port_origin) = address(&lookup, &url)?;
        let acquire_timeout = milliseconds(lookup.or_default("DB_ACQUIRE_TIMEOUT"), 1)?;
        let mut notes = url.notes.clone();
        notes.extend(sources.env_file.iter().flat_map(|file| file.notes.clone()));
        let config = Config {
            address,
            port_origin,
            user: lookup.merged("DB_USER", url.user.clone())?,
            password: password(&lookup, &url, acquire_timeout.value)?,
            database: lookup.merged("DB_NAME", url.database.clone())?,
            connection_limit: number(lookup.or_default("DB_CONNECTION_LIMIT"), 1, MAX_CONNECTION_LIMIT)?,
            fleet_limit: lookup
                .get("DB_FLEET_CONNECTION_LIMIT")
                .map(|s| number(s, 1, 1_000))
                .transpose()?,
            acquire_timeout,
            timeout: milliseconds(lookup.or_default("DB_TIMEOUT"), 0)?
                .map(|limit| (!limit.is_zero()).then_some(limit)),
            ssl_mode,
            ssl_ca,
            ssl_cert: lookup.merged("DB_SSL_CERT", url.option("ssl-cert"))?.map(path),
            ssl_key: lookup.merged("DB_SSL_KEY", url.option("ssl-key"))?.map(path),
            admin_port: lookup
                .get("DB_ADMIN_PORT")
                .map(|s| number(s, 1, u16::MAX))
                .transpose()?,
            shared_budget: boolean(lookup.or_default("DB_SHARED_BUDGET"))?,
            allow_replica: boolean(lookup.or_default("DB_ALLOW_REPLICA"))?,
            budget_dir: lookup.get("DB_BUDGET_DIR").map(path),
            env_file: sources.env_file.as_ref().map(|file| file.path.clone()),
            notes,
        };
        config.check_tls_files()?;
        Ok(config)
    }
}

/// All variables, in the order of the help, of `dbtool config` and of `.env.example`. They are all that
/// dbtool reads from a `.env` file.
pub const VARS: &[Var] = &[
    Var {
        name: "DATABASE_URL",
        flag: Some(Flag {
            name: "--database-url",
            argument: Argument::Value("URL"),
            help: "mysql://user@host:port/db?options, without a password",
            advanced: false,
        }),
        default: None,
        secret: true,
        scope: Scope::Database,
        show: None,
        comment: "Either one URL (percent-encode special characters in the password). Those of SQLAlchemy, Prisma,\n\
                  Rails and JDBC are understood; options that mean nothing to dbtool are left alone ...",
        sample: ExampleValue::Commented("mysql://app:secret@127.0.0.1:3306/booking?ssl-mode=preferred"),
    },
    Var {
        name: "DB_HOST",
        flag: Some(Flag {
            name: "--db-host",
            argument: Argument::Value("HOST"),
            help: "Server's host name or address",
            advanced: false,
        }),
        default: Some("127.0.0.1"),
        secret: false,
        scope: Scope::Database,
        show: Some(|config| match &config.address.value {
            Address::Tcp { host, .. } => Some((host.clone(), &config.address.origin)),
            Address::Socket(_) => None,
        }),
        comment: "... or the parts. Where both are set they must agree.",
        sample: ExampleValue::Set("127.0.0.1"),
    },
    Var {
        name: "DB_PORT",
        flag: Some(Flag {
            name: "--db-port",
            argument: Argument::Value("PORT"),
            help: "Server's port",
            advanced: false,
        }),
        default: Some("3306"),
        secret: false,
        scope: Scope::Database,
        show: Some(|config| match &config.address.value {
            Address::Tcp { port, .. } => Some((port.to_string(), &config.port_origin)),
            Address::Socket(_) => None,
        }),
        comment: "",
        sample: ExampleValue::Set("3306"),
    },
    Var {
        name: "DB_SOCKET",
        flag: Some(Flag {
            name: "--db-socket",
            argument: Argument::Value("PATH"),
            help: "Server's unix socket",
            advanced: false,
        }),
        default: None,
        secret: false,
        scope: Scope::Database,
        show: Some(|config| match &config.address.value {
            Address::Tcp { .. } => None,
            Address::Socket(path) => Some((path.display().to_string(), &config.address.origin)),
        }),
        comment: "Instead of DB_HOST and DB_PORT: a unix socket of a server on this machine.",
        sample: ExampleValue::Commented("/run/mysqld/mysqld.sock"),
    },
    Var {
        name: "DB_USER",
        flag: Some(Flag {
            name: "--db-user",
            argument: Argument::Value("NAME"),
            help: "Account; its password comes from DB_PASSWORD or DB_PASSWORD_FILE",
            advanced: false,
        }),
        default: None,
        secret: false,
        scope: Scope::Database,
        show: Some(|config| {
            config
                .user
                .as_ref()
                .map(|setting| (setting.value.clone(), &setting.origin))
        }),
        comment: "The account, its password, and the database to work in.",
        sample: ExampleValue::Set("app"),
    },
    Var {
        name: "DB_PASSWORD",
        flag: None,
        default: None,
        secret: true,
        scope: Scope::Database,
        show: Some(|config| {
            config
                .password
                .as_ref()
                .map(|setting| (setting.value.to_string(), &setting.origin))
        }),
        comment: "",
        sample: ExampleValue::Set("'change-me'"),
    },
    Var {
        name: "DB_NAME",
        flag: Some(Flag {
            name: "--db-name",
            argument: Argument::Value("NAME"),
            help: "Database to work in",
            advanced: false,
        }),
        default: None,
        secret: false,
        scope: Scope::Database,
        show: Some(|config| {
            config
                .database
                .as_ref()
                .map(|setting| (setting.value.clone(), &setting.origin))
        }),
        comment: "",
        sample: ExampleValue::Set("booking"),
    },
    Var {
        name: "DB_PASSWORD_FILE",
        flag: None,
        default: None,
        secret: false,
        scope: Scope::Database,
        show: None,
        comment: "Instead of DB_PASSWORD: a file that holds the password and nothing else.",
        sample: ExampleValue::Commented("/run/secrets/db_password"),
    },
    Var {
        name: "DB_CONNECTION_LIMIT",
        flag: Some(Flag {
            name: "--connection-limit",
            argument: Argument::Value("N"),
            help: "Connections all dbtool processes of this host may hold together",
            advanced: true,
        }),
        default: Some("3"),
        secret: false,
        scope: Scope::Run,
        show: Some(|config| {
            Some((
                config.connection_limit.value.to_string(),
                &config.connection_limit.origin,
            ))
        }),
        comment: "Connections that all dbtool processes of this host hold together (per server and account).\n\
                  One of them is kept for ending a cancelled statement and for quick diagnostics.",
        sample: ExampleValue::Commented("3"),
    },
    Var {
        name: "DB_FLEET_CONNECTION_LIMIT",
        flag: None,
        default: None,
        secret: false,
        scope: Scope::Run,
        show: Some(|config| {
            config
                .fleet_limit
                .as_ref()
                .map(|setting| (setting.value.to_string(), &setting.origin))
        }),
        comment: "Connections that the dbtool processes of all hosts hold together; off unless set.",
        sample: ExampleValue::Commented("3"),
    },
    Var {
        name: "DB_ACQUIRE_TIMEOUT",
        flag: Some(Flag {
            name: "--acquire-timeout",
            argument: Argument::Value("MS"),
            help: "Wait this long for a free connection, in ms",
            advanced: true,
        }),
        default: Some("60000"),
        secret: false,
        scope: Scope::Run,
        show: Some(|config| {
            Some((
                format!("{} ms", config.acquire_timeout.value.as_millis()),
                &config.acquire_timeout.origin,
            ))
        }),
        comment: "How long to wait for a free connection, and how long one statement may run (0 is no limit), in ms.\n\
                  Migrations and backfills have limits of their own.",
        sample: ExampleValue::Commented("60000"),
    },
    Var {
        name: "DB_TIMEOUT",
        flag: Some(Flag {
            name: "--statement-timeout",
            argument: Argument::Value("MS"),
            help: "Let one statement run this long, in ms; 0 is no limit",
            advanced: true,
        }),
        default: Some("60000"),
        secret: false,
        scope: Scope::Run,
        show: Some(|config| {
            let limit = config.timeout.value;
            let text = limit.map_or("none".to_owned(), |limit| format!("{} ms", limit.as_millis()));
            Some((text, &config.timeout.origin))
        }),
        comment: "",
        sample: ExampleValue::Commented("60000"),
    },
    Var {
        name: "DB_SSL_MODE",
        flag: Some(Flag {
            name: "--ssl-mode",
            argument: Argument::Value("MODE"),
            help: "disabled, preferred, required, verify-ca, verify-identity",
            advanced: true,
        }),
        default: Some("preferred"),
        secret: false,
        scope: Scope::Server,
        show: Some(|config| Some((config.ssl_mode.value.name().to_owned(), &config.ssl_mode.origin))),
        comment: "disabled, preferred, required, verify-ca or verify-identity.",
        sample: ExampleValue::Commented("preferred"),
    },
    Var {
        name: "DB_SSL_CA",
        flag: Some(Flag {
            name: "--ssl-ca",
            argument: Argument::Value("FILE"),
            help: "Certificate of the authority, PEM",
            advanced: true,
        }),
        default: None,
        secret: false,
        scope: Scope::Server,
        show: Some(|config| {
            config
                .ssl_ca
                .as_ref()
                .map(|setting| (setting.value.display().to_string(), &setting.origin))
        }),
        comment: "",
        sample: ExampleValue::Commented("/etc/ssl/db/ca.pem"),
    },
    Var {
        name: "DB_SSL_CERT",
        flag: Some(Flag {
            name: "--ssl-cert",
            argument: Argument::Value("FILE"),
            help: "Client certificate, PEM",
            advanced: true,
        }),
        default: None,
        secret: false,
        scope: Scope::Server,
        show: Some(|config| {
            config
                .ssl_cert
                .as_ref()
                .map(|setting| (setting.value.display().to_string(), &setting.origin))
        }),
        comment: "",
        sample: ExampleValue::Commented("/etc/ssl/db/client.pem"),
    },
    Var {
        name: "DB_SSL_KEY",
        flag: Some(Flag {
            name: "--ssl-key",
            argument: Argument::Value("FILE"),
            help: "Client key, PEM",
            advanced: true,
        }),
        default: None,
        secret: false,
        scope: Scope::Server,
        show: Some(|config| {
            config
                .ssl_key
                .as_ref()
                .map(|setting| (setting.value.display().to_string(), &setting.origin))
        }),
        comment: "",
        sample: ExampleValue::Commented("/etc/ssl/db/client-key.pem"),
    },
    Var {
        name: "DB_ADMIN_PORT",
        flag: Some(Flag {
            name: "--admin-port",
            argument: Argument::Value("PORT"),
            help: "MySQL admin_port or MariaDB extra_port, used when the server is full",
            advanced: true,
        }),
        default: None,
        secret: false,
        scope: Scope::Database,
        show: Some(|config| {
            config
                .admin_port
                .as_ref()
                .map(|setting| (setting.value.to_string(), &setting.origin))
        }),
        comment: "MySQL's admin_port or MariaDB's extra_port: the way in when the server is full.",
        sample: ExampleValue::Commented("33062"),
    },
    Var {
        name: "DB_SHARED_BUDGET",
        flag: Some(Flag {
            name: "--no-shared-budget",
            argument: Argument::Fixed("false"),
            help: "Do not share the connection limit with the other dbtool processes of this host",
            advanced: true,
        }),
        default: Some("true"),
        secret: false,
        scope: Scope::Run,
        show: Some(|config| {
            Some((
                config.shared_budget.value.to_string(),
                &config.shared_budget.origin,
            ))
        }),
        comment: "false: do not share the connection limit with other dbtool processes.",
        sample: ExampleValue::Commented("true"),
    },
    Var {
        name: "DB_ALLOW_REPLICA",
        flag: Some(Flag {
            name: "--allow-replica",
            argument: Argument::Fixed("true"),
            help: "Write on a server that is read-only, where the account may",
            advanced: true,
        }),
        default: Some("false"),
        secret: false,
        scope: Scope::Run,
        show: Some(|config| {
            Some((
                config.allow_replica.value.to_string(),
                &config.allow_replica.origin,
            ))
        }),
        comment: "true: write on a server that is read-only (a replica), where the account may all the same.",
        sample: ExampleValue::Commented("false"),
    },
    Var {
        name: "DB_BUDGET_DIR",
        flag: None,
        default: None,
        secret: false,
        scope: Scope::Server,
        show: Some(|config| {
            config
                .budget_dir
                .as_ref()
                .map(|setting| (setting.value.display().to_string(), &setting.origin))
        }),
        comment: "Where the shared limit is kept; a folder that several users may write to (root's, mode 1777) makes them\n\
                  share it. Default: /tmp/dbtool-UID, a private folder.",
        sample: ExampleValue::Commented("/run/dbtool"),
    },
];
