//! Under which `sql_mode` tables are changed.

use super::later::Later;
use super::outline::Outlines;
use super::{ByTable, Planner};
use crate::schema::diff::{Change, Difference, Field, Kind};
use crate::schema::expr::lexer;
use crate::schema::model::{Column, Text};
use crate::schema::normalise::{ORACLE, modes_against};

/// Programs keep the mode in which they are made.
const RESTORE: &str = "SET sql_mode = @dbtool_sql_mode";

impl Planner<'_> {
    /// Plans tables, under another mode where the server's own would not do.
    pub(super) fn tables(&mut self, by_table: &ByTable<'_>, work: &Outlines, later: &Later) {
        let mode = self.mode(by_table);
        if let Some(mode) = &mode {
            self.run(format!("SET @dbtool_sql_mode = @@sql_mode, sql_mode = {mode}"));
        }
        let history = self.alter_history(by_table);
        if let Some([keep, _]) = &history {
            self.run(keep.clone());
        }
        self.change_tables(by_table, work, later);
        if let Some([_, default]) = history {
            self.run(default);
        }
        if mode.is_some() {
            self.run(RESTORE.to_owned());
        }
    }

    /// The mode that the tables need, as an expression, if it is not the server's own.
    fn mode(&self, by_table: &ByTable<'_>) -> Option<String> {
        let mut mode = "@@sql_mode".to_owned();
        // NO_ZERO_DATE, which MySQL has by itself, refuses to make tables with defaults such as
        // '0000-00-00', and to alter those that it has. TRADITIONAL would bring it back.
        let zero_dates = by_table
            .iter()
            .any(|(table, differences)| changes(differences) && self.has_zero_date(*table));
        if zero_dates {
            for part in ["TRADITIONAL", "NO_ZERO_IN_DATE", "NO_ZERO_DATE"] {
                mode = format!("REPLACE({mode}, '{part}', '')");
            }
        }
        // Without a strict mode a column that becomes NOT NULL gets zeros and empty strings in the
        // place of NULL, with a warning only.
        let mut differences = by_table.values().flat_map(|of_table| of_table.iter());
        if !self.live.strict && differences.any(forbids_null) {
            mode = format!("CONCAT({mode}, ',STRICT_ALL_TABLES')");
        }
        (mode != "@@sql_mode").then_some(mode)
    }

    /// Makes a program in the mode that its text was written for, as far as the session may have another.
    pub(super) fn make_program(
        &mut self,
        sql: String,
        program: (Option<Text>, Option<Text>),
        loses: Option<String>,
    ) {
        let (mode, body) = program;
        let set = self.program_mode(mode, body.map_or("", Text::as_str));
        if let Some(set) = &set {
            let set = format!("SET @dbtool_sql_mode = @@sql_mode, sql_mode = {set}");
            self.add(set, loses.clone());
        }
        self.add(sql, loses.clone());
        if set.is_some() {
            self.add(RESTORE.to_owned(), loses);
        }
    }

    /// The mode that a program needs, as a string, if it is not the server's own.
    fn program_mode(&self, mode: Option<Text>, body: &str) -> Option<String> {
        // These stand for several modes.
        const SETS: [&str; 6] = ["ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];
        let own: Vec<&str> = self
            .live
            .sql_mode
            .split(',')
            .filter(|mode| !mode.is_empty())
            .collect();
        let wanted: Vec<&str> = mode.map_or(Vec::new(), |mode| mode.as_str().split(',').collect());
        let oracle = wanted == [ORACLE];
        let mut against = modes_against(mode.map(Text::as_str), body);
        if oracle {
            against.clear();
        } else if own.contains(&ORACLE) {
            // It has its own language.
            return Some(lexer::quote(&wanted.join(",")));
        }
        let missing = wanted.iter().any(|mode| !own.contains(mode));
        if !missing && !against.iter().any(|mode| own.contains(mode)) {
            return None;
        }
        let kept = own
            .iter()
            .filter(|mode| !against.contains(mode) && !SETS.contains(mode));
        let all: Vec<&str> = kept.chain(wanted.iter()).copied().collect();
        Some(lexer::quote(&all.join(",")))
    }

    fn has_zero_date(&self, table: Text) -> bool {
        let tables = [self.expected, self.live].map(|schema| schema.tables.get(&table));
        let mut columns = tables.into_iter().flatten().flat_map(|table| &table.columns);
        columns.any(is_zero_date)
    }
}

/// Whether a table is made or altered, not only dropped.
fn changes(differences: &[Difference]) -> bool {
    differences.iter().any(|one| {
        let gone = one.kind == Kind::Table && !one.is_expected();
        one.kind != Kind::Trigger && !gone
    })
}

/// Whether the default's month or day is 00.
pub(crate) fn is_zero_date(column: &Column) -> bool {
    let is_date = ["date", "timestamp"].iter().any(|ty| column.ty.starts_with(ty));
    let value = column.default.filter(|_| is_date);
    let value = value
        .and_then(|text| lexer::literal_value(&text))
        .unwrap_or_default();
    let date = value.split(' ').next().unwrap_or_default();
    date.split('-').skip(1).any(|part| part == "00")
}

/// Whether a column that takes NULL no longer does.
fn forbids_null(one: &Difference) -> bool {
    let wanted = |fields: &[Field]| {
        fields
            .iter()
            .any(|field| field.name == *"null" && field.expected == *"no")
    };
    one.kind == Kind::Column && matches!(&one.change, Change::Different { fields } if wanted(fields))
}
