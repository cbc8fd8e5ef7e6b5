//! check-schema over a real server: differences are found and fixed by the generated SQL.

use crate::support;

use std::fs;

use serde_json::Value;
use support::big_schema::many_tables;
use support::schemas::{allow_scratch, check, drift, fix_script, run_script, server, server_with, snapshot};
use support::{Admin, Server};

#[test]
fn one_of_everything_is_the_same_on_every_server() {
    let (server, _admin) = server();
    let (report, code) = check(&server, &[]);
    assert_eq!(drift(&report), Vec::<String>::new(), "{report:#}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_server_that_quotes_names_otherwise_says_the_same() {
    let (server, _admin) = server_with(&["--sql-mode=ANSI_QUOTES"]);
    let (report, code) = check(&server, &[]);
    assert_eq!(drift(&report), Vec::<String>::new(), "{report:#}");
    assert_eq!(code, Some(0));
}

#[test]
fn what_privileges_hide_is_said_and_is_no_drift() {
    let (server, _admin) = server();
    server.create_user("reader", "secret", &["SELECT ON app.*"]);
    let snapshot = snapshot();
    let output = server
        .dbtool()
        .env("DB_USER", "reader")
        .env("DB_PASSWORD", "secret")
        .args(["check-schema", "--format", "json", "--expect"])
        .arg(&snapshot)
        .run();
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    assert_eq!(drift(&report), Vec::<String>::new(), "{report:#}");
    let hidden = report["not_checked"].to_string();
    for what in [
        "foreign keys and checks",
        "triggers",
        "events",
        "stored routines",
        "definitions of views",
    ] {
        assert!(hidden.contains(what), "{what} in {hidden}");
    }
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn ignored_differences_need_a_reason_and_do_not_count() {
    let (server, mut admin) = server();
    run_script(
        &mut admin,
        "CREATE TABLE audit_log (id INT); ALTER TABLE owners ADD COLUMN extra INT NULL",
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("ignore");
    let with = |text: &str| {
        fs::write(&file, text).expect("the ignore file is written");
        let snapshot = snapshot();
        let command = server.dbtool().args(["check-schema", "--expect"]).arg(&snapshot);
        command.arg("--ignore").arg(&file).run()
    };
    let none = with("table:audit_*\n");
    assert_eq!(none.code, Some(2), "{none}");
    assert!(none.stderr.contains("no reason"), "{none}");
    let some = with("table:audit_*  # the audit tool's own\n");
    assert_eq!(some.code, Some(1), "{some}");
    assert!(!some.stdout.contains("+ table"), "{some}");
    let all = with("table:audit_*  # the audit tool's own\ncolumn:owners.extra # goes in March\n");
    assert_eq!(all.code, Some(0), "{all}");
    assert!(
        all.stdout
            .contains("ignored: column owners.extra (goes in March)"),
        "{all}"
    );
}

#[test]
fn lint_findings_fail_only_when_denied() {
    let (server, mut admin) = server();
    run_script(
        &mut admin,
        "CREATE TABLE log (at INT, who INT, KEY a (at), KEY b (at, who)) ENGINE=MyISAM",
    );
    let lint = |more: &[&str]| {
        server
            .dbtool()
            .args(["check-schema", "--lint-only"])
            .args(more)
            .run()
    };
    let allowed = lint(&[]);
    assert_eq!(allowed.code, Some(0), "{allowed}");
    for rule in [
        "no-primary-key",
        "redundant-index",
        "not-innodb",
        "latin1-beside-utf8mb4",
    ] {
        assert!(
            allowed.stdout.contains(&format!("lint: {rule}")),
            "{rule}: {allowed}"
        );
    }
    assert_eq!(lint(&["--deny", "redundant-index"]).code, Some(1));
    assert_eq!(lint(&["--deny", "utf8mb3"]).code, Some(0));
    assert_eq!(lint(&["--deny", "all"]).code, Some(1));
    let unknown = lint(&["--deny", "tidiness"]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
    assert!(
        unknown.stderr.contains("no-primary-key"),
        "the rules are listed: {unknown}"
    );
}

#[test]
fn severity_decides_the_exit_code_and_every_format_is_offered() {
    let (server, mut admin) = server();
    run_script(&mut admin, "ALTER TABLE owners COMMENT 'somebody'");
    assert_eq!(check(&server, &[]).1, Some(1));
    assert_eq!(check(&server, &["--fail-on", "performance"]).1, Some(0));
    run_script(&mut admin, "ALTER TABLE owners DROP INDEX idx_name");
    assert_eq!(check(&server, &["--fail-on", "performance"]).1, Some(1));
    assert_eq!(check(&server, &["--fail-on", "breaks"]).1, Some(0));
    let (report, _) = check(&server, &[]);
    assert_eq!(report["schema"], "dbtool.check-schema/1");
    assert_eq!(report["drift"][1]["severity"], "performance");
    let snapshot = snapshot();
    let in_format = |format: &str| {
        server
            .dbtool()
            .args(["check-schema", "--format", format, "--expect"])
            .arg(&snapshot)
            .run()
    };
    let junit = in_format("junit");
    assert!(
        junit.stdout.contains("<testsuite") && junit.stdout.contains("index idx_name missing"),
        "{junit}"
    );
    let github = in_format("github");
    assert!(
        github.stdout.contains("::error") && github.stdout.contains("owners"),
        "{github}"
    );
}

#[test]
fn destructive_statements_are_comments_unless_allowed() {
    let (server, mut admin) = server();
    run_script(
        &mut admin,
        "ALTER TABLE owners ADD COLUMN extra INT NULL; CREATE TABLE more (id INT PRIMARY KEY)",
    );
    let snapshot = snapshot();
    let output = server
        .dbtool()
        .args(["check-schema", "--fix-sql", "--expect"])
        .arg(&snapshot)
        .run();
    assert!(
        output
            .stdout
            .lines()
            .all(|line| line.is_empty() || line.starts_with("--")),
        "{output}"
    );
    assert!(output.stdout.contains("-- DROP TABLE `more`;"), "{output}");
    run_script(&mut admin, &output.stdout);
    let (report, _) = check(&server, &[]);
    assert_eq!(drift(&report), ["table more extra", "column owners.extra extra"]);
}

#[test]
fn a_fix_changes_no_value_where_the_server_would() {
    let (server, mut admin) = server_with(&["--sql-mode="]);
    run_script(
        &mut admin,
        "ALTER TABLE owners MODIFY COLUMN email VARCHAR(255) NULL; INSERT INTO owners (email) VALUES (NULL)",
    );
    let script = fix_script(&server);
    let statements = dbtool::sql::split(&script, Default::default()).expect("a script");
    let refused = statements
        .statements
        .iter()
        .filter_map(|one| admin.try_exec(one.text).err())
        .count();
    assert_eq!(refused, 1, "{script}");
    assert_eq!(
        admin.number("SELECT COUNT(*) FROM app.owners WHERE email IS NULL"),
        1,
        "{script}"
    );
    assert_eq!(admin.value("SELECT @@sql_mode"), "", "the mode is as it was");
}

#[test]
fn tables_whose_names_differ_in_case_only_are_kept_apart() {
    let server = Server::start();
    let mut admin = server.admin();
    allow_scratch(&server, &mut admin);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "CREATE TABLE Stay (a INT, b INT, PRIMARY KEY (a, b));\n\
                CREATE TABLE stay (x INT, y INT, z INT, PRIMARY KEY (x, y, z), FOREIGN KEY (x, y) REFERENCES Stay (a, b));\n";
    fs::write(folder.path().join("001_case.sql"), text).expect("the migration is written");
    run_script(&mut admin, text);
    let output = server
        .dbtool()
        .args(["check-schema", "--write", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    let written = fs::read_to_string(folder.path().join("schema.json")).expect("the snapshot");
    let schema: Value = serde_json::from_str(&written).expect("JSON");
    let names = |table: &str| -> Vec<String> {
        let columns = schema["tables"][table]["columns"].as_array().expect("columns");
        columns.iter().map(|one| one["name"].to_string()).collect()
    };
    assert_eq!(names("Stay"), [r#""a""#, r#""b""#]);
    assert_eq!(names("stay"), [r#""x""#, r#""y""#, r#""z""#]);
    let keys = &schema["tables"]["stay"]["foreign_keys"];
    assert_eq!(
        keys["stay_ibfk_1"]["columns"],
        serde_json::json!(["x", "y"]),
        "{keys}"
    );
    let parts = schema["tables"]["stay"]["indexes"]["PRIMARY"]["parts"].as_array();
    assert_eq!(parts.map(Vec::len), Some(3));
}

/// `SHOW GLOBAL STATUS` of the statements that read.
fn statements(admin: &mut Admin) -> u64 {
    admin.status("Com_select") + admin.status("Com_show_grants") + admin.status("Com_show_variables")
}

#[test]
fn a_thousand_tables_take_as_many_statements_as_one() {
    let (server, mut admin) = server();
    let lint = |admin: &mut Admin| {
        let before = statements(admin);
        let output = server
            .dbtool()
            .args(["check-schema", "--lint-only", "--format", "json"])
            .run();
        assert_eq!(output.code, Some(0), "{output}");
        (statements(admin) - before, output)
    };
    let (few, small) = lint(&mut admin);
    admin.exec("USE app");
    for table in many_tables(1000) {
        admin.exec(&table);
    }
    let (many, output) = lint(&mut admin);
    assert_eq!(many, few, "statements for a thousand tables and for three");
    // Ten for the schema; the others are the connection's own and this test's.
    let (nothing, _) = {
        let before = statements(&mut admin);
        (statements(&mut admin) - before, ())
    };
    assert!(many - nothing <= 10 + CONNECTION_STATEMENTS, "{many} statements");
    assert!(output.stdout.contains("\"largest_tables\""), "{output}");
    let peak = |output: &support::Output| output.max_rss_kb.expect("the peak was measured");
    // What the run itself takes depends on how the program was built; what it adds does not.
    let growth = peak(&output).saturating_sub(peak(&small));
    assert!(growth < 3 * 1024, "twenty thousand columns took {growth} KB");
}

/// What opening a connection costs before the schema is read.
const CONNECTION_STATEMENTS: u64 = 2;
