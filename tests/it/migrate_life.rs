//! The life of a project with `dbtool migrate`: what the rows say to a plan, taking back and applying again, records
//! without a file, the database as a whole.

use crate::support;

use serde_json::Value;
use support::migrations::{Folder, assert_ends};
use support::{Admin, Server};

/// A table with rows, a statement of a migration, and what the rows say.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("a INT NULL", "(1), (NULL)", "MODIFY a INT NOT NULL", "fails"),
    ("a INT NULL", "(1), (2)", "MODIFY a INT NOT NULL", "fits"),
    ("a INT NOT NULL", "(1)", "MODIFY a INT NOT NULL", "-"),
    ("a INT", "(1), (1), (2)", "ADD UNIQUE KEY once (a)", "fails"),
    ("a INT", "(1), (NULL), (NULL)", "ADD UNIQUE KEY once (a)", "fits"),
    (
        "a VARCHAR(20)",
        "('one'), ('ONE')",
        "ADD UNIQUE KEY once (a)",
        "fails",
    ),
    (
        "a VARCHAR(20)",
        "('one'), ('only')",
        "ADD UNIQUE KEY once (a(2))",
        "fails",
    ),
    (
        "a INT, b INT",
        "(1, 1), (1, 2)",
        "ADD UNIQUE KEY once (a, b)",
        "fits",
    ),
    ("a INT NULL", "(1), (NULL)", "ADD PRIMARY KEY (a)", "fails"),
    ("a INT NOT NULL", "(1), (1)", "ADD PRIMARY KEY (a)", "fails"),
    ("a INT NOT NULL", "(1), (2)", "ADD PRIMARY KEY (a)", "fits"),
    (
        "a INT",
        "(1), (3)",
        "ADD FOREIGN KEY (a) REFERENCES parent (id)",
        "fails",
    ),
    (
        "a INT",
        "(1), (NULL)",
        "ADD FOREIGN KEY (a) REFERENCES parent (id)",
        "fits",
    ),
    (
        "a VARCHAR(20)",
        "('four'), ('seventeen')",
        "MODIFY a VARCHAR(5)",
        "fails",
    ),
    ("a INT", "(1), (40000)", "MODIFY a SMALLINT", "fails"),
    ("a INT", "(1), (-1)", "MODIFY a INT UNSIGNED", "fails"),
    ("a INT", "(1), (32767)", "MODIFY a SMALLINT", "fits"),
    ("a INT", "(1)", "ADD COLUMN b INT, ADD UNIQUE KEY once (b)", "-"),
];

#[test]
fn a_plan_asks_the_rows_where_they_decide_and_the_server_agrees() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("USE app");
    admin.exec("CREATE TABLE parent (id INT PRIMARY KEY)");
    admin.exec("INSERT INTO parent VALUES (1), (2)");
    admin.exec("CREATE TABLE late (a INT)");
    admin.exec("INSERT INTO late VALUES (NULL)");
    let mut text = String::new();
    for (number, (columns, rows, change, _)) in ROWS.iter().enumerate() {
        admin.exec(&format!("CREATE TABLE t{number} ({columns}) ENGINE=InnoDB"));
        admin.exec(&format!("INSERT INTO t{number} VALUES {rows}"));
        text += &format!("ALTER TABLE t{number} {change};\n");
    }
    let before = rows_of_all(&mut admin);
    let folder = Folder::new(&[
        ("001_all.sql", text.as_str()),
        (
            "002_after_a_write.sql",
            "UPDATE late SET a = 0 WHERE a IS NULL;\nALTER TABLE late MODIFY a INT NOT NULL;\n",
        ),
    ]);
    let counters = server.counters();
    let output = folder.migrate(&server, &["plan", "--format", "json"]).run();
    assert_eq!(output.code, Some(1), "{output}");
    server.assert_unchanged(&counters);
    let plan: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let statements = plan["statements"].as_array().expect("statements");
    for (number, (columns, rows, change, expected)) in ROWS.iter().enumerate() {
        let planned = &statements[number];
        let place = format!("{columns} {rows} {change}: {planned}");
        assert_eq!(planned["data"].as_str().unwrap_or("-"), *expected, "{place}");
        // The server itself, which agrees in its number too.
        let said = admin.try_exec(&format!("ALTER TABLE t{number} {change}"));
        match said {
            Ok(()) => assert!(planned["fails"].is_null(), "{place}"),
            Err(error) => {
                let code = planned["fails"]["code"].as_u64().unwrap_or_default();
                let numbered = format!("ERROR {code} ");
                assert!(error.to_string().contains(&numbered), "{place}: {error}");
            }
        }
    }
    let last = statements.last().expect("a statement");
    assert_eq!(
        (&last["data"], &last["fails"]),
        (&Value::from("unknown"), &Value::Null),
        "{last}"
    );
    assert_eq!(rows_of_all(&mut admin), before, "the plan changed rows");
    // As text, and not under a mode that makes the values fit.
    let text = folder.migrate(&server, &["plan"]).run();
    assert_ends(
        &text,
        1,
        &[
            "001.1 will fail: rows have NULL in t0.a",
            "002.2: whether the rows fit is not known",
        ],
    );
    let lenient = Folder::new(&[(
        "001_a.sql",
        "SET SESSION sql_mode = '';\nALTER TABLE late MODIFY a INT NOT NULL;\n",
    )]);
    assert_ends(
        &lenient.migrate(&server, &["plan"]).run(),
        0,
        &["2 statements to run"],
    );
}

