//! Chooses the sql_mode for ALTER TABLE statements and for programs.

use super::change_summary::ChangeSummaries;
use super::deferred::Deferred;
use super::plan::{ByTable, Planner};
use crate::schema::diff::{Difference, Field, Property, SchemaObjectKind, Value};
use crate::schema::expr::lexer;
use crate::schema::model::{Column, Symbol};
use crate::schema::normalise::{ORACLE, modes_against};

/// Restores the session's mode before programs are created, because programs store their mode.
const RESTORE: &str = "SET sql_mode = @dbtool_sql_mode";

impl Planner<'_> {
    /// Emits the statements for tables, under another mode if the server's own does not suffice.
    pub(super) fn tables(
        &mut self,
        by_table: &ByTable<'_>,
        summaries: &ChangeSummaries,
        deferred: &Deferred,
    ) {
        let mode = self.mode(by_table);
        if let Some(mode) = &mode {
            self.run(format!("SET @dbtool_sql_mode = @@sql_mode, sql_mode = {mode}"));
        }
        let history = self.alter_history(by_table);
        if let Some([keep, _]) = &history {
            self.run(keep.clone());
        }
        self.change_tables(by_table, summaries, deferred);
        if let Some([_, default]) = history {
            self.run(default);
        }
        if mode.is_some() {
            self.run(RESTORE.to_owned());
        }
    }

    /// The mode that the tables need, as an expression; `None` if the server's own suffices.
    fn mode(&self, by_table: &ByTable<'_>) -> Option<String> {
        let mut mode = "@@sql_mode".to_owned();
        // NO_ZERO_DATE, a default of MySQL, rejects creating and altering tables with defaults such as
        // '0000-00-00'. TRADITIONAL implies it.
        let zero_dates = by_table
            .iter()
            .any(|(table, differences)| changes(differences) && self.has_zero_date(*table));
        if zero_dates {
            for part in ["TRADITIONAL", "NO_ZERO_IN_DATE", "NO_ZERO_DATE"] {
                mode = format!("REPLACE({mode}, '{part}', '')");
            }
        }
        // Without a strict mode, a column that becomes NOT NULL gets zeros and empty strings instead of
        // NULL, with a warning only.
        let mut differences = by_table.values().flat_map(|of_table| of_table.iter());
        if !self.live.strict && differences.any(forbids_null) {
            mode = format!("CONCAT({mode}, ',STRICT_ALL_TABLES')");
        }
        (mode != "@@sql_mode").then_some(mode)
    }

    /// Emits a program's statement under the mode that its text was written for, if the session's may differ.
    pub(super) fn make_program(
        &mut self,
        sql: String,
        program: (Option<Symbol>, Option<Symbol>),
        loses: Option<String>,
    ) {
        let (mode, body) = program;
        let set = self.program_mode(mode, body.map_or("", Symbol::as_str));
        if let Some(set) = &set {
            let set = format!("SET @dbtool_sql_mode = @@sql_mode, sql_mode = {set}");
            self.add(set, loses.clone());
        }
        self.add(sql, loses.clone());
        if set.is_some() {
            self.add(RESTORE.to_owned(), loses);
        }
    }

    /// The mode that a program needs, as a string literal; `None` if the server's own suffices.
    fn program_mode(&self, mode: Option<Symbol>, body: &str) -> Option<String> {
        // Combination modes, which imply others.
        const SETS: [&str; 6] = ["ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];
        let own: Vec<&str> = self
            .live
            .sql_mode
            .split(',')
            .filter(|mode| !mode.is_empty())
            .collect();
        let required: Vec<&str> = mode.map_or(Vec::new(), |mode| mode.as_str().split(',').collect());
        let oracle = required == [ORACLE];
        let mut against = modes_against(mode.map(Symbol::as_str), body);
        if oracle {
            against.clear();
        } else if own.contains(&ORACLE) {
            // ORACLE has its own dialect.
            return Some(lexer::quote(&required.join(",")));
        }
        let missing = required.iter().any(|mode| !own.contains(mode));
        if !missing && !against.iter().any(|mode| own.contains(mode)) {
            return None;
        }
        let kept = own
            .iter()
            .filter(|mode| !against.contains(mode) && !SETS.contains(mode));
        let all: Vec<&str> = kept.chain(required.iter()).copied().collect();
        Some(lexer::quote(&all.join(",")))
    }

    fn has_zero_date(&self, table: Symbol) -> bool {
        let tables = [self.expected, self.live].map(|schema| schema.tables.get(&table));
        let mut columns = tables.into_iter().flatten().flat_map(|table| &table.columns);
        columns.any(is_zero_date)
    }
}

/// Whether a table is created or altered, not only dropped.
fn changes(differences: &[Difference]) -> bool {
    differences.iter().any(|difference| {
        let gone = difference.kind == SchemaObjectKind::Table && !difference.is_expected();
        difference.kind != SchemaObjectKind::Trigger && !gone
    })
}

/// Whether the month or day of a column's default is 00.
pub(crate) fn is_zero_date(column: &Column) -> bool {
    let is_date = ["date", "timestamp"].iter().any(|ty| column.ty.starts_with(ty));
    let value = column.default.filter(|_| is_date);
    let value = value
        .and_then(|text| lexer::literal_value(&text))
        .unwrap_or_default();
    let date = value.split(' ').next().unwrap_or_default();
    date.split('-').skip(1).any(|part| part == "00")
}

/// Whether a nullable column becomes NOT NULL.
fn forbids_null(difference: &Difference) -> bool {
    let forbids = |field: &Field| field.property == Property::Null && field.expected == Value::Flag(false);
    difference.kind == SchemaObjectKind::Column && difference.fields().iter().any(forbids)
}
