//! How MariaDB is started; [`super::mysql`] has the same names.

/// Makes a new data directory.
pub(super) const INITIALISE: &str = "--bootstrap";

/// Whether the system tables of a new data directory are made from the package's SQL files.
pub(super) const MAKES_SYSTEM_TABLES: bool = true;

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

/// What a server does without when it accepts connections.
pub(super) const SERVING: &str = "--performance-schema=OFF";
