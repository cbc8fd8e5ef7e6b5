//! The server's family, version and capabilities (`capabilities`). Statements that differ between the
//! families have the same constant name in [`mysql`] and [`mariadb`].

mod capabilities;
pub mod mariadb;
pub mod mysql;

use std::fmt;

use mysql_async::Row;
use serde::{Deserialize, Serialize};

pub use capabilities::{CAPABILITIES, Capability};

use super::row::get;

/// Major, minor, patch.
pub type Version = (u16, u16, u16);

/// The server's description of itself, readable by every account.
pub(super) const DESCRIPTION: &str = "SELECT @@version, @@version_comment, @@sql_mode, @@max_allowed_packet, \
     @@wait_timeout, CURRENT_USER(), DATABASE(), @@read_only";

/// [`DESCRIPTION`] and the server's identity. MySQL has a UUID since 5.7; MariaDB skips comments for
/// MySQL 5.7 and later (knowledge base, "Comment Syntax") and is identified by host, port and data directory.
pub(super) const DESCRIPTION_WITH_IDENTITY: &str = "SELECT @@version, @@version_comment, @@sql_mode, \
     @@max_allowed_packet, @@wait_timeout, CURRENT_USER(), DATABASE(), @@read_only, \
     @@hostname, @@port, @@datadir, @@socket /*!50706 , @@server_uuid */";

/// The two families of servers; a schema snapshot stores the family by its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Flavor {
    /// MariaDB Server.
    #[default]
    #[serde(rename = "MariaDB")]
    MariaDb,
    /// MySQL and its derivatives.
    #[serde(rename = "MySQL")]
    MySql,
}

impl Flavor {
    /// Picks this family's one of two values; the values are in a `mysql.rs` and a `mariadb.rs`.
    pub fn pick<T>(self, mysql: T, mariadb: T) -> T {
        match self {
            Flavor::MySql => mysql,
            Flavor::MariaDb => mariadb,
        }
    }

    /// The family that a server's version and the comment beside it name: only MariaDB names itself.
    pub fn from_texts(texts: &[impl AsRef<str>]) -> Flavor {
        let names_mariadb = |text| {
            AsRef::<str>::as_ref(text)
                .to_ascii_lowercase()
                .contains("mariadb")
        };
        match texts.iter().any(names_mariadb) {
            true => Flavor::MariaDb,
            false => Flavor::MySql,
        }
    }

    /// The name in lower case, by which a user chooses it; also that of its client program.
    pub fn id(self) -> &'static str {
        self.pick("mysql", "mariadb")
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pick("MySQL", "MariaDB"))
    }
}

/// A server's description of itself.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// The family.
    pub flavor: Flavor,
    /// Major, minor, patch.
    pub version: Version,
    /// The version as the server writes it.
    pub version_text: String,
    /// SQL mode of a new session.
    pub sql_mode: String,
    /// Largest packet in bytes.
    pub max_allowed_packet: u64,
    /// Seconds after which the server closes an idle connection.
    pub wait_timeout: u64,
    /// The account as the server matched it, `user@host`.
    pub account: String,
    /// The session's database.
    pub database: Option<String>,
    /// Whether the server refuses writes of ordinary accounts.
    pub read_only: bool,
    /// Identifies the server, however it is addressed. `None` if it does not report this.
    pub identity: Option<String>,
    /// The TCP port that it reports to listen on.
    pub port: u16,
    /// The unix socket that it reports to listen on.
    pub socket: String,
}

impl Server {
    pub(super) fn from_row(row: &Row) -> Server {
        let version_text: String = get(row, 0).unwrap_or_default();
        let comment: String = get(row, 1).unwrap_or_default();
        Server {
            flavor: Flavor::from_texts(&[&version_text, &comment]),
            version: parse_version(&version_text),
            version_text,
            sql_mode: get(row, 2).unwrap_or_default(),
            max_allowed_packet: get(row, 3).unwrap_or_default(),
            wait_timeout: get(row, 4).unwrap_or_default(),
            account: get(row, 5).unwrap_or_default(),
            database: get(row, 6),
            read_only: get::<u64>(row, 7).unwrap_or_default() != 0,
            identity: identity(row),
            port: get(row, 9).unwrap_or_default(),
            socket: get::<String>(row, 11).unwrap_or_default(),
        }
    }

