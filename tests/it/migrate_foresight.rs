//! What `dbtool migrate` sees coming: objects that are there already or missing by the time a statement runs.

use crate::support;

use serde_json::Value;
use support::migrations::{Folder, assert_ends};
use support::{Admin, Output, Server};

/// What is on the server before.
const BEFORE: &[&str] = &[
    "CREATE TABLE app.here (id INT PRIMARY KEY, a INT, KEY k (a))",
    "CREATE VIEW app.seen AS SELECT 1 AS one",
    "CREATE PROCEDURE app.does() SELECT 1",
    "CREATE TRIGGER app.fires BEFORE INSERT ON app.here FOR EACH ROW SET @x = 1",
    "CREATE DATABASE elsewhere",
    "CREATE TABLE elsewhere.far (id INT)",
];

/// A file, and the error numbers its statements fail with, in order.
const CASES: &[(&str, &[u16])] = &[
    ("CREATE TABLE here (id INT);", &[1050]),
    ("CREATE TABLE `here` LIKE seen;", &[1050]),
    (
        "CREATE TABLE IF NOT EXISTS here (id INT); ALTER TABLE here DROP a;",
        &[],
    ),
    ("CREATE TABLE seen (id INT);", &[1050]),
    ("CREATE VIEW here AS SELECT 1;", &[1050]),
    ("CREATE OR REPLACE VIEW seen AS SELECT 2;", &[]),
    ("CREATE PROCEDURE does() SELECT 2;", &[1304]),
    ("CREATE FUNCTION does() RETURNS INT DETERMINISTIC RETURN 2;", &[]),
    (
        "CREATE TRIGGER fires BEFORE UPDATE ON here FOR EACH ROW SET @x = 1;",
        &[1359],
    ),
    ("ALTER TABLE gone ADD a INT;", &[1146]),
    ("ALTER TABLE app.gone ADD a INT;", &[1146]),
    ("CREATE INDEX i ON gone (a);", &[1146]),
    ("DROP INDEX i ON gone;", &[1146]),
    ("DROP TABLE gone;", &[1051]),
    ("DROP TABLE here, gone;", &[1051]),
    ("DROP TABLE IF EXISTS gone;", &[]),
    ("DROP PROCEDURE gone;", &[1305]),
    ("TRUNCATE gone;", &[1146]),
    ("INSERT INTO gone VALUES (1);", &[1146]),
    ("UPDATE gone SET a = 1;", &[1146]),
    ("DELETE FROM gone;", &[1146]),
    ("RENAME TABLE gone TO new;", &[1146]),
    ("RENAME TABLE here TO seen;", &[1050]),
    // Names that are no tables, or not certainly so.
    ("DELETE x FROM here AS x;", &[]),
    ("DELETE FROM x USING here AS x;", &[]),
    ("WITH x AS (SELECT 1) SELECT * FROM x;", &[]),
    ("INSERT INTO other.table_of_somebody VALUES (1);", &[]),
    // What the statements before have done.
    ("CREATE TABLE new (id INT); CREATE TABLE new (id INT);", &[1050]),
    (
        "DROP TABLE here; CREATE TABLE here (id INT); ALTER TABLE here ADD a INT;",
        &[],
    ),
    (
        "RENAME TABLE here TO there; ALTER TABLE there ADD b INT; ALTER TABLE here ADD b INT;",
        &[1146],
    ),
    (
        "ALTER TABLE here RENAME TO there; CREATE TABLE here (id INT);",
        &[],
    ),
    (
        "CREATE TABLE new (id INT); RENAME TABLE here TO old, new TO here; DROP TABLE old; INSERT INTO here VALUES (1);",
        &[],
    ),
    (
        "RENAME TABLE here TO tmp, tmp TO other; DROP TABLE here;",
        &[1051],
    ),
    (
        "USE elsewhere; CREATE TABLE far (id INT); CREATE TABLE here (id INT);",
        &[1050],
    ),
    (
        "CREATE TEMPORARY TABLE here (x INT); INSERT INTO here VALUES (1); DROP TABLE here; CREATE TABLE here (id INT);",
        &[1050],
    ),
    (
        "CREATE TEMPORARY TABLE t (x INT); ALTER TABLE t ADD y INT; DROP TEMPORARY TABLE t; DROP TABLE t;",
        &[1051],
    ),
    (
        "CALL does(); CREATE TABLE new (id INT); DROP TABLE made_by_does; CREATE TABLE new (id INT);",
        &[1050],
    ),
    (
        "PREPARE s FROM 'CREATE TABLE made (id INT)'; EXECUTE s; ALTER TABLE made ADD a INT;",
        &[],
    ),
    ("CALL does(); CREATE TABLE here (id INT);", &[]),
    (
        "CALL does(); CREATE TABLE here (id INT); CREATE TABLE here (id INT);",
        &[1050],
    ),
    // Columns and indexes.
    ("ALTER TABLE here ADD a INT;", &[1060]),
    ("ALTER TABLE here DROP b;", &[1091]),
    ("ALTER TABLE here MODIFY b INT;", &[1054]),
    ("ALTER TABLE here CHANGE b c INT;", &[1054]),
    ("ALTER TABLE here ADD KEY k (a);", &[1061]),
    ("ALTER TABLE here DROP INDEX nothing;", &[1091]),
    (
        "ALTER TABLE here DROP KEY k, ADD KEY k (a, id), DROP a, ADD a BIGINT;",
        &[],
    ),
    ("ALTER TABLE here ADD b INT, ADD KEY b (b), MODIFY b BIGINT;", &[]),
    ("ALTER TABLE here ADD b INT; ALTER TABLE here ADD B INT;", &[1060]),
    (
        "ALTER TABLE here RENAME COLUMN a TO b; ALTER TABLE here DROP b; ALTER TABLE here DROP a;",
        &[1091],
    ),
];

