//! Server arguments of MariaDB; [`super::mysql`] has the same names.

/// Creates a new data directory.
pub(super) const INITIALISE: &str = "--bootstrap";

/// Whether the package's SQL files create the system tables of a new data directory.
pub(super) const NEEDS_SYSTEM_TABLES: bool = true;

/// Keeps the data directory small.
pub(super) fn storage(redo_log: u64) -> Vec<String> {
    vec![
        format!("--innodb-log-file-size={redo_log}"),
        "--innodb-data-file-path=ibdata1:4M:autoextend".to_owned(),
        "--innodb-temp-data-file-path=ibtmp1:4M:autoextend".to_owned(),
        // The default of 64 MB makes a new system tablespace 68 MB large.
        "--innodb-autoextend-increment=4".to_owned(),
        "--loose-feedback=OFF".to_owned(),
    ]
}

/// Disables a feature that a sandbox does not need.
pub(super) const FEATURES_OFF: &str = "--performance-schema=OFF";
