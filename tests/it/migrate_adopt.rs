//! `dbtool migrate` on a corpus of folders in the layouts of other tools, and `dbtool migrate adopt` on their tables
//! as their manuals have them (tests/cases/layouts).

use crate::support;

use std::fs;
use std::path::Path;

use support::migrations::{Folder, assert_ends};
use support::{Admin, Cmd, Server, dbtool};

/// A folder of the corpus.
struct Case {
    name: String,
    head: Vec<(String, String)>,
    folder: Folder,
    /// What the tool left in a database where it has applied some of the files.
    history: Option<String>,
}

impl Case {
    fn read(path: &Path) -> Case {
        let text = fs::read_to_string(path).expect("a case");
        let mut parts = text.split("\n== ");
        let head = parts.next().unwrap_or_default().lines();
        let head = head.filter_map(|line| line.split_once(": "));
        let mut case = Case {
            name: path.file_stem().unwrap_or_default().display().to_string(),
            head: head
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            folder: Folder::new(&[]),
            history: None,
        };
        for part in parts {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            let body = format!("{}\n", body.trim_end_matches('\n'));
            match title.strip_prefix("file ") {
                Some(name) => {
                    let path = case.folder.path().join(name);
                    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                    fs::write(path, body).expect("a file");
                }
                None => case.history = Some(body),
            }
        }
        case
    }

    fn get(&self, name: &str) -> &str {
        let found = self.head.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    fn migrate(&self, server: &Server, args: &[&str]) -> Cmd {
        let all: Vec<&str> = args
            .iter()
            .copied()
            .chain(self.get("args").split_whitespace())
            .collect();
        // A busy machine closes the connections of one migration late, when the next needs its own.
        self.folder.migrate(server, &all).env("DB_CONNECTION_LIMIT", "10")
    }
}

fn corpus() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/layouts");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("a case").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 15, "{paths:?}");
    paths.iter().map(|path| Case::read(path)).collect()
}

/// The database as it was made.
fn empty(admin: &mut Admin) {
    admin.exec("DROP DATABASE app");
    admin.exec("CREATE DATABASE app");
    admin.exec("USE app");
}

const OBJECTS: &str = "SELECT COALESCE(GROUP_CONCAT(table_name ORDER BY table_name SEPARATOR ' '), '') \
    FROM information_schema.tables WHERE table_schema = 'app' AND table_name <> 'dbtool_migrations'";
const NAMES: &str = "SELECT COALESCE(GROUP_CONCAT(name ORDER BY started_at, name SEPARATOR ' '), '') FROM app.dbtool_migrations";

#[test]
fn every_folder_of_the_corpus_is_applied_as_its_tool_means_it() {
    let server = Server::start();
    let mut admin = server.admin();
    for case in corpus() {
        empty(&mut admin);
        let what = format!("{} ({})", case.name, case.get("what"));
        let status = case.migrate(&server, &["status", "--format", "json"]).run();
        assert_eq!(status.code, Some(0), "{what}: {status}");
        let json: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
        assert_eq!(json["layout"], case.get("layout"), "{what}: {status}");
        let applied = format!("{} migrations applied", case.get("applied"));
        assert_ends(
            &case.migrate(&server, &[]).run(),
            0,
            &[&applied, case.get("says")],
        );
        // The servers sort underscores in different ways.
        let mut objects = admin.value(OBJECTS);
        let mut sorted: Vec<&str> = objects.split(' ').collect();
        sorted.sort_unstable();
        objects = sorted.join(" ");
        assert_eq!(objects, case.get("tables"), "{what}");
        assert_ends(&case.migrate(&server, &["verify"]).run(), 0, &["0 pending"]);
        if !case.get("args").is_empty() {
            let check = dbtool()
                .env("DB_SOCKET", server.socket())
                .env("DB_USER", "root")
                .env("DB_NAME", "app")
                .args(["check-schema", "--replay", "server"])
                .args(case.get("args").split_whitespace())
                .arg("--dir")
                .arg(case.folder.path())
                .run();
            assert_eq!(check.code, Some(0), "{what}: {check}");
        }
    }
}

