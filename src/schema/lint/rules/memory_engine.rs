//! The rule `memory-engine`.

use crate::schema::ddl::name;
use crate::schema::lint::Finding;
use crate::schema::lint::rule::rule;
use crate::schema::model::Schema;

rule! {
    /// # What it does
    /// Finds tables stored by MEMORY.
    ///
    /// # Why it matters
        /// Its rows are lost after a restart; a replica that restarts then differs from its source. Every change locks the
        /// whole table.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE sessions (id INT PRIMARY KEY) ENGINE=MEMORY;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// ALTER TABLE sessions ENGINE=InnoDB;
    /// ```
    id: "memory-engine",
    severity: Breaks,
    summary: "tables that are empty after a restart",
    why: "its rows are lost after a restart, replicas then differ, and every change locks the whole table",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    let tables = schema.tables.iter();
    for (table_name, _) in tables.filter(|(_, table)| table.engine.eq_ignore_ascii_case("memory")) {
        out.push(RULE.finding(
            table_name.to_string(),
            "is stored by MEMORY".to_owned(),
            format!("ALTER TABLE {} ENGINE=InnoDB;", name(table_name)),
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::lint::fixture::{found, key};

    #[test]
    fn a_table_in_memory_is_found() {
        assert_eq!(
            found(|table| table.engine = key("MEMORY")),
            [("memory-engine", "t".to_owned())]
        );
    }
}
