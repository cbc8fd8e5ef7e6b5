//! The column and the server's limits: what each of them allows.

use crate::report::{bytes, count};

/// A column that holds images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Column {
    pub table: String,
    pub name: String,
    /// As declared: `varchar(500)`, `mediumtext`.
    pub declared: String,
    /// `varchar`, `mediumtext`.
    pub data_type: String,
    /// Most characters, where the type counts them.
    pub characters: Option<u64>,
    /// Most bytes.
    pub octets: Option<u64>,
    /// Character set; `None` for binary types.
    pub charset: Option<String>,
    /// Whether the history says that migration 003 is applied, though the column may say otherwise.
    pub migrated: bool,
}

impl Column {
    /// How many characters of a data URI (which is ASCII) it holds: VARCHAR counts characters,
    /// TEXT counts bytes (manual, "Data Type Storage Requirements").
    pub fn capacity(&self) -> u64 {
        let octets = self.octets.unwrap_or(u64::from(u32::MAX));
        match self.data_type.as_str() {
            "char" | "varchar" => self.characters.unwrap_or(octets),
            _ => octets / self.ascii_width(),
        }
    }

    /// Bytes that the character set takes for an ASCII character.
    fn ascii_width(&self) -> u64 {
        match self.charset.as_deref() {
            Some("ucs2" | "utf16" | "utf16le") => 2,
            Some("utf32") => 4,
            _ => 1,
        }
    }

    /// The change that makes it hold `size` bytes.
    pub fn wider(&self, size: u64) -> String {
        let by_migration = self.is_before_003() && size < 1 << 24;
        if by_migration && !self.migrated {
            return "migration 003 makes it MEDIUMTEXT (16 MB): `dbtool migrate 003`".into();
        }
        let wanted = size.saturating_mul(self.ascii_width());
        let new = if wanted < 1 << 24 {
            "MEDIUMTEXT"
        } else {
            "LONGTEXT"
        };
        let why = if by_migration {
            "; the history says that migration 003 is applied, so `dbtool migrate` has nothing to do here"
        } else {
            ""
        };
        format!(
            "ALTER TABLE {} MODIFY {} {new} … (repeat NULL, DEFAULT and COMMENT as they are){why}",
            crate::db::quote_name(&self.table),
            crate::db::quote_name(&self.name)
        )
    }

    /// Whether it is the application's column and as small as before migration 003.
    pub fn is_before_003(&self) -> bool {
        self.table == "users" && self.name == "profile_image_url" && self.capacity() < 1 << 20
    }
}

/// The server's settings that bear on large values.
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
    /// Whether too long values are refused rather than cut.
    pub fn is_strict(mode: &str) -> bool {
        mode.split(',')
            .any(|mode| matches!(mode, "STRICT_TRANS_TABLES" | "STRICT_ALL_TABLES"))
    }
}

/// What keeps a larger image out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The column's type.
    Column,
    /// max_allowed_packet.
    Packet,
    /// The redo log's size.
    Redo,
    /// Nothing, up to `--max`.
    Asked,
    /// Something else, in the server's words.
    Other(String),
}

impl Limit {
    /// The limit's name and, where there is one, the change that lifts it to `size` bytes.
    pub fn explain(&self, column: &Column, settings: &Settings, size: u64) -> (String, Option<String>) {
        match self {
            Limit::Column => (
                format!(
                    "the column's type {} holds {} characters",
                    column.declared,
                    count(column.capacity())
                ),
                Some(column.wider(size)),
            ),
            Limit::Packet => {
                let enough = (size + (1 << 20)).next_power_of_two().min(1 << 30);
                (
                    format!(
                        "max_allowed_packet is {} ({})",
                        count(settings.packet),
                        bytes(settings.packet)
                    ),
                    Some(format!(
                        "SET GLOBAL max_allowed_packet = {enough} and the same in the server's configuration; new \
                         connections have it, and clients and proxies have a limit of their own"
                    )),
                )
            }
            Limit::Redo => {
                let (name, size) = settings.redo.unwrap_or(("innodb_log_file_size", 0));
                (
                    format!("the redo log ({name}) is {}", bytes(size)),
                    Some(format!("raise {name} to at least ten times the largest image")),
                )
            }
            Limit::Asked => ("none met up to --max".into(), None),
            Limit::Other(words) => (format!("the server says: {words}"), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(declared: &str, characters: Option<u64>, octets: u64, charset: Option<&str>) -> Column {
        Column {
            table: "users".into(),
            name: "profile_image_url".into(),
            declared: declared.into(),
            data_type: declared.split('(').next().unwrap_or_default().into(),
            characters,
            octets: Some(octets),
            charset: charset.map(str::to_string),
            migrated: false,
        }
    }

    #[test]
    fn capacities() {
        for (column, capacity) in [
            (column("varchar(500)", Some(500), 2_000, Some("utf8mb4")), 500),
            (column("text", Some(65_535), 65_535, Some("utf8mb4")), 65_535),
            (
                column("mediumtext", Some(16_777_215), 16_777_215, Some("latin1")),
                16_777_215,
            ),
            (
                column("mediumtext", Some(16_777_215), 16_777_215, Some("utf16")),
                8_388_607,
            ),
            (column("mediumblob", None, 16_777_215, None), 16_777_215),
        ] {
            assert_eq!(column.capacity(), capacity, "{column:?}");
        }
    }

    #[test]
    fn the_change_that_lifts_the_column() {
        let varchar = column("varchar(500)", Some(500), 2_000, Some("utf8mb4"));
        assert!(varchar.wider(2 << 20).contains("dbtool migrate 003"));
        assert!(varchar.wider(16 << 20).contains("LONGTEXT"));
        let medium = column("mediumtext", None, 16_777_215, Some("utf8mb4"));
        assert!(
            medium
                .wider(16 << 20)
                .contains("MODIFY `profile_image_url` LONGTEXT")
        );
    }

    #[test]
    fn strictness() {
        assert!(Settings::is_strict("NO_ZERO_DATE,STRICT_TRANS_TABLES"));
        assert!(!Settings::is_strict("NO_ENGINE_SUBSTITUTION"));
        assert!(!Settings::is_strict(""));
    }
}
