//! The rule `utf8mb3`.

use crate::schema::lint::Finding;
use crate::schema::lint::charsets::of_charset;
use crate::schema::lint::rule::rule;
use crate::schema::model::Schema;

rule! {
    /// # What it does
    /// Finds tables and columns in the character set utf8mb3, also called utf8.
    ///
    /// # Why it matters
        /// It cannot represent emoji and other characters beyond the basic multilingual plane: such an INSERT fails, or loses
        /// the characters without a strict `sql_mode`. It is deprecated.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE notes (id INT PRIMARY KEY, body VARCHAR(200)) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci;
    /// ```
    ///
    /// # Fix
    /// The conversion copies the table. A case-sensitive collation becomes `utf8mb4_bin`.
    /// ```sql
    /// ALTER TABLE notes CONVERT TO CHARACTER SET utf8mb4;
    /// ```
    id: "utf8mb3",
    severity: Breaks,
    summary: "text in utf8mb3",
    why: "it cannot represent emoji and other characters beyond the basic plane, and is deprecated",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (object, fix) in of_charset(schema, "utf8mb3") {
        out.push(RULE.finding(object, "is in utf8mb3".to_owned(), fix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::lint::fixture::{fixes, found, key, sound};
    use crate::schema::model::{ForeignKey, Table};

    /// A sound table whose text has the collation `column_level`.
    fn recollated(of_table: &str, column_level: &str) -> Table {
        let mut table = sound();
        table.collation = key(of_table);
        for column in table.columns.iter_mut().filter(|one| one.collation.is_some()) {
            column.change(|one| one.collation = Some(key(column_level)));
        }
        table
    }

    #[test]
    fn a_column_in_it_is_found() {
        let old = found(|table| {
            table.columns[1].change(|code| code.collation = Some(key("utf8mb3_general_ci")));
        });
        assert_eq!(old, [("utf8mb3", "t.code".to_owned())]);
    }

    #[test]
    fn text_that_foreign_keys_join_is_converted_together() {
        let of = |collation: &str| recollated(collation, collation);
        let foreign = |columns: &[&str]| ForeignKey {
            columns: columns.iter().map(|name| key(name)).collect(),
            table: key("parent"),
            references: columns.iter().map(|name| key(name)).collect(),
            on_delete: Default::default(),
            on_update: Default::default(),
        };
        let mut schema = Schema::default();
        for (name, columns) in [("by_id", "id"), ("by_code", "code")] {
            let mut child = of("utf8mb3_general_ci");
            child.foreign_keys.insert(key(name), foreign(&[columns]));
            schema.tables.insert(key(name), child);
        }
        schema.tables.insert(key("parent"), of("utf8mb3_general_ci"));
        let joined = "under SET foreign_key_checks = 0, and with it what foreign keys join to it in";
        let fixes = fixes(&schema, RULE.id);
        assert!(fixes[0].ends_with(&format!("-- {joined} parent")), "{fixes:?}");
        assert!(fixes[1].ends_with(';'), "{fixes:?}");
        assert!(fixes[2].ends_with(&format!("-- {joined} by_code")), "{fixes:?}");
    }

    #[test]
    fn a_conversion_goes_on_telling_cases_apart() {
        let mut schema = Schema::default();
        schema
            .default_collations
            .insert(key("utf8mb4"), key("utf8mb4_general_ci"));
        for (name, of_table, column_level) in [
            ("alike", "utf8mb3_bin", "utf8mb3_bin"),
            ("mixed", "utf8mb3_general_ci", "utf8mb3_bin"),
            ("odd", "utf8mb4_general_ci", "utf8mb3_bin"),
        ] {
            schema
                .tables
                .insert(key(name), recollated(of_table, column_level));
        }
        let code = "`code` varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL";
        assert_eq!(
            fixes(&schema, RULE.id),
            [
                "ALTER TABLE `alike` CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;".to_owned(),
                format!(
                    "ALTER TABLE `mixed` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, \
                     MODIFY COLUMN {code};"
                ),
                format!("ALTER TABLE `odd` MODIFY COLUMN {code};"),
            ]
        );
    }
}
