use super::{SplitOptions, decode, split};

fn texts(input: &str) -> Vec<&str> {
    split(input, SplitOptions::default())
        .unwrap()
        .statements
        .iter()
        .map(|s| s.text)
        .collect()
}

fn error(input: &str) -> String {
    split(input, SplitOptions::default()).unwrap_err().to_string()
}

#[test]
fn splits_like_the_client() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        (" ;; ;\n-- nothing\n/* at all */ # here", &[]),
        ("SELECT 1", &["SELECT 1"]),
        ("SELECT 1; SELECT 2 ;", &["SELECT 1", "SELECT 2"]),
        ("\u{feff}SELECT 1;\r\nSELECT 2;\r\n", &["SELECT 1", "SELECT 2"]),
        (
            "SELECT ';', \";\", `;`;SELECT 2",
            &["SELECT ';', \";\", `;`", "SELECT 2"],
        ),
        (
            "SELECT 'it''s; \\'; ', 'x';SELECT 2",
            &["SELECT 'it''s; \\'; ', 'x'", "SELECT 2"],
        ),
        ("SELECT `a\\`; SELECT 2", &["SELECT `a\\`", "SELECT 2"]),
        ("SELECT 5--3; SELECT 2", &["SELECT 5--3", "SELECT 2"]),
        ("SELECT 5-- ;3\n; SELECT 2--", &["SELECT 5", "SELECT 2"]),
        (
            "SELECT 1 -- a;b\n+ 1; -- c;d\n# e;f\nSELECT 2",
            &["SELECT 1 -- a;b\n+ 1", "SELECT 2"],
        ),
        (
            "SELECT 1 /* a; 'b */ + 1; SELECT 2",
            &["SELECT 1 /* a; 'b */ + 1", "SELECT 2"],
        ),
        (
            "SELECT /*+ MAX_EXECUTION_TIME(1000); */ 1; SELECT 2",
            &["SELECT /*+ MAX_EXECUTION_TIME(1000); */ 1", "SELECT 2"],
        ),
        (
            "/*!40101 SET a = 'b;c' */; SELECT 2",
            &["/*!40101 SET a = 'b;c' */", "SELECT 2"],
        ),
        (
            "/*M!100100 SELECT 1; */; SELECT 2",
            &["/*M!100100 SELECT 1; */", "SELECT 2"],
        ),
        (
            "/*! SELECT '*/' /* nested */ */; SELECT 2",
            &["/*! SELECT '*/' /* nested */ */", "SELECT 2"],
        ),
        ("SELECT 1\\G SELECT 2\\g", &["SELECT 1", "SELECT 2"]),
        (
            "DELIMITER //\nSELECT 1; SELECT 2//\nDELIMITER ;\nSELECT 3;",
            &["SELECT 1; SELECT 2", "SELECT 3"],
        ),
        (
            "delimiter $$\r\nBEGIN; END$$\r\nDelimiter ;\r\nSELECT 3;",
            &["BEGIN; END", "SELECT 3"],
        ),
        ("DELIMITER ';;' -- x\nSELECT 1; x;;", &["SELECT 1; x"]),
        (
            "DELIMITER go\nSELECT category\ngo\nSELECT 2 go",
            &["SELECT category", "SELECT 2"],
        ),
        ("SELECT 1\nDELIMITER //\nSELECT 2;//", &["SELECT 1", "SELECT 2;"]),
        (
            "CREATE TABLE csv (\n  delimiter CHAR(1),\n  b INT);\nSELECT 2",
            &["CREATE TABLE csv (\n  delimiter CHAR(1),\n  b INT)", "SELECT 2"],
        ),
        (
            "INSERT INTO t VALUES ('é;漢', 1); SELECT 'ü'",
            &["INSERT INTO t VALUES ('é;漢', 1)", "SELECT 'ü'"],
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(&texts(input), expected, "{input}");
    }
}