#[test]
fn what_another_tool_has_applied_is_taken_over_once() {
    let server = Server::start();
    let mut admin = server.admin();
    for case in corpus() {
        let Some(history) = &case.history else {
            continue;
        };
        empty(&mut admin);
        admin.exec(history);
        let what = format!("{} ({})", case.name, case.get("what"));
        let tables = admin.value(OBJECTS);
        let sums = |admin: &mut Admin| -> Vec<String> {
            let all = tables
                .split(' ')
                .filter(|name| !["all_ones", "a_count"].contains(name));
            all.map(|name| {
                let sum = admin.query(&format!("CHECKSUM TABLE `{name}`"));
                format!("{sum:?}")
            })
            .collect()
        };
        let before = sums(&mut admin);
        // It does not begin at the first version.
        let refused = case.migrate(&server, &[]).run();
        assert_ends(&refused, 2, &["nothing was run", "dbtool migrate adopt"]);
        let status = case.migrate(&server, &["status", "--check"]).run();
        assert_ends(
            &status,
            1,
            &["no history of dbtool, and one of", "dbtool migrate adopt"],
        );
        let dry = case.migrate(&server, &["adopt", "--dry-run"]).run();
        assert_ends(&dry, 0, &["would be recorded as applied"]);
        assert_eq!(admin.value(OBJECTS), tables, "{what}");
        let there = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'dbtool_migrations'";
        assert_eq!(admin.value(there), "0", "{what}");
        let adopted = case.migrate(&server, &["adopt"]).run();
        assert_eq!(adopted.code, Some(0), "{what}: {adopted}");
        assert_eq!(admin.value(NAMES), case.get("adopted"), "{what}: {adopted}");
        assert_eq!(sums(&mut admin), before, "{what}");
        assert_ends(
            &case.migrate(&server, &["adopt"]).run(),
            0,
            &["0 migrations", "recorded already"],
        );
        // The rest follows.
        let rest = case.migrate(&server, &[]).run();
        assert_eq!(rest.code, Some(0), "{what}: {rest}");
        let verified = case.migrate(&server, &["status", "--check"]).run();
        assert_ends(&verified, 0, &["0 pending"]);
        let all: Vec<String> = case.get("tables").split(' ').map(str::to_owned).collect();
        let now = admin.value(OBJECTS);
        assert!(
            all.iter().all(|name| now.split(' ').any(|one| one == name)),
            "{what}: {now}"
        );
    }
}

/// The case with this name, its history in an empty database.
fn begun(admin: &mut Admin, name: &str) -> Case {
    let mut all = corpus();
    let at = all.iter().position(|case| case.name == name).expect("the case");
    let case = all.swap_remove(at);
    empty(admin);
    admin.exec(case.history.as_ref().expect("a history"));
    case
}

