//! Each statement takes effect exactly once: when the run is cut off, when its lock is lost, when a lock is in the
//! way, and when nobody can tell, a person is asked.

use crate::support;

use std::time::Duration;

use support::migrations::{Folder, assert_ends};
use support::{Admin, Cmd, Server, Signal, wait_until};

const PATIENCE: Duration = support::PATIENCE;

/// The statement at which a run is killed; what comes before it is the part that was done.
const HERE: &str = "SELECT SLEEP(60), 'here'";

/// A database of its own on a shared server.
struct Case<'a> {
    server: &'a Server,
    account: dbtool::sandbox::Account,
    folder: Folder,
    name: &'a str,
}

impl<'a> Case<'a> {
    fn new(server: &'a Server, admin: &mut Admin, name: &'a str, setup: &str) -> Case<'a> {
        let account = server.create_account(name, name);
        admin.exec(&format!("USE {name}"));
        for statement in setup.split(";;").map(str::trim).filter(|part| !part.is_empty()) {
            admin.exec(statement);
        }
        Case {
            server,
            account,
            folder: Folder::new(&[]),
            name,
        }
    }

    fn migrate(&self, args: &[&str]) -> Cmd {
        self.server
            .dbtool_as(&self.account)
            .arg("migrate")
            .args(args)
            .arg("--dir")
            .arg(self.folder.path())
    }

    fn write(&self, text: &str) {
        self.folder.write("001_case.sql", text);
    }

    /// Runs the file with [`HERE`] between `before` and `rest`, and kills the run there.
    fn killed_after(&self, admin: &mut Admin, before: &str, rest: &str) {
        self.write(&format!("{before}\n{HERE};\n{rest}\n"));
        self.killed_at(admin, "SLEEP(60)");
    }

    fn killed_at(&self, admin: &mut Admin, word: &str) {
        let connection = format!(
            "SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist WHERE user = '{}' AND info LIKE '%{word}%'",
            self.account.user
        );
        let mut running = self.migrate(&[]).spawn();
        wait_until(PATIENCE, "the run is at the place", || {
            running.poll().is_some() || admin.number(&connection) > 0
        });
        let id = admin.number(&connection);
        assert!(id > 0, "{}: {}", self.name, running.wait());
        running.signal(Signal::KILL);
        running.wait();
        let _ = admin.try_exec(&format!("KILL {id}"));
        let gone = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{}'",
            self.account.user
        );
        wait_until(PATIENCE, "the connection is gone", || admin.number(&gone) == 0);
    }

    /// Runs the whole file to its end.
    #[track_caller]
    fn ends(&self, text: &str) {
        self.write(text);
        assert_ends(&self.migrate(&[]).run(), 0, &["now at 001"]);
    }
}

