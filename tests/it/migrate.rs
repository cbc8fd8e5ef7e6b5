//! `dbtool migrate` through the binary, against a real server.

use crate::support;

use std::fs;

use serde_json::Value;
use support::migrations::{Folder, assert_ends, shipped};
use support::{Output, Server, Signal, wait_until};

#[track_caller]
fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

const TABLES: &str = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app' AND table_name NOT LIKE 'dbtool%'";
const HISTORY: &str = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app' AND table_name = 'dbtool_migrations'";

#[test]
fn the_shipped_migrations_are_applied_in_two_steps() {
    let server = Server::start();
    let before = server.counters();
    let mut admin = server.admin();
    let migrate = |args: &[&str]| {
        server
            .dbtool()
            .arg("migrate")
            .args(args)
            .arg("--dir")
            .arg(shipped())
            .run()
    };
    assert_ends(&migrate(&["status"]), 0, &["0 applied, 5 pending"]);
    assert_ends(&migrate(&["--check"]), 1, &["5 pending"]);
    assert_eq!(admin.value(HISTORY), "0", "status made a table");
    assert_ends(
        &migrate(&["003"]),
        0,
        &["3 migrations applied", "now at 003", "003.1   ALTER TABLE users"],
    );
    let column = "SELECT column_type FROM information_schema.columns WHERE table_schema = 'app' \
        AND table_name = 'users' AND column_name = 'profile_image_url'";
    assert_eq!(admin.value(column), "mediumtext");
    assert_ends(&migrate(&["3"]), 0, &["nothing to do, now at 003"]);
    assert_ends(
        &migrate(&[]),
        0,
        &["2 migrations applied", "now at 005", "legacy_messages"],
    );
    assert_ends(&migrate(&["--check"]), 0, &["5 applied, 0 pending"]);
    assert_ends(&migrate(&["verify"]), 0, &[]);
    let status = json(&migrate(&["status", "--format", "json"]));
    assert_eq!(status["schema"], "dbtool.migrate-status/1");
    for migration in status["migrations"].as_array().expect("a list") {
        assert_eq!(migration["standing"], "applied");
        assert_eq!(migration["statements_done"], migration["statements_total"]);
        assert!(
            migration["applied_by"]
                .as_str()
                .is_some_and(|by| by.starts_with("app@%")),
            "{migration}"
        );
    }
    let running = "SELECT COUNT(*) FROM app.dbtool_migrations WHERE state <> 'applied' OR intent IS NOT NULL OR finished_at IS NULL \
        OR ABS(TIMESTAMPDIFF(SECOND, finished_at, UTC_TIMESTAMP())) > 3600";
    assert_eq!(admin.value(running), "0");
    drop(admin);
    server.assert_unchanged(&before);
}

#[test]
fn a_plan_changes_nothing() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.users (id INT PRIMARY KEY, url VARCHAR(500))");
    let folder = Folder::new(&[(
        "001_image.sql",
        "ALTER TABLE users MODIFY url MEDIUMTEXT;\nUPDATE users SET url = '';\nSELECT 1;\nALTER TABLE users RENAME TO people;",
    )]);
    for args in [["plan"], ["--dry-run"]] {
        let output = folder.migrate(&server, &args).run();
        assert_ends(
            &output,
            0,
            &["4 statements to run", "nothing was changed", "copy"],
        );
    }
    let plan = json(&folder.migrate(&server, &["plan", "--format", "json"]).run());
    let effects: Vec<&str> = plan["statements"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|s| s["effect"].as_str())
        .collect();
    assert_eq!(effects, ["copy", "rows", "none", "instant"]);
    assert_eq!(plan["statements"][1]["line"], 2);
    assert_eq!(admin.value(HISTORY), "0");
    assert_eq!(admin.value(TABLES), "1");
}

