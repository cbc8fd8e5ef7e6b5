//! Flags every command that connects understands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

/// Flags that override the environment. All are taken as text: the configuration checks
/// them together with the environment, so that a bad value reads the same wherever it was set.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// mysql://user@host:port/db?options, without a password [env: DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Server's host name or address [env: DB_HOST] [default: 127.0.0.1]
    #[arg(long, global = true, value_name = "HOST")]
    pub db_host: Option<String>,
    /// Server's port [env: DB_PORT] [default: 3306]
    #[arg(long, global = true, value_name = "PORT")]
    pub db_port: Option<String>,
    /// Server's unix socket [env: DB_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    pub db_socket: Option<String>,
    /// Account; its password comes from DB_PASSWORD or DB_PASSWORD_FILE [env: DB_USER]
    #[arg(long, global = true, value_name = "NAME")]
    pub db_user: Option<String>,
    /// Database to work in [env: DB_NAME]
    #[arg(long, global = true, value_name = "NAME")]
    pub db_name: Option<String>,
    /// Connections all dbtool processes of this host may hold together [env: DB_CONNECTION_LIMIT] [default: 3]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub connection_limit: Option<String>,
    /// Wait this long for a free connection, in ms [env: DB_ACQUIRE_TIMEOUT] [default: 60000]
    #[arg(long, global = true, value_name = "MS", hide_short_help = true)]
    pub acquire_timeout: Option<String>,
    /// Let one statement run this long, in ms; 0 is no limit [env: DB_TIMEOUT] [default: 60000]
    #[arg(long, global = true, value_name = "MS", hide_short_help = true)]
    pub statement_timeout: Option<String>,
    /// disabled, preferred, required, verify-ca, verify-identity [env: DB_SSL_MODE] [default: preferred]
    #[arg(long, global = true, value_name = "MODE", hide_short_help = true)]
    pub ssl_mode: Option<String>,
    /// Certificate of the authority, PEM [env: DB_SSL_CA]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub ssl_ca: Option<String>,
    /// Client certificate, PEM [env: DB_SSL_CERT]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub ssl_cert: Option<String>,
    /// Client key, PEM [env: DB_SSL_KEY]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub ssl_key: Option<String>,
    /// MySQL admin_port or MariaDB extra_port, used when the server is full [env: DB_ADMIN_PORT]
    #[arg(long, global = true, value_name = "PORT", hide_short_help = true)]
    pub admin_port: Option<String>,
    /// Do not share the connection limit with the other dbtool processes of this host [env: DB_SHARED_BUDGET=false]
    #[arg(long, global = true, hide_short_help = true)]
    pub no_shared_budget: bool,
    /// Read this file instead of the nearest .env
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "no_env_file")]
    pub env_file: Option<PathBuf>,
    /// Read no .env file
    #[arg(long, global = true, hide_short_help = true)]
    pub no_env_file: bool,
}

impl ConnectionArgs {
    /// The flags that were given, by the variable they stand for.
    pub fn as_variables(&self) -> BTreeMap<&'static str, (String, &'static str)> {
        let no_shared = self.no_shared_budget.then(|| "false".to_owned());
        let flags = [
            ("DATABASE_URL", "--database-url", &self.database_url),
            ("DB_HOST", "--db-host", &self.db_host),
            ("DB_PORT", "--db-port", &self.db_port),
            ("DB_SOCKET", "--db-socket", &self.db_socket),
            ("DB_USER", "--db-user", &self.db_user),
            ("DB_NAME", "--db-name", &self.db_name),
            (
                "DB_CONNECTION_LIMIT",
                "--connection-limit",
                &self.connection_limit,
            ),
            ("DB_ACQUIRE_TIMEOUT", "--acquire-timeout", &self.acquire_timeout),
            ("DB_TIMEOUT", "--statement-timeout", &self.statement_timeout),
            ("DB_SSL_MODE", "--ssl-mode", &self.ssl_mode),
            ("DB_SSL_CA", "--ssl-ca", &self.ssl_ca),
            ("DB_SSL_CERT", "--ssl-cert", &self.ssl_cert),
            ("DB_SSL_KEY", "--ssl-key", &self.ssl_key),
            ("DB_ADMIN_PORT", "--admin-port", &self.admin_port),
            ("DB_SHARED_BUDGET", "--no-shared-budget", &no_shared),
        ];
        flags
            .into_iter()
            .filter_map(|(variable, flag, value)| Some((variable, (value.clone()?, flag))))
            .collect()
    }
}
