//! The rule `narrow-type`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::schema::fix::widens_type;
use crate::sql::ColumnDef;

rule! {
    /// # What it does
    /// Finds a column of an earlier migration whose new type cannot hold every value of the former one: a shorter text,
    /// a smaller or unsigned number, fewer digits, another kind of type.
    ///
    /// # Why it matters
    /// Under a strict sql_mode it fails at the first value that does not fit (error 1265 or 1406); else values are cut
    /// in silence.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders MODIFY note VARCHAR(100);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- dbtool:online
    /// ALTER TABLE orders MODIFY note VARCHAR(500);
    /// ```
    id: "narrow-type",
    category: "data-dependent",
    severity: Error,
    summary: "columns whose new type may not hold their values",
    why: "values that do not fit fail the statement or are cut",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, column, old, new) in view.modified() {
        let Some(old) = old else { continue };
        // A list of values has a rule of its own.
        let is_list = |def: &ColumnDef| matches!(def.data_type.name.as_str(), "enum" | "set");
        if is_list(old) && is_list(new) || new.generated.is_some() {
            continue;
        }
        let (from, to) = (old.data_type.text(), new.data_type.text());
        if !widens_type(&from, &to) {
            out.push(Fault::new(
                format!("{}.{column}", name.name),
                format!("{to} may not hold every value of {from}"),
            ));
        }
    }
}
