//! The capabilities of servers by version. Versions are compared only here; a test checks each
//! capability against the servers (`tests/it/capabilities.rs`).

use super::{Flavor, Server, Version};

/// Every version.
const ALWAYS: Option<Version> = Some((0, 0, 0));
/// No version.
const NEVER: Option<Version> = None;

const fn from(major: u16, minor: u16, patch: u16) -> Option<Version> {
    Some((major, minor, patch))
}

/// A capability that only some servers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// The name of the method of [`Server`] that asks for it.
    pub name: &'static str,
    /// The first version of MySQL with it; `None` if no version has it.
    pub mysql: Option<Version>,
    /// The first version of MariaDB with it; `None` if no version has it.
    pub mariadb: Option<Version>,
    /// The section of the manual, or the versions on which it was measured.
    pub manual: &'static str,
}

impl Capability {
    /// Whether a server of this family and version has it.
    pub fn is_available(&self, flavor: Flavor, version: Version) -> bool {
        flavor
            .pick(self.mysql, self.mariadb)
            .is_some_and(|first| version >= first)
    }
}

/// Defines a row of [`CAPABILITIES`] and a method of [`Server`] for each capability.
macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident: $mysql:expr, $mariadb:expr, $manual:literal;)*) => {
        /// The differences between families and versions that dbtool depends on.
        pub const CAPABILITIES: &[Capability] = &[
            $(Capability { name: stringify!($name), mysql: $mysql, mariadb: $mariadb, manual: $manual },)*
        ];

        impl Server {
            $($(#[$doc])* pub fn $name(&self) -> bool {
                const ROW: Capability =
                    Capability { name: stringify!($name), mysql: $mysql, mariadb: $mariadb, manual: $manual };
                ROW.is_available(self.flavor, self.version)
            })*
        }
    };
}

capabilities! {
    // name: since MySQL, since MariaDB, source

    /// Whether DDL on one table is atomic: after a crash it took effect or it did not.
    has_atomic_ddl: from(8, 0, 0), from(10, 6, 1),
        "MySQL: Atomic Data Definition Statement Support; MariaDB: Atomic DDL";

    /// Whether a column can be added at the table's end by a change of metadata alone.
    has_instant_add_column: from(8, 0, 12), from(10, 3, 2),
        "MySQL: Online DDL Operations, Column Operations; MariaDB: Instant ADD COLUMN for InnoDB";

    /// Whether a column can be added at any place or dropped by a change of metadata alone.
    has_instant_drop_column: from(8, 0, 29), from(10, 4, 0),
        "MySQL: Online DDL Operations, Column Operations; MariaDB: InnoDB Online DDL Operations with INSTANT";

    /// Whether a column of a table in the old row format becomes nullable, or its length takes two bytes
    /// instead of one, by a change of metadata alone.
    has_instant_column_changes: NEVER, from(10, 4, 3),
        "MariaDB: InnoDB Online DDL Operations with INSTANT, Changing the Data Type of a Column";

    /// Whether a column gets another collation, or utf8mb3 becomes utf8mb4, without a copy of the table.
    has_collation_change_in_place: ALWAYS, from(10, 4, 3),
        "MySQL: Online DDL Operations, Column Operations; MariaDB: InnoDB Online DDL Operations with INSTANT";

    /// Whether columns are added and dropped by a change of metadata alone in a table that has virtual columns.
    has_instant_columns_beside_virtual: ALWAYS, NEVER,
        "measured on MySQL 9.7, MariaDB 10.11 and 11.8";

    /// Whether a virtual column can be added together with changes that are instant by themselves.
    has_virtual_column_with_others: ALWAYS, NEVER,
        "measured on MySQL 9.7, MariaDB 10.11 and 11.8";

    /// Whether a change of metadata stays one where the statement demands a LOCK that keeps writers waiting.
    has_instant_change_under_lock: NEVER, ALWAYS,
        "measured on MySQL 9.7, MariaDB 10.11 and 11.8";

    /// Whether ENABLE KEYS or DISABLE KEYS beside another change copies the table.
    has_copy_with_keys_switch: ALWAYS, from(11, 0, 0),
        "measured on MySQL 9.7, MariaDB 10.11 (which does not) and 11.8; none between was tried";

    /// Whether a copied table can be written to meanwhile.
    has_online_copy: NEVER, from(11, 2, 0),
        "MariaDB: InnoDB Online DDL Overview, LOCK=NONE with ALGORITHM=COPY";

    /// Whether a connection that holds a table by LOCK TABLES can rename it.
    has_rename_under_lock: from(8, 0, 13), NEVER,
        "MySQL: RENAME TABLE Statement; measured on MariaDB 10.11 and 11.8 (1192)";

    /// Whether a database has one check of a name; elsewhere each table has checks of its own names.
    has_checks_by_database: ALWAYS, NEVER,
        "MySQL: CHECK Constraints; measured on MariaDB 10.11";

    /// Whether JSON is a type of its own; elsewhere it is a LONGTEXT with a check.
    has_json_type: ALWAYS, NEVER,
        "MySQL: The JSON Data Type; MariaDB: JSON Data Type";

    /// Whether a rename gives an InnoDB table another time of creation.
    has_creation_time_of_rename: NEVER, ALWAYS,
        "measured on MySQL 9.7 and MariaDB 10.11";

    /// Whether sizes of tables in INFORMATION_SCHEMA come from a cache that a session can turn off.
    has_cached_table_sizes: from(8, 0, 3), NEVER,
        "MySQL: information_schema_stats_expiry";

    /// Whether `performance_schema.processlist` exists, which takes no global lock.
    has_performance_schema_processlist: from(8, 0, 22), NEVER,
        "MySQL: The processlist Table";

    /// Whether `Connection_errors_max_connections` counts every connection refused for want of room.
    has_count_of_refusals: ALWAYS, NEVER,
        "measured on MySQL 9.7, MariaDB 10.11 and 11.8";
}

#[cfg(test)]
mod tests {
    use super::{CAPABILITIES, Flavor, Server};

    fn server(flavor: Flavor, version: (u16, u16, u16)) -> Server {
        Server {
            flavor,
            version,
            ..Server::default()
        }
    }

    #[test]
    fn a_capability_starts_at_its_first_version() {
        for (flavor, last_without, first_with) in [
            (Flavor::MySql, (5, 7, 44), (8, 0, 0)),
            (Flavor::MariaDb, (10, 6, 0), (10, 6, 1)),
        ] {
            assert!(!server(flavor, last_without).has_atomic_ddl());
            assert!(server(flavor, first_with).has_atomic_ddl());
            assert!(server(flavor, (12, 0, 0)).has_atomic_ddl());
        }
        assert!(!server(Flavor::MySql, (12, 0, 0)).has_online_copy());
        assert!(server(Flavor::MySql, (5, 5, 0)).has_json_type());
    }

    #[test]
    fn each_capability_is_listed_once_with_its_source() {
        for (index, capability) in CAPABILITIES.iter().enumerate() {
            assert!(
                !capability.manual.is_empty() && capability.name.starts_with("has_"),
                "{}",
                capability.name
            );
            assert!(
                CAPABILITIES[..index]
                    .iter()
                    .all(|other| other.name != capability.name),
                "{}",
                capability.name
            );
            assert_ne!(
                capability.mysql, capability.mariadb,
                "{}: no difference",
                capability.name
            );
        }
    }
}
