//! The column that holds images: its type, and the size that fits.

use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session, quote_name};

/// The column's type and what it holds.
const COLUMN: &str = "SELECT column_type, data_type, character_maximum_length, character_octet_length, \
     character_set_name FROM information_schema.columns \
     WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?";

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
    /// Reads the column's definition; `None` when the database has no such column, or the account may not see it.
    pub async fn read(session: &mut Session, table: &str, name: &str) -> Result<Option<Column>, DbError> {
        let query = Query::new(COLUMN).bind(table).bind(name);
        let row = session.first::<Row>(query).await?;
        Ok(row.map(|row| Column {
            table: table.to_owned(),
            name: name.to_owned(),
            declared: text(&row, 0).unwrap_or_default(),
            data_type: text(&row, 1).unwrap_or_default().to_ascii_lowercase(),
            characters: get(&row, 2),
            octets: get(&row, 3),
            charset: text(&row, 4),
            migrated: false,
        }))
    }

    /// The number of characters of a data URI (which is ASCII) that fit: VARCHAR counts characters,
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
            quote_name(&self.table),
            quote_name(&self.name)
        )
    }

    /// Whether it is the application's column and as small as before migration 003.
    pub fn is_before_003(&self) -> bool {
        self.table == "users" && self.name == "profile_image_url" && self.capacity() < 1 << 20
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
}