#[test]
fn a_history_that_does_not_fit_is_refused() {
    let server = Server::start();
    let mut admin = server.admin();
    for (name, change, words) in [
        (
            "golang_migrate",
            "UPDATE schema_migrations SET dirty = 1",
            &["failed or is done in part: 2", "force"][..],
        ),
        (
            "golang_migrate",
            "UPDATE schema_migrations SET version = 7",
            &["without a file here: 7"],
        ),
        (
            "flyway",
            "UPDATE flyway_schema_history SET success = 0 WHERE version = '1.2'",
            &["1.2", "flyway repair"],
        ),
        (
            "flyway",
            "UPDATE flyway_schema_history SET checksum = 5 WHERE version = '1.2'",
            &["V1.2__two", "not as Flyway"],
        ),
        (
            "flyway",
            "UPDATE flyway_schema_history SET version = '1.3' WHERE version = '1.2'",
            &["without a file here: 1.3"],
        ),
        (
            "sqlx",
            "UPDATE _sqlx_migrations SET success = 0 WHERE version = 20240201120000",
            &["20240201120000"],
        ),
        (
            "sqlx",
            "UPDATE _sqlx_migrations SET checksum = X'00' WHERE version = 20240201120000",
            &["not as sqlx"],
        ),
        (
            "refinery",
            "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3",
            &["V3__two", "not as refinery"],
        ),
        (
            "liquibase",
            "DELETE FROM DATABASECHANGELOG WHERE ID = '2'",
            &["001_first.sql (1 of its 2 changesets)"],
        ),
        (
            "liquibase",
            "UPDATE DATABASECHANGELOG SET EXECTYPE = 'FAILED' WHERE ID = '2'",
            &["ann:2 of db/001_first.sql"],
        ),
        (
            "laravel",
            "INSERT INTO migrations (migration, batch) VALUES ('2024_01_01_000000_gone', 1)",
            &["2024_01_01_000000_gone"],
        ),
    ] {
        let case = begun(&mut admin, name);
        admin.exec(change);
        let output = case.migrate(&server, &["adopt"]).run();
        assert_ends(&output, 2, &["nothing was recorded"]);
        assert_ends(&output, 2, words);
    }
    let there = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'dbtool_migrations'";
    assert_eq!(admin.value(there), "0");
    // A repeatable migration that has changed runs again.
    let case = begun(&mut admin, "flyway");
    admin.exec("UPDATE flyway_schema_history SET checksum = 5 WHERE version IS NULL");
    assert_ends(
        &case.migrate(&server, &["adopt"]).run(),
        0,
        &["2 migrations of Flyway", "3 pending"],
    );
    // The table has another name, two tools have one, the tool has none here.
    let case = begun(&mut admin, "goose");
    admin.exec("RENAME TABLE goose_db_version TO my_versions");
    assert_ends(&case.migrate(&server, &["adopt"]).run(), 2, &["--table"]);
    let named = ["adopt", "--from", "goose", "--table", "my_versions"];
    assert_ends(
        &case.migrate(&server, &named).run(),
        0,
        &["2 migrations of goose (my_versions)"],
    );
    admin.exec("CREATE TABLE migrations (id INT, migration VARCHAR(255), batch INT)");
    admin.exec("INSERT INTO migrations VALUES (1, '00001_one', 1)");
    admin.exec("RENAME TABLE my_versions TO goose_db_version");
    assert_ends(
        &case.migrate(&server, &["adopt"]).run(),
        2,
        &["several tools", "laravel", "goose"],
    );
    assert_ends(
        &case.migrate(&server, &["adopt", "--from", "goose"]).run(),
        0,
        &["2 recorded already"],
    );
    assert_ends(
        &case.migrate(&server, &["adopt", "--from", "sqlx"]).run(),
        2,
        &["no table of sqlx"],
    );
    assert_ends(
        &case.migrate(&server, &["adopt", "--from", "rambler"]).run(),
        2,
        &["baseline"],
    );
    // The table is about something else.
    let case = begun(&mut admin, "laravel");
    admin.exec("DROP TABLE one");
    admin.exec("DROP TABLE two");
    for args in [&["plan"][..], &["--dry-run"], &["001"]] {
        let args = if args == ["001"] {
            &["2024_01_31_120000_one"][..]
        } else {
            args
        };
        assert_ends(&case.migrate(&server, args).run(), 2, &["--ignore-other-history"]);
    }
    assert_ends(
        &case.migrate(&server, &["--ignore-other-history"]).run(),
        0,
        &["3 migrations applied"],
    );
}

