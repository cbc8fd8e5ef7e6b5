//! What kind of server this is. What it can do is asked by name (`capabilities`); what each family is
//! asked in its own words stands under one name in [`mysql`] and [`mariadb`].

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

/// What every server tells every account about itself.
pub(super) const FACTS: &str = "SELECT @@version, @@version_comment, @@sql_mode, @@max_allowed_packet, \
     @@wait_timeout, CURRENT_USER(), DATABASE(), @@read_only";

/// [`FACTS`], and which server it is. MySQL has an id of its own from 5.7 on; MariaDB skips comments for
/// MySQL 5.7 and later (knowledge base, "Comment Syntax") and is told by its host, port and files.
pub(super) const FACTS_AND_IDENTITY: &str = "SELECT @@version, @@version_comment, @@sql_mode, \
     @@max_allowed_packet, @@wait_timeout, CURRENT_USER(), DATABASE(), @@read_only, \
     @@hostname, @@port, @@datadir, @@socket /*!50706 , @@server_uuid */";

/// The two families of servers, named in a snapshot of a schema as they name themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Flavor {
    /// MariaDB Server.
    #[default]
    #[serde(rename = "MariaDB")]
    MariaDb,
    /// MySQL and what is built from it.
    #[serde(rename = "MySQL")]
    MySql,
}

impl Flavor {
    /// Which of two things is that of this family: what differs stands side by side in a `mysql.rs` and a
    /// `mariadb.rs`.
    pub fn pick<T>(self, mysql: T, mariadb: T) -> T {
        match self {
            Flavor::MySql => mysql,
            Flavor::MariaDb => mariadb,
        }
    }

    /// The family that a server's version and the comment beside it name: only MariaDB names itself.
    pub fn named_in(texts: &[impl AsRef<str>]) -> Flavor {
        let named = |text| {
            AsRef::<str>::as_ref(text)
                .to_ascii_lowercase()
                .contains("mariadb")
        };
        match texts.iter().any(named) {
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
    /// Whether ordinary accounts may not write.
    pub read_only: bool,
    /// Which server this is among all: the same however it is addressed. `None` where it does not say.
    pub identity: Option<String>,
    /// The TCP port it says it listens on.
    pub port: u16,
    /// The unix socket it says it listens on.
    pub socket: String,
}

impl Server {
    pub(super) fn from_row(row: &Row) -> Server {
        let version_text: String = get(row, 0).unwrap_or_default();
        let comment: String = get(row, 1).unwrap_or_default();
        Server {
            flavor: Flavor::named_in(&[&version_text, &comment]),
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

    /// `MariaDB 10.11.6` or `MySQL 8.4.3`.
    pub fn name(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{} {major}.{minor}.{patch}", self.flavor)
    }

    /// Whether backslashes in string literals are ordinary characters.
    pub fn no_backslash_escapes(&self) -> bool {
        self.sql_mode
            .split(',')
            .any(|mode| mode == "NO_BACKSLASH_ESCAPES")
    }

    /// How many instant changes of columns a row may have behind it, where there is a limit.
    pub fn most_row_versions(&self) -> Option<u64> {
        let limits = self
            .flavor
            .pick(mysql::MOST_ROW_VERSIONS, mariadb::MOST_ROW_VERSIONS);
        let of_version = limits.iter().find(|(first, _)| self.version >= *first);
        of_version.map(|(_, most)| *most)
    }
}

/// Host, port, files and, where there is one, id.
fn identity(row: &Row) -> Option<String> {
    let host: String = get(row, 8)?;
    let port: u64 = get(row, 9)?;
    let files: String = get(row, 10)?;
    let id: String = get(row, 12).unwrap_or_default();
    Some(format!("{host}\0{port}\0{files}\0{id}"))
}

/// Major, minor and patch of `10.11.6-MariaDB`; zeros for what is no version.
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
