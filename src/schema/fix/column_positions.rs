//! The positions of columns in the clauses of an ALTER.

use crate::schema::ddl::name;
use crate::schema::diff::{Difference, Property};
use crate::schema::model::Symbol;

/// Computes the positions of columns, each after a column that exists when its ALTER runs.
#[derive(Default)]
pub(super) struct ColumnPositions {
    /// The previous column after all changes.
    before: Option<Symbol>,
    /// The previous column after the lossless changes only.
    before_safe: Option<Symbol>,
}

impl ColumnPositions {
    /// The position of the next column. A column that does not exist and has no difference is ignored.
    pub(super) fn next(
        &mut self,
        column: Symbol,
        destructive: bool,
        there: bool,
        difference: Option<&Difference>,
    ) -> String {
        let before = if destructive {
            self.before
        } else {
            self.before_safe
        };
        let moves =
            !there || difference.is_some_and(|difference| difference.differs_in(&[Property::Position]));
        if there || difference.is_some() {
            self.before = Some(column);
            if !(destructive && moves) {
                self.before_safe = Some(column);
            }
        }
        before.map_or("FIRST".to_owned(), |before| format!("AFTER {}", name(&before)))
    }
}
