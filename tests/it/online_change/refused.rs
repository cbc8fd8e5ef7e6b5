//! What cannot be done online is refused before anything is made, and what a person does to a change works.

use super::{Place, assert_ends, definition, leftovers, rows, server};
use crate::support;
use support::Server;

/// The statements that make `t`, the ALTER, and words of the refusal.
const REFUSED: &[(&str, &[&str], &str, &str)] = &[
    (
        "a new unique key over duplicates",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)",
            "INSERT INTO t VALUES (1, 5, 1), (2, 5, 2), (3, 6, 3)",
        ],
        "ALTER TABLE t ADD UNIQUE KEY u (a), MODIFY b BIGINT",
        "5, 2",
    ),
    (
        "NULL under NOT NULL",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, a INT)",
            "INSERT INTO t VALUES (1, 5), (17, NULL)",
        ],
        "ALTER TABLE t MODIFY a BIGINT NOT NULL",
        "17",
    ),
    (
        "values too long",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20))",
            "INSERT INTO t VALUES (1, 'abc'), (23, 'abcdefghijk')",
        ],
        "ALTER TABLE t MODIFY a VARCHAR(10)",
        "23",
    ),
    (
        "numbers out of range",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, a INT)",
            "INSERT INTO t VALUES (1, 5), (29, 70000)",
        ],
        "ALTER TABLE t MODIFY a SMALLINT",
        "29",
    ),
    (
        "no key",
        &[
            "CREATE TABLE t (a INT, b INT, KEY (a))",
            "INSERT INTO t VALUES (1, 5)",
        ],
        "ALTER TABLE t MODIFY a BIGINT",
        "no key finds each row",
    ),
    (
        "the key goes",
        &[
            "CREATE TABLE t (a INT PRIMARY KEY, b INT)",
            "INSERT INTO t VALUES (1, 5)",
        ],
        "ALTER TABLE t DROP PRIMARY KEY, MODIFY b BIGINT",
        "not a unique key afterwards",
    ),
    (
        "other tables refer to it",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, b INT)",
            "CREATE TABLE child (t INT, FOREIGN KEY (t) REFERENCES t (id))",
        ],
        "ALTER TABLE t MODIFY b BIGINT",
        "foreign keys of child refer to it",
    ),
    (
        "it refers to itself and cascades",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, up INT, b INT, FOREIGN KEY (up) REFERENCES t (id) ON DELETE CASCADE)",
        ],
        "ALTER TABLE t MODIFY b BIGINT",
        "it refers to itself",
    ),
    (
        "another server's way to cascade (mysql)",
        &[
            "CREATE TABLE p (id INT PRIMARY KEY)",
            "CREATE TABLE t (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL)",
        ],
        "ALTER TABLE t MODIFY id BIGINT",
        "innodb_native_foreign_keys",
    ),
    (
        "an engine without transactions",
        &["CREATE TABLE t (id INT PRIMARY KEY, b INT) ENGINE=MyISAM"],
        "ALTER TABLE t MODIFY b BIGINT",
        "myisam",
    ),
    (
        "a new number for each row",
        &["CREATE TABLE t (u INT NOT NULL UNIQUE, b INT)"],
        "ALTER TABLE t ADD id INT NOT NULL AUTO_INCREMENT PRIMARY KEY",
        "AUTO_INCREMENT",
    ),
    (
        "a new foreign key",
        &[
            "CREATE TABLE p (id INT PRIMARY KEY)",
            "CREATE TABLE t (id INT PRIMARY KEY, b INT)",
        ],
        "ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p (id), MODIFY id BIGINT",
        "a new foreign key",
    ),
    (
        "a rename",
        &["CREATE TABLE t (id INT PRIMARY KEY, b INT)"],
        "ALTER TABLE t MODIFY b BIGINT, RENAME TO t2",
        "RENAME",
    ),
    (
        "a trigger that uses a column which goes",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, b INT)",
            "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.b = 1",
        ],
        "ALTER TABLE t CHANGE b c BIGINT",
        "one of its triggers does not fit",
    ),
    (
        "an expression that is written in other words (mysql)",
        &[
            "CREATE TABLE p (id INT PRIMARY KEY)",
            "CREATE TABLE t (id INT PRIMARY KEY, b INT, FOREIGN KEY (b) REFERENCES p (id))",
        ],
        "ALTER TABLE t MODIFY id BIGINT, ADD CHECK (id > -1000)",
        "writes in other words",
    ),
    (
        "a name that is taken",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, b INT)",
            "CREATE TABLE t_dbtool_new (id INT)",
        ],
        "ALTER TABLE t MODIFY b BIGINT",
        "t_dbtool_new exists",
    ),
];

