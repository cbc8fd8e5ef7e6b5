use super::super::object_snapshot::{ObjectSnapshot, ObjectState};
use super::super::server_instance::IdentityTrust;
use super::super::table_identity::TableIdentity;
use super::{RecoveryVerdict, ServerFacts, took_effect, warning};
use crate::db::{Flavor, Server};
use crate::sql::classify;

/// On one server with atomic DDL.
const FIRM: ServerFacts = ServerFacts {
    atomic: true,
    trust: IdentityTrust::FULL,
};

/// Looks as `print@ids/created/renews`, separated by commas; `empty` behind a `!`.
fn snapshot(text: &str) -> ObjectSnapshot {
    let look = |text: &str| {
        let (text, empty) = match text.strip_suffix('!') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (text, innodb) = match text.strip_suffix("+innodb") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (print, identity) = match text.split_once('@') {
            Some((print, identity)) => (print, Some(TableIdentity::parse(identity))),
            None => (text, None),
        };
        ObjectState {
            print: print.to_owned(),
            identity,
            empty,
            innodb,
        }
    };
    ObjectSnapshot {
        database: "db".to_owned(),
        looks: text
            .split(',')
            .filter(|look| !look.is_empty())
            .map(look)
            .collect(),
        ..ObjectSnapshot::default()
    }
}

