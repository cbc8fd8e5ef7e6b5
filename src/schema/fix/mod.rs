//! Generates the statements that fix a drift, in a working order.
//!
//! First drop triggers, programs and the foreign keys that block changes; then create and alter
//! tables, each with one ALTER for lossless changes and one for destructive changes; then add foreign
//! keys, routines, views, triggers and events. All statements are plain SQL for the client or dbtool.

mod alter;
mod caveats;
mod change_summary;
mod column_positions;
mod deferred;
mod destructive_columns;
mod exact_conversion;
mod foreign_keys;
mod hints;
mod lossy_conversion;
mod mentions;
mod plan;
mod programs;
mod sql_mode;
mod table;
mod table_changes;
mod triggers;
mod versioning;

pub(crate) use lossy_conversion::widens as widens_type;
pub use plan::FixStatement;
pub(crate) use sql_mode::is_zero_date;

use super::ddl::Writer;
use super::diff::{Difference, SchemaObjectKind};
use super::model::Schema;
use crate::db::Flavor;
use crate::sql::script::comment;
use caveats::Caveats;
use deferred::Deferred;
use plan::{ByTable, Planner};

/// The statements that fix a drift, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fix {
    /// The server family they are written for.
    pub flavor: Flavor,
    /// All statements, destructive ones included.
    pub statements: Vec<FixStatement>,
    /// Drift that no statement can fix.
    pub notes: Vec<String>,
}

impl Fix {
    /// The statements to run: all if `destructive`, otherwise those that lose no data.
    pub fn runnable(&self, destructive: bool) -> impl Iterator<Item = &str> {
        self.statements
            .iter()
            .filter(move |statement| destructive || statement.loses.is_none())
            .map(|statement| statement.sql.as_str())
    }

    /// The notes and the statements as a script.
    pub fn script(&self, destructive: bool) -> String {
        let notes = self.notes.iter().map(|note| comment(note) + "\n");
        let statements = self
            .statements
            .iter()
            .map(|statement| statement.script(self.flavor, destructive));
        notes.chain(statements).collect()
    }
}

/// The statements that turn `live` into `expected`, limited to `differences` (those of
/// [`super::diff::diff`], without ignored ones).
pub fn fix(expected: &Schema, live: &Schema, differences: &[Difference]) -> Fix {
    let mut statements = Vec::new();
    let notes = for_each_statement(expected, live, differences, &mut |statement| {
        statements.push(statement)
    });
    Fix {
        flavor: live.flavor,
        statements,
        notes,
    }
}

/// Passes the statements of [`fix`] to `sink` one by one and returns the notes: the statements of a
/// thousand missing tables take a megabyte.
pub fn for_each_statement(
    expected: &Schema,
    live: &Schema,
    differences: &[Difference],
    sink: &mut dyn FnMut(FixStatement),
) -> Vec<String> {
    let mut by_table = ByTable::new();
    // The differences of a table are adjacent.
    for of_table in differences.chunk_by(|difference, next| difference.table == next.table) {
        if let Some(table) = of_table.first().and_then(|difference| difference.table) {
            by_table.insert(table, of_table);
        }
    }
    let mut planner = Planner {
        expected,
        live,
        writer: Writer {
            from: expected,
            to: live,
        },
        sink,
        notes: Vec::new(),
        caveats: Caveats::default(),
    };
    planner.database(differences);
    let summaries = planner.summaries(&by_table);
    let deferred = Deferred::new(expected, live, differences, &summaries);
    planner.drop_programs(differences, &deferred);
    planner.tables(&by_table, &summaries, &deferred);
    planner.programs(differences, &deferred);
    planner.notes.extend(planner.caveats.note());
    planner.notes
}

impl Planner<'_> {
    fn database(&mut self, differences: &[Difference]) {
        if differences
            .iter()
            .any(|difference| difference.kind == SchemaObjectKind::Database)
        {
            let charset = self.writer.charset(self.expected.collation);
            self.run(format!("ALTER DATABASE {charset}"));
        }
    }
}

#[cfg(test)]
mod tests;
