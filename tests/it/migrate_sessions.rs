//! Each migration has a session as the command line client gives it: fresh, with the server's defaults that would
//! break its record put right, and with answers about the statement before that no statement of dbtool's disturbs.

use crate::support;

use support::migrations::{Folder, assert_ends};
use support::{Admin, Server};

/// Runs files on a database of their own.
fn run(server: &Server, name: &str, files: &[(&str, &str)], args: &[&str]) -> support::Output {
    let account = server.create_account(name, name);
    let folder = Folder::new(files);
    folder.migrate_as(server, &account, args).run()
}

#[test]
fn nothing_of_one_file_reaches_the_next() {
    let server = Server::start();
    let mut admin = server.admin();
    let first = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(80)); INSERT INTO t VALUES (40, 'x'); INSERT INTO t (v) VALUES ('y'); \
        SET @u = 5, SESSION group_concat_max_len = 7, sql_mode = 'ANSI_QUOTES'; CREATE TEMPORARY TABLE tmp (v INT); \
        PREPARE st FROM 'SELECT 1'; SET NAMES latin1;";
    let second = "INSERT INTO t (v) VALUES (CONCAT_WS(' ', COALESCE(@u, 'null'), LAST_INSERT_ID(), @@group_concat_max_len <> 7, \
        @@sql_mode <> 'ANSI_QUOTES', @@character_set_client));";
    let output = run(
        &server,
        "values_of",
        &[("001_a.sql", first), ("002_b.sql", second)],
        &[],
    );
    assert_ends(&output, 0, &["now at 002"]);
    assert_eq!(
        admin.value("SELECT v FROM values_of.t ORDER BY id DESC LIMIT 1"),
        "null 0 1 1 utf8mb4"
    );
    for (name, second, code) in [
        ("tables_of", "INSERT INTO tmp VALUES (1);", "1146"),
        ("texts_of", "EXECUTE st;", "1243"),
    ] {
        let output = run(&server, name, &[("001_a.sql", first), ("002_b.sql", second)], &[]);
        assert_ends(&output, 4, &[code, "002_b.sql:1:1"]);
    }
}

