//! What a fix does to the rows of a table, and what is no difference at all.

use crate::support;

use support::schemas::{against_expected, let_bodies_be_read, run_statements};
use support::{Admin, Server};

/// Makes both databases anew from these scripts, and leaves the session in `app`.
fn both(admin: &mut Admin, expected: &str, app: &str) {
    for (database, script) in [("expected", expected), ("app", app)] {
        admin.exec(&format!("DROP DATABASE IF EXISTS {database}"));
        admin.exec(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
        admin.exec(&format!("USE {database}"));
        run_statements(admin, script);
    }
}

#[test]
fn a_fix_keeps_what_it_can_and_says_what_it_cannot() {
    let server = Server::start();
    let mut admin = server.admin();
    let compare = against_expected(&server);

    // A stored column that becomes plain keeps its values.
    let plain = "CREATE TABLE t (id INT PRIMARY KEY, a INT, s INT, KEY (s));";
    let stored = "CREATE TABLE t (id INT PRIMARY KEY, a INT, s INT AS (a + 1) STORED, KEY (s));
        INSERT INTO t (id, a) VALUES (1, 10), (2, 20);";
    both(&mut admin, plain, stored);
    let fix = compare(&["--fix-sql"]).stdout;
    run_statements(&mut admin, &fix);
    let values = |admin: &mut Admin, column: &str| {
        let rows = admin.query(&format!("SELECT {column} FROM t ORDER BY id"));
        rows.into_iter().flatten().flatten().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(values(&mut admin, "s"), "11 21", "{fix}");
    assert_eq!(compare(&[]).code, Some(0));

    // A virtual column stores no values: the reason names the statement that restores them.
    let virtual_one = "CREATE TABLE t (id INT PRIMARY KEY, a INT, s INT AS (a + 2) VIRTUAL, KEY (s));
        INSERT INTO t (id, a) VALUES (1, 10), (2, 20);";
    both(&mut admin, plain, virtual_one);
    let fix = compare(&["--fix-sql"]).stdout;
    let update = "UPDATE `t` SET `s` = `a` + 2";
    assert!(fix.contains("the computed values are not kept"), "{fix}");
    assert!(fix.contains(update), "{fix}");
    run_statements(&mut admin, &fix);
    assert_eq!(
        values(&mut admin, "s"),
        "12 22",
        "nothing is lost unasked:\n{fix}"
    );
    let fix = compare(&["--fix-sql", "--allow-destructive"]).stdout;
    run_statements(&mut admin, &fix);
    admin.exec(update);
    assert_eq!(values(&mut admin, "s"), "12 22", "{fix}");
    assert_eq!(compare(&[]).code, Some(0));

    // So are the values of a plain column that becomes a computed one.
    both(&mut admin, stored, plain);
    admin.exec("INSERT INTO t VALUES (1, 10, 5)");
    run_statements(&mut admin, &compare(&["--fix-sql"]).stdout);
    assert_eq!(values(&mut admin, "s"), "5");
}

/// MariaDB 10.11 can no longer read an index that was renamed, or dropped and added in one ALTER,
/// in another case only.
#[test]
fn an_index_in_another_case_is_no_difference_and_stays_readable() {
    let server = Server::start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    let table = |index: &str| {
        format!(
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, {index});
            INSERT INTO t VALUES (1, 1, 1), (2, 2, 2);"
        )
    };
    both(&mut admin, &table("KEY Idx_Name (a)"), &table("KEY idx_name (a)"));
    let output = compare(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!compare(&["--fix-sql"]).stdout.contains("ALTER"));
    both(
        &mut admin,
        &table("KEY Idx_Name (a, b)"),
        &table("KEY idx_name (a)"),
    );
    let fix = compare(&["--fix-sql"]).stdout;
    run_statements(&mut admin, &fix);
    assert_eq!(compare(&[]).code, Some(0), "{fix}");
    let rows = admin.query("SELECT b FROM t FORCE INDEX (idx_name) WHERE a = 2");
    assert_eq!(rows, [[Some("2".to_owned())]], "{fix}");
}

/// Two runs of a migration make such events at different moments.
#[test]
fn events_at_moments_counted_from_their_making_are_the_same() {
    let server = Server::start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    let events = |made: &str| {
        format!(
            "SET timestamp = {made};
            CREATE EVENT once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 DAY DO SET @a = 1;
            CREATE EVENT ends ON SCHEDULE EVERY 1 DAY ENDS CURRENT_TIMESTAMP + INTERVAL 1 MONTH DO SET @a = 1;
            CREATE EVENT later ON SCHEDULE EVERY 1 DAY STARTS CURRENT_TIMESTAMP + INTERVAL 1 HOUR DO SET @a = 1;
            CREATE EVENT soon ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 90 SECOND ON COMPLETION PRESERVE
                DISABLE DO SET @a = 1;
            CREATE EVENT kept ON SCHEDULE EVERY 1 DAY STARTS '2036-01-01 03:04:05' DO SET @a = 1;
            SET timestamp = DEFAULT;"
        )
    };
    // The end of January, and a day in the middle of a longer month.
    both(&mut admin, &events("1896076801"), &events("1910000099"));
    let output = compare(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    // One that ran has dropped itself, and must not run again.
    admin.exec("DROP EVENT once");
    admin.exec("DROP EVENT ends");
    let output = compare(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    admin.exec("DROP EVENT soon");
    let output = compare(&["--fix-sql"]);
    assert_eq!(output.code, Some(1), "{output}");
    assert!(
        output.stdout.contains("current_timestamp + interval 90 second"),
        "{output}"
    );
    admin.exec("ALTER EVENT kept ON SCHEDULE EVERY 1 DAY STARTS '2036-01-01 04:04:05'");
    let output = compare(&[]);
    assert!(
        output.stdout.contains("starts: expected 2036-01-01 03:04:05"),
        "{output}"
    );
}

/// What cannot be compared is said, and no statement is made of it.
#[test]
fn what_is_read_only_in_part_is_said_not_to_be_compared() {
    let server = Server::start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    let with_notes: &[(&str, &str, &str)] = match server.is_mysql() {
        // It has neither the partitions nor the periods: its comparison says nothing of them.
        true => &[("CREATE TABLE h (id INT);", "CREATE TABLE h (id INT);", "")],
        false => &[
            (
                "CREATE TABLE h (id INT PRIMARY KEY) WITH SYSTEM VERSIONING
                    PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH (PARTITION p0 HISTORY, PARTITION pn CURRENT);",
                "CREATE TABLE h (id INT PRIMARY KEY) WITH SYSTEM VERSIONING;",
                "partitions by SYSTEM_TIME are not compared: h",
            ),
            (
                "CREATE TABLE p (id INT PRIMARY KEY, a DATE, b DATE, PERIOD FOR used (a, b));",
                "CREATE TABLE p (id INT PRIMARY KEY, a DATE NOT NULL, b DATE NOT NULL);",
                "application-time periods are not compared: p.used",
            ),
        ],
    };
    for (live, expected, note) in with_notes {
        both(&mut admin, expected, live);
        let output = compare(&[]);
        assert_eq!(output.code, Some(0), "{output}");
        let all = format!("{}{}", output.stdout, output.stderr);
        assert!(all.contains(note), "{output}");
        assert_eq!(all.contains("not compared"), !note.is_empty(), "{output}");
    }
}

/// The clients of both families drop comments from what they send, unless they are asked not to.
#[test]
fn comments_and_line_ends_of_bodies_are_no_difference_and_strings_are() {
    let server = Server::builder()
        .arg("--log-bin-trust-function-creators=1")
        .start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    let_bodies_be_read(&server, &mut admin);
    let kept = "DELIMITER //\nCREATE PROCEDURE p()\r\nBEGIN\r\n  -- says it's so\r\n  SELECT 'a -- b'; /* two */\r\nEND//
        CREATE TABLE t (id INT)//
        CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.id = 1; # three\n END//";
    let dropped = "DELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 'a -- b'; \nEND//
        CREATE TABLE t (id INT)//
        CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.id = 1; END//";
    both(&mut admin, kept, dropped);
    let output = compare(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    for other in ["'a -- c'", "'a  -- b'", "/*! SQL_NO_CACHE */ 'a -- b'"] {
        both(&mut admin, kept, &dropped.replace("'a -- b'", other));
        let output = compare(&[]);
        assert_eq!(output.code, Some(1), "{other}: {output}");
    }
}