#[test]
fn a_failed_statement_is_mended_and_resumed() {
    let server = Server::start();
    let mut admin = server.admin();
    let text = |second: &str| {
        format!("CREATE TABLE t (id INT PRIMARY KEY);\n\n  {second};\nINSERT INTO t (id) VALUES (2);\n")
    };
    let folder = Folder::new(&[("001_t.sql", &text("INSERT INTO t VALUES (1, 'x')"))]);
    let output = folder.migrate(&server, &[]).run();
    assert_ends(
        &output,
        4,
        &[
            "001_t.sql:3:3",
            "statement 2 of 3",
            "server error 1136",
            "1 of 3 statements are done and recorded",
            "dbtool migrate 001",
        ],
    );
    assert_eq!(
        admin.value("SELECT CONCAT(state, statements_done) FROM app.dbtool_migrations"),
        "failed1"
    );
    let status = folder.migrate(&server, &["status", "--check"]).run();
    assert_ends(&status, 1, &["failed", "1 of 3", "1136"]);

    folder.write(
        "001_t.sql",
        text("INSERT INTO t VALUES (1)").replacen("id INT", "id  INT", 1),
    );
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &["the first 1 statement", "--finished"],
    );

    folder.write("001_t.sql", text("INSERT INTO t VALUES (1)"));
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        0,
        &["resuming, 1 done, 2 statements to go", "now at 001"],
    );
    assert_eq!(
        admin.value("SELECT GROUP_CONCAT(id ORDER BY id) FROM app.t"),
        "1,2"
    );
    assert_ends(&folder.migrate(&server, &["verify"]).run(), 0, &[]);
}

#[test]
fn changed_missing_and_late_files_are_refused_before_anything_runs() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT);"),
        ("003_c.sql", "CREATE TABLE c (id INT);"),
    ]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &[]);
    folder.write("004_d.sql", "CREATE TABLE d (id INT);");

    folder.write("001_a.sql", "CREATE TABLE a (id INT); -- why");
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &["001_a has changed since", "repair 001 --accept-file"],
    );
    assert_ends(
        &folder.migrate(&server, &["verify"]).run(),
        1,
        &["001_a has changed"],
    );
    assert_ends(
        &folder.migrate(&server, &["repair", "1", "--accept-file"]).run(),
        0,
        &["001_a"],
    );

    folder.write("002_b.sql", "CREATE TABLE b (id INT);");
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &[
            "002_b is not applied but a later version is",
            "migrate 002 --only",
        ],
    );

    fs::rename(folder.path().join("003_c.sql"), folder.path().join("kept")).expect("a file");
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &["003_c is applied but its file is missing", "002_b"],
    );
    fs::rename(folder.path().join("kept"), folder.path().join("003_c.sql")).expect("a file");
    assert_eq!(admin.value(TABLES), "2");

    assert_ends(
        &folder.migrate(&server, &["002", "--only"]).run(),
        0,
        &["1 migration applied"],
    );
    assert_eq!(
        admin.value("SELECT GROUP_CONCAT(version) FROM app.dbtool_migrations WHERE out_of_order"),
        "2"
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 004"]);
    assert_eq!(admin.value(TABLES), "4");
}

#[test]
fn of_two_runs_at_once_one_applies() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE a (id INT);\nSELECT SLEEP(2);\nINSERT INTO a VALUES (1);",
    )]);
    let mut first = folder.migrate(&server, &[]).spawn();
    first.wait_for("001.1");
    let refused = folder.migrate(&server, &["--lock-wait", "0"]).run();
    assert_ends(
        &refused,
        5,
        &[
            "another run is migrating app",
            &format!(" app@127.0.0.1 ({} dbtool), ", first.pid()),
            "SELECT SLEEP(2)",
            "--lock-wait",
        ],
    );
    let waiting = folder.migrate(&server, &["--lock-wait", "60"]).run();
    assert_ends(
        &waiting,
        0,
        &["waiting up to 60 s for connection", "nothing to do, now at 001"],
    );
    assert_ends(&first.wait(), 0, &["1 migration applied"]);
    assert_eq!(admin.value("SELECT COUNT(*) FROM app.a"), "1");
}