#[test]
fn a_run_that_is_killed_goes_on_with_the_same_session() {
    let server = Server::start();
    let mut admin = server.admin();
    // Name, what is there, what was done before the kill, the rest, a query and its value.
    let parents = "CREATE TABLE par (id INT PRIMARY KEY AUTO_INCREMENT, v INT);; CREATE TABLE ch (par INT);; INSERT INTO par VALUES (7, 0)";
    let child = "SELECT CONCAT((SELECT MAX(id) FROM par), '/', (SELECT GROUP_CONCAT(par) FROM ch))";
    let cases: &[(&str, &str, &str, &str, &str, &str)] = &[
        (
            "insert_id",
            parents,
            "INSERT INTO par (v) VALUES (1);",
            "SET @id = LAST_INSERT_ID(); INSERT INTO ch VALUES (@id);",
            child,
            "8/8",
        ),
        (
            "variable",
            parents,
            "INSERT INTO par (v) VALUES (1); SET @id = LAST_INSERT_ID();",
            "INSERT INTO ch VALUES (@id);",
            child,
            "8/8",
        ),
        (
            "same_id",
            parents,
            "INSERT INTO par (v) VALUES (1);",
            "INSERT INTO ch VALUES (LAST_INSERT_ID()), (@@identity);",
            "SELECT GROUP_CONCAT(par) FROM ch",
            "8,8",
        ),
        (
            "by_function",
            "CREATE TABLE l (x INT);; CREATE FUNCTION f() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO l VALUES (1); RETURN 5; END",
            "SET @x = f(); SELECT f() INTO @y; DO f();",
            "INSERT INTO l VALUES (@x);",
            "SELECT GROUP_CONCAT(x ORDER BY x) FROM l",
            "1,1,1,5",
        ),
        (
            "committing_call",
            "CREATE TABLE l (x INT);; CREATE PROCEDURE c() BEGIN INSERT INTO l VALUES (15); COMMIT; END",
            "START TRANSACTION; INSERT INTO l VALUES (10); CALL c(); INSERT INTO l VALUES (20);",
            "INSERT INTO l VALUES (30); COMMIT;",
            "SELECT GROUP_CONCAT(x ORDER BY x) FROM l",
            "10,15,20,30",
        ),
        (
            "quiet_call",
            "CREATE TABLE l (x INT);; CREATE PROCEDURE c() INSERT INTO l VALUES (15)",
            "START TRANSACTION; INSERT INTO l VALUES (10); CALL c(); INSERT INTO l VALUES (20);",
            "INSERT INTO l VALUES (30); COMMIT;",
            "SELECT GROUP_CONCAT(x ORDER BY x) FROM l",
            "10,15,20,30",
        ),
        (
            "no_chain",
            "CREATE TABLE t (x INT);; INSERT INTO t VALUES (1)",
            "BEGIN; COMMIT AND NO CHAIN; UPDATE t SET x = x + 1;",
            "",
            "SELECT x FROM t",
            "2",
        ),
        (
            "chain",
            "CREATE TABLE t (x INT)",
            "BEGIN; INSERT INTO t VALUES (1); COMMIT AND CHAIN; INSERT INTO t VALUES (2);",
            "ROLLBACK AND CHAIN; INSERT INTO t VALUES (3); ROLLBACK; INSERT INTO t VALUES (4);",
            "SELECT GROUP_CONCAT(x) FROM t",
            "1,4",
        ),
        (
            "nested_begin",
            "CREATE TABLE t (x INT)",
            "BEGIN; INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2);",
            "ROLLBACK; INSERT INTO t VALUES (3);",
            "SELECT GROUP_CONCAT(x) FROM t",
            "1,3",
        ),
        (
            "settings",
            "CREATE TABLE t (x VARCHAR(200))",
            "SET SESSION group_concat_max_len = 5, time_zone = '+03:00'; SET NAMES latin1; SET @@lc_time_names = 'de_DE';",
            "INSERT INTO t VALUES (CONCAT_WS(' ', @@group_concat_max_len, @@time_zone, @@character_set_client, @@lc_time_names));",
            "SELECT x FROM t",
            "5 +03:00 latin1 de_DE",
        ),
        (
            "prepared",
            "CREATE TABLE t (x INT)",
            "SET @s = 'INSERT INTO t VALUES (?)', @v = 4; PREPARE st FROM @s; SET @s = 'nothing';",
            "EXECUTE st USING @v; DEALLOCATE PREPARE st;",
            "SELECT GROUP_CONCAT(x) FROM t",
            "4",
        ),
        (
            "executed",
            "CREATE TABLE t (x INT)",
            "SET @s = (SELECT IF(COUNT(*) > 0, 'INSERT INTO t VALUES (6)', 'DO 0') FROM information_schema.tables); PREPARE st FROM @s; EXECUTE st;",
            "EXECUTE st;",
            "SELECT GROUP_CONCAT(x) FROM t",
            "6,6",
        ),
        (
            "counter",
            "CREATE TABLE t (x INT)",
            "SET @n = 0; INSERT INTO t VALUES (@n := @n + 1); INSERT INTO t VALUES (@n := @n + 1);",
            "INSERT INTO t VALUES (@n := @n + 1);",
            "SELECT GROUP_CONCAT(x) FROM t",
            "1,2,3",
        ),
    ];
    for (name, setup, before, rest, query, expected) in cases {
        let case = Case::new(&server, &mut admin, name, setup);
        case.killed_after(&mut admin, before, rest);
        case.ends(&format!("{before}\n{rest}\n"));
        assert_eq!(&admin.value(query), expected, "{name}");
    }
}

