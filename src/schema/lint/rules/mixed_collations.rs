//! The rule `mixed-collations`.

use crate::schema::lint::Finding;
use crate::schema::lint::columns::modify;
use crate::schema::lint::rule::rule;
use crate::schema::model::{Column, Schema, Symbol, Table};

rule! {
    /// # What it does
    /// Finds indexed columns of the same name in several tables that have different collations.
    ///
    /// # Why it matters
    /// A join of two of them cannot use an index, or fails with error 1267 (illegal mix of collations).
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE people (email VARCHAR(90) COLLATE utf8mb4_general_ci PRIMARY KEY) CHARACTER SET utf8mb4;
    /// CREATE TABLE letters (email VARCHAR(90) COLLATE utf8mb4_general_ci PRIMARY KEY) CHARACTER SET utf8mb4;
    /// CREATE TABLE logins (email VARCHAR(90) COLLATE utf8mb4_unicode_ci PRIMARY KEY) CHARACTER SET utf8mb4;
    /// ```
    ///
    /// # Fix
        /// Change the column to the most frequent collation of its name. Values that are equal in the new collation cannot
        /// stay in a unique index: look for them first.
    /// ```sql
    /// ALTER TABLE logins MODIFY COLUMN email VARCHAR(90) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL;
    /// ```
    id: "mixed-collations",
    severity: Breaks,
    summary: "columns of one name with different collations",
    why: "a join of columns with different collations cannot use an index, or fails with error 1267",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for columns in joined_columns(schema).chunk_by(|column, next| column.0 == next.0) {
        let Some(usual) = usual_collation(columns) else {
            continue;
        };
        for (column, collation, table) in columns.iter().filter(|column| column.1 != usual) {
            let Some(owner) = schema.tables.get(table) else {
                continue;
            };
            let Some(mut like_others) = owner.column(column).copied() else {
                continue;
            };
            like_others.change(|attributes| attributes.collation = Some(usual));
            out.push(RULE.finding(
                format!("{table}.{column}"),
                format!("is {collation}, the columns of that name elsewhere are {usual}"),
                modify(schema, *table, owner, &like_others),
            ));
        }
    }
}

/// An indexed character column: name, collation, table.
type Joined = (Symbol, Symbol, Symbol);

/// The columns that a join may use: indexed columns of the same name. Columns of foreign keys cannot differ.
fn joined_columns(schema: &Schema) -> Vec<Joined> {
    let of_table = |(name, table): (&Symbol, &Table)| -> Vec<Joined> {
        let indexed = |column: &&Column| {
            let mut parts = table.indexes.values().flat_map(|index| &index.parts);
            parts.any(|part| part.column_name() == Some(column.name))
        };
        let columns = table.columns.iter().filter(indexed);
        columns
            .filter_map(|column| Some((column.name, column.collation?, *name)))
            .collect()
    };
    let mut joined: Vec<Joined> = schema.tables.iter().flat_map(of_table).collect();
    joined.sort_unstable();
    joined
}

/// The most frequent collation of some columns; of equally frequent ones the last by name.
fn usual_collation(columns: &[Joined]) -> Option<Symbol> {
    let runs = columns.chunk_by(|column, next| column.1 == next.1);
    let largest = runs.max_by_key(|run| run.len())?;
    largest.first().map(|(_, collation, _)| *collation)
}

#[cfg(test)]
mod tests {
    use crate::schema::lint::fixture::{add_index, found, key};

    #[test]
    fn a_column_unlike_those_of_its_name_is_found() {
        let mixed = found(|table| {
            table.columns[1].change(|code| code.collation = Some(key("utf8mb4_unicode_ci")));
            add_index(table, "code", &["code"]);
        });
        assert_eq!(mixed.len(), 1);
        assert_eq!(mixed[0].0, "mixed-collations");
    }
}