/// How many rows each table of the test has.
fn rows_of_all(admin: &mut Admin) -> Vec<u64> {
    let tables = 0..ROWS.len();
    tables
        .map(|number| admin.number(&format!("SELECT COUNT(*) FROM app.t{number}")))
        .collect()
}

#[test]
fn migrations_are_taken_back_and_applied_again() {
    let server = Server::start();
    let folder = Folder::new(&[
        (
            "001_a.sql",
            "CREATE TABLE a (id INT);\n-- migrate:down\nDROP TABLE a;\n",
        ),
        (
            "002_b.sql",
            "CREATE TABLE b (id INT);\n-- migrate:down\nDROP TABLE b;\n",
        ),
        (
            "003_c.sql",
            "CREATE TABLE c (id INT);\n-- migrate:down\nDROP TABLE c;\n",
        ),
    ]);
    assert_ends(
        &folder.migrate(&server, &["redo", "--yes"]).run(),
        0,
        &["nothing to do"],
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["3 migrations applied"]);
    let mut admin = server.admin();
    for table in ["a", "b", "c"] {
        admin.exec(&format!("INSERT INTO app.{table} VALUES (1)"));
    }
    // Without a terminal nobody can be asked.
    assert_ends(&folder.migrate(&server, &["redo"]).run(), 2, &["--yes"]);
    let newest = folder.migrate(&server, &["redo", "--yes"]).run();
    assert_ends(
        &newest,
        0,
        &["1 migration rolled back and applied again", "now at 003"],
    );
    let counts = |admin: &mut Admin| {
        ["a", "b", "c"].map(|table| admin.number(&format!("SELECT COUNT(*) FROM app.{table}")))
    };
    assert_eq!(counts(&mut admin), [1, 1, 0]);
    let from = folder
        .migrate(&server, &["redo", "002", "--yes", "--format", "json"])
        .run();
    assert_eq!(from.code, Some(0), "{from}");
    let report: Value = serde_json::from_str(&from.stdout).expect("JSON");
    assert_eq!(report["schema"], "dbtool.migrate-redo/1");
    assert_eq!(report["applied"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(counts(&mut admin), [1, 0, 0]);
    // A down script that fails leaves the migration, and what is below it, as it is.
    folder.write(
        "003_c.sql",
        "CREATE TABLE c (id INT);\n-- migrate:down\nDROP TABLE nowhere;\n",
    );
    assert_ends(
        &folder.migrate(&server, &["repair", "003", "--accept-file"]).run(),
        0,
        &[],
    );
    assert_ends(
        &folder.migrate(&server, &["redo", "001", "--yes"]).run(),
        4,
        &["nowhere"],
    );
    assert_eq!(counts(&mut admin), [1, 0, 0]);
}

#[test]
fn a_record_without_a_file_is_forgotten_and_no_other() {
    let server = Server::start();
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT);\n"),
        ("002_b.sql", "CREATE TABLE b (id INT);\n"),
    ]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &[]);
    let refused = folder.migrate(&server, &["repair", "002", "--forget"]).run();
    assert_ends(&refused, 2, &["002_b.sql", "migrate down"]);
    std::fs::remove_file(folder.path().join("002_b.sql")).expect("the file");
    assert_ends(&folder.migrate(&server, &["verify"]).run(), 1, &["002_b"]);
    let forgotten = folder.migrate(&server, &["repair", "002", "--forget"]).run();
    assert_ends(&forgotten, 0, &["002_b: its record is removed"]);
    assert_ends(&folder.migrate(&server, &["verify"]).run(), 0, &[]);
    let mut admin = server.admin();
    assert_eq!(
        admin.value("SELECT GROUP_CONCAT(version) FROM app.dbtool_migrations"),
        "1"
    );
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.b"), 0, "the table stays");
    assert_ends(
        &folder.migrate(&server, &["repair", "002", "--forget"]).run(),
        2,
        &[],
    );
}