#[test]
fn variables_keep_their_types() {
    let server = Server::start();
    let mut admin = server.admin();
    let set = "SET @i = -5, @d = 1.50, @f = 1e-3, @u = 18446744073709551615, @z = NULL, @e = '', \
        @s = CONVERT('é''\\\\' USING latin1) COLLATE latin1_bin, @b = X'00FF', @`odd name` = 'x';";
    let made = "CREATE TABLE made AS SELECT @i AS i, @d AS d, @f AS f, @u AS u, @z AS z, @e AS e, @s AS s, @b AS b, \
        @`odd name` AS o, CHARSET(@s) AS cs, COLLATION(@s) AS co, @i / 2 AS half;";
    let mut found = Vec::new();
    for (name, killed) in [("types_whole", false), ("types_killed", true)] {
        let case = Case::new(&server, &mut admin, name, "");
        if killed {
            case.killed_after(&mut admin, set, made);
        }
        case.ends(&format!("{set}\n{made}\n"));
        let table = admin.query(&format!("SHOW CREATE TABLE {name}.made"));
        let rows = admin.query(&format!(
            "SELECT i, d, f, u, z, HEX(e), HEX(s), HEX(b), o, cs, co, half FROM {name}.made"
        ));
        found.push((table, rows));
        assert_eq!(
            admin.value(&format!("SELECT session FROM {name}.dbtool_migrations")),
            "NULL",
            "nothing of the session stays once the migration is applied"
        );
    }
    assert_eq!(found[0], found[1]);
}

#[test]
fn two_runs_that_overlap_do_not_both_write() {
    let server = Server::start();
    let mut admin = server.admin();
    // The file itself gives the lock away, as a proxy or a cluster would.
    let file =
        "CREATE TABLE t (id INT);\nSELECT RELEASE_ALL_LOCKS();\nDO SLEEP(2);\nINSERT INTO t VALUES (1);\n";
    let case = Case::new(&server, &mut admin, "overlap", "");
    case.write(file);
    let sleeps = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'overlap' AND info LIKE 'DO SLEEP%'";
    let first = case.migrate(&[]).spawn();
    wait_until(PATIENCE, "the first run sleeps", || admin.number(sleeps) == 1);
    let second = case.migrate(&["--lock-wait", "60"]).run();
    let first = first.wait();
    // Whoever had the lock at the end has done it; the other has stopped before it wrote, or found it done.
    assert!([first.code, second.code].contains(&Some(0)), "{first}\n{second}");
    for output in [&first, &second] {
        assert!(matches!(output.code, Some(0 | 5)), "{output}");
    }
    assert_eq!(
        admin.number("SELECT COUNT(*) FROM overlap.t"),
        1,
        "{first}\n{second}"
    );
}

#[test]
fn a_record_that_somebody_else_changed_stops_the_run() {
    let server = Server::start();
    let mut admin = server.admin();
    for (number, change) in [
        "UPDATE dbtool_migrations SET statements_done = 3",
        "UPDATE dbtool_migrations SET run_id = 'another'",
        "UPDATE dbtool_migrations SET state = 'applied'",
        "DELETE FROM dbtool_migrations",
    ]
    .into_iter()
    .enumerate()
    {
        let name = ["done", "run", "state", "gone"][number];
        let case = Case::new(
            &server,
            &mut admin,
            name,
            "CREATE TABLE t (id INT);; CREATE TABLE gate (id INT)",
        );
        case.write("DO 0;\nSELECT * FROM gate;\nINSERT INTO t VALUES (1);\n");
        let mut holder = server.admin();
        holder.exec(&format!("LOCK TABLES {name}.gate WRITE"));
        let running = case.migrate(&["--ddl-lock-wait", "60"]).spawn();
        let waits = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{name}' AND info = 'SELECT * FROM gate'"
        );
        wait_until(PATIENCE, "the run waits", || admin.number(&waits) == 1);
        admin.exec(&format!("USE {name}"));
        admin.exec(change);
        holder.exec("UNLOCK TABLES");
        assert_ends(&running.wait(), 5, &["has changed this migration's record"]);
        assert_eq!(
            admin.number(&format!("SELECT COUNT(*) FROM {name}.t")),
            0,
            "{change}"
        );
    }
}

