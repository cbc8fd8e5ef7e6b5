//! The identity of a table: the server's id of it, and its time of creation.
//!
//! Measured on MySQL 9.7 and MariaDB 10.11:
//! - InnoDB's table number (INNODB_TABLES, INNODB_SYS_TABLES; both need PROCESS) stays with a table that is
//!   renamed or exchanged with a partition, and is new after TRUNCATE, CREATE OR REPLACE and a rebuild. Each
//!   partition has its own.
//! - `CREATE_TIME`, in whole seconds, is new after CREATE and ALTER and stays with TRUNCATE and EXCHANGE PARTITION.
//!   A rename takes it along on MySQL and for MyISAM; on MariaDB it is the time of the `.frm` file, which a
//!   rename of an InnoDB table sets anew.

use super::recovery::Evidence;
use crate::db::row::get;
use crate::db::server::{mariadb, mysql};
use crate::db::{DbError, Query, Row, Server, Session};
use crate::sql::ObjectName;

/// A table's time of creation, the server's clock, and its engine. SYSDATE, because the file may set NOW's time.
/// Files get the time of the kernel's last tick, which may be a few milliseconds ago.
const CREATED: &str = "SELECT UNIX_TIMESTAMP(CREATE_TIME), FLOOR(UNIX_TIMESTAMP(SYSDATE(6)) - 0.05), ENGINE, \
  ABS(UNIX_TIMESTAMP() - UNIX_TIMESTAMP(SYSDATE())) > 1 \
  FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
/// Waits until the next second.
const NEXT_SECOND: &str = "DO SLEEP(1.05 - MICROSECOND(SYSDATE(6)) / 1000000)";

/// The identity of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableIdentity {
    /// InnoDB's ids of the table and its partitions; `None` if they are not visible.
    pub ids: Option<String>,
    /// Time of creation in seconds since 1970; `None` if the engine does not store it.
    pub created: Option<u64>,
    /// Whether a rename changes its time of creation.
    pub renaming_renews: bool,
    /// The partition of each number, in lower case, or an empty name for a table without; not recorded.
    pub partitions: Vec<String>,
}

impl TableIdentity {
    /// The text to record: `ids/created/renews`.
    pub fn to_text(&self) -> String {
        let created = self.created.map_or(String::new(), |created| created.to_string());
        let renews = if self.renaming_renews { "r" } else { "" };
        format!("{}/{created}/{renews}", self.ids.as_deref().unwrap_or_default())
    }

    /// Parses a record of an earlier run.
    pub fn parse(text: &str) -> TableIdentity {
        let mut parts = text.split('/');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        TableIdentity {
            ids: next().map(str::to_owned),
            created: next().and_then(|created| created.parse().ok()),
            renaming_renews: next() == Some("r"),
            partitions: Vec::new(),
        }
    }

    /// Reads the identity of a table, named with its database. With `settle`, before a statement whose effect the
    /// time of creation will show, this waits until the second of the table's creation is over, so that a new
    /// table has a different one; at most a second.
    ///
    /// # Errors
    /// The connection failed. Missing privileges are not an error.
    pub async fn look(
        session: &mut Session,
        server: &Server,
        name: &ObjectName,
        settle: Option<Evidence>,
    ) -> Result<TableIdentity, DbError> {
        let schema = name.schema.as_deref().unwrap_or_default();
        let (ids, partitions) = match ids(session, server, schema, &name.name).await? {
            Some((ids, partitions)) => (Some(ids), partitions),
            None => (None, Vec::new()),
        };
        let query = Query::new(CREATED).bind(schema).bind(&name.name);
        let Some(row) = session.first::<Row>(query).await? else {
            return Ok(TableIdentity {
                ids,
                partitions,
                ..TableIdentity::default()
            });
        };
        // MySQL uses the session's timestamp, which the file may have set: a new table may have the same.
        let set = !server.has_creation_time_of_rename() && settle.is_some() && get::<u8>(&row, 3) == Some(1);
        let created: Option<u64> = get(&row, 0).filter(|_| !set);
        let now: Option<u64> = get(&row, 1);
        let decides = settle.is_some_and(|evidence| {
            evidence == Evidence::Columns || ids.is_none() && evidence == Evidence::Identity
        });
        if decides && created.is_some() && created >= now {
            session.execute(NEXT_SECOND).await?;
        }
        let engine: String = get(&row, 2).unwrap_or_default();
        Ok(TableIdentity {
            ids,
            created,
            renaming_renews: server.has_creation_time_of_rename() && engine.eq_ignore_ascii_case("InnoDB"),
            partitions,
        })
    }
}

