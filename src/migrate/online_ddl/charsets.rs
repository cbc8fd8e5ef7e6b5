//! Character sets and collations, as far as the cost of a change depends on them.

use crate::sql::{ColumnDef, TableDef};

/// The character sets of the server.
#[derive(Debug, Clone, Default)]
pub struct Charsets {
    /// Name, default collation, bytes of the longest character.
    pub list: Vec<(String, String, u64)>,
}

/// The character set and collation of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextCharset {
    /// The character set, lower case.
    pub charset: String,
    /// The collation in full, lower case.
    pub collation: String,
}

impl Charsets {
    /// Bytes of the longest character of a character set; 4, the maximum, for an unknown one.
    pub fn bytes(&self, charset: &str) -> u64 {
        self.find(charset).map_or(4, |(_, _, bytes)| *bytes)
    }

    fn find(&self, charset: &str) -> Option<&(String, String, u64)> {
        self.list.iter().find(|(name, _, _)| name == charset)
    }

    /// The character set a collation belongs to; none for one that fits several (`uca1400_ai_ci`).
    fn of_collation(&self, collation: &str) -> Option<&str> {
        let prefix = collation.split('_').next().unwrap_or_default();
        self.find(prefix).map(|(name, _, _)| name.as_str())
    }

    /// The character set and collation that CHARACTER SET and COLLATE choose where `around` is the default.
    pub fn text(&self, charset: Option<&str>, collation: Option<&str>, around: &TextCharset) -> TextCharset {
        let collation = collation.map(|name| match name.strip_prefix("utf8_") {
            Some(rest) => format!("utf8mb3_{rest}"),
            None => name.to_owned(),
        });
        let charset = match (charset, &collation) {
            (Some(charset), _) => charset.to_owned(),
            (None, Some(collation)) => self.of_collation(collation).unwrap_or(&around.charset).to_owned(),
            (None, None) => return around.clone(),
        };
        let collation = match collation {
            Some(name) if self.of_collation(&name).is_some() => name,
            Some(name) => format!("{charset}_{name}"),
            None => self
                .find(&charset)
                .map(|(_, collation, _)| collation.clone())
                .unwrap_or_default(),
        };
        TextCharset { charset, collation }
    }

    /// A table's default.
    pub fn of_table(&self, table: &TableDef) -> TextCharset {
        self.text(
            table.charset.as_deref(),
            table.collation.as_deref(),
            &TextCharset::default(),
        )
    }

    /// A column's, in a table with the default `around`.
    pub fn of_column(&self, def: &ColumnDef, around: &TextCharset) -> TextCharset {
        let mut text = self.text(def.charset.as_deref(), def.collation.as_deref(), around);
        if def.binary_collation {
            text.collation = format!("{}_bin", text.charset);
        }
        text
    }
}

impl TextCharset {
    /// Whether two collations differ in their character set only: `utf8mb3_general_ci`, `utf8mb4_general_ci`.
    pub fn same_order(&self, other: &TextCharset) -> bool {
        let order = |text: &TextCharset| {
            text.collation
                .strip_prefix(text.charset.as_str())
                .map(str::to_owned)
        };
        order(self).is_some() && order(self) == order(other)
    }
}