/// Makes statements on table `hot` meet a lock until the run says that it tries again.
fn against_a_lock(server: &Server, case: &Case<'_>) -> support::Output {
    let mut holder = server.admin();
    holder.exec("BEGIN");
    holder.exec(&format!("UPDATE {}.hot SET v = v + 100", case.name));
    let mut running = case.migrate(&[]).spawn();
    wait_until(PATIENCE, "the run tries again, or has ended", || {
        running.poll().is_some() || running.stderr_so_far().contains("waiting for a lock")
    });
    holder.exec("COMMIT");
    running.wait()
}

const HOT: &str =
    "CREATE TABLE hot (id INT PRIMARY KEY, v INT);; INSERT INTO hot VALUES (1, 0);; CREATE TABLE l (x INT)";
const SHORT: &str = "SET SESSION innodb_lock_wait_timeout = 1;";

#[test]
fn what_is_undone_as_a_whole_is_tried_again() {
    let server = Server::start();
    let mut admin = server.admin();
    for (name, file, expected) in [
        (
            "counted",
            "SET @n = 0; START TRANSACTION; SET @n = @n + 1; INSERT INTO l VALUES (@n); UPDATE hot SET v = v + 1; COMMIT; INSERT INTO l VALUES (@n * 10);",
            "1,10",
        ),
        (
            "own_id",
            "CREATE TABLE p (id INT PRIMARY KEY AUTO_INCREMENT); INSERT INTO p VALUES (4); INSERT INTO p VALUES (); \
             START TRANSACTION; INSERT INTO l VALUES (LAST_INSERT_ID()); INSERT INTO p VALUES (); UPDATE hot SET v = v + 1; COMMIT;",
            "5",
        ),
        (
            "one_statement",
            "SET @n = 0; UPDATE hot SET v = v + (@n := @n + 1); INSERT INTO l VALUES (@n);",
            "1",
        ),
    ] {
        let case = Case::new(&server, &mut admin, name, HOT);
        case.write(&format!("{SHORT} {file}"));
        assert_ends(&against_a_lock(&server, &case), 0, &["waiting for a lock"]);
        assert_eq!(
            admin.value(&format!("SELECT GROUP_CONCAT(x ORDER BY x) FROM {name}.l")),
            expected,
            "{name}"
        );
        assert_eq!(admin.number(&format!("SELECT v FROM {name}.hot")), 101, "{name}");
    }
}

