//! What a fix prints: it does what it says and nothing else, whatever the names are.

mod support;

use support::schemas::{against_expected, run_statements};
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
    let bodies = match server.is_mysql() {
        true => "SHOW_ROUTINE ON *.*",
        false => "SELECT ON mysql.proc",
    };
    for user in ["reader", server.account().user.as_str()] {
        admin.exec(&format!("GRANT {bodies} TO '{user}'@'%'"));
    }
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