#[test]
fn what_cannot_be_done_online_is_refused_and_leaves_nothing() {
    // As it is installed.
    let server = Server::builder().max_connections(60).start();
    let mut admin = server.admin();
    if server.is_mysql() {
        admin.exec("SET GLOBAL log_bin_trust_function_creators = 1");
    }
    let before = server.counters();
    for (number, (name, setup, alter, words)) in REFUSED.iter().enumerate() {
        if name.ends_with("(mysql)") && !server.is_mysql() {
            continue;
        }
        let database = format!("r{number}");
        let setup: Vec<String> = setup.iter().map(|text| (*text).to_owned()).collect();
        let place = Place::new(&server, &database, &setup, alter);
        let was = (
            definition(&mut admin, &database),
            rows(&mut admin, &format!("{database}.t")),
        );
        let output = place.migrate(&server, &[]).run();
        assert_ends(
            &output,
            2,
            &["nothing was run: t cannot be changed online", words, "next:"],
        );
        let is = (
            definition(&mut admin, &database),
            rows(&mut admin, &format!("{database}.t")),
        );
        assert_eq!(was, is, "{name}");
        let left: Vec<String> = leftovers(&mut admin, &database)
            .into_iter()
            .filter(|left| *left != "t_dbtool_new" || *name != "a name that is taken")
            .collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        let records = admin.number(&format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{database}' AND table_name = 'dbtool_online_changes'"
        ));
        if records == 1 {
            assert_eq!(
                admin.number(&format!("SELECT COUNT(*) FROM {database}.dbtool_online_changes")),
                0,
                "{name}"
            );
        }
    }
    server.assert_unchanged(&before);
}

fn parsed(output: &support::Output) -> serde_json::Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

#[test]
fn rows_that_come_meanwhile_and_do_not_fit_stop_the_change_and_not_the_writer() {
    let server = server();
    let mut admin = server.admin();
    let setup = [
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20))".to_owned(),
        "INSERT INTO t VALUES (1, 'abc'), (2, 'd')".to_owned(),
    ];
    let place = Place::new(&server, "late", &setup, "ALTER TABLE t MODIFY a VARCHAR(10)");
    let running = place.held(&server, &[]);
    let mut own = server.connect_as(&place.account);
    own.exec("INSERT INTO t VALUES (3, 'longer than ten')");
    let output = running.wait();
    assert_ends(
        &output,
        4,
        &[
            "t has rows that its new definition does not accept",
            "server error 1",
        ],
    );
    assert_eq!(own.number("SELECT COUNT(*) FROM t"), 3);
    // As the advice says.
    own.exec("UPDATE t SET a = 'short' WHERE id = 3");
    admin.exec("UPDATE late.dbtool_online_changes SET hold = 0");
    assert_ends(&place.migrate(&server, &[]).run(), 0, &["1 migration applied"]);
    assert_eq!(own.value("SELECT a FROM t WHERE id = 3"), "short");
    assert!(leftovers(&mut admin, "late").is_empty());
}

#[test]
fn a_change_pauses_goes_on_swaps_and_is_given_up_as_a_person_says() {
    let server = server();
    let mut admin = server.admin();
    let setup = [
        "CREATE TABLE t (id INT PRIMARY KEY, a INT)".to_owned(),
        "INSERT INTO t VALUES (1, 1), (2, 2)".to_owned(),
    ];
    let place = Place::new(&server, "held", &setup, "ALTER TABLE t MODIFY a BIGINT");
    let was = definition(&mut admin, "held");
    let mut running = place.held(&server, &[]);
    let status = place.migrate(&server, &["status"]).run();
    assert_ends(
        &status,
        0,
        &[
            "t: online change for 001_change, statement 1: swapping",
            "its swap is held back",
        ],
    );
    let json = place.migrate(&server, &["status", "--format", "json"]).run();
    assert_eq!(parsed(&json)["online_changes"][0]["swap_held"], true, "{json}");
    // The objects beside the table are no drift, and its triggers are not either.
    let drift = server
        .dbtool_as(&place.account)
        .args(["check-schema", "--applied", "--dir"])
        .arg(place.folder.path())
        .run();
    assert!(!format!("{drift}").contains("t_dbtool"), "{drift}");
    let picture = server
        .dbtool_as(&place.account)
        .args(["check-schema", "--lint-only", "--diagram", "picture.mmd"])
        .run();
    assert!(!format!("{picture}").contains("t_dbtool"), "{picture}");
    assert_ends(
        &place.migrate(&server, &["pause", "nosuch"]).run(),
        2,
        &["online changes of t", "name the table"],
    );
    assert_ends(&place.migrate(&server, &["pause"]).run(), 0, &["t: pauses"]);
    assert_ends(
        &place.migrate(&server, &["resume", "t"]).run(),
        0,
        &["t: goes on"],
    );
    // Given up while it runs, the run ends.
    running.signal(support::Signal::INT);
    running.wait();
    assert_ends(
        &place.migrate(&server, &["repair", "001", "--abandon"]).run(),
        0,
        &["the table is as it was"],
    );
    assert_eq!(definition(&mut admin, "held"), was);
    assert!(leftovers(&mut admin, "held").is_empty());
    assert_ends(
        &place.migrate(&server, &["repair", "001", "--abandon"]).run(),
        2,
        &["no online change"],
    );
    let running = place.held(&server, &["--keep-old"]);
    assert_ends(&place.migrate(&server, &["swap"]).run(), 0, &["takes its place"]);
    assert_ends(&running.wait(), 0, &["the former table is t_dbtool_old"]);
    assert_eq!(admin.number("SELECT COUNT(*) FROM held.t_dbtool_old"), 2);
    assert_ends(
        &place.migrate(&server, &["swap"]).run(),
        2,
        &["no online change runs"],
    );
}