#[test]
fn the_schema_says_whether_a_statement_happened() {
    use RecoveryVerdict::{Applied, NotApplied};
    const RING: &str = "RENAME TABLE a TO tmp, b TO a, tmp TO b";
    let cases = [
        ("CREATE TABLE t (a INT)", "-", "-", Some(NotApplied)),
        ("CREATE TABLE t (a INT)", "-", "x", Some(Applied)),
        ("CREATE TABLE t AS SELECT 1", "-", "x", None),
        ("CREATE TABLE t AS SELECT 1", "-", "x+innodb", Some(Applied)),
        ("CREATE TABLE t AS SELECT 1", "-", "-", Some(NotApplied)),
        ("CREATE TABLE IF NOT EXISTS t (a INT)", "x", "x", Some(Applied)),
        ("CREATE TABLE IF NOT EXISTS t (a INT)", "x", "-", Some(Applied)),
        (
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@5//",
            "x@5//",
            Some(NotApplied),
        ),
        (
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@5//",
            "x@6//",
            Some(Applied),
        ),
        (
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@/10/",
            "x@/12/",
            Some(Applied),
        ),
        ("CREATE OR REPLACE TABLE t (a INT)", "x@//", "x@//", None),
        (
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@5//",
            "-",
            Some(NotApplied),
        ),
        ("DROP TABLE t", "x@5//", "-", Some(Applied)),
        ("DROP TABLE t", "x@5//", "x@5//", Some(NotApplied)),
        ("DROP TABLE t", "x@5//", "x@6//", None),
        ("DROP TABLE t, u", "x@5//,y@6//", "-,y@6//", None),
        ("DROP TABLE t, u", "x@5//,y@6//", "-,-", Some(Applied)),
        (
            "DROP TABLE IF EXISTS t, u",
            "x@5//,y@6//",
            "-,y@6//",
            Some(NotApplied),
        ),
        ("DROP TABLE IF EXISTS t, u", "-,y@6//", "-,-", Some(Applied)),
        ("DROP TABLE IF EXISTS t", "-", "-", Some(NotApplied)),
        ("DROP TABLE IF EXISTS t", "-", "x@7//", Some(Applied)),
        ("DROP TABLE IF EXISTS t, u", "-,y@6//", "x@7//,y@6//", None),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", "x@5//", "x@6//", None),
        (
            "CREATE OR REPLACE TABLE t AS SELECT 1",
            "x@5//",
            "x@6//+innodb",
            Some(Applied),
        ),
        (
            "CREATE OR REPLACE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
            "x",
            "y",
            Some(Applied),
        ),
        (
            "CREATE OR REPLACE EVENT e ON SCHEDULE AT NOW() DO SELECT 1",
            "x",
            "-",
            None,
        ),
        ("DROP DATABASE d", "x", "x", Some(NotApplied)),
        ("ALTER TABLE t ADD a INT", "x", "x", Some(NotApplied)),
        ("ALTER TABLE t ADD a INT", "x", "y", Some(Applied)),
        ("ALTER TABLE t ADD a INT", "x", "-", None),
        ("ALTER TABLE t ADD a INT", "hidden", "hidden", None),
        ("ALTER TABLE t FORCE", "x", "x", Some(NotApplied)),
        (
            "ALTER TABLE t DROP a, ADD a INT",
            "x@5/10/",
            "x@5/10/",
            Some(NotApplied),
        ),
        (
            "ALTER TABLE t DROP a, ADD a INT",
            "x@5/10/",
            "x@5/12/",
            Some(Applied),
        ),
        ("ALTER TABLE t DROP a, ADD a INT", "x@//", "x@//", None),
        (
            "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a",
            "x@/10/",
            "x@/11/",
            Some(Applied),
        ),
        (
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "x@5.6/10/",
            "x@7.6/10/",
            Some(Applied),
        ),
        (
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "x@5.6/10/",
            "x@5.6/10/",
            Some(NotApplied),
        ),
        (
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "x@5.6/10/",
            "x@7.8/12/",
            None,
        ),
        (
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "x@/10/",
            "x@/10/",
            None,
        ),
        ("ALTER TABLE t TRUNCATE PARTITION p", "x@/10/", "x@/10/", None),
        ("ALTER TABLE t DISCARD TABLESPACE", "x", "x", None),
        ("ALTER TABLE t RENAME TO u", "x,-", "-,y", Some(Applied)),
        ("ALTER TABLE t RENAME TO u", "x,-", "x,-", Some(NotApplied)),
        ("CREATE INDEX i ON t (a)", "x", "y", Some(Applied)),
        (
            RING,
            "x@1//,-,x@2//,x@1//,-,x@2//",
            "x@2//,-,x@1//,x@2//,-,x@1//",
            Some(Applied),
        ),
        (
            RING,
            "x@1//,-,x@2//,x@1//,-,x@2//",
            "x@1//,-,x@2//,x@1//,-,x@2//",
            Some(NotApplied),
        ),
        (
            RING,
            "x@1//,-,x@2//,x@1//,-,x@2//",
            "x@1//,-,x@3//,x@1//,-,x@3//",
            None,
        ),
        // The time of creation moves with the table …
        (
            RING,
            "x@/7/,-,x@/8/,x@/7/,-,x@/8/",
            "x@/8/,-,x@/7/,x@/8/,-,x@/7/",
            Some(Applied),
        ),
        (
            RING,
            "x@/7/,-,x@/8/,x@/7/,-,x@/8/",
            "x@/7/,-,x@/8/,x@/7/,-,x@/8/",
            Some(NotApplied),
        ),
        (
            RING,
            "x@/7/,-,x@/7/,x@/7/,-,x@/7/",
            "x@/7/,-,x@/7/,x@/7/,-,x@/7/",
            None,
        ),
        // … or is renewed by the rename; or the definitions tell.
        (
            RING,
            "x@/7/r,-,x@/7/r,x@/7/r,-,x@/7/r",
            "x@/9/r,-,x@/9/r,x@/9/r,-,x@/9/r",
            Some(Applied),
        ),
        (
            RING,
            "x@/7/r,-,x@/7/r,x@/7/r,-,x@/7/r",
            "x@/7/r,-,x@/7/r,x@/7/r,-,x@/7/r",
            Some(NotApplied),
        ),
        (
            RING,
            "x@//,-,y@//,x@//,-,y@//",
            "y@//,-,x@//,y@//,-,x@//",
            Some(Applied),
        ),
        ("RENAME TABLE a TO b", "x,-", "x,-", Some(NotApplied)),
        ("RENAME TABLE a TO b", "x,-", "-,x", Some(Applied)),
        ("RENAME TABLE a TO b", "x,-", "x,x", None),
        ("TRUNCATE TABLE t", "x@5/10/", "x@5/10/", Some(NotApplied)),
        ("TRUNCATE TABLE t", "x@5/10/", "x@6/10/", Some(Applied)),
        ("TRUNCATE TABLE t", "x@5/10/", "x@6/10/!", Some(NotApplied)),
        ("TRUNCATE TABLE t", "x@/10/", "x@/10/", None),
        ("TRUNCATE TABLE t", "x@/10/", "x@/10/!", Some(NotApplied)),
        ("TRUNCATE TABLE t", "x@5/10/", "x@6/12/", None),
        ("TRUNCATE TABLE t", "x@5.6/10/", "x@7.8/10/", Some(Applied)),
        ("TRUNCATE TABLE t", "x@5.6/10/", "x@7.6/10/", None),
        (
            "ALTER TABLE t TRUNCATE PARTITION ALL",
            "x@5.6/10/",
            "x@7.6/10/",
            None,
        ),
        ("ALTER SEQUENCE s RESTART 100", "x:10", "x:10", Some(NotApplied)),
        (
            "ALTER SEQUENCE s RESTART WITH 100",
            "x:10",
            "x:100",
            Some(Applied),
        ),
        ("ALTER SEQUENCE s RESTART 100", "x:10", "x:1100", None),
        ("CREATE EVENT e ON SCHEDULE AT NOW() DO SELECT 1", "-", "-", None),
        (
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
            "-",
            "-",
            Some(NotApplied),
        ),
        ("CREATE OR REPLACE VIEW v AS SELECT 2", "x", "y", Some(NotApplied)),
        (
            "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW SET @a = 1",
            "-",
            "x",
            Some(Applied),
        ),
        ("DROP PROCEDURE p", "x", "-", Some(Applied)),
        ("ANALYZE TABLE t", "", "", Some(NotApplied)),
        ("GRANT SELECT ON t TO u", "", "", Some(NotApplied)),
        ("SET GLOBAL a = 5, @@GLOBAL.b = 6", "", "", Some(NotApplied)),
        ("SET GLOBAL a = @@a + 1", "", "", None),
        ("SET GLOBAL a = GREATEST(1, @@a), b = 2", "", "", None),
        ("SET PERSIST a = @n", "", "", None),
        ("CREATE USER IF NOT EXISTS u", "", "", Some(NotApplied)),
        ("CREATE USER u", "", "", None),
        ("CALL p()", "", "", None),
        ("INSERT INTO t VALUES (1)", "", "", None),
    ];
    for (statement, before, now, expected) in cases {
        let (was, is) = (snapshot(before), snapshot(now));
        let found = classify(statement);
        let verdict = took_effect(statement, &found, &was, &is, FIRM);
        match expected {
            Some(expected) => assert_eq!(verdict, expected, "{statement}: {before} -> {now}"),
            None => assert!(
                matches!(verdict, RecoveryVerdict::Unclear(_)),
                "{statement}: {before} -> {now}: {verdict:?}"
            ),
        }
    }
}

