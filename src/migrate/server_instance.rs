//! Identifies a server instance (a server between two starts): across a restart, or on another server, fewer
//! properties of a table can be compared.
//!
//! - InnoDB's table numbers are the same before and after a crash, and others on every server.
//! - MySQL keeps `CREATE_TIME` in its dictionary. MariaDB takes it from the `.frm` file, and recovery from a
//!   crash renames files back: the time is then new though nothing took effect.

use sha2::{Digest, Sha256};

use crate::db::{DbError, Server, Session};
use crate::hex;

/// When a MariaDB server started. It counts Uptime from the same clock that UNIX_TIMESTAMP() reads, which the
/// file may have set: the difference is the same at any time.
const STARTED: &str = "SELECT CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS \
  WHERE VARIABLE_NAME = 'UPTIME'";

/// A server between two starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerInstance {
    /// Identifies the server.
    pub server: String,
    /// Time of its start in seconds since 1970; read on MariaDB only.
    pub since: Option<i64>,
}

/// The properties of a table that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityTrust {
    /// Ids of tables.
    pub numbers: bool,
    /// Equal times of creation.
    pub same_times: bool,
    /// Different times of creation.
    pub other_times: bool,
}

impl IdentityTrust {
    /// On one server that was not restarted.
    pub const FULL: IdentityTrust = IdentityTrust {
        numbers: true,
        same_times: true,
        other_times: true,
    };

    /// Between the instance on which a statement was started and the present one.
    pub fn between(
        before: Option<&ServerInstance>,
        now: Option<&ServerInstance>,
        server: &Server,
    ) -> IdentityTrust {
        let (Some(before), Some(now)) = (before, now) else {
            // Recorded by another version, or nothing that it would matter to.
            return IdentityTrust::FULL;
        };
        let same_server = before.server == now.server;
        let never_ended = before.since.is_some() && before.since == now.since;
        IdentityTrust {
            numbers: same_server,
            same_times: same_server,
            other_times: same_server && (never_ended || !server.has_creation_time_of_rename()),
        }
    }
}

impl ServerInstance {
    /// Reads the present instance.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn look(session: &mut Session, server: &Server) -> Result<ServerInstance, DbError> {
        let identity = server.identity.as_deref().unwrap_or_default();
        let since = match server.has_creation_time_of_rename() {
            true => session.first::<i64>(STARTED).await?,
            false => None,
        };
        Ok(ServerInstance {
            server: hex::encode(&Sha256::digest(identity.as_bytes())[..8]),
            since,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{IdentityTrust, Server, ServerInstance};
    use crate::db::Flavor;

    #[test]
    fn a_restart_takes_away_what_mariadb_s_files_would_tell() {
        let of = |mariadb: bool| Server {
            flavor: if mariadb { Flavor::MariaDb } else { Flavor::MySql },
            ..Server::default()
        };
        let instance = |server: &str, since| ServerInstance {
            server: server.to_owned(),
            since,
        };
        let between = |before, now, mariadb| IdentityTrust::between(Some(&before), Some(&now), &of(mariadb));
        let first = || instance("a", Some(100));
        assert_eq!(between(first(), first(), true), IdentityTrust::FULL);
        assert_eq!(
            between(instance("a", None), instance("a", None), false),
            IdentityTrust::FULL
        );
        for restarted in [instance("a", Some(900)), instance("a", None)] {
            let trust = between(first(), restarted, true);
            assert!(trust.numbers && trust.same_times && !trust.other_times);
        }
        let other = between(first(), instance("b", Some(100)), false);
        assert!(!other.numbers && !other.same_times && !other.other_times);
        assert_eq!(
            IdentityTrust::between(None, Some(&first()), &of(true)),
            IdentityTrust::FULL
        );
    }
}
