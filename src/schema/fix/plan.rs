//! The statements of a fix, and the planner that emits them.

use std::collections::BTreeMap;

use super::caveats::Caveats;
use crate::db::Flavor;
use crate::schema::ddl::{Writer, quote};
use crate::schema::dialect;
use crate::schema::diff::{Difference, SchemaObjectKind};
use crate::schema::model::{Schema, Symbol};
use crate::sql::script::{self, WrittenStatement, comment};

/// The differences of each table.
pub(super) type ByTable<'a> = BTreeMap<Symbol, &'a [Difference]>;

/// One statement of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixStatement {
    /// The SQL, without a delimiter at its end.
    pub sql: String,
    /// Why it may lose data; a script contains such statements as comments.
    pub loses: Option<String>,
    /// A hint to read before running it.
    pub note: Option<String>,
}

impl FixStatement {
    /// The statement for the command line client or dbtool, with its delimiter. A statement that may
    /// lose data is commented out unless `destructive`; one that cannot be written safely always is.
    pub fn script(&self, flavor: Flavor, destructive: bool) -> String {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.note.as_deref().map(comment));
        lines.extend(self.loses.as_ref().map(|why| comment(&format!("{why}:"))));
        let (text, runs) = match script::write(&self.sql, self.can_be_prepared(flavor)) {
            WrittenStatement::Plain(text) => (text, true),
            WrittenStatement::Prepared(text) => {
                lines.push(comment(&format!("the next statement is {}", self.sql)));
                (text, true)
            }
            WrittenStatement::Unwritable(why) => {
                lines.push(comment(&format!("do this by hand, {why}: {}", self.sql)));
                (String::new(), false)
            }
        };
        if runs && (destructive || self.loses.is_none()) {
            lines.push(text);
        } else {
            lines.extend(text.lines().map(comment));
        }
        lines.join("\n") + "\n"
    }

    /// Whether the server can prepare the statement.
    fn can_be_prepared(&self, flavor: Flavor) -> bool {
        let prepared = dialect::for_flavor(flavor).prepared;
        prepared.is_none_or(|starts| starts.iter().any(|start| self.sql.starts_with(start)))
    }
}

/// Emits the statements of a fix.
pub(super) struct Planner<'a> {
    pub(super) expected: &'a Schema,
    pub(super) live: &'a Schema,
    pub(super) writer: Writer<'a>,
    pub(super) sink: &'a mut dyn FnMut(FixStatement),
    pub(super) notes: Vec<String>,
    pub(super) caveats: Caveats,
}

impl Planner<'_> {
    /// Emits a statement, with the reason if it may lose data.
    pub(super) fn add(&mut self, sql: String, loses: Option<String>) {
        self.add_noted(sql, loses, None);
    }

    /// As [`Planner::add`], with a hint.
    pub(super) fn add_noted(&mut self, sql: String, loses: Option<String>, note: Option<String>) {
        self.caveats.inspect(&sql);
        (self.sink)(FixStatement { sql, loses, note });
    }

    /// Emits a statement that loses no data.
    pub(super) fn run(&mut self, sql: String) {
        self.add(sql, None);
    }

    /// Emits a statement that may lose data.
    pub(super) fn run_losing(&mut self, sql: String, why: impl Into<String>) {
        self.add(sql, Some(why.into()));
    }
}

/// The differences of this kind whose object is expected.
pub(super) fn expected_of_kind(
    differences: &[Difference],
    kind: SchemaObjectKind,
) -> impl Iterator<Item = &Difference> {
    differences
        .iter()
        .filter(move |difference| difference.kind == kind && difference.is_expected())
}

/// The COMMENT option of a table; an empty comment removes it.
pub(super) fn comment_option(comment: Option<Symbol>) -> String {
    format!("COMMENT={}", quote(comment.map_or("", Symbol::as_str)))
}