#[test]
fn backslashes_are_plain_under_no_backslash_escapes() {
    let options = SplitOptions {
        backslash_escapes: false,
    };
    let found = split(r"SELECT 'a\'; SELECT 'b'", options).unwrap();
    assert_eq!(found.statements.len(), 2);
    assert!(split(r"SELECT 'a\'; SELECT 'b'", SplitOptions::default()).is_err());
}

#[test]
fn compound_bodies_stay_whole_without_delimiter() {
    let whole = [
        "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
        "CREATE OR REPLACE DEFINER=`event`@localhost PROCEDURE p(IN a DECIMAL(10,2), OUT b INT)\n  COMMENT 'x;y' READS SQL DATA SQL SECURITY INVOKER\nBEGIN SELECT 1; END",
        "CREATE DEFINER = event@function PROCEDURE IF NOT EXISTS p() DETERMINISTIC LANGUAGE SQL main: BEGIN LEAVE main; END main",
        "CREATE FUNCTION f(a INT) RETURNS VARCHAR(20) CHARSET utf8mb4 DETERMINISTIC BEGIN IF a > 1 THEN RETURN IF(a, 'x', 'y'); ELSEIF (a) THEN RETURN 'b'; ELSE RETURN REPEAT('z', 3); END IF; RETURN 'c'; END",
        "CREATE FUNCTION f() RETURNS INT IF 1 THEN RETURN 1; ELSE RETURN 2; END IF",
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; END",
        "CREATE TRIGGER t AFTER UPDATE ON x FOR EACH ROW FOLLOWS begin IF NEW.a THEN SET @a = 1; END IF",
        "CREATE EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE DO BEGIN DELETE FROM x; DELETE FROM y; END",
        "ALTER EVENT e DO BEGIN DO SLEEP(1); END",
        "CREATE PROCEDURE p() BEGIN SET @a = CASE WHEN 1 THEN CASE 2 WHEN 2 THEN 3 END ELSE 4 END; SELECT start, end FROM x; END",
        "CREATE PROCEDURE p() CASE 1 WHEN 1 THEN SELECT 1; WHEN CASE 2 WHEN 3 THEN 4 END THEN SELECT 3; ELSE SELECT 2; END CASE",
        "CREATE PROCEDURE p() BEGIN lp: LOOP SET i := i + 1; IF i > 3 THEN LEAVE lp; END IF; END LOOP lp; END",
        "CREATE PROCEDURE p() BEGIN WHILE i < 3 DO SET i = i + 1; END WHILE; REPEAT SET i = 1; UNTIL i END REPEAT; END",
        "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLSTATE VALUE '23000', 1062, NOT FOUND BEGIN ROLLBACK; RESIGNAL; END; SELECT 1; END",
        "CREATE PROCEDURE p() BEGIN DECLARE done INT DEFAULT CASE WHEN 1 THEN 2 END; DECLARE c CURSOR FOR SELECT 1; DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = CASE WHEN 1 THEN 2 END; SELECT done; END",
        "CREATE PROCEDURE p() BEGIN IF EXISTS (SELECT 1) THEN DROP TABLE IF EXISTS x; END IF; INSERT INTO t SELECT IF(a, b, c) FROM u ON DUPLICATE KEY UPDATE a = VALUES(a); END",
        "CREATE PROCEDURE p() BEGIN SELECT CASE WHEN t.end > 1 AND end < 2 THEN 1 END; BEGIN SELECT 1; END; END",
        "CREATE PROCEDURE p() BEGIN SELECT 1; -- it's; END\n /* END; */ END",
        "CREATE PROCEDURE p() BEGIN FOR i IN 1..3 DO SELECT i; END FOR; END",
        "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END",
        "IF 1 THEN SELECT 1; END IF",
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a = 1; END */",
    ];
    for statement in whole {
        assert_eq!(
            texts(&format!("{statement};\nSELECT 'next';")),
            [statement, "SELECT 'next'"]
        );
        assert_eq!(texts(statement), [statement]);
    }
}

