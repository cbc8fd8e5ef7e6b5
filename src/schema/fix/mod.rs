//! The statements that mend a drift, in an order that works.
//!
//! First go triggers, views' users and the foreign keys that stand in the way; then tables are
//! created and altered, each in one ALTER for what loses nothing and one for what may; then foreign
//! keys, views, routines, triggers and events come back. Everything is plain SQL for the client or
//! dbtool.

mod alter;
mod convert;
mod doubt;
mod hints;
mod keys;
mod later;
mod loss;
mod modes;
mod outline;
mod programs;
mod risk;
mod table;
mod triggers;
mod versioning;
mod work;

use crate::db::Flavor;
use std::collections::BTreeMap;

use doubt::Doubts;
use later::Later;
pub(crate) use modes::is_zero_date;

use super::ddl::{Writer, quote};
use super::dialect;
use super::diff::{Difference, Kind};
use super::model::{Schema, Text};
use crate::sql::script::{self, Written, comment};

/// The differences of each table.
type ByTable<'a> = BTreeMap<Text, &'a [Difference]>;

/// One statement of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL, without a delimiter at its end.
    pub sql: String,
    /// Why it may lose something; such statements stand in a script as comments.
    pub loses: Option<String>,
    /// What to know before running it.
    pub note: Option<String>,
}

/// All statements, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fix {
    /// The server that they are for.
    pub flavor: Flavor,
    /// The statements.
    pub statements: Vec<Statement>,
    /// What cannot be mended by a statement.
    pub notes: Vec<String>,
}

impl Fix {
    /// The statements that may run: all, or those that lose nothing.
    pub fn runnable(&self, destructive: bool) -> impl Iterator<Item = &str> {
        self.statements
            .iter()
            .filter(move |one| destructive || one.loses.is_none())
            .map(|one| one.sql.as_str())
    }

    /// The notes and the statements as a script.
    pub fn script(&self, destructive: bool) -> String {
        let notes = self.notes.iter().map(|note| comment(note) + "\n");
        let statements = self
            .statements
            .iter()
            .map(|one| one.script(self.flavor, destructive));
        notes.chain(statements).collect()
    }
}

impl Statement {
    /// The statement for the command line client or dbtool, with its end. One that may lose data is
    /// commented out unless `destructive`, and one that cannot be written safely always is.
    pub fn script(&self, flavor: Flavor, destructive: bool) -> String {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.note.as_deref().map(comment));
        lines.extend(self.loses.as_ref().map(|why| comment(&format!("{why}:"))));
        let (text, runs) = match script::write(&self.sql, self.prepares(flavor)) {
            Written::Plain(text) => (text, true),
            Written::Prepared(text) => {
                lines.push(comment(&format!("what follows is {}", self.sql)));
                (text, true)
            }
            Written::Not(why) => {
                lines.push(comment(&format!("do this by hand, {why}: {}", self.sql)));
                (String::new(), false)
            }
        };
        match runs && (destructive || self.loses.is_none()) {
            true => lines.push(text),
            false => lines.extend(text.lines().map(comment)),
        }
        lines.join("\n") + "\n"
    }

    /// Whether the server takes the statement as a prepared one.
    fn prepares(&self, flavor: Flavor) -> bool {
        let prepared = dialect::of(flavor).prepared;
        prepared.is_none_or(|starts| starts.iter().any(|start| self.sql.starts_with(start)))
    }
}

/// The statements that turn `live` into `expected`, as far as `differences` (those of
/// [`super::diff::diff`], perhaps without the ignored ones) say.
pub fn fix(expected: &Schema, live: &Schema, differences: &[Difference]) -> Fix {
    let mut statements = Vec::new();
    let notes = plan(expected, live, differences, &mut |one| statements.push(one));
    Fix {
        flavor: live.flavor,
        statements,
        notes,
    }
}

/// Hands the statements of [`fix`] over one by one, and returns the notes: a thousand missing
/// tables would fill a megabyte with them.
pub fn plan(
    expected: &Schema,
    live: &Schema,
    differences: &[Difference],
    sink: &mut dyn FnMut(Statement),
) -> Vec<String> {
    let mut by_table = ByTable::new();
    // Those of one table follow each other.
    for of_table in differences.chunk_by(|one, next| one.table == next.table) {
        if let Some(table) = of_table.first().and_then(|one| one.table) {
            by_table.insert(table, of_table);
        }
    }
    let mut plan = Planner {
        expected,
        live,
        writer: Writer {
            from: expected,
            to: live,
        },
        sink,
        notes: Vec::new(),
        doubts: Doubts::default(),
    };
    plan.database(differences);
    let work = plan.work(&by_table);
    let later = Later::new(expected, live, differences, &work);
    plan.drop_programs(differences, &later);
    plan.tables(&by_table, &work, &later);
    plan.programs(differences, &later);
    plan.notes.extend(plan.doubts.note());
    plan.notes
}

struct Planner<'a> {
    expected: &'a Schema,
    live: &'a Schema,
    writer: Writer<'a>,
    sink: &'a mut dyn FnMut(Statement),
    notes: Vec<String>,
    doubts: Doubts,
}

impl Planner<'_> {
    fn add(&mut self, sql: String, loses: Option<String>) {
        self.add_noted(sql, loses, None);
    }

    fn add_noted(&mut self, sql: String, loses: Option<String>, note: Option<String>) {
        self.doubts.look_at(&sql);
        (self.sink)(Statement { sql, loses, note });
    }

    fn run(&mut self, sql: String) {
        self.add(sql, None);
    }

    fn run_losing(&mut self, sql: String, why: impl Into<String>) {
        self.add(sql, Some(why.into()));
    }

    fn database(&mut self, differences: &[Difference]) {
        if differences.iter().any(|one| one.kind == Kind::Database) {
            let charset = self.writer.charset(self.expected.collation);
            self.run(format!("ALTER DATABASE {charset}"));
        }
    }
}

/// The differences of this kind that something has to be made for.
fn made(differences: &[Difference], kind: Kind) -> impl Iterator<Item = &Difference> {
    differences
        .iter()
        .filter(move |one| one.kind == kind && one.is_expected())
}

/// A comment option, empty to take the comment away.
fn comment_option(comment: Option<Text>) -> String {
    format!("COMMENT={}", quote(comment.map_or("", Text::as_str)))
}

#[cfg(test)]
mod tests;
