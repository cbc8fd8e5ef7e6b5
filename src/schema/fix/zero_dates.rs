//! Tables with defaults such as `'0000-00-00'`. A server whose `sql_mode` has NO_ZERO_DATE, as
//! MySQL's has by itself, refuses to make them, and to alter those it has.

use std::collections::BTreeMap;

use super::Planner;
use super::keys::ByTable;
use super::later::Later;
use super::work::Work;
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::expr::lexer;
use crate::schema::model::{Column, Text};

/// TRADITIONAL would bring the other two back.
const ALLOW: &str = "SET @dbtool_sql_mode = @@sql_mode, sql_mode = REPLACE(REPLACE(REPLACE(@@sql_mode, \
    'TRADITIONAL', ''), 'NO_ZERO_IN_DATE', ''), 'NO_ZERO_DATE', '')";

/// Programs keep the mode in which they are made.
const RESTORE: &str = "SET sql_mode = @dbtool_sql_mode";

impl Planner<'_> {
    /// Plans tables, with zero dates allowed if they have any.
    pub(super) fn tables(&mut self, by_table: &ByTable<'_>, work: BTreeMap<Text, Work>, later: &Later) {
        let zero_dates = by_table
            .iter()
            .any(|(table, differences)| changes(differences) && self.has_zero_date(*table));
        if zero_dates {
            self.run(ALLOW.to_owned());
        }
        self.change_tables(by_table, work, later);
        if zero_dates {
            self.run(RESTORE.to_owned());
        }
    }

    fn has_zero_date(&self, table: Text) -> bool {
        let tables = [self.expected, self.live].map(|schema| schema.tables.get(&table));
        let mut columns = tables.into_iter().flatten().flat_map(|table| &table.columns);
        columns.any(is_zero_date)
    }
}

/// Whether a table is made or altered, not only dropped.
fn changes(differences: &[&Difference]) -> bool {
    differences.iter().any(|one| {
        let gone = one.kind == Kind::Table && matches!(one.change, Change::Extra { .. });
        one.kind != Kind::Trigger && !gone
    })
}

/// Whether the default's month or day is 00.
fn is_zero_date(column: &Column) -> bool {
    let is_date = ["date", "timestamp"].iter().any(|ty| column.ty.starts_with(ty));
    let value = column.default.filter(|_| is_date);
    let value = value
        .and_then(|text| lexer::literal_value(&text))
        .unwrap_or_default();
    let date = value.split(' ').next().unwrap_or_default();
    date.split('-').skip(1).any(|part| part == "00")
}
