//! The server's settings that limit the size of an image.

use crate::db::row::{get, text};
use crate::db::{DbError, Row, Session};

/// The limits of a packet, and the modes that decide whether values that are too long are refused.
const SETTINGS: &str =
    "SELECT @@session.max_allowed_packet, @@global.max_allowed_packet, @@session.sql_mode, @@global.sql_mode";

/// The redo log's size, under its names in MariaDB and in MySQL before and since 8.0.30.
const REDO: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
     ('innodb_log_file_size', 'innodb_log_files_in_group', 'innodb_redo_log_capacity')";

/// The server's settings that limit large values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Of this session.
    pub packet: u64,
    /// Of new sessions.
    pub global_packet: u64,
    /// Of this session.
    pub sql_mode: String,
    /// Of new sessions, the application's among them.
    pub global_sql_mode: String,
    /// Name of the variable and bytes of the redo log in all.
    pub redo: Option<(&'static str, u64)>,
}

impl Settings {
    /// Reads the settings.
    pub async fn read(session: &mut Session) -> Result<Settings, DbError> {
        let mut settings = Settings::default();
        if let Some(row) = session.first::<Row>(SETTINGS).await? {
            settings.packet = get(&row, 0).unwrap_or_default();
            settings.global_packet = get(&row, 1).unwrap_or_default();
            settings.sql_mode = text(&row, 2).unwrap_or_default();
            settings.global_sql_mode = text(&row, 3).unwrap_or_default();
        }
        let (mut file, mut files, mut capacity) = (0, 1, 0);
        for (name, value) in session.rows::<(String, String)>(REDO).await? {
            let number: u64 = value.parse().unwrap_or_default();
            match name.as_str() {
                "innodb_log_file_size" => file = number,
                "innodb_log_files_in_group" => files = number,
                _ => capacity = number,
            }
        }
        settings.redo = match (capacity, file * files) {
            (0, 0) => None,
            (0, size) => Some(("innodb_log_file_size", size)),
            (size, _) => Some(("innodb_redo_log_capacity", size)),
        };
        Ok(settings)
    }

    /// Whether too long values are refused rather than cut.
    pub fn is_strict(mode: &str) -> bool {
        mode.split(',')
            .any(|mode| matches!(mode, "STRICT_TRANS_TABLES" | "STRICT_ALL_TABLES"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictness() {
        assert!(Settings::is_strict("NO_ZERO_DATE,STRICT_TRANS_TABLES"));
        assert!(!Settings::is_strict("NO_ENGINE_SUBSTITUTION"));
        assert!(!Settings::is_strict(""));
    }
}
