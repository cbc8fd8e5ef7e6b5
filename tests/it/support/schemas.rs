//! Schemas to check, and reports of checks.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Admin, Output, Server};

/// One of everything, as SQL.
pub const EVERYTHING: &str = include_str!("../../fixtures/everything.sql");

/// The same as a snapshot, written on MariaDB 10.11 and valid for every server.
pub fn snapshot() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/everything.json")
}

/// Runs a script in the database `app`.
pub fn run_script(admin: &mut Admin, script: &str) {
    admin.exec("USE app");
    run_statements(admin, script);
}

/// Runs a script in the current database.
pub fn run_statements(admin: &mut Admin, script: &str) {
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
pub fn server() -> (Server, Admin) {
    server_with(&[])
}

/// The same, started with further arguments.
pub fn server_with(arguments: &[&str]) -> (Server, Admin) {
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
pub fn check(server: &Server, more: &[&str]) -> (Value, Option<i32>) {
    let snapshot = snapshot();
    let expect = snapshot.to_str().expect("the path is text");
    let output = server
        .dbtool()
        .args(["check-schema", "--format", "json", "--expect", expect])
        .args(more)
        .run();
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    assert_eq!(report["ok"], output.code == Some(0), "{output}");
    (report, output.code)
}

/// The fix of the live schema against the snapshot of everything, what loses data among it.
pub fn fix_script(server: &Server) -> String {
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

/// Runs check-schema against another live database of the server, called `expected`, which is made
/// with an account of its own, `reader`.
pub fn against_expected(server: &Server) -> impl Fn(&[&str]) -> Output {
    let account = server.create_account("reader", "expected");
    let password = account.password.reveal();
    let url = format!("mysql://reader:{password}@127.0.0.1:{}/expected", server.port());
    move |more| {
        let run = server.dbtool().env("EXPECTED", &url);
        run.args(["check-schema", "--expect", "env:EXPECTED"])
            .args(more)
            .run()
    }
}

/// Lets the accounts of [`against_expected`] read the bodies of stored programs.
pub fn let_bodies_be_read(server: &Server, admin: &mut Admin) {
    let bodies = match server.is_mysql() {
        true => "SHOW_ROUTINE ON *.*",
        false => "SELECT ON mysql.proc",
    };
    for user in ["reader", server.account().user.as_str()] {
        admin.exec(&format!("GRANT {bodies} TO '{user}'@'%'"));
    }
}

/// `column users.email missing` for each difference of a report.
pub fn drift(report: &Value) -> Vec<String> {
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

/// A folder with one migration, `EVERYTHING`.
pub fn migrations_of_everything() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("001_everything.sql"), EVERYTHING).expect("the migration is written");
    folder
}

/// The scratch databases that are there.
pub fn scratch_databases(admin: &mut Admin) -> Vec<String> {
    let rows = admin.query("SHOW DATABASES LIKE 'dbtool\\_scratch\\_%'");
    rows.into_iter().flatten().flatten().collect()
}

/// Lets the account `app` make scratch databases.
pub fn allow_scratch(server: &Server, admin: &mut Admin) {
    let user = &server.account().user;
    admin.exec(&format!("GRANT ALL ON `dbtool\\_scratch\\_%`.* TO '{user}'@'%'"));
}
