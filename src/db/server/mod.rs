//! What kind of server this is, and what it can do: each difference is a named capability here,
//! and versions are compared nowhere else.

use std::fmt;

use mysql_async::Row;
use serde::{Deserialize, Serialize};

use super::row::get;

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

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flavor::MariaDb => "MariaDB",
            Flavor::MySql => "MySQL",
        })
    }
}

/// A server's description of itself.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// The family.
    pub flavor: Flavor,
    /// Major, minor, patch.
    pub version: (u16, u16, u16),
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
        let is_mariadb = [&version_text, &comment]
            .iter()
            .any(|text| text.to_ascii_lowercase().contains("mariadb"));
        Server {
            flavor: if is_mariadb {
                Flavor::MariaDb
            } else {
                Flavor::MySql
            },
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

    /// Whether this is MariaDB; for texts. Behaviour is asked for by a capability below.
    pub fn is_mariadb(&self) -> bool {
        self.flavor == Flavor::MariaDb
    }

    /// Whether backslashes in string literals are ordinary characters.
    pub fn no_backslash_escapes(&self) -> bool {
        self.sql_mode
            .split(',')
            .any(|mode| mode == "NO_BACKSLASH_ESCAPES")
    }

    /// Whether too long values are refused rather than cut (manual, "Server SQL Modes").
    pub fn is_strict(&self) -> bool {
        self.sql_mode
            .split(',')
            .any(|mode| matches!(mode, "STRICT_TRANS_TABLES" | "STRICT_ALL_TABLES"))
    }

    /// Whether a column can be added at the table's end by a change of metadata alone
    /// (MySQL 8.0.12, MariaDB 10.3).
    pub fn has_instant_add_column(&self) -> bool {
        self.at_least((8, 0, 12), (10, 3, 2))
    }

    /// Whether a column can be added at any place or dropped by a change of metadata alone
    /// (MySQL 8.0.29, MariaDB 10.4).
    pub fn has_instant_drop_column(&self) -> bool {
        self.at_least((8, 0, 29), (10, 4, 0))
    }

    /// Whether MariaDB changes columns in an instant (10.4.3): order, lengths, collations. MySQL changes them in place.
    pub fn has_instant_column_changes(&self) -> bool {
        self.at_least((8, 0, 12), (10, 4, 3))
    }

    /// Whether a copied table can be written to meanwhile (MariaDB 11.2).
    pub fn has_online_copy(&self) -> bool {
        self.is_mariadb() && self.version >= (11, 2, 0)
    }

    /// How many instant changes of columns a row may have behind it: 64, and 255 from MySQL 9.1 on; MariaDB has no limit.
    pub fn most_row_versions(&self) -> Option<u64> {
        match self.is_mariadb() {
            true => None,
            false if self.version >= (9, 1, 0) => Some(255),
            false => Some(64),
        }
    }

    /// Whether DDL on one table is atomic: after a crash it took effect or it did not
    /// (MySQL 8.0, MariaDB 10.6).
    pub fn has_atomic_ddl(&self) -> bool {
        self.at_least((8, 0, 0), (10, 6, 1))
    }

    /// Whether `information_schema.processlist` has MariaDB's columns (TIME_MS, PROGRESS, …).
    pub fn has_processlist_progress(&self) -> bool {
        self.is_mariadb()
    }

    /// Whether `performance_schema.processlist` exists (MySQL 8.0.22).
    pub fn has_performance_schema_processlist(&self) -> bool {
        !self.is_mariadb() && self.version >= (8, 0, 22)
    }

    fn at_least(&self, mysql: (u16, u16, u16), mariadb: (u16, u16, u16)) -> bool {
        match self.flavor {
            Flavor::MySql => self.version >= mysql,
            Flavor::MariaDb => self.version >= mariadb,
        }
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

fn parse_version(text: &str) -> (u16, u16, u16) {
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