#[test]
fn a_restart_leaves_less_to_decide_by() {
    use RecoveryVerdict::{Applied, NotApplied};
    const RING: &str = "RENAME TABLE a TO tmp, b TO a, tmp TO b";
    let restarted = IdentityTrust {
        other_times: false,
        ..IdentityTrust::FULL
    };
    let elsewhere = IdentityTrust {
        numbers: false,
        same_times: false,
        other_times: false,
    };
    let cases = [
        (
            restarted,
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@5/10/",
            "x@6/12/",
            Some(Applied),
        ),
        (
            restarted,
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@/10/",
            "x@/12/",
            None,
        ),
        (
            restarted,
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@/10/",
            "x@/10/",
            Some(NotApplied),
        ),
        (
            restarted,
            "ALTER TABLE t DROP a, ADD a INT",
            "x@5/10/",
            "x@5/12/",
            None,
        ),
        (
            restarted,
            "ALTER TABLE t DROP a, ADD a INT",
            "x@5/10/",
            "x@6/12/",
            Some(Applied),
        ),
        (
            restarted,
            RING,
            "x@/10/r,-,x@/10/r,x@/10/r,-,x@/10/r",
            "x@/12/r,-,x@/12/r,x@/12/r,-,x@/12/r",
            None,
        ),
        (
            restarted,
            RING,
            "x@/10/r,-,x@/10/r,x@/10/r,-,x@/10/r",
            "x@/10/r,-,x@/10/r,x@/10/r,-,x@/10/r",
            Some(NotApplied),
        ),
        (
            elsewhere,
            "CREATE OR REPLACE TABLE t (a INT)",
            "x@5/10/",
            "x@6/12/",
            None,
        ),
        (elsewhere, "TRUNCATE TABLE t", "x@5/10/", "x@6/10/", None),
        (elsewhere, "DROP TABLE t", "x@5/10/", "-", Some(Applied)),
        (
            elsewhere,
            RING,
            "x@1//,-,x@2//,x@1//,-,x@2//",
            "x@2//,-,x@1//,x@2//,-,x@1//",
            None,
        ),
    ];
    for (trust, statement, before, now, expected) in cases {
        let (was, is) = (snapshot(before), snapshot(now));
        let facts = ServerFacts { atomic: true, trust };
        let verdict = took_effect(statement, &classify(statement), &was, &is, facts);
        match expected {
            Some(expected) => assert_eq!(verdict, expected, "{statement}: {before} -> {now}"),
            None => assert!(
                matches!(verdict, RecoveryVerdict::Unclear(_)),
                "{statement}: {before} -> {now}: {verdict:?}"
            ),
        }
    }
}