#[test]
fn a_statement_sees_the_one_before_it_as_with_the_client() {
    let server = Server::start();
    let mut admin = server.admin();
    let three = "CREATE TABLE t (x INT); CREATE TABLE a (v VARCHAR(60)); INSERT INTO t VALUES (1), (2), (3);";
    let cases = [
        (
            "row_count",
            "UPDATE t SET x = x + 1; INSERT INTO a VALUES (ROW_COUNT());",
            "3",
        ),
        (
            "row_counts",
            "DELETE FROM t WHERE x > 1; SET @n = ROW_COUNT(); INSERT INTO a VALUES (@n);",
            "2",
        ),
        (
            "found_rows",
            "SELECT x FROM t; INSERT INTO a VALUES (FOUND_ROWS());",
            "3",
        ),
        (
            "warnings_of",
            "SET SESSION sql_mode = ''; INSERT INTO t VALUES ('4x'), ('5y'); SET @w = @@warning_count; INSERT INTO a VALUES (@w);",
            "2",
        ),
        (
            "diagnostics_of",
            "SET SESSION sql_mode = ''; INSERT INTO t VALUES ('4x'); GET DIAGNOSTICS @c = NUMBER; INSERT INTO a VALUES (@c);",
            "1",
        ),
        (
            "in_transaction",
            "START TRANSACTION; UPDATE t SET x = x + 1; INSERT INTO a VALUES (ROW_COUNT()); COMMIT;",
            "3",
        ),
        (
            "of_ddl",
            "CREATE TABLE s AS SELECT x FROM t; INSERT INTO a VALUES (ROW_COUNT());",
            "3",
        ),
        (
            "of_call",
            "CREATE PROCEDURE p(n INT) INSERT INTO a VALUES (n); UPDATE t SET x = x + 1; CALL p(ROW_COUNT());",
            "3",
        ),
        (
            "in_programs",
            "CREATE PROCEDURE note() INSERT INTO a VALUES (ROW_COUNT()); CREATE FUNCTION rc() RETURNS INT DETERMINISTIC RETURN ROW_COUNT(); \
             CREATE FUNCTION fr() RETURNS INT DETERMINISTIC RETURN FOUND_ROWS(); CREATE VIEW v AS SELECT rc() AS n; UPDATE t SET x = x + 1; CALL note(); \
             UPDATE t SET x = x + 1; INSERT INTO a VALUES (rc()); SELECT x FROM t WHERE x > 3; INSERT INTO a VALUES (fr()); DELETE FROM t WHERE x > 4; \
             INSERT INTO a SELECT n FROM v;",
            "1,2,3,3",
        ),
        (
            "in_trigger",
            "CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW SET NEW.v = CONCAT(NEW.v, ROW_COUNT()); UPDATE t SET x = x + 1; INSERT INTO a VALUES ('t');",
            "t3",
        ),
        (
            "in_prepared",
            "SET @s = 'INSERT INTO a VALUES (ROW_COUNT())'; PREPARE one FROM @s; PREPARE two FROM 'INSERT INTO a VALUES (ROW_COUNT() * 10)'; \
             UPDATE t SET x = x + 1; EXECUTE one; DELETE FROM t WHERE x > 2; EXECUTE two;",
            "20,3",
        ),
        (
            "last_id",
            "CREATE TABLE i (id INT PRIMARY KEY AUTO_INCREMENT); INSERT INTO i VALUES (), (); INSERT INTO a VALUES (CONCAT(LAST_INSERT_ID(), @@identity));",
            "11",
        ),
        (
            "next_transaction",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION; INSERT INTO a VALUES (1); COMMIT;",
            "1",
        ),
        (
            "read_only",
            "START TRANSACTION READ ONLY; SELECT COUNT(*) INTO @n FROM t; COMMIT; INSERT INTO a VALUES (@n);",
            "3",
        ),
        (
            "chains",
            "START TRANSACTION; INSERT INTO a VALUES (1); COMMIT AND CHAIN; INSERT INTO a VALUES (2); ROLLBACK AND CHAIN; \
             INSERT INTO a VALUES (3); ROLLBACK; INSERT INTO a VALUES (4);",
            "1,4",
        ),
        (
            "no_chain",
            "START TRANSACTION; INSERT INTO a VALUES (1); COMMIT AND NO CHAIN; INSERT INTO a VALUES (2); ROLLBACK;",
            "1,2",
        ),
        (
            "completion",
            "SET SESSION completion_type = 1; START TRANSACTION; INSERT INTO a VALUES (1); COMMIT; INSERT INTO a VALUES (2); \
             ROLLBACK AND NO CHAIN; INSERT INTO a VALUES (3);",
            "1,3",
        ),
        (
            "release",
            "SET @u = 1; START TRANSACTION; INSERT INTO a VALUES (1); COMMIT RELEASE; INSERT INTO a VALUES (COALESCE(@u, 'fresh'));",
            "1,fresh",
        ),
        (
            "begins",
            "BEGIN; INSERT INTO a VALUES (1); BEGIN; INSERT INTO a VALUES (2); ROLLBACK;",
            "1",
        ),
        (
            "savepoints",
            "BEGIN; INSERT INTO a VALUES (1); SAVEPOINT s; INSERT INTO a VALUES (2); ROLLBACK TO s; INSERT INTO a VALUES (3); RELEASE SAVEPOINT s; COMMIT;",
            "1,3",
        ),
        (
            "call_commits",
            "CREATE PROCEDURE c() COMMIT; BEGIN; INSERT INTO a VALUES (1); CALL c(); INSERT INTO a VALUES (2); ROLLBACK;",
            "1,2",
        ),
        (
            "call_begins",
            "CREATE PROCEDURE c() START TRANSACTION; CALL c(); INSERT INTO a VALUES (1); ROLLBACK; INSERT INTO a VALUES (2);",
            "2",
        ),
    ];
    for (name, file, expected) in cases {
        let text = format!("{three}\n{file}\n");
        let output = run(&server, name, &[("001_a.sql", &text)], &[]);
        assert_ends(&output, 0, &["now at 001"]);
        let found = admin.value(&format!("SELECT GROUP_CONCAT(v ORDER BY v) FROM {name}.a"));
        assert_eq!(found, expected, "{name}: {output}");
    }
}