#[test]
fn what_may_be_half_done_is_asked_and_never_repeated() {
    let server = Server::start();
    let mut admin = server.admin();
    let procedure =
        "CREATE PROCEDURE p() BEGIN INSERT INTO l VALUES (1); COMMIT; UPDATE hot SET v = v + 1; END";
    let plain = "CREATE TABLE my (x INT) ENGINE=MyISAM";
    // Name, what is there, the file, statements asked about, rows of `l` and `my` afterwards.
    let cases: &[(&str, &str, &str, &str, &str)] = &[
        ("commits", procedure, "CALL p();", "statement 2", "1"),
        (
            "commits_inside",
            procedure,
            "START TRANSACTION; INSERT INTO l VALUES (0); CALL p(); COMMIT;",
            "statement 4",
            "0,1",
        ),
        (
            "fails",
            "CREATE PROCEDURE p() BEGIN INSERT INTO l VALUES (1); COMMIT; SIGNAL SQLSTATE '45000'; END",
            "CALL p();",
            "statement 2",
            "1",
        ),
        (
            "rolls_back",
            "CREATE PROCEDURE p() BEGIN ROLLBACK; INSERT INTO l VALUES (1); COMMIT; SIGNAL SQLSTATE '45000'; END",
            "CALL p();",
            "statement 2",
            "1",
        ),
        (
            "plain_table",
            "CREATE TABLE my (x INT PRIMARY KEY) ENGINE=MyISAM;; INSERT INTO my VALUES (2)",
            "INSERT INTO my VALUES (1), (2);",
            "statement 2",
            "1,2",
        ),
        (
            "plain_in_transaction",
            plain,
            "START TRANSACTION; INSERT INTO my VALUES (1); UPDATE hot SET v = v + 1; COMMIT;",
            "statements 2 to",
            "1",
        ),
        (
            "plain_by_trigger",
            "CREATE TABLE my (x INT) ENGINE=MyISAM;; CREATE TABLE t (x INT PRIMARY KEY);; CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO my VALUES (NEW.x)",
            "INSERT INTO t VALUES (1), (1);",
            "statement 2",
            "1",
        ),
        (
            "plain_by_view",
            "CREATE TABLE my (x INT PRIMARY KEY) ENGINE=MyISAM;; INSERT INTO my VALUES (2);; CREATE VIEW w AS SELECT x FROM my",
            "INSERT INTO w VALUES (1), (2);",
            "statement 2",
            "1,2",
        ),
    ];
    for (name, setup, file, asks, rows) in cases {
        let case = Case::new(&server, &mut admin, name, &format!("{HOT};; {setup}"));
        case.write(&format!("{SHORT} {file}"));
        let output = against_a_lock(&server, &case);
        assert_ends(&output, 4, &["may have taken effect", "--not-applied"]);
        assert!(
            !output.stderr.contains("nothing of it is done"),
            "{name}: {output}"
        );
        let table = if rows.contains(',') && name.starts_with("plain") || setup.contains("MyISAM") {
            "my"
        } else {
            "l"
        };
        let look = format!("SELECT GROUP_CONCAT(x ORDER BY x) FROM {name}.{table}");
        assert_eq!(&admin.value(&look), rows, "{name}: {output}");
        assert_ends(
            &case.migrate(&[]).run(),
            2,
            &["it is unknown whether", asks, "--applied"],
        );
        assert_eq!(&admin.value(&look), rows, "{name}");
    }
}

#[test]
fn a_table_without_transactions_is_asked_about_after_a_kill() {
    let server = Server::start();
    let mut admin = server.admin();
    let other = "CREATE TABLE IF NOT EXISTS app.far (x INT) ENGINE=MyISAM";
    let plain = "CREATE TABLE my (x INT) ENGINE=MyISAM;; CREATE VIEW w AS SELECT x FROM my";
    for (name, file) in [
        ("direct", "INSERT INTO my SELECT 1 FROM (SELECT SLEEP(60)) AS s;"),
        ("through", "INSERT INTO w SELECT 1 FROM (SELECT SLEEP(60)) AS s;"),
        (
            "in_transaction",
            "START TRANSACTION; INSERT INTO my VALUES (1); DO SLEEP(60); COMMIT;",
        ),
        (
            "elsewhere",
            "USE app; INSERT INTO far SELECT 1 FROM (SELECT SLEEP(60)) AS s;",
        ),
    ] {
        let case = Case::new(&server, &mut admin, name, plain);
        admin.exec(other);
        admin.exec(&format!("GRANT ALL ON app.* TO '{}'@'%'", case.account.user));
        case.write(file);
        case.killed_at(&mut admin, "SLEEP(60)");
        assert_ends(
            &case.migrate(&[]).run(),
            2,
            &["it is unknown whether", "--not-applied"],
        );
    }
}

#[test]
fn a_procedure_that_undid_everything_leaves_nothing_to_ask() {
    let server = Server::start();
    let mut admin = server.admin();
    let case = Case::new(
        &server,
        &mut admin,
        "undone",
        "CREATE TABLE l (x INT);; CREATE PROCEDURE p(n INT) BEGIN INSERT INTO l VALUES (n); IF n = 1 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not one'; END IF; END",
    );
    case.write("CALL p(1);\n");
    assert_ends(
        &case.migrate(&[]).run(),
        4,
        &["not one", "nothing of it is done", "correct the statement"],
    );
    case.ends("CALL p(2);\n");
    assert_eq!(admin.value("SELECT GROUP_CONCAT(x) FROM undone.l"), "2");
}
