use crate::db::Flavor;
use proptest::prelude::*;

use super::*;
use crate::schema::ddl;
use crate::schema::diff::diff;
use crate::schema::model::{
    CheckConstraint, Column, ForeignKey, Index, KeyPart, ReferentialAction, Routine, ScheduledEvent, Symbol,
    Table, Trigger, View,
};

fn schema(tables: &[(&str, &[&str])]) -> Schema {
    let mut schema = Schema::default();
    for (name, columns) in tables {
        let mut table = Table::new(Symbol::new("utf8mb4_general_ci"));
        table.columns = columns.iter().map(|column| Column::new(column, "int")).collect();
        schema.tables.insert(Symbol::new(name), table);
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
        "-- drops the column b and its values:\n-- ALTER TABLE `kept` DROP COLUMN `b`;\n\
         -- the table old is not in the migrations:\n-- DROP TABLE `old`;\n"
    );
}

/// Columns `id`, `code`, `note` and `kind`, with these types and this index.
fn table(types: [&str; 4], index: Option<(&str, &[&str])>) -> Table {
    let mut table = Table::new(Symbol::new("utf8mb4_general_ci"));
    let names = ["id", "code", "note", "kind"];
    table.columns = names
        .into_iter()
        .zip(types)
        .map(|(name, ty)| Column::new(name, ty))
        .collect();
    if let Some((name, columns)) = index {
        let parts = columns.iter().map(|column| KeyPart::column(column)).collect();
        let index = Index {
            parts,
            ..Index::default()
        };
        table.indexes.insert(Symbol::new(name), index);
    }
    table
}