/// Server defaults that would break the record; one that this family lacks is passed over.
const HOSTILE: [&str; 9] = [
    "SET GLOBAL autocommit = 0",
    "SET GLOBAL completion_type = 1",
    "SET GLOBAL sql_select_limit = 1",
    "SET GLOBAL sql_safe_updates = 1",
    "SET GLOBAL max_statement_time = 1",
    "SET GLOBAL max_execution_time = 500",
    "SET GLOBAL tx_read_only = 1",
    "SET GLOBAL transaction_read_only = 1",
    "SET GLOBAL init_connect = 'SET autocommit = 0, completion_type = 2'",
];

fn hostile(admin: &mut Admin) {
    for statement in HOSTILE {
        match admin.try_exec(statement) {
            Err(mysql_async::Error::Server(error)) if error.code == 1193 => {}
            other => other.expect("a global variable"),
        }
    }
}

#[test]
fn the_servers_defaults_do_not_cut_off_what_other_commands_read() {
    let server = Server::start();
    let folder = support::migrations::shipped();
    let run = |args: &[&str]| server.dbtool().args(args).run();
    let migrated = server.dbtool().args(["migrate", "--dir"]).arg(&folder).run();
    assert_eq!(migrated.code, Some(0), "{migrated}");
    let mut admin = server.admin();
    for statement in [
        "INSERT INTO app.users (email, password_hash, first_name, last_name) VALUES ('a@example.com', '', '', ''), ('b@example.com', '', '', '')",
        "INSERT INTO app.properties (host_id, title, description, property_type, address, city, country, price_per_night) \
         SELECT MIN(id), 't', 'd', 'house', 'a', 'c', 'c', 1 FROM app.users",
        "INSERT INTO app.bookings (property_id, guest_id, host_id, check_in_date, check_out_date, guests_count, base_price, \
         total_amount, status, created_at) SELECT p.id, u.id, p.host_id, '2024-01-01', '2024-01-02', 1, 1, 1, 'confirmed', \
         '2024-01-01' FROM app.properties p JOIN app.users u ON u.id <> p.host_id",
        "SET GLOBAL sql_select_limit = 1",
        "SET GLOBAL max_join_size = 1",
        "SET GLOBAL autocommit = 0",
        "SET GLOBAL sql_safe_updates = 1",
    ] {
        admin.exec(statement);
    }
    for args in [
        &["create-conversations"][..],
        &["test-conversations"],
        &["check-connections"],
        &["check-schema", "--lint-only"],
    ] {
        let output = run(args);
        assert!(matches!(output.code, Some(0 | 1)), "{args:?}: {output}");
    }
    assert_eq!(
        admin.number("SELECT COUNT(*) FROM app.conversation_participants"),
        2
    );
    let seen = run(&["check-schema", "--lint-only"]);
    assert!(
        seen.stdout.contains("payment_history"),
        "every table is read: {seen}"
    );
}

