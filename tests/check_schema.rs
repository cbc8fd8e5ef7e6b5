//! check-schema over a real server: what differs is found, and mended by its own SQL.

#[path = "fixtures/schema_changes.rs"]
mod schema_changes;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use schema_changes::CASES;
use serde_json::Value;
use support::{Admin, Server};

/// One of everything, as SQL.
const EVERYTHING: &str = include_str!("fixtures/everything.sql");

/// The same as a snapshot, written on MariaDB 10.11 and valid for every server.
fn snapshot() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/everything.json")
}

/// The project's own migrations.
fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

/// Runs a script in the database `app`.
fn run_script(admin: &mut Admin, script: &str) {
    admin.exec("USE app");
    let statements = dbtool::sql::split(script, Default::default())
        .expect("the script can be split")
        .statements;
    for statement in statements {
        if let Err(error) = admin.try_exec(statement.text) {
            panic!("{error}\nin: {}\nof:\n{script}", statement.text);
        }
    }
}

/// A server whose database `app` has one of everything. Binary logs would ask for privileges
/// that have nothing to do with schemas.
fn server() -> (Server, Admin) {
    server_with(&[])
}

fn server_with(arguments: &[&str]) -> (Server, Admin) {
    let builder = Server::builder().arg("--log-bin-trust-function-creators=1");
    let server = arguments
        .iter()
        .fold(builder, |builder, argument| builder.arg(*argument))
        .start();
    let mut admin = server.admin();
    admin.exec("ALTER DATABASE app CHARACTER SET utf8mb4");
    run_script(&mut admin, EVERYTHING);
    (server, admin)
}

/// The report of a run against the snapshot of everything.
fn check(server: &Server, more: &[&str]) -> (Value, Option<i32>) {
    let snapshot = snapshot();
    let expect = snapshot.to_str().expect("the path is text");
    let output = server
        .dbtool()
        .args(["check-schema", "--format", "json", "--expect", expect])
        .args(more)
        .run();
    let report = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    (report, output.code)
}

/// `column users.email missing` for each difference of a report.
fn drift(report: &Value) -> Vec<String> {
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        let (kind, table, name) = (text(one, "kind"), text(one, "table"), text(one, "name"));
        let path = if table.is_empty() || kind == "table" {
            name
        } else {
            format!("{table}.{name}")
        };
        format!("{kind} {path} {}", text(one, "change"))
    };
    report["drift"]
        .as_array()
        .into_iter()
        .flatten()
        .map(line)
        .collect()
}

fn fix_script(server: &Server) -> String {
    let snapshot = snapshot();
    let expect = snapshot.to_str().expect("the path is text");
    let output = server
        .dbtool()
        .args([
            "check-schema",
            "--fix-sql",
            "--allow-destructive",
            "--expect",
            expect,
        ])
        .run();
    output.stdout
}

