//! What a fix prints: it does what it says and nothing else, whatever the names are.

use crate::support;

use support::schemas::{against_expected, let_bodies_be_read, run_statements};
use support::{Admin, Server};

/// The database emptied, and filled by this script.
fn fill(admin: &mut Admin, database: &str, script: &[String]) {
    admin.exec("SET foreign_key_checks = 0");
    admin.exec(&format!("DROP DATABASE IF EXISTS {database}"));
    admin.exec(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
    admin.exec(&format!("USE {database}"));
    script.iter().for_each(|statement| admin.exec(statement));
    admin.exec("SET foreign_key_checks = 1");
}

/// Names that try to leave a comment, a string or a name, and text that hides.
const NAMES: [&str; 7] = [
    "z\nDROP TABLE victim;\n--",
    "r\r\nDROP TABLE victim; # */",
    "e\u{1b}[2J\u{7}",
    "b\u{202e}\u{2066}di",
    "s\u{2028}DROP TABLE victim;",
    "q'`\"\\; DROP TABLE victim; /*",
    "$$ DELIMITER ; migrate:down",
];

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Objects of every kind with one of the names, which is in every text too.
fn objects(name: &str, with_programs: bool) -> Vec<String> {
    let (object, string) = (quoted(name), text(name));
    let of = |part: &str| quoted(&format!("{part}{name}"));
    let mut script = vec![
        format!(
            "CREATE TABLE {object} (id int PRIMARY KEY, {column} varchar(60) NOT NULL DEFAULT {string} COMMENT {string}, \
             kind enum('a', {string}) NULL, up int NULL, KEY {index} ({column}) COMMENT {string}, \
             CONSTRAINT {check} CHECK ({column} <> {string}), \
             CONSTRAINT {key} FOREIGN KEY (up) REFERENCES {object} (id)) COMMENT {string}",
            column = of("c"),
            index = of("i"),
            check = of("k"),
            key = of("f"),
        ),
        format!(
            "CREATE VIEW {} AS SELECT id AS {}, {string} AS x FROM {object}",
            of("v"),
            of("w")
        ),
    ];
    if with_programs {
        script.extend([
            format!(
                "CREATE TRIGGER {} BEFORE INSERT ON {object} FOR EACH ROW BEGIN SET @a = 'x'; -- y\nEND",
                of("t")
            ),
            format!(
                "CREATE PROCEDURE {} (IN {} int) COMMENT {string} BEGIN SELECT 1; END",
                of("p"),
                of("m")
            ),
            format!(
                "CREATE EVENT {} ON SCHEDULE EVERY 1 DAY DISABLE COMMENT {string} DO SELECT 1",
                of("e")
            ),
        ]);
    }
    script
}

#[test]
fn a_fix_of_hostile_names_does_what_it_says_and_nothing_else() {
    let server = Server::builder()
        .arg("--log-bin-trust-function-creators=1")
        .start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    let_bodies_be_read(&server, &mut admin);
    let victim = "CREATE TABLE victim (id int PRIMARY KEY)".to_owned();
    let hides = |name: &str| name.chars().any(dbtool::report::is_hidden);
    let mut all = vec![victim.clone()];
    for name in NAMES {
        all.extend(objects(name, !(server.is_mysql() && hides(name))));
    }
    let run = |admin: &mut Admin, arguments: &[&str]| {
        let script = compare(arguments).stdout;
        let hidden = script
            .chars()
            .find(|letter| dbtool::report::is_hidden(*letter) && !"\n\t".contains(*letter));
        assert_eq!(hidden, None, "{script}");
        admin.exec("USE app");
        run_statements(admin, &script);
        assert_eq!(admin.number("SELECT COUNT(*) FROM app.victim"), 0, "{script}");
        script
    };
    // What is missing is made.
    fill(&mut admin, "expected", &all);
    fill(&mut admin, "app", std::slice::from_ref(&victim));
    let script = run(&mut admin, &["--fix-sql"]);
    let report = compare(&[]);
    assert_eq!(report.code, Some(0), "{report}\nafter\n{script}");
    // What is too much stays where it is, until it may go.
    fill(&mut admin, "expected", std::slice::from_ref(&victim));
    let count = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app'";
    let before = admin.number(count);
    run(&mut admin, &["--fix-sql"]);
    assert_eq!(admin.number(count), before);
    let script = run(&mut admin, &["--fix-sql", "--allow-destructive"]);
    let report = compare(&[]);
    assert_eq!(report.code, Some(0), "{report}\nafter\n{script}");
    // What is there in another form.
    fill(&mut admin, "expected", &all);
    let changed: Vec<String> = all
        .iter()
        .map(|one| {
            one.replace("up int NULL", "up int NULL, more int")
                .replace("SELECT 1", "SELECT 2")
        })
        .collect();
    fill(&mut admin, "app", &changed);
    run(&mut admin, &["--fix-sql"]);
    let script = run(&mut admin, &["--fix-sql", "--allow-destructive"]);
    let report = compare(&[]);
    assert_eq!(report.code, Some(0), "{report}\nafter\n{script}");
    // Every format and picture.
    fill(&mut admin, "expected", std::slice::from_ref(&victim));
    let folder = tempfile::tempdir().expect("a folder");
    for format in ["text", "json", "junit", "github"] {
        let shown = compare(&["--format", format]).stdout;
        let hidden = shown
            .chars()
            .find(|letter| dbtool::report::is_hidden(*letter) && *letter != '\n');
        assert_eq!(hidden, None, "{format}: {shown}");
    }
    for picture in ["svg", "html", "mmd", "dot"] {
        let file = folder.path().join("picture").with_extension(picture);
        compare(&["--diagram", file.to_str().expect("text")]);
        let drawn = std::fs::read_to_string(&file).expect("the picture");
        let hidden = drawn
            .chars()
            .find(|letter| dbtool::report::is_hidden(*letter) && *letter != '\n');
        assert_eq!(hidden, None, "{picture}");
    }
}

/// Columns of a table, and what they become with every value kept, with a value.
const CONVERSIONS: &[(&str, &str, &str)] = &[
    ("int", "varchar(11)", "-2147483648"),
    ("bigint unsigned", "varchar(20)", "18446744073709551615"),
    ("tinyint(1)", "char(4)", "-128"),
    ("int", "text", "7"),
    ("int", "decimal(12,2)", "-2147483648"),
    ("int", "double", "2147483647"),
    ("smallint", "float", "-32768"),
    ("year", "smallint", "2155"),
    ("year", "varchar(4)", "2155"),
    ("decimal(10,2)", "varchar(13)", "'-99999999.99'"),
    ("decimal(2,2)", "varchar(5)", "'-0.99'"),
    ("enum('a','long')", "varchar(4)", "'long'"),
    ("enum('a','b')", "text", "'b'"),
    ("enum('a','b')", "enum('c','b','a')", "'b'"),
    ("set('a','b')", "varchar(4)", "'a,b'"),
    ("set('a','b')", "set('b','c','a')", "'a,b'"),
    ("date", "varchar(10)", "'2020-02-29'"),
    ("datetime(3)", "varchar(23)", "'2020-02-29 12:00:00.123'"),
    ("time", "varchar(10)", "'-838:59:59'"),
];

#[test]
fn a_conversion_that_keeps_every_value_is_no_comment() {
    let server = Server::start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    let table = |types: &dyn Fn(&(&str, &str, &str)) -> String| {
        let columns = CONVERSIONS.iter().enumerate();
        let columns: Vec<String> = columns
            .map(|(at, one)| format!("c{at} {} NULL", types(one)))
            .collect();
        vec![format!("CREATE TABLE t ({})", columns.join(", "))]
    };
    fill(&mut admin, "expected", &table(&|one| one.1.to_owned()));
    fill(&mut admin, "app", &table(&|one| one.0.to_owned()));
    let values: Vec<&str> = CONVERSIONS.iter().map(|one| one.2).collect();
    admin.exec(&format!("INSERT INTO t VALUES ({})", values.join(", ")));
    let read = |admin: &mut Admin| {
        let columns: Vec<String> = (0..CONVERSIONS.len())
            .map(|at| format!("CAST(c{at} AS CHAR)"))
            .collect();
        admin.query(&format!("SELECT {} FROM app.t", columns.join(", ")))
    };
    let before = read(&mut admin);
    let fix = compare(&["--fix-sql"]).stdout;
    assert!(!fix.contains("--"), "{fix}");
    run_statements(&mut admin, &fix);
    let after = read(&mut admin);
    for (at, (from, to, value)) in CONVERSIONS.iter().enumerate() {
        let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
        let (one, other) = (&before[0][at], &after[0][at]);
        let same =
            one == other || to.starts_with("set") || (number(one).is_some() && number(one) == number(other));
        assert!(same, "{from} -> {to} of {value}: {one:?} became {other:?}");
    }
    assert_eq!(compare(&[]).code, Some(0));
}

#[test]
fn a_name_that_may_have_changed_is_said_beside_the_statement() {
    let server = Server::start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    let script = |text: &str| text.split(';').map(str::to_owned).collect::<Vec<_>>();
    fill(
        &mut admin,
        "expected",
        &script(
            "CREATE TABLE members (id int PRIMARY KEY, name varchar(9)); CREATE TABLE t (id int PRIMARY KEY, fee decimal(9,2) NOT NULL)",
        ),
    );
    fill(
        &mut admin,
        "app",
        &script(
            "CREATE TABLE people (id int PRIMARY KEY, name varchar(9)); CREATE TABLE t (id int PRIMARY KEY, tax decimal(9,2) NOT NULL)",
        ),
    );
    let fix = compare(&["--fix-sql"]).stdout;
    let hints = [
        "RENAME TABLE `people` TO `members`",
        "ALTER TABLE `t` RENAME COLUMN `tax` TO `fee`",
    ];
    for hint in hints {
        assert!(
            fix.lines()
                .any(|line| line.starts_with("-- ") && line.contains(hint)),
            "{hint}: {fix}"
        );
    }
    assert!(fix.contains("existing rows get 0 in fee"), "{fix}");
    let text = compare(&[]).stdout;
    assert!(text.contains("people has the same columns"), "{text}");
    // The hint is one that works.
    hints.iter().for_each(|hint| admin.exec(hint));
    assert_eq!(compare(&[]).code, Some(0));
}

#[test]
fn the_advice_of_the_lints_changes_nothing_else() {
    let server = Server::start();
    let mut admin = server.admin();
    fill(
        &mut admin,
        "app",
        &[
            "ALTER DATABASE app COLLATE utf8mb4_general_ci".to_owned(),
            "CREATE TABLE a (id int PRIMARY KEY, t varchar(9)) COLLATE utf8mb4_unicode_ci".to_owned(),
            "CREATE TABLE b (id int PRIMARY KEY, t text) COLLATE utf8mb4_unicode_ci".to_owned(),
            "CREATE TABLE old (id int PRIMARY KEY, s tinytext, t text, m mediumtext NOT NULL, v varchar(9)) CHARACTER SET latin1"
                .to_owned(),
            "CREATE TABLE short (id int PRIMARY KEY, v varchar(9)) CHARACTER SET utf8mb3".to_owned(),
            "CREATE TABLE gone (id int PRIMARY KEY) ENGINE=MEMORY".to_owned(),
            "SET sql_mode = ''".to_owned(),
            "CREATE TABLE day (id int PRIMARY KEY, at date NOT NULL DEFAULT '0000-00-00')".to_owned(),
            "SET sql_mode = DEFAULT, foreign_key_checks = 0".to_owned(),
            "CREATE TABLE parent (id int PRIMARY KEY, code int, KEY (code)) COLLATE utf8mb4_unicode_ci".to_owned(),
        ],
    );
    if server.is_mysql() {
        admin.exec("SET restrict_fk_on_non_standard_key = 0");
        admin.exec("CREATE TABLE place (id int PRIMARY KEY, at point NOT NULL, SPATIAL KEY by_place (at))");
    }
    admin.exec("CREATE TABLE child (id int PRIMARY KEY, code int, KEY (code), FOREIGN KEY (code) REFERENCES parent (code)) COLLATE utf8mb4_unicode_ci");
    admin.exec("CREATE VIEW seen AS SELECT 1 AS one");
    let lint = |more: &[&str]| {
        let output = server
            .dbtool()
            .args(["check-schema", "--lint-only", "--format", "json"])
            .args(more)
            .run();
        let report: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
        let findings = report["lint"].as_array().cloned().unwrap_or_default();
        let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        findings
            .iter()
            .map(|one| {
                (
                    format!("{} {}", text(one, "rule"), text(one, "object")),
                    text(one, "fix"),
                )
            })
            .collect::<Vec<_>>()
    };
    let found = lint(&[]);
    let mut expected = vec![
        "utf8mb3 short",
        "latin1-beside-utf8mb4 old",
        "foreign-key-to-non-unique child.child_ibfk_1",
        "memory-engine gone",
        "zero-date-default day.at",
    ];
    if server.is_mysql() {
        expected.insert(3, "spatial-without-srid place.at");
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, expected);
    for (name, fix) in &found {
        let script = dbtool::sql::split(fix, Default::default()).expect("SQL");
        for statement in script.statements {
            let done = admin.try_exec(statement.text);
            assert!(done.is_ok(), "{name}: {done:?} in {fix}");
        }
    }
    let types = admin.query(
        "SELECT CONCAT_WS(' ', column_name, column_type, collation_name) FROM information_schema.columns \
         WHERE table_schema = 'app' AND table_name IN ('old', 'short') AND collation_name IS NOT NULL ORDER BY 1",
    );
    let types: Vec<String> = types.into_iter().flatten().flatten().collect();
    assert_eq!(
        types,
        [
            "m mediumtext utf8mb4_unicode_ci",
            "s tinytext utf8mb4_unicode_ci",
            "t text utf8mb4_unicode_ci",
            "v varchar(9) utf8mb4_unicode_ci",
            "v varchar(9) utf8mb4_unicode_ci",
        ]
    );
    // The index that the unique key makes needless is all that is left.
    let left: Vec<String> = lint(&[]).into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["duplicate-index parent.code"]);
    admin.exec("ALTER TABLE parent DROP INDEX code");
    assert_eq!(lint(&[]), []);
    let outsiders = lint(&["--allow-definer", "app@%"]);
    assert_eq!(outsiders.len(), 1, "{outsiders:?}");
    assert_eq!(outsiders[0].0, "definer seen");
    assert_eq!(lint(&["--allow-definer", "root@*"]), []);
}
