//! The rule `duplicate-constraint`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{AlterAction, ForeignKeyDef, ObjectName};

rule! {
    /// # What it does
    /// Finds a foreign key with a name that a foreign key of another table has.
    ///
    /// # Why it matters
    /// Such a name is unique in its database: the second statement fails (error 1826 or 1005, errno 121).
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// CREATE TABLE a (id INT PRIMARY KEY, o INT, CONSTRAINT to_order FOREIGN KEY (o) REFERENCES orders (id));
    /// CREATE TABLE b (id INT PRIMARY KEY, o INT, CONSTRAINT to_order FOREIGN KEY (o) REFERENCES orders (id));
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(50), note VARCHAR(255) NULL);
    /// -- 002_change.sql
    /// CREATE TABLE a (id INT PRIMARY KEY, o INT, CONSTRAINT a_to_order FOREIGN KEY (o) REFERENCES orders (id));
    /// CREATE TABLE b (id INT PRIMARY KEY, o INT, CONSTRAINT b_to_order FOREIGN KEY (o) REFERENCES orders (id));
    /// ```
    id: "duplicate-constraint",
    category: "incompatible",
    severity: Error,
    summary: "names of foreign keys that two tables use",
    why: "a foreign key's name is unique in its database, and the statement fails",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let created = view.created();
    let own = match &created {
        Some((name, table)) => table.foreign_keys.iter().map(|key| (*name, key)).collect(),
        None => added(view),
    };
    for (name, key) in own {
        let Some(wanted) = &key.name else { continue };
        let holder = view.tables.iter().find(|(other, table)| {
            let mut names = table.foreign_keys.iter().filter_map(|key| key.name.as_deref());
            !name.name.eq_ignore_ascii_case(other) && names.any(|name| name.eq_ignore_ascii_case(wanted))
        });
        if let Some((other, _)) = holder {
            out.push(Fault::new(
                &name.name,
                format!("the table {other} has a foreign key {wanted} already"),
            ));
        }
    }
}

/// The foreign keys that an ALTER TABLE adds, to new tables too.
fn added<'v>(view: &'v StatementView<'_>) -> Vec<(&'v ObjectName, &'v ForeignKeyDef)> {
    let Some(object) = view.found.objects.first() else {
        return Vec::new();
    };
    let keys = view.found.actions.iter().filter_map(|action| match action {
        AlterAction::AddForeignKey(key) => Some((&object.name, key)),
        _ => None,
    });
    keys.collect()
}