fn plan(output: &Output) -> Vec<Value> {
    let plan: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    plan["statements"].as_array().expect("a list").clone()
}

fn prepare(admin: &mut Admin) {
    for statement in BEFORE {
        admin.exec(statement);
    }
    admin.exec("GRANT ALL ON elsewhere.* TO 'app'@'%'");
}

#[test]
fn what_will_fail_is_seen_by_plan_and_refused_by_migrate() {
    let server = Server::start();
    let mut admin = server.admin();
    prepare(&mut admin);
    for (text, expected) in CASES {
        let folder = Folder::new(&[("001_case.sql", text)]);
        let output = folder.migrate(&server, &["plan", "--format", "json"]).run();
        let codes: Vec<u64> = plan(&output)
            .iter()
            .filter_map(|statement| statement["fails"]["code"].as_u64())
            .collect();
        assert_eq!(
            codes,
            expected.iter().map(|code| u64::from(*code)).collect::<Vec<_>>(),
            "{text}\n{output}"
        );
        assert_eq!(
            output.code,
            Some(i32::from(!expected.is_empty())),
            "{text}\n{output}"
        );
    }
    let folder = Folder::new(&[
        ("001_new.sql", "CREATE TABLE new (id INT);"),
        (
            "002_here.sql",
            "CREATE TABLE newer (id INT);\nCREATE TABLE here (id INT);",
        ),
    ]);
    assert_ends(
        &folder.migrate(&server, &["plan"]).run(),
        1,
        &["002.2 will fail: table here exists already (1050)"],
    );
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &[
            "nothing was run",
            "002_here.sql:2:1",
            "table here exists already",
            "1050",
        ],
    );
    let made = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app' AND table_name IN ('new', 'dbtool_migrations')";
    assert_eq!(admin.value(made), "0");
}

#[test]
fn a_baseline_names_what_the_database_lacks() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.a (id INT)");
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT);"),
        (
            "002_b.sql",
            "CREATE TABLE b (id INT);\nALTER TABLE a ADD note TEXT;\nCREATE TABLE gone (id INT);\nDROP TABLE gone;",
        ),
    ]);
    assert_ends(
        &folder.migrate(&server, &["baseline", "002"]).run(),
        2,
        &[
            "nothing was recorded",
            "it lacks column a.note, table b",
            "baseline 002 --force",
        ],
    );
    assert_ends(
        &folder.migrate(&server, &["baseline", "001"]).run(),
        0,
        &["001_a"],
    );
    assert_ends(
        &folder.migrate(&server, &["baseline", "002", "--force"]).run(),
        0,
        &["002_b"],
    );
}