fn fix_of(expected: Table, live: Table) -> Vec<(String, bool)> {
    let [expected, live] = [expected, live].map(|table| Schema {
        tables: [(Symbol::new("t"), table)].into_iter().collect(),
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
fn views_come_after_those_they_read() {
    let mut expected = Schema::default();
    for (name, definition) in [
        ("a", "select `b`.`x` as `x` from `b`"),
        ("b", "select `c`.`x` as `x` from `c`"),
        ("c", "select 1 as `x`"),
    ] {
        let view = View {
            definition: Some(Symbol::new(definition)),
            check_option: None,
            invoker: false,
        };
        expected.views.insert(Symbol::new(name), view);
    }
    let live = Schema::default();
    let fix = fix(&expected, &live, &diff(&expected, &live));
    let order: Vec<&str> = fix
        .runnable(false)
        .filter_map(|sql| sql.split('`').nth(1))
        .collect();
    assert_eq!(order, ["c", "b", "a"]);
}

/// Names that try to leave their place.
fn hostile() -> impl Strategy<Value = Symbol> {
    let piece = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\u{b}",
        "\u{c}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{1b}[2J",
        "\u{7}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\u{206b}",
        "`",
        "``",
        "'",
        "\"",
        "\\",
        "\\'",
        "*/",
        "/*",
        "/*!",
        "--",
        "-- ",
        "#",
        ";",
        "DROP TABLE victim;",
        "DELIMITER $$",
        "$$",
        "\\g",
        "migrate:down",
        " ",
        "\t",
        "a",
        "é",
        "日",
    ]);
    prop::collection::vec(piece, 1..6).prop_map(|pieces| Symbol::from(pieces.concat()))
}

/// A schema that has such names and texts everywhere.
fn hostile_schema(flavor: Flavor) -> impl Strategy<Value = Schema> {
    prop::collection::vec(hostile(), 18).prop_map(move |names| {
        let name = |at: usize| names[at];
        let quoted = |at: usize| Symbol::from(ddl::quote(&names[at]));
        let mut table = Table::new(Symbol::new("utf8mb4_general_ci"));
        table.comment = Some(name(0));
        table.columns = vec![
            Column::with("id", "int", |column| column.comment = Some(name(1))),
            Column::with(&name(2), "varchar(20)", |column| column.default = Some(quoted(3))),
            Column::with("kind", &format!("enum({})", quoted(4)), |column| {
                column.nullable = true
            }),
        ]
        .into();
        let parts = [KeyPart::column(&name(2))].into_iter().collect();
        let comment = Some(name(6));
        table.indexes.insert(
            name(5),
            Index {
                parts,
                comment,
                ..Index::default()
            },
        );
        let clause = Symbol::from(format!("{} <> {}", ddl::name(&name(2)), quoted(8)));
        let check = CheckConstraint {
            clause,
            not_enforced: false,
            column_level: false,
        };
        table.checks.insert(name(7), check);
        let key = ForeignKey {
            columns: [name(2)].into_iter().collect(),
            table: name(9),
            references: [name(10)].into_iter().collect(),
            on_delete: ReferentialAction::Cascade,
            on_update: ReferentialAction::Restrict,
        };
        table.foreign_keys.insert(name(11), key);
        let body = |at: usize| {
            Some(Symbol::from(format!(
                "BEGIN SET @a = {}; -- one\nEND",
                ddl::quote(&names[at])
            )))
        };
        let trigger = Trigger {
            when: Symbol::new("before insert"),
            order: 1,
            body: body(12),
            mode: None,
        };
        table.triggers.insert(name(13), trigger);
        let view = View {
            definition: Some(Symbol::from(format!(
                "select {} as {}",
                quoted(14),
                ddl::name(&name(15))
            ))),
            check_option: None,
            invoker: false,
        };
        let routine = Routine {
            parameters: vec![Symbol::from(format!("in {} int", ddl::name(&name(16))))],
            returns: None,
            body: body(0),
            deterministic: false,
            data_access: None,
            invoker: false,
            comment: Some(name(1)),
            mode: None,
        };
        let event = ScheduledEvent {
            schedule: Symbol::new("every 1 day"),
            body: body(2),
            disabled: false,
            preserve: false,
            comment: Some(name(3)),
            relative: None,
            starts: None,
            live_starts: None,
            mode: None,
        };
        Schema {
            flavor,
            tables: [(name(17), table)].into_iter().collect(),
            views: [(name(4), view)].into_iter().collect(),
            procedures: [(name(5), routine)].into_iter().collect(),
            events: [(name(6), event)].into_iter().collect(),
            ..Schema::default()
        }
    })
}

/// The statements that a client finds in a script, the prepared ones as what they are.
fn read_back(script: &str) -> Vec<String> {
    let read = crate::sql::split(script, crate::sql::SplitOptions::default()).expect("a script");
    let statements = read.statements.iter().filter(|one| {
        let of_prepared = [
            "PREPARE dbtool_statement ",
            "EXECUTE dbtool_statement",
            "DEALLOCATE PREPARE dbtool_statement",
        ];
        !of_prepared.iter().any(|start| one.text.starts_with(start))
    });
    let digits = |text: &str| {
        let text = text.strip_prefix("SET @dbtool_statement = CONVERT(0x")?;
        let digits = text.strip_suffix(" USING utf8mb4)")?;
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        String::from_utf8((0..digits.len()).step_by(2).map_while(byte).collect()).ok()
    };
    statements
        .map(|one| digits(one.text).unwrap_or_else(|| one.text.to_owned()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_name_leaves_its_place_in_a_script(
        expected in hostile_schema(Flavor::MariaDb),
        live in hostile_schema(Flavor::MariaDb),
        mysql in any::<bool>(),
        destructive in any::<bool>(),
    ) {
        let (mut expected, mut live) = (expected, live);
        if mysql {
            (expected.flavor, live.flavor) = (Flavor::MySql, Flavor::MySql);
        }
        // Also the same tables with other contents.
        let common = expected.tables.values().next().cloned().expect("a table");
        live.tables.insert(Symbol::new("common"), common);
        let mut other = live.tables.values().next().cloned().expect("a table");
        other.engine = Symbol::new("MyISAM");
        expected.tables.insert(Symbol::new("common"), other);
        let fix = fix(&expected, &live, &diff(&expected, &live));
        let script = fix.script(destructive);
        let hidden = script.chars().find(|letter| crate::report::is_hidden(*letter) && !"\n\t".contains(*letter));
        prop_assert_eq!(hidden, None, "{}", script);
        let listed: Vec<&str> = fix.runnable(destructive).map(str::trim).collect();
        for one in read_back(&script) {
            // A comment at the end of a program is no part of its statement.
            prop_assert!(listed.iter().any(|listed| listed.starts_with(one.as_str())), "{one}\nof\n{script}");
        }
        if !mysql {
            let unwritten = script.matches("-- do this by hand").count();
            prop_assert_eq!(read_back(&script).len() + unwritten, listed.len(), "{}", script);
        }
    }
}