#[test]
fn repeatable_migrations_run_again_when_they_have_changed() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("USE app");
    let folder = Folder::new(&[
        ("V1__t.sql", "CREATE TABLE t (a INT, b INT);"),
        ("R__a.sql", "CREATE OR REPLACE VIEW a AS SELECT x FROM b;"),
        ("R__b.sql", "CREATE OR REPLACE VIEW b AS SELECT a AS x FROM t;"),
    ]);
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        0,
        &["3 migrations applied", "now at 1"],
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["nothing to do"]);
    folder.write("R__b.sql", "CREATE OR REPLACE VIEW b AS SELECT b AS x FROM t;");
    folder.write("V1.5__rows.sql", "INSERT INTO t VALUES (1, 2);");
    assert_ends(
        &folder.migrate(&server, &["status", "--check"]).run(),
        1,
        &["2 pending"],
    );
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        0,
        &["2 migrations applied", "now at 1.5"],
    );
    assert_eq!(admin.value("SELECT x FROM a"), "2");
    assert_ends(&folder.migrate(&server, &["verify"]).run(), 0, &["4 applied"]);
    // One that fails is begun anew when it is right.
    folder.write(
        "R__b.sql",
        "CREATE OR REPLACE VIEW b AS SELECT nothing AS x FROM t;",
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 4, &["nothing"]);
    folder.write("R__b.sql", "CREATE OR REPLACE VIEW b AS SELECT 7 AS x FROM t;");
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["1 migration applied"]);
    assert_eq!(admin.value("SELECT x FROM a"), "7");
    // Going back is about versions.
    folder.write("U1.5__rows.sql", "DELETE FROM t;");
    assert_ends(
        &folder.migrate(&server, &["down", "--yes"]).run(),
        0,
        &["1 migration rolled back", "now at 1"],
    );
    assert_eq!(admin.value("SELECT COUNT(*) FROM t"), "0");
    assert_eq!(
        admin.value("SELECT GROUP_CONCAT(name ORDER BY name) FROM dbtool_migrations"),
        "R__a,R__b,V1__t"
    );
}

#[test]
fn contradicting_evidence_stops_the_run() {
    let server = Server::start();
    let before = server.counters();
    let goose = "-- +goose Up\nCREATE TABLE a (a INT);\n-- +goose Down\nDROP TABLE a;\n";
    let dbmate = "-- migrate:up\nCREATE TABLE b (a INT);\n-- migrate:down\nDROP TABLE b;\n";
    let plain = "CREATE TABLE c (a INT);";
    let sql_migrate = "-- +migrate Up\nCREATE TABLE d (a INT);\n-- +migrate Down\nDROP TABLE d;\n";
    for (files, args, words) in [
        (
            &[("V1__a.sql", plain), ("2_b.sql", plain)][..],
            &[][..],
            &["V1__a.sql", "--layout"][..],
        ),
        (
            &[("V1__a.sql", plain), ("U2__b.sql", plain)],
            &[],
            &["U2__b.sql", "Flyway", "refinery"],
        ),
        (
            &[("V1__a.sql", goose)],
            &[],
            &["marks of goose", "layout of Flyway"],
        ),
        (
            &[("1_a.sql", goose), ("2_b.sql", sql_migrate)],
            &[],
            &["sql-migrate", "goose", "--layout dbtool"],
        ),
        (
            &[("1_a.sql", goose)],
            &["--layout", "sql-migrate"],
            &["marks of goose", "layout of sql-migrate"],
        ),
        (
            &[("1_a.sql", plain)],
            &["--layout", "flyway"],
            &["1_a.sql", "V1__name.sql"],
        ),
        (
            &[("V1__a.sql", plain)],
            &["--layout", "goose"],
            &["V1__a.sql", "not the layout"],
        ),
    ] {
        let folder = Folder::new(files);
        let output = folder.migrate(&server, args).run();
        assert_ends(&output, 2, &["nothing was run"]);
        assert_ends(&output, 2, words);
    }
    server.assert_unchanged(&before);
    // What is the same to dbtool is no contradiction.
    let folder = Folder::new(&[
        ("1_a.sql", goose),
        ("2_b.sql", dbmate),
        ("3_c.sql", plain),
        ("4_d.sql", sql_migrate),
    ]);
    assert_ends(
        &folder.migrate(&server, &["--layout", "dbtool"]).run(),
        0,
        &["4 migrations applied"],
    );
    // Several folders.
    let other = Folder::new(&[("5_e.sql", "CREATE TABLE e (a INT);")]);
    let output = folder
        .migrate(&server, &["--layout", "dbtool"])
        .arg("--dir")
        .arg(other.path())
        .run();
    assert_ends(&output, 0, &["1 migration applied"]);
}