#[test]
fn every_change_is_found_and_mended_by_its_own_sql() {
    let (server, mut admin) = server();
    let mut wrong = Vec::new();
    for (name, change, expected) in CASES {
        run_script(&mut admin, change);
        let (report, code) = check(&server, &[]);
        let found = drift(&report);
        if found != *expected || code != Some(1) {
            wrong.push(format!("{name}: found {found:?}, exit {code:?}"));
        }
        let script = fix_script(&server);
        run_script(&mut admin, &script);
        let (report, code) = check(&server, &[]);
        let left = drift(&report);
        if !left.is_empty() || code != Some(0) {
            wrong.push(format!("{name}: {left:?} is left after\n{script}"));
            admin.exec("DROP DATABASE app");
            admin.exec("CREATE DATABASE app CHARACTER SET utf8mb4");
            run_script(&mut admin, EVERYTHING);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

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

/// A folder with one migration, `EVERYTHING`.
fn migrations_of_everything() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("001_everything.sql"), EVERYTHING).expect("the migration is written");
    folder
}

fn scratch_databases(admin: &mut Admin) -> Vec<String> {
    let rows = admin.query("SHOW DATABASES LIKE 'dbtool\\_scratch\\_%'");
    rows.into_iter().flatten().flatten().collect()
}

fn allow_scratch(server: &Server, admin: &mut Admin) {
    let user = &server.account().user;
    admin.exec(&format!("GRANT ALL ON `dbtool\\_scratch\\_%`.* TO '{user}'@'%'"));
}

#[test]
fn migrations_are_replayed_in_a_scratch_database_that_goes_again() {
    let (server, mut admin) = server();
    let folder = migrations_of_everything();
    let before = server.counters();
    let denied = server
        .dbtool()
        .args(["check-schema", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(
        denied.code,
        Some(2),
        "without privilege and snapshot there is nothing to compare with: {denied}"
    );
    assert!(denied.stderr.contains("no expected schema"), "{denied}");

    allow_scratch(&server, &mut admin);
    let written = server
        .dbtool()
        .args(["check-schema", "--write", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(written.code, Some(0), "{written}");
    assert!(
        written.stdout.contains("replayed in a scratch database"),
        "{written}"
    );
    assert_eq!(scratch_databases(&mut admin), Vec::<String>::new());

    admin.exec("REVOKE ALL ON `dbtool\\_scratch\\_%`.* FROM 'app'@'%'");
    admin.exec("ALTER TABLE app.owners DROP COLUMN born");
    let snapshot = server
        .dbtool()
        .args(["check-schema", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(snapshot.code, Some(1), "{snapshot}");
    assert!(snapshot.stdout.contains("column born missing"), "{snapshot}");
    assert!(
        snapshot.stdout.contains("note: the migrations were not replayed"),
        "{snapshot}"
    );
    server.assert_unchanged(&before);
}

#[test]
fn an_interrupted_replay_drops_its_database_and_a_killed_one_is_found() {
    let (server, mut admin) = server();
    allow_scratch(&server, &mut admin);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sleepy = "CREATE TABLE early (id INT PRIMARY KEY);\nSELECT SLEEP(600);\n";
    fs::write(folder.path().join("001_sleepy.sql"), sleepy).expect("the migration is written");
    let begin = || {
        server
            .dbtool()
            .args(["check-schema", "--dir"])
            .arg(folder.path())
            .spawn()
    };
    let asleep = |admin: &mut Admin| {
        admin.number(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(600)%'",
        ) > 0
    };

    let before = server.counters();
    let mut running = begin();
    support::wait_until(support::PATIENCE, "the replay sleeps", || asleep(&mut admin));
    running.signal(support::Signal::INT);
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    assert_eq!(
        scratch_databases(&mut admin),
        Vec::<String>::new(),
        "dropped after Ctrl+C"
    );
    server.assert_unchanged(&before);

    let mut running = begin();
    support::wait_until(support::PATIENCE, "the replay sleeps", || asleep(&mut admin));
    running.signal(support::Signal::KILL);
    running.wait();
    support::wait_until(support::PATIENCE, "the server notices", || {
        let name = scratch_databases(&mut admin).first().cloned().unwrap_or_default();
        admin.value(&format!("SELECT IS_FREE_LOCK('{name}')")) == "1"
            || {
                let id = admin.value("SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(600)%'");
                // The server looks after a sleeping client only now and then.
                let _ = admin.try_exec(&format!("KILL {id}"));
                false
            }
    });
    assert_eq!(scratch_databases(&mut admin).len(), 1, "left by kill -9");
    fs::write(folder.path().join("001_sleepy.sql"), EVERYTHING).expect("the migration is written");
    let told = server
        .dbtool()
        .args(["check-schema", "--dir"])
        .arg(folder.path())
        .run();
    assert!(told.stderr.contains("--drop-leftovers drops it"), "{told}");
    assert_eq!(scratch_databases(&mut admin).len(), 1, "not dropped unasked");
    let dropped = server
        .dbtool()
        .args(["check-schema", "--drop-leftovers", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(dropped.code, Some(0), "{dropped}");
    assert_eq!(scratch_databases(&mut admin), Vec::<String>::new());
}

#[test]
fn a_private_server_replays_what_this_one_may_not() {
    let (server, mut admin) = server();
    admin.exec("ALTER TABLE app.owners DROP COLUMN born");
    // The default of a database is no drift: the replay takes it over.
    admin.exec("ALTER DATABASE app COLLATE utf8mb4_unicode_ci");
    let folder = migrations_of_everything();
    let output = server
        .dbtool()
        .args(["check-schema", "--replay", "sandbox", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("replayed on a private"), "{output}");
    assert!(output.stdout.contains("column born missing"), "{output}");
    assert!(output.stdout.contains("app: 1 difference"), "{output}");
}

#[test]
fn a_migration_that_reaches_out_is_not_replayed_beside_the_live_database() {
    let (server, mut admin) = server();
    allow_scratch(&server, &mut admin);
    for reaching in [
        "DROP TABLE app.visits;",
        "USE app; DROP TABLE visits;",
        "CREATE USER nobody;",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("001_reaching.sql"), reaching).expect("the migration is written");
        let output = server
            .dbtool()
            .args(["check-schema", "--replay", "server", "--dir"])
            .arg(folder.path())
            .run();
        assert_eq!(output.code, Some(2), "{reaching}: {output}");
        assert!(output.stderr.contains("001_reaching.sql:1"), "{output}");
        assert_eq!(
            admin.number("SELECT COUNT(*) FROM app.visits"),
            0,
            "the live table is still there"
        );
    }
}

#[test]
fn a_failing_migration_is_named_with_its_line_and_leaves_nothing() {
    let (server, mut admin) = server();
    allow_scratch(&server, &mut admin);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "CREATE TABLE one (id INT PRIMARY KEY);\n\nALTER TABLE two ADD COLUMN x INT;\n";
    fs::write(folder.path().join("001_broken.sql"), text).expect("the migration is written");
    let output = server
        .dbtool()
        .args(["check-schema", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("001_broken.sql:3"), "{output}");
    assert_eq!(scratch_databases(&mut admin), Vec::<String>::new());
}

#[test]
fn another_live_database_can_be_what_is_expected() {
    let (server, mut admin) = server();
    let account = server.create_account("other", "other");
    admin.exec("CREATE TABLE other.only_there (id INT PRIMARY KEY)");
    let password = account.password.reveal();
    let url = format!("mysql://other:{password}@127.0.0.1:{}/other", server.port());
    let output = server
        .dbtool()
        .env("DB_CONNECTION_LIMIT", "1")
        .env("OTHER_DATABASE_URL", &url)
        .args(["check-schema", "--expect", "env:OTHER_DATABASE_URL"])
        .run();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("only_there"), "{output}");
    let shown =
        |output: &support::Output| output.stdout.contains(password) || output.stderr.contains(password);
    assert!(!shown(&output), "no secret is shown");
    let open = server.dbtool().args(["check-schema", "--expect", &url]).run();
    assert_eq!(
        open.code,
        Some(2),
        "a password on the command line is refused: {open}"
    );
    assert!(!shown(&open), "no secret is shown");
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
fn pending_migrations_are_named_and_can_be_left_out() {
    let server = Server::start();
    let mut admin = server.admin();
    allow_scratch(&server, &mut admin);
    let run = |args: &[&str]| server.dbtool().args(args).arg("--dir").arg(migrations()).run();
    assert_eq!(run(&["migrate", "002"]).code, Some(0));
    let all = run(&["check-schema"]);
    assert_eq!(all.code, Some(1), "{all}");
    for words in ["3 migrations pending (003 to 005)", "next: `dbtool migrate`"] {
        assert!(all.stdout.contains(words), "{words}: {all}");
    }
    let applied = run(&["check-schema", "--applied"]);
    assert_eq!(applied.code, Some(0), "{applied}");
    assert!(
        applied.stdout.contains("no drift against 2 migrations"),
        "{applied}"
    );
    admin.exec("ALTER TABLE app.users DROP COLUMN phone");
    let drifted = run(&["check-schema", "--applied"]);
    assert_eq!(drifted.code, Some(1), "{drifted}");
    assert!(
        drifted.stdout.contains("column phone missing")
            && drifted.stdout.contains("next: `dbtool check-schema --fix-sql`"),
        "{drifted}"
    );
    let snapshot = run(&["check-schema", "--applied", "--replay", "never"]);
    assert_eq!(
        snapshot.code,
        Some(2),
        "the snapshot is of all migrations: {snapshot}"
    );
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
    for table in 0..1000 {
        let columns: Vec<String> = (1..20)
            .map(|column| format!("t{table}_c{column} VARCHAR(40) NULL"))
            .collect();
        let columns = columns.join(", ");
        admin.exec(&format!(
            "CREATE TABLE many_{table} (id INT PRIMARY KEY, {columns}) STATS_PERSISTENT=0"
        ));
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
    assert!(growth < 5 * 1024, "twenty thousand columns took {growth} KB");
}

/// What opening a connection costs before the schema is read.
const CONNECTION_STATEMENTS: u64 = 2;

#[test]
fn the_committed_snapshot_and_picture_are_those_of_the_migrations() {
    let server = Server::builder()
        .arg("--log-bin-trust-function-creators=1")
        .start();
    let mut admin = server.admin();
    allow_scratch(&server, &mut admin);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let picture = folder.path().join("schema.svg");
    // Everything is missing from the empty database; its own fix makes the schema.
    let fix = server
        .dbtool()
        .args(["check-schema", "--fix-sql", "--dir"])
        .arg(migrations())
        .run();
    run_script(&mut admin, &fix.stdout);
    let against_snapshot = server
        .dbtool()
        .args(["check-schema", "--replay", "never", "--format", "json", "--dir"])
        .arg(migrations())
        .arg("--diagram")
        .arg(&picture)
        .run();
    assert_eq!(
        against_snapshot.code,
        Some(0),
        "write it again with --write: {against_snapshot}"
    );
    let drawn = fs::read_to_string(&picture).expect("the picture is there");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.svg");
    let committed = fs::read_to_string(committed).expect("the committed picture is there");
    assert!(
        drawn == committed,
        "docs/schema.svg is not the picture of the migrations: draw it again with --diagram"
    );
    for (name, start) in [
        ("er.html", "<!doctype html>"),
        ("er.mmd", "---\ntitle: \"app"),
        ("er.dot", "digraph"),
    ] {
        let path = folder.path().join(name);
        let output = server
            .dbtool()
            .args(["check-schema", "--lint-only", "--diagram"])
            .arg(&path)
            .run();
        assert_eq!(output.code, Some(0), "{output}");
        let text = fs::read_to_string(&path).expect("the picture is there");
        assert!(
            text.starts_with(start) && text.contains("conversation_participants"),
            "{name}"
        );
        let loaded = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!loaded.contains("://"), "{name} loads something");
    }
    let wrong = server
        .dbtool()
        .args(["check-schema", "--lint-only", "--diagram", "er.png"])
        .run();
    assert_eq!(wrong.code, Some(2), "{wrong}");
}

#[test]
fn a_diagram_shows_what_drifted() {
    let (server, mut admin) = server();
    run_script(
        &mut admin,
        "CREATE TABLE `a<b>&\"c` (id INT PRIMARY KEY COMMENT '</script>');
         ALTER TABLE owners ADD COLUMN surplus INT;",
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, marks) in [
        (
            "er.svg",
            &["box extra\" data-table=\"a&lt;b&gt;&amp;&quot;c\"", ">+ surplus<"][..],
        ),
        (
            "er.html",
            &["box different\" data-table=\"owners\"", "\\u003c/script>"],
        ),
        ("er.mmd", &["\"owners\":::different", "int surplus \"extra\""]),
        ("er.dot", &["~ owners", "+ surplus"]),
    ] {
        let path = folder.path().join(name);
        let output = server
            .dbtool()
            .args(["check-schema", "--expect"])
            .arg(snapshot())
            .arg("--diagram")
            .arg(&path)
            .run();
        assert_eq!(output.code, Some(1), "{output}");
        let text = fs::read_to_string(&path).expect("the picture is there");
        for mark in marks {
            assert!(text.contains(mark), "{name}: {mark}");
        }
    }
}

#[test]
fn a_diagram_that_cannot_be_written_leaves_the_old_one() {
    let (server, _admin) = server();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("er.html");
    fs::write(&path, "the old one").expect("it can be written");
    fs::create_dir(folder.path().join("taken.svg")).expect("a folder");
    let small_disk = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let in_shell = support::Cmd::new("sh").args(["-c", small_disk, env!("CARGO_BIN_EXE_dbtool")]);
    let account = server.account();
    let in_shell = in_shell
        .env("DB_PORT", server.port().to_string())
        .env("DB_USER", &account.user)
        .env("DB_PASSWORD", account.password.reveal())
        .env("DB_NAME", &account.database);
    for (command, path) in [
        (in_shell, path.clone()),
        (server.dbtool(), folder.path().join("taken.svg")),
        (server.dbtool(), folder.path().join("nowhere/er.svg")),
    ] {
        let output = command
            .args(["check-schema", "--lint-only", "--diagram"])
            .arg(&path)
            .run();
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("cannot write"), "{output}");
        assert!(output.stderr.contains(&path.display().to_string()), "{output}");
    }
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "the old one");
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["er.html", "taken.svg"], "nothing is left beside them");
}
