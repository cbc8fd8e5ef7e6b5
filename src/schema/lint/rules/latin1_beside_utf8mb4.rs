//! The rule `latin1-beside-utf8mb4`.

use crate::schema::lint::Finding;
use crate::schema::lint::charsets::{has_charset, of_charset};
use crate::schema::lint::rule::rule;
use crate::schema::model::Schema;

rule! {
    /// # What it does
    /// Finds tables and columns in latin1 in a database that also has utf8mb4 text.
    ///
    /// # Why it matters
    /// Text that is copied or compared between them is converted; characters that latin1 lacks become question marks.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE new_names (id INT PRIMARY KEY, name VARCHAR(90)) CHARACTER SET utf8mb4;
    /// CREATE TABLE old_names (id INT PRIMARY KEY, name VARCHAR(90)) CHARACTER SET latin1;
    /// ```
    ///
    /// # Fix
    /// Text that an application stored as UTF-8 through a latin1 connection needs another conversion: check it first.
    /// ```sql
    /// ALTER TABLE old_names CONVERT TO CHARACTER SET utf8mb4;
    /// ```
    id: "latin1-beside-utf8mb4",
    severity: Breaks,
    summary: "latin1 text where other text is utf8mb4",
    why: "text copied or compared between them is converted, and characters that latin1 lacks become question marks",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    if !has_charset(schema, "utf8mb4") {
        return;
    }
    for (object, fix) in of_charset(schema, "latin1") {
        let what = "is in latin1, other text here is in utf8mb4".to_owned();
        out.push(RULE.finding(object, what, fix));
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::lint::fixture::{found, key};

    #[test]
    fn a_table_in_latin1_is_found() {
        let latin = found(|table| table.collation = key("latin1_swedish_ci"));
        assert_eq!(latin, [("latin1-beside-utf8mb4", "t".to_owned())]);
    }
}
