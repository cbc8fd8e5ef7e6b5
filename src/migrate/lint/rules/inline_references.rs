//! The rule `inline-references`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;

rule! {
    /// # What it does
    /// Finds REFERENCES behind a column's definition.
    ///
    /// # Why it matters
    /// MySQL before 9 and MariaDB before 10.5 ignore it without a word, so that the same file gives one server a
    /// foreign key and the other none.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, parent_id INT REFERENCES orders (id));
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, parent_id INT, FOREIGN KEY (parent_id) REFERENCES orders (id));
    /// ```
    id: "inline-references",
    category: "incompatible",
    severity: Warning,
    summary: "foreign keys written as an attribute of a column",
    why: "MySQL before 9 and MariaDB before 10.5 ignore it without a word",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let created = view.created();
    let columns = created.iter().flat_map(|(name, table)| {
        let columns = table.columns.iter();
        columns.map(move |(column, def)| (*name, column.as_str(), def))
    });
    let changed = view
        .added()
        .chain(view.modified().map(|(name, column, _, new)| (name, column, new)));
    for (name, column, def) in columns.chain(changed) {
        if def.references {
            out.push(Fault::new(
                format!("{}.{column}", name.name),
                "REFERENCES behind a column's definition is ignored by many servers",
            ));
        }
    }
}