    /// Where it says it runs, for people: `host:port`, or that it does not say so.
    pub fn place(&self) -> String {
        let mut parts = self.identity.as_deref().unwrap_or_default().split('\0');
        match (parts.next(), parts.next()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => "a server that does not tell its name".to_owned(),
        }
    }

    /// `MariaDB 10.11.6` or `MySQL 8.4.3`.
    pub fn name(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{} {major}.{minor}.{patch}", self.flavor)
    }

    /// Who waits for whose row locks: waiter, blocker, table.
    pub fn row_lock_waits(&self) -> &'static str {
        self.flavor.pick(mysql::ROW_LOCK_WAITS, mariadb::ROW_LOCK_WAITS)
    }

    /// Who waits for whose metadata locks: waiter, blocker, table. The first statement that tells of any is to be believed.
    pub fn metadata_lock_waits(&self) -> &'static [&'static str] {
        self.flavor
            .pick(mysql::METADATA_LOCK_WAITS, mariadb::METADATA_LOCK_WAITS)
    }

    /// The query for one connection; its id is to be appended.
    pub fn one_connection(&self) -> &'static str {
        self.flavor.pick(mysql::ONE_CONNECTION, mariadb::ONE_CONNECTION)
    }

    /// The queries for how far a connection's statement is: state, work done, all of it. The first that answers is to be
    /// believed; the connection's id is to be appended.
    pub fn progress_of_connection(&self) -> &'static [&'static str] {
        self.flavor
            .pick(mysql::PROGRESS_OF_CONNECTION, mariadb::PROGRESS_OF_CONNECTION)
    }

    /// The query for the plan of what a connection runs; its id is to be appended.
    pub fn plan_of_connection(&self) -> &'static str {
        self.flavor
            .pick(mysql::PLAN_OF_CONNECTION, mariadb::PLAN_OF_CONNECTION)
    }

    /// The statement that ends a connection.
    pub fn kill_connection(&self, id: u64) -> String {
        let kill: fn(u64) -> String = self.flavor.pick(mysql::kill_connection, mariadb::kill_connection);
        kill(id)
    }

    /// The statement that ends what a connection runs; `statement` is the server's number for that.
    pub fn kill_query(&self, id: u64, statement: u64) -> String {
        let kill: fn(u64, u64) -> String = self.flavor.pick(mysql::kill_query, mariadb::kill_query);
        kill(id, statement)
    }

    /// Whether backslashes in string literals are ordinary characters.
    pub fn no_backslash_escapes(&self) -> bool {
        self.sql_mode
            .split(',')
            .any(|mode| mode == "NO_BACKSLASH_ESCAPES")
    }

    /// The maximum number of instant column changes of a table, if there is a limit.
    pub fn max_row_versions(&self) -> Option<u64> {
        let limits = self
            .flavor
            .pick(mysql::MAX_ROW_VERSIONS, mariadb::MAX_ROW_VERSIONS);
        let of_version = limits.iter().find(|(first, _)| self.version >= *first);
        of_version.map(|(_, max)| *max)
    }
}

/// Host, port, data directory and, if the server has one, its UUID.
fn identity(row: &Row) -> Option<String> {
    let host: String = get(row, 8)?;
    let port: u64 = get(row, 9)?;
    let files: String = get(row, 10)?;
    let id: String = get(row, 12).unwrap_or_default();
    Some(format!("{host}\0{port}\0{files}\0{id}"))
}

/// Major, minor and patch of `10.11.6-MariaDB`; zeros if it is not a version.
pub fn parse_version(text: &str) -> Version {
    // MariaDB's replication prefix, seen through some proxies.
    let text = text.strip_prefix("5.5.5-").unwrap_or(text);
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_of_both_families_are_read() {
        for (text, version) in [
            ("10.11.19-MariaDB-0+deb12u1", (10, 11, 19)),
            ("5.5.5-10.6.16-MariaDB-log", (10, 6, 16)),
            ("8.0.36", (8, 0, 36)),
            ("9.7.0-1", (9, 7, 0)),
            ("odd", (0, 0, 0)),
        ] {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }
}