async fn ids(
    session: &mut Session,
    server: &Server,
    schema: &str,
    table: &str,
) -> Result<Option<(String, Vec<String>)>, DbError> {
    let (Some(schema), Some(table)) = (file_name(schema), file_name(table)) else {
        return Ok(None);
    };
    let wanted = format!("{schema}/{table}");
    let numbers = server.flavor.pick(mysql::TABLE_IDS, mariadb::TABLE_IDS);
    let query = Query::new(numbers).bind(&wanted);
    let rows = match session.rows::<Row>(query).await {
        Ok(rows) => rows,
        // The account lacks PROCESS.
        Err(error) if error.code().is_some() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut found: Vec<(String, u64)> = rows
        .iter()
        .filter_map(|row| Some((get(row, 0)?, get(row, 1)?)))
        .collect();
    // Names that differ in case only are two tables, unless the server knows but one of them.
    let exact = |name: &str| name.split('#').next() == Some(wanted.as_str());
    if found.iter().any(|(name, _)| exact(name)) {
        found.retain(|(name, _)| exact(name));
    }
    found.sort();
    let ids: Vec<String> = found.iter().map(|(_, id)| id.to_string()).collect();
    let partitions = found.iter().map(|(name, _)| partition(name)).collect();
    Ok((!ids.is_empty()).then(|| (ids.join("."), partitions)))
}

/// The partition in a table's file name, `db/t#P#name` or `db/t#P#name#SP#sub`, in lower case.
fn partition(name: &str) -> String {
    name.split('#').nth(2).unwrap_or_default().to_lowercase()
}

/// A name as the servers write it in file names (manual, "Mapping of Identifiers to File Names"):
/// everything but letters, digits and `_` as `@` and four hexadecimal digits. `None` for one with letters
/// beyond ASCII, some of which have shorter forms.
pub fn file_name(name: &str) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => text.push(c),
            c if c.is_ascii() => text.push_str(&format!("@{:04x}", u32::from(c))),
            _ => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::{TableIdentity, file_name, partition};

    #[test]
    fn names_are_written_as_the_servers_write_files() {
        assert_eq!(file_name("a_B9"), Some("a_B9".to_owned()));
        assert_eq!(file_name("p-x"), Some("p@002dx".to_owned()));
        assert_eq!(file_name("c/`d"), Some("c@002f@0060d".to_owned()));
        assert_eq!(file_name("é"), None);
        assert_eq!(partition("d/t#P#P0"), "p0");
        assert_eq!(partition("d/t#p#p1#sp#p1sp0"), "p1");
        assert_eq!(partition("d/t"), "");
    }

    #[test]
    fn a_witness_is_read_as_it_was_recorded() {
        for identity in [
            TableIdentity::default(),
            TableIdentity {
                ids: Some("25.26".to_owned()),
                created: Some(1_700_000_000),
                renaming_renews: true,
                partitions: Vec::new(),
            },
            TableIdentity {
                ids: None,
                created: Some(5),
                renaming_renews: false,
                partitions: Vec::new(),
            },
        ] {
            assert_eq!(TableIdentity::parse(&identity.to_text()), identity);
        }
    }
}
