//! How a family of servers writes and shows a schema. What differs stands under one name in `mysql` and
//! `mariadb`; the other rooms of the schema ask for it by that name.

mod mariadb;
mod mysql;

use super::model::Schema;
use crate::db::Flavor;

/// The ways of a family.
#[derive(Debug)]
pub struct Dialect {
    /// Whether a check written with a column belongs to that column, so that a MODIFY changes it.
    pub column_checks: bool,
    /// Whether a column can be tied to a spatial reference system.
    pub column_srid: bool,
    /// Whether a generated column can be NOT NULL.
    pub generated_not_null: bool,
    /// How an index is written that queries do not use.
    pub unused_index: &'static str,
    /// How one is written that they use again.
    pub used_index: &'static str,
    /// Whether an ALTER TABLE makes one full-text index at most.
    pub one_fulltext_at_a_time: bool,
    /// How the statements begin that can be prepared; `None` where all can.
    pub prepared: Option<&'static [&'static str]>,
    /// The privilege that shows the bodies of other accounts' routines.
    pub routine_privilege: &'static str,
    /// Whether the list of tables says of every partitioned table that it is.
    pub says_partitioned: bool,
    /// Whether tables can have periods of applications.
    pub periods: bool,
    /// Whether names are printed between double quotes under ANSI_QUOTES.
    pub quotes_by_mode: bool,
    /// Whether comments behind a body are kept.
    pub keeps_last_comments: bool,
    /// Whether strings in bodies are printed with what their escapes stand for.
    pub prints_escaped: bool,
    /// Whether a binary column's default, as it is shown, may be less than it is.
    pub is_cut_default: fn(&str) -> bool,
    /// A default as canonical SQL, from how it is shown, EXTRA, the column's type and the database's
    /// name; nothing for NULL.
    pub default_sql: fn(&str, &str, &str, &str) -> Option<String>,
    /// The default of a text in the character set `binary`, from the bytes that are shown; nothing if
    /// they are not.
    pub default_of_bytes: fn(&str) -> Option<String>,
}

/// The ways of this family.
pub fn of(flavor: Flavor) -> &'static Dialect {
    flavor.pick(&mysql::DIALECT, &mariadb::DIALECT)
}

impl Schema {
    /// The ways of the family of servers that it was read from.
    pub fn dialect(&self) -> &'static Dialect {
        of(self.flavor)
    }
}
