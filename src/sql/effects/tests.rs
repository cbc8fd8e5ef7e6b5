use super::{assigns_first, effects};

fn names(names: &[crate::sql::ObjectName]) -> String {
    let text = |name: &crate::sql::ObjectName| match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    };
    names.iter().map(text).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_written_and_called_is_found() {
    // Statement, tables written, called.
    let cases = [
        ("INSERT INTO t VALUES (1)", "t", ""),
        ("INSERT IGNORE d.t SELECT f(x), `g`(y) FROM s", "d.t", "f g"),
        (
            "INSERT INTO t (a) VALUES (INSERT('a', 1, 1, 'b'), REPLACE(x, 'a', 'b'))",
            "t",
            "INSERT REPLACE",
        ),
        (
            "INSERT INTO t SET a = 1 ON DUPLICATE KEY UPDATE a = a + 1",
            "t",
            "",
        ),
        ("REPLACE INTO `t` VALUES (1)", "t", ""),
        ("UPDATE t SET x = d.f(1)", "t", "d.f"),
        (
            "UPDATE LOW_PRIORITY a JOIN d.b ON b.id = a.id LEFT JOIN c USING (id) SET a.x = 1",
            "a d.b c id",
            "",
        ),
        ("UPDATE a, b AS z SET a.x = z.x", "a b", ""),
        ("DELETE FROM t WHERE id = 1", "t", ""),
        (
            "DELETE i, m FROM i JOIN m ON m.id = i.id WHERE i.id = 1",
            "i m i m",
            "",
        ),
        ("DELETE FROM j USING j JOIN i ON i.id = j.id", "j j i", ""),
        ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "t", ""),
        ("SELECT f(), COUNT(*) FROM t FOR UPDATE", "", "f COUNT"),
        ("SET @x = f(), @y = (SELECT MAX(id) FROM t)", "", "f MAX"),
        ("DO d.f()", "", "d.f"),
        ("CALL p(f())", "", "p f"),
    ];
    for (statement, writes, calls) in cases {
        let found = effects(statement);
        assert_eq!(names(&found.writes), writes, "{statement}");
        let called: Vec<_> = found
            .calls
            .iter()
            .filter(|call| call.name != "VALUES" && call.name != "t")
            .cloned()
            .collect();
        assert_eq!(names(&called), calls, "{statement}");
        assert!(found.commits.is_empty() && found.dynamic == 0, "{statement}");
    }
}

#[test]
fn a_variable_that_a_body_sets_first_is_its_own() {
    assert!(assigns_first(
        "BEGIN SET @s = CONCAT('a'); PREPARE p FROM @s; END",
        "s"
    ));
    assert!(assigns_first(
        "BEGIN SELECT MAX(id) INTO @`s` FROM t; SET @s = @s + 1; END",
        "s"
    ));
    assert!(!assigns_first("BEGIN SET @s = CONCAT(@s, 'a'); END", "s"));
    assert!(!assigns_first(
        "BEGIN INSERT INTO t VALUES (@s); SET @s = 1; END",
        "s"
    ));
}

#[test]
fn a_body_is_read_statement_by_statement() {
    let body = "BEGIN DECLARE done INT DEFAULT 0; DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1; \
      IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 't') THEN \
      ALTER TABLE t ADD COLUMN a INT; ELSE DELETE FROM u; END IF; \
      l: LOOP INSERT INTO v VALUES (1); LEAVE l; END LOOP; COMMIT; ROLLBACK TO SAVEPOINT s; END";
    let found = effects(body);
    assert_eq!(names(&found.writes), "u v");
    assert_eq!(found.commits, ["ALTER TABLE t ADD COLUMN a INT", "COMMIT"]);
    assert!(found.loops && found.dynamic == 0);
    let found =
        effects("BEGIN SET @s = CONCAT('a', 'b'); PREPARE s FROM @s; EXECUTE s; DEALLOCATE PREPARE s; END");
    assert!(found.dynamic == 1 && found.commits.is_empty() && found.writes.is_empty() && !found.loops);
    let found =
        effects("BEGIN SET autocommit = 0; CREATE TEMPORARY TABLE x (a INT); DROP TEMPORARY TABLE x; END");
    assert_eq!(found.commits.len(), 1);
    let found = effects("BEGIN DECLARE EXIT HANDLER FOR 1062, SQLSTATE '23000' ROLLBACK; SELECT 1; END");
    assert_eq!(found.commits, ["ROLLBACK"]);
    assert_eq!(
        effects("BEGIN SET STATEMENT lock_wait_timeout = 1 FOR ALTER TABLE t FORCE; END")
            .commits
            .len(),
        1
    );
    let found = effects(
        "BEGIN DECLARE i INT DEFAULT 0; CREATE TEMPORARY TABLE IF NOT EXISTS keeps AS SELECT 1; \
         CREATE TEMPORARY TABLE goes (x INT); PREPARE st FROM @s; PREPARE kept FROM @s; SET i = 1, \
         SESSION time_zone = '+00:00'; DEALLOCATE PREPARE st; DROP TEMPORARY TABLE IF EXISTS goes; END",
    );
    assert_eq!(found.leaves.variables, ["time_zone"]);
    assert_eq!(found.leaves.prepared, ["kept"]);
    assert_eq!(names(&found.leaves.temporary), "keeps");
    let found = effects(
        "INSERT INTO t SELECT a.x FROM a AS z, (b JOIN d.c ON b.i = c.i) WHERE x IN (SELECT y FROM e q, f) UNION TABLE g",
    );
    assert_eq!(names(&found.reads), "a b d.c e f g");
    // A trigger's or a block's statement may follow DO, THEN and a label.
    let found = effects("BEGIN IF NEW.a > 1 THEN UPDATE m SET x = 1; END IF; END");
    assert_eq!(names(&found.writes), "m");
}
