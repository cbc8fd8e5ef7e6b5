//! How MySQL is started; [`super::mariadb`] has the same names.

/// Makes a new data directory.
pub(super) const INITIALISE: &str = "--initialize-insecure";

/// Whether the system tables of a new data directory are made from the package's SQL files.
pub(super) const MAKES_SYSTEM_TABLES: bool = false;

/// Keeps the data directory small.
pub(super) fn storage(redo_log: u64) -> Vec<String> {
    vec![format!("--innodb-redo-log-capacity={redo_log}")]
}

/// What a server does without when it accepts connections.
pub(super) const SERVING: &str = "--loose-mysqlx=OFF";