#[test]
fn a_large_table_is_changed_online_where_that_is_asked_for() {
    let server = server();
    let mut admin = server.admin();
    let setup = [
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT)".to_owned(),
        "INSERT INTO t (a) VALUES (1), (2), (3), (4), (5), (6), (7), (8)".to_owned(),
    ];
    let place = Place::new(&server, "large", &setup, "ALTER TABLE t MODIFY a BIGINT");
    place
        .folder
        .write("001_change.sql", "ALTER TABLE t MODIFY a BIGINT;\n");
    let mut own = server.connect_as(&place.account);
    for _ in 0..17 {
        own.exec("INSERT INTO t (a) SELECT a FROM t");
    }
    own.exec("ANALYZE TABLE t");
    let refused = place.migrate(&server, &[]).run();
    assert_ends(&refused, 2, &["would keep writers waiting", "--online"]);
    let plan = place.migrate(&server, &["plan"]).run();
    assert_ends(&plan, 0, &["refused without --online or --allow-blocking"]);
    let plan = place
        .migrate(&server, &["--dry-run", "--online", "--format", "json"])
        .run();
    assert_eq!(parsed(&plan)["statements"][0]["online"], true, "{plan}");
    assert_eq!(parsed(&plan)["statements"][0]["refused"], false, "{plan}");
    let before = server.counters();
    assert_ends(
        &place.migrate(&server, &["--online"]).run(),
        0,
        &["1,048,576 rows", "locked for"],
    );
    server.assert_unchanged(&before);
    assert_eq!(admin.number("SELECT COUNT(*) FROM large.t"), 8 << 17);
    assert!(definition(&mut admin, "large").contains("`a` bigint"));
}

#[test]
fn an_account_that_may_not_do_all_of_it_is_told_before_a_row_is_copied() {
    let server = server();
    let mut admin = server.admin();
    let setup = [
        "CREATE TABLE t (id INT PRIMARY KEY, a INT)".to_owned(),
        "INSERT INTO t VALUES (1, 1)".to_owned(),
    ];
    let place = Place::new(&server, "poor", &setup, "ALTER TABLE t MODIFY a BIGINT");
    for (privilege, words) in [
        ("TRIGGER", "the account cannot create triggers"),
        ("LOCK TABLES", "the account cannot lock tables"),
    ] {
        admin.exec(&format!("REVOKE {privilege} ON poor.* FROM 'poor'@'%'"));
        assert_ends(
            &place.migrate(&server, &[]).run(),
            2,
            &["nothing was run", words, privilege],
        );
        assert!(leftovers(&mut admin, "poor").is_empty(), "{privilege}");
        admin.exec(&format!("GRANT {privilege} ON poor.* TO 'poor'@'%'"));
    }
    place.folder.write(
        "001_change.sql",
        "-- dbtool:online\nALTER TABLE elsewhere.t MODIFY a BIGINT;\n",
    );
    admin.exec("CREATE DATABASE elsewhere");
    admin.exec("CREATE TABLE elsewhere.t (id INT PRIMARY KEY, a INT)");
    admin.exec("GRANT ALL PRIVILEGES ON elsewhere.* TO 'poor'@'%'");
    assert_ends(
        &place.migrate(&server, &[]).run(),
        2,
        &["this one is of elsewhere"],
    );
}