#[test]
fn the_servers_defaults_do_not_break_the_record() {
    let server = Server::start();
    let mut admin = server.admin();
    hostile(&mut admin);
    let folder = Folder::new(&[
        (
            "001_a.up.sql",
            "CREATE TABLE t (x INT); INSERT INTO t VALUES (1), (2), (3); UPDATE t SET x = x + 1; \
             SELECT SLEEP(1.5); CREATE TABLE u AS SELECT x FROM t; INSERT INTO t SELECT x FROM u; SET @a = 1; INSERT INTO u VALUES (99);",
        ),
        ("001_a.down.sql", "DELETE FROM t; INSERT INTO u VALUES (100);"),
    ]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 001"]);
    let seen = "SELECT CONCAT((SELECT COUNT(*) FROM app.t), '/', (SELECT MAX(x) FROM app.u), '/', (SELECT GROUP_CONCAT(state) FROM app.dbtool_migrations))";
    assert_eq!(admin.value(seen), "6/99/applied");
    assert_ends(
        &folder.migrate(&server, &["down", "--yes"]).run(),
        0,
        &["rolled back"],
    );
    assert_eq!(
        admin.value("SELECT CONCAT((SELECT COUNT(*) FROM app.t), '/', (SELECT MAX(x) FROM app.u), '/', (SELECT COUNT(*) FROM app.dbtool_migrations))"),
        "0/100/0"
    );
}

/// The history table as the first version of dbtool made it.
const FIRST_TABLE: &str = "CREATE TABLE app.dbtool_migrations (version BIGINT UNSIGNED NOT NULL, name VARCHAR(255) NOT NULL, \
    checksum CHAR(64) NOT NULL, state VARCHAR(16) NOT NULL, statements_done INT UNSIGNED NOT NULL, \
    statements_total INT UNSIGNED NOT NULL, done_hash CHAR(64) NOT NULL, intent INT UNSIGNED NULL, intent_hash CHAR(64) NULL, \
    intent_before TEXT NULL, error TEXT NULL, out_of_order TINYINT NOT NULL DEFAULT 0, applied_by VARCHAR(255) NOT NULL, \
    tool_version VARCHAR(32) NOT NULL, started_at DATETIME(6) NOT NULL, finished_at DATETIME(6) NULL, \
    duration_ms BIGINT UNSIGNED NOT NULL DEFAULT 0, PRIMARY KEY (version)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

#[test]
fn a_history_of_the_first_version_is_read_as_it_is_and_upgraded_by_a_run() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_a.sql",
        "SET @a = 1;\nCREATE TABLE t (x INT);\nINSERT INTO t VALUES (nothing);\n",
    )]);
    assert_ends(&folder.migrate(&server, &[]).run(), 4, &["1054"]);
    // What the first version would have left.
    let columns = "version, name, checksum, state, statements_done, statements_total, done_hash, applied_by, tool_version, started_at";
    admin.exec("RENAME TABLE app.dbtool_migrations TO app.newer");
    admin.exec(FIRST_TABLE);
    admin.exec(&format!(
        "INSERT INTO app.dbtool_migrations ({columns}) SELECT {columns} FROM app.newer"
    ));
    admin.exec("DROP TABLE app.newer");
    let count = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'app' AND table_name = 'dbtool_migrations'";
    for args in [&["status"][..], &["plan"], &["verify"], &["--check"]] {
        let output = folder.migrate(&server, args).run();
        assert!(matches!(output.code, Some(0 | 1)), "{output}");
        assert_eq!(admin.number(count), 17, "{args:?} changes nothing");
    }
    folder.write(
        "001_a.sql",
        "SET @a = 1;\nCREATE TABLE t (x INT);\nINSERT INTO t VALUES (2);\n",
    );
    let output = folder.migrate(&server, &[]).run();
    // The session of that run was not recorded.
    assert_ends(&output, 0, &["resuming, 2 done", "now at 001"]);
    assert_eq!(admin.number(count), 22);
    assert_eq!(admin.value("SELECT GROUP_CONCAT(x) FROM app.t"), "2");
}

#[test]
fn a_down_that_failed_is_a_failed_down() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[
        ("001_a.up.sql", "CREATE TABLE t (x INT); CREATE TABLE u (x INT);"),
        (
            "001_a.down.sql",
            "DROP TABLE u; DROP TABLE missing; DROP TABLE t;",
        ),
    ]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &[]);
    let down = || folder.migrate(&server, &["down", "--yes"]).run();
    assert_ends(
        &down(),
        4,
        &[
            "001_a.down.sql:1:15",
            "run `dbtool migrate down` again",
            "statement 2",
        ],
    );
    assert_eq!(
        admin.value("SELECT CONCAT(state, statements_done) FROM app.dbtool_migrations"),
        "reverting1"
    );
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &["partly rolled back", "dbtool migrate down --yes", "--finished"],
    );
    folder.write(
        "001_a.down.sql",
        "DROP TABLE u; DROP TABLE IF EXISTS missing; DROP TABLE t;",
    );
    assert_ends(&down(), 0, &["resuming, 1 done", "rolled back"]);
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.dbtool_migrations"), 0);

    // Finished by hand.
    folder.write(
        "001_a.down.sql",
        "DROP TABLE missing; DROP TABLE u; DROP TABLE t;",
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &[]);
    assert_ends(&down(), 4, &["nothing of it is done"]);
    assert_ends(
        &folder.migrate(&server, &["repair", "1", "--not-applied"]).run(),
        0,
        &["nothing of it was rolled back"],
    );
    assert_ends(&folder.migrate(&server, &["--check"]).run(), 0, &[]);
    assert_ends(&down(), 4, &[]);
    admin.exec("DROP TABLE app.t, app.u");
    assert_ends(
        &folder.migrate(&server, &["repair", "1", "--finished"]).run(),
        0,
        &["recorded as rolled back"],
    );
    assert_ends(&folder.migrate(&server, &["--check"]).run(), 1, &["1 pending"]);
}

