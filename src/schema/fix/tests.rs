use super::*;
use crate::schema::diff::diff;
use crate::schema::model::{Column, Index, Part, Table, View};

fn schema(tables: &[(&str, &[&str])]) -> Schema {
    let mut schema = Schema::default();
    for (name, columns) in tables {
        let mut table = Table::new(Text::new("utf8mb4_general_ci"));
        table.columns = columns.iter().map(|column| Column::new(column, "int")).collect();
        schema.tables.insert(Text::new(name), table);
    }
    schema
}

#[test]
fn what_loses_data_is_a_comment_with_its_reason() {
    let expected = schema(&[("kept", &["a"])]);
    let live = schema(&[("kept", &["a", "b"]), ("old", &["a"])]);
    let fix = fix(&expected, &live, &diff(&expected, &live));
    assert_eq!(fix.runnable(false).count(), 0);
    assert_eq!(
        fix.runnable(true).collect::<Vec<_>>(),
        ["ALTER TABLE `kept` DROP COLUMN `b`", "DROP TABLE `old`"]
    );
    assert_eq!(
        fix.script(false),
        "-- the column b and what it holds go:\n-- ALTER TABLE `kept` DROP COLUMN `b`;\n\
         -- the table old is not in the migrations:\n-- DROP TABLE `old`;\n"
    );
}

/// Columns `id`, `code`, `note` and `kind`, with these types and this index.
fn table(types: [&str; 4], index: Option<(&str, &[&str])>) -> Table {
    let mut table = Table::new(Text::new("utf8mb4_general_ci"));
    let names = ["id", "code", "note", "kind"];
    table.columns = names
        .into_iter()
        .zip(types)
        .map(|(name, ty)| Column::new(name, ty))
        .collect();
    if let Some((name, columns)) = index {
        let parts = columns.iter().map(|column| Part::column(column)).collect();
        let index = Index {
            parts,
            ..Index::default()
        };
        table.indexes.insert(Text::new(name), index);
    }
    table
}

fn fix_of(expected: Table, live: Table) -> Vec<(String, bool)> {
    let [expected, live] = [expected, live].map(|table| Schema {
        tables: [(Text::new("t"), table)].into_iter().collect(),
        ..Schema::default()
    });
    let fix = fix(&expected, &live, &diff(&expected, &live));
    let statements = fix.statements.into_iter();
    statements
        .map(|one| (one.sql.replace("ALTER TABLE `t`\n  ", ""), one.loses.is_some()))
        .collect()
}

#[test]
fn what_loses_nothing_is_done_apart() {
    let live = ["int", "bigint", "int", "varchar(20)"];
    let expected = ["bigint", "int", "int", "varchar(20)"];
    let fixed = |index: &[&str]| fix_of(table(expected, Some(("i", index))), table(live, None));
    let widen = "MODIFY COLUMN `id` bigint NOT NULL";
    let narrow = "MODIFY COLUMN `code` int NOT NULL";
    assert_eq!(
        fixed(&["kind"]),
        [
            (format!("{widen},\n  ADD KEY `i` (`kind`)"), false),
            (narrow.to_owned(), true)
        ]
    );
    assert_eq!(
        fixed(&["kind", "code"]),
        [
            (widen.to_owned(), false),
            (format!("{narrow},\n  ADD KEY `i` (`kind`, `code`)"), true)
        ]
    );
    assert_eq!(
        fixed(&["code", "id"]),
        [(
            format!("{widen},\n  {narrow},\n  ADD KEY `i` (`code`, `id`)"),
            true
        )],
        "the index ties the columns together"
    );
}

#[test]
fn an_index_that_changes_goes_and_comes_at_once() {
    let types = ["int", "bigint", "int", "int"];
    let narrower = ["int", "int", "int", "int"];
    let fixed = fix_of(
        table(narrower, Some(("i", &["note", "code"]))),
        table(types, Some(("i", &["note"]))),
    );
    let all = "DROP INDEX `i`,\n  MODIFY COLUMN `code` int NOT NULL,\n  ADD KEY `i` (`note`, `code`)";
    assert_eq!(fixed, [(all.to_owned(), true)]);
}

#[test]
fn a_program_of_statements_gets_a_delimiter() {
    assert_eq!(terminated("DROP TABLE `a`"), "DROP TABLE `a`;");
    assert_eq!(
        terminated("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1"),
        "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1;"
    );
    let body = "CREATE PROCEDURE p() BEGIN SELECT 1; END";
    assert_eq!(terminated(body), format!("DELIMITER $$\n{body}\n$$\nDELIMITER ;"));
    let dollars = "CREATE PROCEDURE p() BEGIN SELECT '$$'; END";
    assert_eq!(
        terminated(dollars),
        format!("DELIMITER $$$\n{dollars}\n$$$\nDELIMITER ;")
    );
    let comment = "CREATE PROCEDURE p() SELECT 1 -- one";
    assert_eq!(
        terminated(comment),
        format!("DELIMITER $$\n{comment}\n$$\nDELIMITER ;")
    );
}

#[test]
fn views_come_after_those_they_read() {
    let mut expected = Schema::default();
    for (name, definition) in [
        ("a", "select `b`.`x` as `x` from `b`"),
        ("b", "select `c`.`x` as `x` from `c`"),
        ("c", "select 1 as `x`"),
    ] {
        let view = View {
            definition: Some(Text::new(definition)),
            check_option: None,
            invoker: false,
        };
        expected.views.insert(Text::new(name), view);
    }
    let live = Schema::default();
    let fix = fix(&expected, &live, &diff(&expected, &live));
    let order: Vec<&str> = fix
        .runnable(false)
        .filter_map(|sql| sql.split('`').nth(1))
        .collect();
    assert_eq!(order, ["c", "b", "a"]);
}