#[test]
fn a_user_of_one_database_can_do_everything() {
    let server = Server::start();
    let account = server.create_account("small", "one");
    let folder = Folder::new(&[
        (
            "001_t.up.sql",
            "CREATE TABLE t (id INT PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t; INSERT INTO t VALUES (1);",
        ),
        ("001_t.down.sql", "DROP VIEW v; DROP TABLE t;"),
        (
            "002_p.sql",
            "-- migrate:up\nCREATE PROCEDURE p() SELECT 1;\n-- migrate:down\nDROP PROCEDURE p;\n",
        ),
    ]);
    let run = |args: &[&str]| folder.migrate_as(&server, &account, args).run();
    assert_ends(&run(&["plan"]), 0, &["4 statements"]);
    assert_ends(&run(&[]), 0, &["now at 002"]);
    assert_ends(&run(&["status"]), 0, &["2 applied"]);
    assert_ends(&run(&["down"]), 2, &["standard input is not a terminal", "--yes"]);
    assert_ends(
        &run(&["down", "--yes"]),
        0,
        &["1 migration rolled back", "now at 001"],
    );
    assert_ends(&run(&["down", "0", "--yes"]), 0, &["1 migration rolled back"]);
    let mut admin = server.admin();
    assert_eq!(admin.value("SELECT COUNT(*) FROM one.dbtool_migrations"), "0");
    assert_eq!(
        admin.value("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'one'"),
        "1"
    );
    assert_ends(
        &run(&["baseline", "1"]),
        2,
        &["it lacks table t, view v", "--force"],
    );
    assert_ends(&run(&["baseline", "1", "--force"]), 0, &["001_t"]);
    assert_ends(&run(&["status"]), 0, &["baseline", "1 applied, 1 pending"]);
    assert_ends(&run(&[]), 0, &["now at 002"]);
}

#[test]
fn client_syntax_and_results_are_understood() {
    let server = Server::start();
    let mut admin = server.admin();
    let text = "\u{feff}-- first; line\r\nDELIMITER //\r\nCREATE PROCEDURE p()\r\nBEGIN\r\n  SELECT 'a;b' AS one;\r\n  SELECT 2 AS two;\r\nEND//\r\n\
        DELIMITER ;\r\nCREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC BEGIN IF a > 1 THEN RETURN 1; END IF; RETURN IF(a, 2, 3); END;\r\n\
        /*!40101 SET @x = 'y;z' */;\r\nCREATE TABLE t (a VARCHAR(20), b INT NULL) # trailing; comment\r\n;\r\nINSERT INTO t VALUES ('it''s; \\'é\\'', f(0)), (NULL, f(5));\r\n\
        SELECT a AS first, b FROM t ORDER BY b;\r\nCALL p();\r\nSELECT SQL_NO_CACHE 'x\\ny' AS `multi line`;\r\n";
    let folder = Folder::new(&[("001_client.sql", text)]);
    let output = folder.migrate(&server, &[]).run();
    assert_ends(&output, 0, &["now at 001", "001.7   CALL p()"]);
    let shown = "first       b\n----------  -\nNULL        1\nit's; 'é'  3\n";
    assert!(
        output.stdout.contains("it's; 'é'") && output.stdout.contains("NULL"),
        "{output}, not like {shown}"
    );
    for part in ["one\n---\na;b\n", "two\n---\n2\n", "x\\ny"] {
        assert!(output.stdout.contains(part), "no {part:?} in {output}");
    }
    assert_eq!(admin.value("SELECT GROUP_CONCAT(b ORDER BY b) FROM app.t"), "1,3");
    folder.write("001_client.sql", text.replace("\r\n", "\n"));
    assert_ends(&folder.migrate(&server, &["verify"]).run(), 0, &[]);
    // Results would not be one JSON document with the rows between them.
    folder.write("002_rows.sql", "SELECT 1;");
    assert_eq!(
        json(&folder.migrate(&server, &["--format", "json"]).run())["applied"][0]["version"],
        "002"
    );
}

#[test]
fn what_a_migration_sets_does_not_reach_the_next() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[
        (
            "001_a.sql",
            "SET SESSION group_concat_max_len = 77, foreign_key_checks = 0; SET NAMES latin1; SET time_zone = '+05:00'; USE mysql; USE app;",
        ),
        (
            "002_b.sql",
            "CREATE TABLE seen AS SELECT @@group_concat_max_len a, @@foreign_key_checks b, @@character_set_client c, @@time_zone d;",
        ),
    ]);
    admin.exec("GRANT SELECT ON mysql.* TO 'app'@'%'");
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 002"]);
    let seen = admin.query("SELECT a <> 77, b, c, d FROM app.seen");
    assert_eq!(
        seen,
        [[
            Some("1".into()),
            Some("1".into()),
            Some("utf8mb4".into()),
            Some("SYSTEM".into())
        ]]
    );
}

