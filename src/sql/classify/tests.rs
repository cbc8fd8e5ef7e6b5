use super::{Classification, ObjectEffect, StatementClass, classify};

fn touched(found: &Classification) -> Vec<String> {
    found
        .objects
        .iter()
        .map(|object| {
            let full = |name: &crate::sql::ObjectName| match &name.schema {
                Some(schema) => format!("{schema}.{}", name.name),
                None => name.name.clone(),
            };
            let effect = match &object.effect {
                ObjectEffect::Create => "+".to_owned(),
                ObjectEffect::Drop => "-".to_owned(),
                ObjectEffect::Alter => "~".to_owned(),
                ObjectEffect::Truncate => "0".to_owned(),
                ObjectEffect::Write => "*".to_owned(),
                ObjectEffect::Rename(to) => format!(">{} ", full(to)),
            };
            format!("{effect}{} {}", object.kind.keyword(), full(&object.name))
        })
        .collect()
}

#[test]
fn statements_are_told_apart() {
    use StatementClass::{Admin, Ddl, Dml, Other, Query, Session, Transaction};
    let cases: &[(&str, StatementClass, &str, bool, &[&str])] = &[
        (
            "CREATE TABLE IF NOT EXISTS `a``b`.`t` (id INT)",
            Ddl,
            "CREATE TABLE",
            true,
            &["+TABLE a`b.t"],
        ),
        (
            "create temporary table t (a int)",
            Ddl,
            "CREATE TABLE",
            false,
            &["+TABLE t"],
        ),
        (
            "DROP TEMPORARY TABLE IF EXISTS t",
            Ddl,
            "DROP TABLE",
            false,
            &["-TABLE t"],
        ),
        (
            "DROP TABLE a, db . b",
            Ddl,
            "DROP TABLE",
            true,
            &["-TABLE a", "-TABLE db.b"],
        ),
        (
            "RENAME TABLE a TO b, x.c TO x.d",
            Ddl,
            "RENAME TABLE",
            true,
            &[">b TABLE a", ">x.d TABLE x.c"],
        ),
        ("TRUNCATE t", Ddl, "TRUNCATE TABLE", true, &["0TABLE t"]),
        (
            "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `view`@trigger SQL SECURITY INVOKER VIEW v AS SELECT 1",
            Ddl,
            "CREATE VIEW",
            true,
            &["+VIEW v"],
        ),
        (
            "CREATE DEFINER=a@b PROCEDURE IF NOT EXISTS p() SELECT 1",
            Ddl,
            "CREATE PROCEDURE",
            true,
            &["+PROCEDURE p"],
        ),
        (
            "CREATE AGGREGATE FUNCTION f RETURNS INT SONAME 'x'",
            Ddl,
            "CREATE FUNCTION",
            true,
            &["+FUNCTION f"],
        ),
        (
            "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`l`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a=1 */",
            Ddl,
            "CREATE TRIGGER",
            true,
            &["+TRIGGER t"],
        ),
        (
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
            Ddl,
            "CREATE EVENT",
            true,
            &["+EVENT e"],
        ),
        (
            "ALTER EVENT e RENAME TO f",
            Ddl,
            "ALTER EVENT",
            true,
            &[">f EVENT e"],
        ),
        (
            "CREATE UNIQUE INDEX i ON db.t (a)",
            Ddl,
            "CREATE INDEX",
            true,
            &["~TABLE db.t"],
        ),
        ("DROP INDEX i ON t", Ddl, "DROP INDEX", true, &["~TABLE t"]),
        ("DROP DATABASE d", Ddl, "DROP DATABASE", true, &["-DATABASE d"]),
        ("CREATE USER a", Admin, "CREATE USER", true, &[]),
        ("GRANT SELECT ON t TO a", Admin, "GRANT", true, &[]),
        (
            "INSERT IGNORE INTO t VALUES (1)",
            Dml,
            "INSERT",
            false,
            &["*TABLE t"],
        ),
        (
            "UPDATE LOW_PRIORITY `t` SET a = 1",
            Dml,
            "UPDATE",
            false,
            &["*TABLE t"],
        ),
        ("DELETE FROM t", Dml, "DELETE", false, &["*TABLE t"]),
        (
            "LOAD DATA INFILE 'x' INTO TABLE t",
            Dml,
            "LOAD",
            false,
            &["*TABLE t"],
        ),
        (
            "WITH x AS (SELECT 1) UPDATE t SET a = 1",
            Dml,
            "UPDATE",
            false,
            &["*TABLE t"],
        ),
        (
            "WITH x AS (SELECT 1) SELECT * FROM x",
            Query,
            "SELECT",
            false,
            &[],
        ),
        ("(SELECT 1) UNION (SELECT 2)", Query, "SELECT", false, &[]),
        ("SHOW TABLES", Query, "SHOW", false, &[]),
        ("BEGIN", Transaction, "BEGIN", true, &[]),
        (
            "BEGIN NOT ATOMIC SELECT 1; END",
            Other,
            "BEGIN NOT ATOMIC",
            false,
            &[],
        ),
        (
            "START TRANSACTION READ ONLY",
            Transaction,
            "START TRANSACTION",
            true,
            &[],
        ),
        ("START REPLICA", Admin, "START", true, &[]),
        ("COMMIT", Transaction, "COMMIT", false, &[]),
        ("SET @a = 1, foreign_key_checks = 0", Session, "SET", false, &[]),
        ("SET SESSION autocommit = 0", Transaction, "SET", true, &[]),
        ("SET GLOBAL x = 1", Admin, "SET", false, &[]),
        ("SET PASSWORD = 'x'", Admin, "SET", true, &[]),
        ("USE db", Session, "USE", false, &[]),
        ("ANALYZE TABLE t", Admin, "ANALYZE", true, &[]),
        ("ANALYZE UPDATE t SET n = 1", Dml, "UPDATE", false, &["*TABLE t"]),
        (
            "ANALYZE /* x */ FORMAT=JSON SELECT 1",
            Query,
            "SELECT",
            false,
            &[],
        ),
        ("nonsense", Other, "NONSENSE", false, &[]),
        ("--", Other, "SELECT", false, &[]),
    ];
    for (statement, class, verb, commits, objects) in cases {
        let found = classify(statement);
        let summary = (
            found.class,
            found.verb.as_str(),
            found.implicit_commit,
            touched(&found),
        );
        let expected: Vec<String> = objects.iter().map(|&object| object.to_owned()).collect();
        assert_eq!(summary, (*class, *verb, *commits, expected), "{statement}");
    }
}

#[test]
fn what_a_new_session_would_lack_is_noticed() {
    for statement in [
        "CREATE TEMPORARY TABLE t (a INT)",
        "SELECT COUNT(*) INTO @n FROM t",
        "SELECT @a := 1",
        "SET @n = (SELECT 1)",
    ] {
        assert!(classify(statement).session_state, "{statement}");
    }
    for statement in [
        "CREATE TABLE t (a INT)",
        "SET @n = 1",
        "INSERT INTO t VALUES ('INTO @x')",
        "SELECT @a",
    ] {
        assert!(!classify(statement).session_state, "{statement}");
    }
    assert!(classify("CALL p()").opaque);
}