#[test]
fn simple_bodies_and_lookalikes_end_at_the_first_semicolon() {
    let simple = [
        "CREATE PROCEDURE p() SELECT begin, CASE WHEN 1 THEN 2 END FROM loop_table",
        "CREATE FUNCTION f() RETURNS INT RETURN IF(1, CASE WHEN 1 THEN 2 END, 3)",
        "CREATE FUNCTION f RETURNS STRING SONAME 'begin.so'",
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = IF(NEW.a, 1, 2)",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM x",
        "ALTER EVENT begin DISABLE",
        "CREATE TABLE begin (if_ INT, `end` INT)",
        "CREATE VIEW v AS SELECT CASE WHEN 1 THEN 2 END",
        "BEGIN",
        "BEGIN WORK",
        "DROP PROCEDURE IF EXISTS p",
    ];
    for statement in simple {
        assert_eq!(
            texts(&format!("{statement};SELECT 'next'")),
            [statement, "SELECT 'next'"]
        );
    }
}

#[test]
fn statements_know_their_place() {
    let found = split(
        "-- head\r\n  SELECT 1; /* é */ SELECT\r\n2;\n\n  DROP TABLE x",
        SplitOptions::default(),
    )
    .unwrap();
    let places: Vec<_> = found
        .statements
        .iter()
        .map(|s| (s.line, s.column, s.range.start))
        .collect();
    assert_eq!(places, [(2, 3, 11), (2, 21, 30), (5, 3, 44)]);
}

#[test]
fn marker_comments_belong_to_the_next_statement() {
    let input =
        "-- migrate:up\nSELECT 1;\n# dbtool: batch id\n-- dbtooling\nUPDATE t SET a = 1;\n/* migrate:down */";
    let found = split(input, SplitOptions::default()).unwrap();
    let markers = |index: usize| {
        found.statements[index]
            .markers
            .iter()
            .map(|m| (m.text.as_str(), m.line))
            .collect::<Vec<_>>()
    };
    assert_eq!(markers(0), [("migrate:up", 1)]);
    assert_eq!(markers(1), [("dbtool: batch id", 3)]);
    assert_eq!(
        found.trailing.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(),
        ["migrate:down"]
    );
}

#[test]
fn what_is_never_closed_is_named_with_its_place() {
    let cases = [
        (
            "SELECT 1;\n  SELECT 'abc;\n",
            "2:10: string in single quotes is never closed",
        ),
        ("SELECT \"abc", "1:8: string in double quotes is never closed"),
        (
            "SELECT 'é', `abc",
            "1:13: identifier in backticks is never closed",
        ),
        ("\u{feff}/* abc", "1:1: comment is never closed"),
        ("SELECT 1 /*/", "1:10: comment is never closed"),
        ("SELECT 1 /*! + 1", "1:10: executable comment is never closed"),
        (
            "SELECT 1;\nDELIMITER \nSELECT 2",
            "2:1: DELIMITER without a delimiter",
        ),
        ("DELIMITER \\\\", "1:1: a DELIMITER cannot contain a backslash"),
        (
            "CREATE PROCEDURE p() BEGIN\n SELECT 1;",
            "1:22: compound statement (no matching END) is never closed",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(error(input), expected, "{input}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named_with_their_place() {
    assert_eq!(decode("é".as_bytes()), Ok("é"));
    let error = decode(b"SELECT 1;\n-- caf\xe9\n").unwrap_err();
    assert_eq!(error.to_string(), "2:7: byte 16 (0xE9) is not valid UTF-8");
}

#[test]
fn a_change_of_database_within_a_statement_is_refused() {
    assert!(error("INSERT INTO t VALUES (1) \\u other\n;").contains("\\u is inside a statement"));
    assert_eq!(texts("\\u other\nSELECT 1;").len(), 2);
}