#[test]
fn a_database_that_has_its_schema_is_shown_the_way() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE t (x INT); CREATE TABLE u (x INT);"),
        ("002_b.sql", "CREATE TABLE v (x INT);"),
    ]);
    admin.exec("CREATE TABLE app.t (x INT)");
    admin.exec("CREATE TABLE app.u (x INT)");
    let fails = || {
        assert_ends(
            &folder.migrate(&server, &[]).run(),
            2,
            &["1050", "dbtool migrate baseline"],
        )
    };
    fails();
    // Begun, and nothing of it is done: the first statement fails when it runs.
    let begun = Folder::new(&[(
        "001_a.sql",
        "INSERT INTO t VALUES ('no number'); CREATE TABLE w (x INT);",
    )]);
    for (args, words) in [
        (&["repair", "1", "--not-applied"][..], "recorded as not started"),
        (
            &["repair", "1", "--applied"],
            "recorded as in the database already",
        ),
        (&["baseline", "001"], "recorded without running them: 001_a"),
    ] {
        let repairs = args.contains(&"repair");
        let with = if repairs { &begun } else { &folder };
        if repairs {
            assert_ends(&begun.migrate(&server, &["1", "--only"]).run(), 4, &["1366"]);
        }
        assert_ends(&with.migrate(&server, args).run(), 0, &[words]);
        if args.contains(&"--not-applied") {
            assert_eq!(admin.number("SELECT COUNT(*) FROM app.dbtool_migrations"), 0);
        } else {
            assert_eq!(admin.value("SELECT state FROM app.dbtool_migrations"), "baseline");
            admin.exec("DELETE FROM app.dbtool_migrations");
        }
        fails();
    }
    assert_ends(&folder.migrate(&server, &["baseline", "1"]).run(), 0, &[]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 002"]);
}

#[test]
fn words_are_true() {
    let server = Server::start();
    let mut admin = server.admin();
    let output = run(
        &server,
        "warned",
        &[(
            "001_a.sql",
            "SET SESSION sql_mode = ''; CREATE TABLE t (x INT); INSERT INTO t VALUES ('7up');",
        )],
        &[],
    );
    assert_ends(&output, 0, &["1 warning", "warning 12", "7up"]);
    for (name, file) in [
        (
            "own",
            "CREATE TABLE t (x INT);\nDROP DATABASE own;\nCREATE DATABASE own;\n",
        ),
        (
            "table_of",
            "CREATE TABLE t (x INT);\nDROP TABLE IF EXISTS dbtool_migrations;\n",
        ),
    ] {
        let output = run(&server, name, &[("001_a.sql", file)], &[]);
        assert_ends(
            &output,
            2,
            &["001_a.sql:2:1", "would remove the table dbtool_migrations"],
        );
        assert_eq!(
            admin.number(&format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{name}' AND table_name = 't'")),
            0
        );
    }
}

#[test]
fn plain_writes_share_commits_and_fail_as_if_each_were_alone() {
    let server = Server::start();
    let mut admin = server.admin();
    let insert = |x: u32| format!("INSERT INTO t VALUES ({x});\n");
    let before: String = (0..500).map(insert).collect();
    let after: String = (500..600).map(insert).collect();
    let folder = Folder::new(&[(
        "001_a.sql",
        &format!(
            "CREATE TABLE t (x INT PRIMARY KEY);\n{before}{}{after}",
            insert(7)
        ),
    )]);
    let commits = admin.status("Com_commit");
    let output = folder.migrate(&server, &[]).run();
    assert_ends(
        &output,
        4,
        &[
            "001_a.sql:502:1",
            "1062",
            "501 of 602 statements are done and recorded",
            "continues with statement 502",
        ],
    );
    let commits = admin.status("Com_commit") - commits;
    assert!(commits < 450, "{commits} commits for 501 statements");
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.t"), 500);
    folder.write(
        "001_a.sql",
        format!("CREATE TABLE t (x INT PRIMARY KEY);\n{before}{after}"),
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["resuming, 501 done"]);
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.t"), 600);
}
