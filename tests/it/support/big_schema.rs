//! A schema of many tables, as one migration.

use std::fmt::Write as _;

/// Types of the columns, over and over.
const TYPES: [&str; 8] = [
    "VARCHAR(40) NOT NULL DEFAULT 'x'",
    "INT NOT NULL DEFAULT 0",
    "DATETIME NULL",
    "DECIMAL(10,2) NOT NULL",
    "TEXT",
    "ENUM('a','b','c') DEFAULT 'a'",
    "BIGINT UNSIGNED NULL",
    "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
];

/// `tables` statements that make tables of twenty columns, each with a primary key, a unique index,
/// two plain ones and a foreign key. Half of a table's columns have names that no other table has.
pub fn many_tables(tables: usize) -> Vec<String> {
    (0..tables).map(table).collect()
}

fn table(number: usize) -> String {
    let mut sql =
        format!("CREATE TABLE many_{number} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, parent_id INT NULL");
    for column in 0..18 {
        let owner = if column < 10 {
            format!("t{number}_")
        } else {
            String::new()
        };
        let _ = write!(sql, ", {owner}c{column} {}", TYPES[column % TYPES.len()]);
    }
    let _ = write!(
        sql,
        ", KEY idx_{number} (t{number}_c0), UNIQUE KEY uq_{number} (t{number}_c1, t{number}_c2), KEY parent (parent_id)"
    );
    if number > 0 {
        let _ = write!(
            sql,
            ", CONSTRAINT fk_{number} FOREIGN KEY (parent_id) REFERENCES many_{} (id) ON DELETE CASCADE",
            number / 10
        );
    }
    // Counting the rows of a thousand new tables is work for nothing.
    sql.push_str(") STATS_PERSISTENT=0");
    sql
}
