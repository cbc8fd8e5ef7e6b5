//! The differences between server families in writing and showing a schema. Each has one name in
//! [`Dialect`], with a value in `mysql` and one in `mariadb`.

mod mariadb;
mod mysql;

use super::model::Schema;
use crate::db::Flavor;

/// The dialect of a server family.
#[derive(Debug)]
pub struct Dialect {
    /// Whether column-level checks exist, which a MODIFY changes.
    pub column_checks: bool,
    /// Whether a column can have an SRID.
    pub column_srid: bool,
    /// Whether a generated column can be NOT NULL.
    pub generated_not_null: bool,
    /// The keyword for an index that queries do not use.
    pub unused_index: &'static str,
    /// The keyword for an index that queries use again.
    pub used_index: &'static str,
    /// Whether an ALTER TABLE can create only one full-text index.
    pub one_fulltext_at_a_time: bool,
    /// The starts of statements that can be prepared; `None` if all can.
    pub prepared: Option<&'static [&'static str]>,
    /// The privilege that shows the bodies of other accounts' routines.
    pub routine_privilege: &'static str,
    /// Whether the list of tables identifies every partitioned table.
    pub says_partitioned: bool,
    /// Whether tables can have application-time periods.
    pub periods: bool,
    /// Whether names are printed in double quotes under ANSI_QUOTES.
    pub quotes_by_mode: bool,
    /// Whether comments after a body are stored.
    pub keeps_last_comments: bool,
    /// Whether strings in bodies are printed with their escapes replaced.
    pub prints_escaped: bool,
    /// Whether the displayed default of a binary column may be incomplete.
    pub is_cut_default: fn(&str) -> bool,
    /// A default as canonical SQL, from the displayed default, EXTRA, the column's type and the database's
    /// name; `None` for NULL.
    pub default_sql: fn(&str, &str, &str, &str) -> Option<String>,
    /// The default of a text in the character set `binary`, from the displayed bytes; `None` if no bytes
    /// are displayed.
    pub default_of_bytes: fn(&str) -> Option<String>,
}

/// The dialect of this family.
pub fn for_flavor(flavor: Flavor) -> &'static Dialect {
    flavor.pick(&mysql::DIALECT, &mariadb::DIALECT)
}

impl Schema {
    /// The dialect of the server it was read from.
    pub fn dialect(&self) -> &'static Dialect {
        for_flavor(self.flavor)
    }
}
