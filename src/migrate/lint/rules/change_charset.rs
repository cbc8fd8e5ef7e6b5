//! The rule `change-charset`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::AlterAction;

rule! {
    /// # What it does
    /// Finds CONVERT TO CHARACTER SET, and a new character set or collation of a column, for a table of an earlier
    /// migration.
    ///
    /// # Why it matters
    /// The table is copied while writers wait. Characters that the other set lacks become question marks or fail the
    /// statement; under another collation values may become equal, so that a unique index fails (error 1062), and joins
    /// to columns of the former collation use no index or fail (1267).
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// ALTER TABLE orders CONVERT TO CHARACTER SET latin1;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// -- dbtool:lint-ignore change-charset
    /// -- dbtool:online
    /// ALTER TABLE orders CONVERT TO CHARACTER SET utf8mb4;
    /// ```
    id: "change-charset",
    category: "data-dependent",
    severity: Warning,
    summary: "character sets and collations that change",
    why: "the table is copied, characters may be missing in the other set, and values may become equal",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, _, action) in view.changes() {
        if let AlterAction::Convert { charset, collation } = action {
            let to = collation
                .as_deref()
                .or(charset.as_deref())
                .unwrap_or("the default");
            out.push(Fault::new(
                &name.name,
                format!("all text of the table is converted to {to}"),
            ));
        }
    }
    for (name, column, old, new) in view.modified() {
        let Some(old) = old.filter(|old| old.is_text() && new.is_text()) else {
            continue;
        };
        let charset = new.charset.is_some() && new.charset != old.charset;
        let collation = new.collation.is_some() && new.collation != old.collation;
        if charset || collation {
            let to = new
                .collation
                .as_deref()
                .or(new.charset.as_deref())
                .unwrap_or_default();
            out.push(Fault::new(
                format!("{}.{column}", name.name),
                format!("the text of the column is converted to {to}"),
            ));
        }
    }
}
