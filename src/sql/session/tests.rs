use super::*;

#[test]
fn variables_are_found_by_name() {
    for (statement, names) in [
        (
            "SET @a = 1, @B := @@sql_mode, @`c d` = @'e'",
            &["a", "b", "c d", "e"][..],
        ),
        ("SELECT id INTO @my.var FROM t", &["my.var"]),
        ("SELECT @@session.sql_mode, '@x', `@y` -- @z", &[]),
    ] {
        assert_eq!(user_variables(statement), names, "{statement}");
    }
}

#[test]
fn what_asks_about_the_statement_before_is_known() {
    for statement in [
        "INSERT INTO a VALUES (ROW_COUNT())",
        "SELECT found_rows ()",
        "SET @w = @@warning_count",
        "SELECT @@session.error_count",
        "SHOW WARNINGS LIMIT 1",
        "SHOW COUNT(*) ERRORS",
        "GET CURRENT DIAGNOSTICS @n = ROW_COUNT",
        "CALL log(ROW_COUNT())",
    ] {
        assert!(reads_diagnostics(statement), "{statement}");
    }
    for statement in [
        "INSERT INTO row_count VALUES (1)",
        "INSERT INTO a VALUES ('ROW_COUNT()')",
        "SHOW TABLES",
        "SELECT errors FROM t",
        "SELECT LAST_INSERT_ID()",
    ] {
        assert!(!reads_diagnostics(statement), "{statement}");
    }
    assert!(reads_last_insert_id("INSERT INTO c VALUES (last_insert_id())"));
    assert!(reads_last_insert_id("SET @a = @@identity"));
    assert!(!reads_last_insert_id("INSERT INTO c VALUES ('LAST_INSERT_ID()')"));
}

#[test]
fn programs_that_ask_about_the_statement_before_are_known() {
    for body in [
        "INSERT INTO audit VALUES (ROW_COUNT())",
        "BEGIN DECLARE n INT DEFAULT FOUND_ROWS(); UPDATE t SET x = n; END",
        "BEGIN SET @w = @@warning_count; END",
        "RETURN row_count()",
    ] {
        assert!(asks_first(body), "{body}");
    }
    for body in [
        "BEGIN UPDATE t SET x = 1; IF ROW_COUNT() = 0 THEN INSERT INTO t VALUES (1); END IF; END",
        "RETURN 'ROW_COUNT()'",
        "SELECT row_count FROM t",
    ] {
        assert!(!asks_first(body), "{body}");
    }
    let name = |statement: &str| creates_program(statement);
    assert_eq!(
        name("CREATE TRIGGER tr BEFORE INSERT ON `a b` FOR EACH ROW SET @x = 1").as_deref(),
        Some("a b")
    );
    assert_eq!(name("CREATE OR REPLACE VIEW v AS SELECT 1").as_deref(), Some("v"));
    assert_eq!(name("CREATE TABLE t AS SELECT ROW_COUNT()"), None);
    let named = |statement: &str| mentions_name(statement, |name| name == "v");
    assert!(named("INSERT INTO t SELECT * FROM d.`V`") && !named("SELECT 'v', @x FROM vv -- v"));
}

#[test]
fn handlers_are_known_by_their_alias() {
    let of = |statement: &str| handles(statement);
    assert_eq!(
        of("HANDLER d.T OPEN AS h"),
        Some(("h".to_owned(), HandlerUse::Open))
    );
    assert_eq!(of("HANDLER `T` OPEN"), Some(("t".to_owned(), HandlerUse::Open)));
    assert_eq!(
        of("HANDLER h READ NEXT"),
        Some(("h".to_owned(), HandlerUse::Read))
    );
    assert_eq!(of("HANDLER h CLOSE"), Some(("h".to_owned(), HandlerUse::Close)));
}

#[test]
fn plain_writes_are_told_from_others() {
    for statement in [
        "INSERT INTO t VALUES (1, 'a'), (2, NOW())",
        "INSERT IGNORE t (a, b) VALUES (1, CONCAT('x', 'y')) ON DUPLICATE KEY UPDATE a = VALUES(a)",
        "REPLACE INTO d.t SET a = 1",
        "UPDATE t SET a = a + 1 WHERE id IN (1, 2)",
        "UPDATE t AS x SET a = 1",
        "DELETE FROM t WHERE a = 1 ORDER BY id LIMIT 3",
    ] {
        assert!(plain_write(statement).is_some(), "{statement}");
    }
    for statement in [
        "INSERT INTO t SELECT 1",
        "INSERT INTO t VALUES (@a)",
        "INSERT INTO t VALUES (f(1))",
        "INSERT INTO t VALUES (`f`(1))",
        "INSERT INTO t VALUES ((SELECT 1))",
        "UPDATE t, u SET t.a = 1",
        "UPDATE t JOIN u SET t.a = 1",
        "DELETE t FROM t JOIN u",
        "DELETE FROM t USING t JOIN u",
        "LOAD DATA INFILE 'x' INTO TABLE t",
    ] {
        assert!(plain_write(statement).is_none(), "{statement}");
    }
}

#[test]
fn prepared_texts_are_read() {
    let text = |written: &str, value: &str| Prepared::Text {
        written: written.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        prepares(r"PREPARE `St` FROM 'SELECT ''a\'b\%\_'''"),
        Some((
            "st".to_owned(),
            text(r"'SELECT ''a\'b\%\_'''", r"SELECT 'a'b\%\_'")
        ))
    );
    assert_eq!(
        prepares("PREPARE s FROM @Sql"),
        Some(("s".to_owned(), Prepared::Variable("sql".to_owned())))
    );
    assert_eq!(
        prepares("PREPARE s FROM CONCAT('a')"),
        Some(("s".to_owned(), Prepared::Expression))
    );
    assert_eq!(deallocates("DEALLOCATE PREPARE S"), Some("s".to_owned()));
    assert_eq!(
        executes("EXECUTE s USING @a"),
        Some(Executed::Name("s".to_owned()))
    );
    assert_eq!(
        executes("EXECUTE IMMEDIATE 'DROP TABLE t'"),
        Some(Executed::Immediate(text("'DROP TABLE t'", "DROP TABLE t")))
    );
    assert_eq!(executes("SELECT 1"), None);
}
