//! Random pairs of schemas: what a fix makes of the one is the other.

use crate::support;
use dbtool::db::Flavor;

use std::cell::RefCell;
use std::path::Path;

use dbtool::schema::diff::diff;
use dbtool::schema::fix::fix;
use dbtool::schema::model::{
    ByName, CheckConstraint, Column, ForeignKey, GeneratedColumn, Index, IndexKind, KeyPart, PRIMARY,
    ReferentialAction, Schema, Symbol, Table,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use support::schemas::run_statements;
use support::{Admin, Server};

const COLLATION: &str = "utf8mb4_unicode_ci";

fn text(text: &str) -> Symbol {
    Symbol::new(text)
}

/// Types with a default that each takes.
const TYPES: &[(&str, &str)] = &[
    ("int", "7"),
    ("bigint unsigned", "8"),
    ("varchar(50)", "'it''s'"),
    ("varchar(200)", "'x'"),
    ("char(5)", "''"),
    ("decimal(10,2)", "1.50"),
    ("datetime(3)", "current_timestamp(3)"),
    ("enum('a','b')", "'a'"),
    ("tinyint(1)", "0"),
    ("date", "'2020-01-01'"),
    ("json", ""),
    ("mediumtext", ""),
];

fn column() -> impl Strategy<Value = Column> {
    let collations = select(vec![COLLATION, "utf8mb4_bin", "latin1_swedish_ci"]);
    (
        select(TYPES),
        any::<bool>(),
        any::<bool>(),
        prop::option::of("[a-z' ]{1,8}"),
        collations,
    )
        .prop_map(|((ty, default), nullable, with_default, comment, collation)| {
            Column::with("?", ty, |column| {
                column.nullable = nullable;
                column.default = Some(default)
                    .filter(|one| with_default && !one.is_empty())
                    .map(text);
                column.comment = comment.map(Symbol::from);
                let is_text = ["char", "text", "enum"].iter().any(|part| ty.contains(part));
                column.collation = is_text.then(|| text(collation));
            })
        })
}

fn index(kind: IndexKind, columns: &[&str]) -> Index {
    Index {
        kind,
        parts: columns.iter().map(|name| KeyPart::column(name)).collect(),
        ..Index::default()
    }
}

/// A table `t<n>`, which may point at itself and at the others.
fn table(key: &'static str) -> impl Strategy<Value = Table> {
    let columns = subsequence(vec!["a", "b", "c", "d", "e", "f"], 0..6).prop_shuffle();
    let columns = columns.prop_flat_map(|names| {
        let count = names.len();
        (Just(names), prop::collection::vec(column(), count))
    });
    let keys = prop::collection::vec(
        (
            0..3usize,
            select(vec![
                ReferentialAction::Restrict,
                ReferentialAction::Cascade,
                ReferentialAction::SetNull,
            ]),
        ),
        0..3,
    );
    let generated = prop::option::of((select(vec!["`n` + 1", "`n` * 2"]), any::<bool>()));
    let checks = subsequence(
        vec![("low", "`n` >= 0"), ("high", "`n` < 100 or `n` = 500")],
        0..=2,
    );
    let on_n = prop::option::of((any::<bool>(), any::<bool>()));
    (
        columns,
        keys,
        generated,
        checks,
        on_n,
        prop::option::of("[a-z]{1,6}"),
    )
        .prop_map(
            move |((names, columns), keys, generated, checks, on_n, comment)| {
                let mut table = Table::new(text(COLLATION));
                table.comment = comment.map(Symbol::from);
                let id = Column::with("id", key, |id| id.auto_increment = true);
                table.columns.extend([id, Column::new("n", "int")]);
                table
                    .indexes
                    .insert(text(PRIMARY), index(IndexKind::Primary, &["id"]));
                for (name, mut column) in names.into_iter().zip(columns) {
                    column.name = text(name);
                    let indexable = !["text", "json"].iter().any(|part| column.ty.contains(part));
                    if indexable && column.nullable {
                        table.indexes.insert(
                            text(&format!("idx_{name}")),
                            index(IndexKind::Plain, &[name, "n"]),
                        );
                    }
                    table.columns.push(column);
                }
                if let Some((expression, stored)) = generated {
                    let column = Column::with("g", "int", |column| {
                        column.nullable = true;
                        column.generated = Some(GeneratedColumn {
                            expression: text(expression),
                            stored,
                        });
                    });
                    table.columns.push(column);
                    table
                        .indexes
                        .insert(text("idx_g"), index(IndexKind::Plain, &["g"]));
                }
                for (name, clause) in checks {
                    let check = CheckConstraint {
                        clause: text(clause),
                        not_enforced: false,
                        column_level: false,
                    };
                    table.checks.insert(text(name), check);
                }
                if let Some((unique, descending)) = on_n {
                    let kind = if unique {
                        IndexKind::Unique
                    } else {
                        IndexKind::Plain
                    };
                    let mut index = index(kind, &["n", "id"]);
                    index.parts[0].descending = descending;
                    table.indexes.insert(text("idx_n"), index);
                }
                for (at, (target, on_delete)) in keys.into_iter().enumerate() {
                    let column = Column::with(&format!("ref{at}"), key, |column| column.nullable = true);
                    table.indexes.insert(
                        text(&format!("idx_ref{at}")),
                        index(IndexKind::Plain, &[&column.name]),
                    );
                    let key = ForeignKey {
                        columns: [column.name].into_iter().collect(),
                        table: text(&format!("t{target}")),
                        references: [text("id")].into_iter().collect(),
                        on_delete,
                        on_update: ReferentialAction::Restrict,
                    };
                    table.foreign_keys.insert(text(&format!("fk_{at}")), key);
                    table.columns.push(column);
                }
                table
            },
        )
}

/// Up to three tables whose keys have one type.
fn schema(flavor: Flavor) -> impl Strategy<Value = Schema> {
    let tables = |key| prop::collection::vec(prop::option::weighted(0.8, table(key)), 3);
    select(vec!["int", "int unsigned", "bigint unsigned"])
        .prop_flat_map(tables)
        .prop_map(move |tables| {
            let named = tables.into_iter().enumerate();
            let mut tables: ByName<Table> = named
                .filter_map(|(at, table)| Some((text(&format!("t{at}")), table?)))
                .collect();
            let names: Vec<Symbol> = tables.keys().copied().collect();
            for (name, table) in tables.iter_mut() {
                table.foreign_keys.retain(|_, key| names.contains(&key.table));
                // Names of constraints are unique in a database.
                table.foreign_keys = table
                    .foreign_keys
                    .iter()
                    .map(|(key, one)| (text(&format!("{key}_{name}")), one.clone()))
                    .collect();
                let checks = std::mem::take(&mut table.checks);
                table.checks = checks
                    .into_iter()
                    .map(|(key, one)| (text(&format!("{key}_{name}")), one))
                    .collect();
            }
            Schema {
                flavor,
                collation: text(COLLATION),
                tables,
                ..Schema::default()
            }
        })
}

/// What a table may share with another: its `t0` of the one and of the other.
fn apply(admin: &mut Admin, from: &Schema, to: &Schema) -> Result<(), TestCaseError> {
    let fix = fix(to, from, &diff(to, from));
    for sql in fix.runnable(true) {
        let done = admin.try_exec(sql);
        prop_assert!(done.is_ok(), "{done:?}\nin {sql}\nof\n{}", fix.script(true));
    }
    Ok(())
}

#[test]
fn the_fix_of_any_pair_ends_in_no_drift() {
    let server = Server::start();
    let admin = RefCell::new(server.admin());
    let flavor = if server.is_mysql() {
        Flavor::MySql
    } else {
        Flavor::MariaDb
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("expected.json");
    let config = Config {
        cases: 40,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let ended = TestRunner::new(config).run(
        &(schema(flavor), schema(flavor), any::<bool>()),
        |(one, other, in_two)| {
            let admin = &mut *admin.borrow_mut();
            let empty = Schema {
                flavor,
                collation: text(COLLATION),
                ..Schema::default()
            };
            admin.exec("DROP DATABASE app");
            admin.exec("CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci");
            admin.exec("USE app");
            apply(admin, &empty, &one)?;
            let json = serde_json::to_string(&other).expect("a schema is JSON");
            std::fs::write(&file, json).expect("the snapshot is written");
            let check = |more: &[&str]| {
                server
                    .dbtool()
                    .args(["check-schema", "--expect"])
                    .arg(&file)
                    .args(more)
                    .run()
            };
            let mut fix_drift = |arguments: &[&str]| {
                let fix = check(arguments).stdout;
                let script = dbtool::sql::split(&fix, Default::default()).expect("a script");
                for statement in &script.statements {
                    let done = admin.try_exec(statement.text);
                    prop_assert!(done.is_ok(), "{done:?}\nin {}\nof\n{fix}", statement.text);
                }
                let count = script.statements.len();
                Ok((count, fix))
            };
            // What loses nothing works by itself, and leaves nothing of its kind to do.
            if in_two {
                let (_, first) = fix_drift(&["--fix-sql"])?;
                let (again, second) = fix_drift(&["--fix-sql"])?;
                prop_assert!(again == 0, "{first}\nleaves to do\n{second}");
            }
            let (_, fix) = fix_drift(&["--fix-sql", "--allow-destructive"])?;
            let output = check(&[]);
            prop_assert!(output.code == Some(0), "{output}\nafter\n{fix}");
            Ok(())
        },
    );
    if let Err(error) = ended {
        panic!("{error}");
    }
}

/// What the servers print in different words, and the same as a snapshot of MariaDB 10.11.
#[test]
fn what_the_servers_spell_differently_is_the_same_on_every_server() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("ALTER DATABASE app CHARACTER SET utf8mb4");
    admin.exec("USE app");
    run_statements(&mut admin, include_str!("../fixtures/spellings.sql"));
    let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spellings.json");
    let expect = snapshot.to_str().expect("the path is text");
    let compare = |more: &[&str]| {
        let run = server
            .dbtool()
            .args(["check-schema", "--expect", expect])
            .args(more)
            .run();
        (run.code, run.stdout)
    };
    let (code, report) = compare(&[]);
    assert_eq!(code, Some(0), "{report}");
    // The canonical form is SQL that each of them reads, and reads as the same.
    admin.exec("DROP DATABASE app");
    admin.exec("CREATE DATABASE app CHARACTER SET utf8mb4");
    let (_, fix) = compare(&["--fix-sql"]);
    admin.exec("USE app");
    run_statements(&mut admin, &fix);
    let (code, report) = compare(&[]);
    assert_eq!(code, Some(0), "{report}\nafter\n{fix}");
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(300) })]

    #[test]
    fn equal_schemas_have_no_differences_and_a_snapshot_loses_nothing(one in schema(Flavor::MySql)) {
        prop_assert_eq!(diff(&one, &one.clone()), vec![]);
        let json = serde_json::to_string(&one).expect("a schema is JSON");
        let mut read: Schema = serde_json::from_str(&json).expect("JSON is a schema");
        // The database's own collation is no part of a snapshot.
        read.collation = one.collation;
        prop_assert_eq!(&read, &one);
        prop_assert!(fix(&one, &read, &[]).statements.is_empty());
    }

    #[test]
    fn a_difference_is_seen_from_both_sides(one in schema(Flavor::MySql), other in schema(Flavor::MySql)) {
        let forth = diff(&one, &other);
        let back = diff(&other, &one);
        prop_assert_eq!(forth.is_empty(), back.is_empty());
        let count = |list: &[dbtool::schema::diff::Difference], word: &str| {
            list.iter().filter(|difference| difference.change.as_str() == word).count()
        };
        prop_assert_eq!(count(&forth, "missing"), count(&back, "extra"));
        prop_assert_eq!(diff(&one, &other), forth, "the same every time");
    }

    #[test]
    fn any_schema_can_be_drawn_in_every_format(one in schema(Flavor::MySql), other in schema(Flavor::MySql)) {
        use dbtool::schema::diagram::Picture;
        let drift = diff(&one, &other);
        let draw = |picture: Picture| {
            let mut out = Vec::new();
            picture.draw("any", &other, Some(&one), &drift, &mut out).expect("memory takes all");
            String::from_utf8(out).expect("a picture is text")
        };
        for picture in [Picture::Svg, Picture::Html, Picture::Mermaid, Picture::Dot] {
            let drawn = draw(picture);
            prop_assert!(drawn.len() > 30);
            prop_assert_eq!(&draw(picture), &drawn);
            for table in one.tables.keys().chain(other.tables.keys()) {
                prop_assert!(drawn.contains(table.as_str()));
            }
        }
    }
}
