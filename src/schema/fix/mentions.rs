//! The names that expressions use.

use std::collections::BTreeSet;

use crate::schema::expr;
use crate::schema::model::Symbol;

/// Whether an expression names one of these columns.
pub(super) fn mentions(expression: &str, columns: &BTreeSet<Symbol>) -> bool {
    let used = expr::names(expression);
    columns.iter().any(|column| is_one_of(&used, column))
}

/// Whether a name is among those that an expression uses.
pub(super) fn is_one_of(used: &[String], name: &Symbol) -> bool {
    used.iter().any(|changed| changed.eq_ignore_ascii_case(name))
}