#[test]
fn ddl_that_is_not_atomic_is_asked_about() {
    for statement in [
        "CREATE TABLE t (a INT)",
        "ALTER TABLE t ADD a INT",
        "DROP TABLE t",
    ] {
        let (was, is) = (snapshot("x@5//"), snapshot("x@5//"));
        let verdict = took_effect(
            statement,
            &classify(statement),
            &was,
            &is,
            ServerFacts {
                atomic: false,
                ..FIRM
            },
        );
        assert!(
            matches!(&verdict, RecoveryVerdict::Unclear(why) if why.contains("not atomic")),
            "{verdict:?}"
        );
    }
}

#[test]
fn servers_without_atomic_ddl_are_warned_about() {
    let warned = |flavor, version| {
        warning(&Server {
            flavor,
            version,
            ..Server::default()
        })
    };
    for (flavor, without, with) in [
        (Flavor::MySql, (5, 7, 44), (8, 0, 0)),
        (Flavor::MariaDb, (10, 5, 29), (10, 6, 1)),
    ] {
        let words = warned(flavor, without).unwrap();
        assert!(
            words.contains(&format!("{flavor} ")) && words.contains("not atomic"),
            "{words}"
        );
        assert_eq!(warned(flavor, with), None);
    }
}

#[test]
fn what_the_first_version_recorded_tells_only_what_is_there() {
    let decided = |statement: &str, before: &str, now: &str| {
        took_effect(
            statement,
            &classify(statement),
            &ObjectSnapshot::parse(before),
            &snapshot(now),
            FIRM,
        )
    };
    assert_eq!(
        decided("CREATE TABLE t (a INT)", "-", "x"),
        RecoveryVerdict::Applied
    );
    assert_eq!(
        decided("RENAME TABLE a TO b", "x,-", "-,z"),
        RecoveryVerdict::Applied
    );
    assert!(matches!(
        decided("ALTER TABLE t ADD a INT", "x", "y"),
        RecoveryVerdict::Unclear(_)
    ));
    assert!(matches!(
        decided("DROP TABLE t", "x", "x@5//"),
        RecoveryVerdict::Unclear(_)
    ));
}
