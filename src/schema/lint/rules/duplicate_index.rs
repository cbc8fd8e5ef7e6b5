//! The rule `duplicate-index`.

use crate::schema::lint::Finding;
use crate::schema::lint::indexes::{drop_index, duplicates};
use crate::schema::lint::rule::rule;
use crate::schema::model::Schema;

rule! {
    /// # What it does
        /// Finds indexes over the same columns as another index of the table. Of two, it reports the weaker one: a plain one
        /// rather than a unique one, an invisible one rather than a visible one.
    ///
    /// # Why it matters
    /// Each copy costs space, and time on every write, and serves no query that the other does not.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE visits (id INT PRIMARY KEY, page INT, KEY by_page (page), KEY page (page));
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// ALTER TABLE visits DROP INDEX page;
    /// ```
    id: "duplicate-index",
    severity: Performance,
    summary: "indexes over the same columns as another",
    why: "each copy costs space and time on every write and is never better than the other",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for (index_name, other) in duplicates(table) {
            let finding = RULE.finding(
                format!("{table_name}.{index_name}"),
                format!("has the same columns as {other}"),
                drop_index(table_name, &index_name),
            );
            out.push(finding.relying_on(*table_name, other));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::lint::fixture::{add_index, found, index, key};
    use crate::schema::model::{Index, IndexKind};

    #[test]
    fn a_copy_is_found() {
        let copies = found(|table| {
            add_index(table, "a", &["other"]);
            add_index(table, "b", &["other"]);
        });
        assert_eq!(copies, [("duplicate-index", "t.b".to_owned())]);
    }

    #[test]
    fn of_a_visible_and_an_invisible_one_the_invisible_one_goes() {
        let shadowed = found(|table| {
            let invisible = Index {
                invisible: true,
                ..index(IndexKind::Plain, &["other"])
            };
            table.indexes.insert(key("a"), invisible);
            add_index(table, "b", &["other"]);
        });
        assert_eq!(
            shadowed,
            [("duplicate-index", "t.a".to_owned())],
            "the invisible one goes"
        );
    }

    #[test]
    fn a_copy_is_reported_once() {
        let once = found(|table| {
            table
                .indexes
                .insert(key("a"), index(IndexKind::Unique, &["other"]));
            add_index(table, "b", &["other"]);
            add_index(table, "c", &["other", "code"]);
        });
        assert_eq!(once, [("duplicate-index", "t.b".to_owned())]);
    }
}
