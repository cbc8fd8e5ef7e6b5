//! Server arguments of MySQL; [`super::mariadb`] has the same names.

/// Creates a new data directory.
pub(super) const INITIALISE: &str = "--initialize-insecure";

/// Whether the package's SQL files create the system tables of a new data directory.
pub(super) const NEEDS_SYSTEM_TABLES: bool = false;

/// Keeps the data directory small.
pub(super) fn storage(redo_log: u64) -> Vec<String> {
    vec![format!("--innodb-redo-log-capacity={redo_log}")]
}

/// Disables a feature that a sandbox does not need.
pub(super) const FEATURES_OFF: &str = "--loose-mysqlx=OFF";