#[test]
fn the_database_is_created_and_dropped() {
    let server = Server::start();
    let folder = Folder::new(&[("001_a.sql", "CREATE TABLE a (id INT);\n")]);
    let mut admin = server.admin();
    admin.exec("GRANT ALL ON `new base`.* TO 'app'@'%'");
    let counters = server.counters();
    let run = |name: &str, args: &[&str]| folder.migrate(&server, args).env("DB_NAME", name).run();
    assert_ends(
        &run("new base", &["create", "--collation", "x; DROP"]),
        2,
        &["not the name of a collation"],
    );
    assert_ends(
        &run("new base", &["create", "--collation", "utf8mb4_bin"]),
        0,
        &["new base is created"],
    );
    assert_ends(&run("new base", &["create"]), 0, &["exists already"]);
    let collation =
        "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'new base'";
    assert_eq!(admin.value(collation), "utf8mb4_bin");
    assert_ends(&run("new base", &[]), 0, &["1 migration applied"]);
    // Nobody can be asked; another run is at work; the server's own.
    assert_ends(&run("new base", &["drop"]), 2, &["--yes"]);
    admin.exec("DO GET_LOCK('dbtool:migrate:new base', 0)");
    assert_ends(
        &run("new base", &["drop", "--yes", "--lock-wait", "0"]),
        5,
        &["another run"],
    );
    admin.exec("DO RELEASE_LOCK('dbtool:migrate:new base')");
    assert_ends(&run("MySQL", &["drop", "--yes"]), 2, &["of the server itself"]);
    assert_eq!(admin.query(collation).len(), 1);
    assert_ends(&run("new base", &["drop", "--yes"]), 0, &["new base is dropped"]);
    assert_eq!(admin.query(collation).len(), 0);
    assert_ends(
        &run("new base", &["drop", "--yes"]),
        0,
        &["there is no database new base"],
    );
    server.assert_unchanged(&counters);
}

#[test]
fn a_plan_on_a_copy_finds_what_the_server_refuses_and_leaves_nothing() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("GRANT ALL ON `dbtool\\_scratch\\_%`.* TO 'app'@'%'");
    admin.exec("USE app");
    admin.exec("CREATE TABLE parent (id BIGINT PRIMARY KEY)");
    admin.exec("CREATE TABLE child (id INT PRIMARY KEY, p BIGINT, n INT, FOREIGN KEY (p) REFERENCES parent (id)) ENGINE=InnoDB");
    admin.exec("CREATE VIEW seen AS SELECT 1 AS one");
    let folder = Folder::new(&[
        (
            "001_a.sql",
            "ALTER TABLE child ADD COLUMN m INT;\nALTER TABLE child MODIFY n BIGINT;\nINSERT INTO child VALUES (1, 1, 1, 1);\n",
        ),
        (
            "002_b.sql",
            "ALTER TABLE child ADD COLUMN o INT, LOCK=SHARED;\nALTER TABLE parent MODIFY id INT;\nDROP TABLE child;\n",
        ),
    ]);
    let left = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'dbtool%'";
    let dump = |admin: &mut Admin| {
        admin.value("SELECT GROUP_CONCAT(table_name, ':', column_name, ' ', column_type ORDER BY table_name, column_name) FROM information_schema.columns WHERE table_schema = 'app'")
    };
    let before = dump(&mut admin);
    let counters = server.counters();
    let output = folder
        .migrate(&server, &["plan", "--on", "scratch", "--format", "json"])
        .run();
    assert_eq!(output.code, Some(1), "{output}");
    let plan: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let said: Vec<String> = plan["statements"]
        .as_array()
        .expect("statements")
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one["asked"].as_str().unwrap_or("-"),
                one["effect"]
                    .as_str()
                    .filter(|_| one["asked"] == "server")
                    .unwrap_or("-"),
                one["fails"]["code"]
            )
        })
        .collect();
    // The parent's key is one that a foreign key of the other table refers to.
    let code = if server.is_mysql() { "3780" } else { "1833" };
    let refused = format!("server copy {code}");
    assert_eq!(
        said,
        [
            "server instant null",
            "server copy null",
            "rules - null",
            "rules - null",
            refused.as_str(),
            "rules - null"
        ],
        "{plan}"
    );
    assert!(
        plan["not_tried"]
            .as_str()
            .is_some_and(|why| why.contains("a statement fails")),
        "{plan}"
    );
    server.assert_unchanged(&counters);
    assert_eq!((admin.number(left), dump(&mut admin)), (0, before.clone()));
    // Where no copy is allowed the rules answer, and say so.
    for (file, why) in [
        ("ALTER TABLE app.child ADD COLUMN q INT;\n", "names a database"),
        (
            "ALTER TABLE child ADD COLUMN q INT;\n",
            "cannot create a database",
        ),
    ] {
        let one = Folder::new(&[("001_a.sql", file)]);
        if why.contains("create") {
            admin.exec("REVOKE ALL ON `dbtool\\_scratch\\_%`.* FROM 'app'@'%'");
        }
        let output = one.migrate(&server, &["plan", "--on", "scratch"]).run();
        assert_ends(&output, 0, &["dbtool's rules answer", why]);
    }
    assert_eq!((admin.number(left), dump(&mut admin)), (0, before));
}