#[test]
fn a_transaction_in_the_file_is_kept_whole() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE a (id INT PRIMARY KEY);\nSTART TRANSACTION;\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\nINSERT INTO a VALUES (1);\nCOMMIT;",
    )]);
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        4,
        &[
            "001_a.sql:5:1",
            "statement 5 of 6",
            "1062",
            "1 of 6 statements are done",
        ],
    );
    assert_eq!(admin.value("SELECT COUNT(*) FROM app.a"), "0");
    assert_eq!(
        admin.value("SELECT statements_done FROM app.dbtool_migrations"),
        "1"
    );
    folder.write(
        "001_a.sql",
        "CREATE TABLE a (id INT PRIMARY KEY);\nBEGIN;\nINSERT INTO a VALUES (1);\nSAVEPOINT s;\nINSERT INTO a VALUES (2);\nROLLBACK TO s;\nCOMMIT;",
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 001"]);
    assert_eq!(admin.value("SELECT GROUP_CONCAT(id) FROM app.a"), "1");
}

#[test]
fn a_lock_in_the_way_is_waited_for_without_queueing_the_site() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
    let folder = Folder::new(&[("001_t.sql", "ALTER TABLE t ADD a INT;")]);
    admin.exec("BEGIN");
    admin.exec("INSERT INTO app.t VALUES (1)");
    let args = ["--ddl-lock-wait", "1", "--lock-attempts", "2"];
    let output = folder.migrate(&server, &args).run();
    assert_ends(&output, 4, &["1205", "attempt 2 of 2", "001_t.sql:1:1"]);
    assert_eq!(
        server.admin().value("SELECT state FROM app.dbtool_migrations"),
        "failed"
    );
    let mut waiting = folder
        .migrate(&server, &["--ddl-lock-wait", "1", "--lock-attempts", "100"])
        .spawn();
    waiting.wait_for("attempt 2 of 100");
    admin.exec("COMMIT");
    assert_ends(&waiting.wait(), 0, &["now at 001"]);
}

#[test]
fn large_tables_are_not_blocked_unasked() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.big (id INT PRIMARY KEY, a INT) ENGINE=InnoDB STATS_PERSISTENT=1 STATS_AUTO_RECALC=0");
    // The estimate is what counts, so that is what is made large.
    admin.exec("INSERT INTO app.big VALUES (1, 1)");
    admin.exec("ANALYZE TABLE app.big");
    admin.exec("UPDATE mysql.innodb_table_stats SET n_rows = 3000000 WHERE database_name = 'app' AND table_name = 'big'");
    // What makes a server read the estimate again differs between the two families.
    admin.exec("FLUSH TABLE app.big");
    admin.exec("RENAME TABLE app.big TO app.large");
    admin.exec("RENAME TABLE app.large TO app.big");
    let folder = Folder::new(&[(
        "001_b.sql",
        "CREATE TABLE c (id INT);\nALTER TABLE big MODIFY a BIGINT;",
    )]);
    let output = folder.migrate(&server, &[]).run();
    assert_ends(
        &output,
        2,
        &[
            "nothing was run",
            "001_b.sql:2:1",
            "3,000,000 rows",
            "--allow-blocking",
        ],
    );
    assert_eq!(admin.value(HISTORY), "0");
    assert_ends(
        &folder.migrate(&server, &["plan"]).run(),
        0,
        &["refused without --online or --allow-blocking"],
    );
    assert_ends(
        &folder.migrate(&server, &["--allow-blocking"]).run(),
        0,
        &["now at 001"],
    );
}

#[test]
fn ctrl_c_stops_the_statement_and_says_how_to_go_on() {
    let server = Server::start();
    let before = server.counters();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE a (id INT);\nINSERT INTO a SELECT SLEEP(60) FROM (SELECT 1 UNION SELECT 2) AS two;\n",
    )]);
    // MySQL counts a SLEEP that was killed as a value, and ends the statement at the next row.
    let mut running = folder.migrate(&server, &[]).spawn();
    let busy = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND info LIKE 'INSERT INTO a%'";
    wait_until(support::PATIENCE, "the statement runs", || {
        admin.number(busy) == 1
    });
    running.signal(Signal::INT);
    let output = running.wait();
    assert_ends(
        &output,
        130,
        &[
            "interrupted by SIGINT",
            "001_a.sql:2:1",
            "1 of 2 statements",
            "continues with statement 2",
        ],
    );
    assert_eq!(admin.number(busy), 0);
    assert_eq!(
        admin.value("SELECT CONCAT(state, statements_done) FROM app.dbtool_migrations"),
        "running1"
    );
    folder.write(
        "001_a.sql",
        "CREATE TABLE a (id INT);\nINSERT INTO a VALUES (1);\n",
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 001"]);
    drop(admin);
    server.assert_unchanged(&before);
}
