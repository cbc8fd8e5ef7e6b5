//! What counts as drift: what differs from the migrations that are applied, whatever the live
//! database and its server look like.

use crate::support;

use serde_json::Value;
use support::migrations::{Folder, assert_ends, shipped};
use support::schemas::{allow_scratch, drift, run_statements};
use support::{Admin, Output, Server};

/// A server program that is not there.
const NO_PROGRAM: &str = "/nowhere/mysqld";

fn report(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

/// A server whose account may make scratch databases.
fn server() -> (Server, Admin) {
    let server = Server::builder()
        .arg("--log-bin-trust-function-creators=1")
        .start();
    let mut admin = server.admin();
    allow_scratch(&server, &mut admin);
    (server, admin)
}

fn fresh(admin: &mut Admin, charset: &str) {
    admin.exec("DROP DATABASE app");
    admin.exec(&format!("CREATE DATABASE app CHARACTER SET {charset}"));
    admin.exec("USE app");
}

#[test]
fn a_fix_at_any_version_leaves_the_pending_migrations_their_work() {
    let (server, mut admin) = server();
    let run = |args: &[&str]| server.dbtool().args(args).arg("--dir").arg(shipped()).run();
    let snapshot = |args: &[&str]| {
        let command = server
            .dbtool()
            .env("DBTOOL_SERVER", NO_PROGRAM)
            .arg("check-schema");
        command
            .args(["--replay", "never"])
            .args(args)
            .arg("--dir")
            .arg(shipped())
            .run()
    };
    for version in ["001", "002", "004"] {
        fresh(&mut admin, "utf8mb4");
        assert_ends(&run(&["migrate", version]), 0, &[]);
        // Drift of its own: one table that pending migrations change, one that they do not.
        run_statements(
            &mut admin,
            "ALTER TABLE users DROP COLUMN phone; ALTER TABLE properties DROP COLUMN state",
        );
        let json = run(&["check-schema", "--format", "json"]);
        let found = report(&json);
        assert_eq!(
            drift(&found),
            ["column properties.state missing", "column users.phone missing"],
            "at {version}: {json}"
        );
        assert!(found["pending"][0]["version"].as_str() > Some(version), "{json}");
        // A snapshot is of all migrations: what the pending ones touch is not compared.
        let json = snapshot(&["--format", "json"]);
        let found = report(&json);
        assert!(
            drift(&found).contains(&"column properties.state missing".to_owned()),
            "{json}"
        );
        let of_drift = found["drift"].to_string();
        for pending in ["service_fee", "taxes", "conversations", "messages", "mediumtext"] {
            assert!(!of_drift.contains(pending), "{pending} at {version}: {json}");
        }
        let script = snapshot(&["--fix-sql"]);
        for pending in ["service_fee", "taxes", "conversation", "refunds"]
            .iter()
            .filter(|_| version < "003")
        {
            let run = script.stdout.lines().filter(|line| !line.starts_with("--"));
            assert_eq!(
                run.filter(|line| line.contains(pending)).count(),
                0,
                "{pending}: {script}"
            );
        }
        let fix = run(&["check-schema", "--fix-sql"]).stdout;
        run_statements(&mut admin, &fix);
        let applied = run(&["check-schema", "--applied"]);
        assert_ends(&applied, 0, &["no drift"]);
        assert_ends(
            &run(&["check-schema"]),
            1,
            &["no drift", "pending", "next: `dbtool migrate`"],
        );
        assert_ends(&run(&["check-schema", "--fail-on", "never"]), 0, &[]);
        assert_ends(&run(&["migrate", "--allow-blocking"]), 0, &[]);
        assert_ends(&run(&["check-schema"]), 0, &["no drift"]);
        assert_ends(&snapshot(&[]), 0, &["no drift"]);
    }
    // Nothing is applied, and everything is pending.
    fresh(&mut admin, "utf8mb4");
    let empty = run(&["check-schema", "--fix-sql"]);
    assert_eq!(empty.code, Some(1), "{empty}");
    assert!(empty.stdout.lines().all(|line| line.starts_with("--")), "{empty}");
}

#[test]
fn a_half_done_migration_gets_no_fix() {
    let (server, mut admin) = server();
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);"),
        (
            "002_b.sql",
            "CREATE TABLE b (id INT PRIMARY KEY);\nINSERT INTO b VALUES (1), (1);",
        ),
    ]);
    assert_eq!(folder.migrate(&server, &[]).run().code, Some(4));
    admin.exec("ALTER TABLE app.a ADD COLUMN more INT");
    let check = |args: &[&str]| {
        server
            .dbtool()
            .arg("check-schema")
            .args(args)
            .arg("--dir")
            .arg(folder.path())
            .run()
    };
    let text = check(&[]);
    assert_ends(
        &text,
        1,
        &[
            "note: started but not finished: 002_b",
            "table b",
            "1 migration pending (002)",
        ],
    );
    assert!(!text.stdout.contains("--fix-sql"), "{text}");
    let fix = check(&["--fix-sql", "--allow-destructive"]);
    assert!(fix.stdout.lines().all(|line| line.starts_with("--")), "{fix}");
    assert!(
        fix.stdout.contains("no fix while a migration is half done"),
        "{fix}"
    );
}

#[test]
fn the_snapshot_is_written_of_all_migrations_and_compared_with_those_applied() {
    let (server, mut admin) = server();
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);"),
        ("002_b.sql", "CREATE TABLE b (id INT PRIMARY KEY);"),
    ]);
    assert_eq!(folder.migrate(&server, &["001"]).run().code, Some(0));
    let check = |args: &[&str]| {
        server
            .dbtool()
            .arg("check-schema")
            .args(args)
            .arg("--dir")
            .arg(folder.path())
            .run()
    };
    let written = check(&["--write"]);
    assert_ends(
        &written,
        1,
        &[
            "no drift against 1 migration",
            "1 migration pending (002)",
            "wrote",
        ],
    );
    let text = std::fs::read_to_string(folder.path().join("schema.json")).expect("the snapshot");
    assert!(text.contains("\"b\""), "{text}");
    admin.exec("ALTER TABLE app.a ADD COLUMN more INT");
    assert_ends(&check(&["--replay", "never"]), 1, &["column more extra"]);
}

/// Guards that a migration makes by the catalogue, with what each adds unless it is there.
const GUARDS: [&str; 3] = [
    "SET @n = (SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'a' AND column_name = 'later');\n\
     SET @s = IF(@n = 0, 'ALTER TABLE a ADD COLUMN later INT', 'DO 0');\nPREPARE s FROM @s;\nEXECUTE s;",
    "SET @n = (SELECT COUNT(*) FROM information_schema.table_constraints WHERE constraint_schema = 'app' \
     AND constraint_name = 'fk_up');\n\
     SET @s = IF(@n = 0, 'ALTER TABLE a ADD CONSTRAINT fk_up FOREIGN KEY (up) REFERENCES a (id)', 'DO 0');\n\
     PREPARE s FROM @s;\nEXECUTE s;",
    "CREATE PROCEDURE guard() BEGIN IF NOT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_name = 'a' \
     AND index_name = 'by_up') THEN ALTER TABLE a ADD INDEX by_up (up); END IF; END;\nCALL guard();\nDROP PROCEDURE guard;",
];

#[test]
fn the_live_database_does_not_show_in_what_is_expected() {
    let (server, mut admin) = server();
    let program = server.binary().program.display().to_string();
    for guard in GUARDS {
        fresh(&mut admin, "utf8mb4");
        let folder = Folder::new(&[
            ("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY, up INT);"),
            ("002_guard.sql", guard),
        ]);
        assert_ends(&folder.migrate(&server, &["--allow-blocking"]).run(), 0, &[]);
        let check = |program: &str, args: &[&str]| {
            let command = server
                .dbtool()
                .env("DBTOOL_SERVER", program)
                .arg("check-schema")
                .args(args);
            command.arg("--dir").arg(folder.path()).run()
        };
        let output = check(&program, &[]);
        assert_ends(&output, 0, &["no drift", "on a private", "002_guard.sql"]);
        // Without a server of one's own nothing is said rather than something wrong.
        let refused = check(NO_PROGRAM, &[]);
        assert_ends(&refused, 2, &["002_guard.sql", "other databases"]);
        assert_ends(
            &check(&program, &["--replay", "server"]),
            2,
            &["--replay sandbox"],
        );
        if guard != GUARDS[1] {
            continue;
        }
        // With a snapshot there is something to compare with.
        assert_ends(&check(&program, &["--write"]), 0, &["no drift"]);
        assert_ends(&check(NO_PROGRAM, &[]), 0, &["no drift", "not replayed"]);
    }
    // A guard that names its own database is replayed beside the live one.
    fresh(&mut admin, "utf8mb4");
    let guard = GUARDS[0].replace(
        "table_name = 'a'",
        "table_schema = DATABASE() AND table_name = 'a'",
    );
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);"),
        ("002_guard.sql", &guard),
    ]);
    assert_ends(&folder.migrate(&server, &["--allow-blocking"]).run(), 0, &[]);
    let command = server
        .dbtool()
        .env("DBTOOL_SERVER", NO_PROGRAM)
        .arg("check-schema");
    let output = command.arg("--dir").arg(folder.path()).run();
    assert_ends(&output, 0, &["no drift", "replayed in a scratch database"]);
}

#[test]
fn the_default_of_the_database_is_compared_and_makes_no_table_differ() {
    let (server, mut admin) = server();
    let program = server.binary().program.display().to_string();
    let plain = "CREATE TABLE a (id INT PRIMARY KEY, t VARCHAR(20));\nCREATE TABLE b (t TEXT);";
    let said = format!("ALTER DATABASE CHARACTER SET utf8mb4;\n{plain}");
    let named = "CREATE TABLE a (id INT PRIMARY KEY, t VARCHAR(20)) CHARACTER SET utf8mb4;";
    // (migration, what differs once the default is another)
    for (text, expected) in [
        (plain, &["database database different"][..]),
        (&said, &["database database different"]),
        (named, &[]),
    ] {
        fresh(&mut admin, "utf8mb4");
        let folder = Folder::new(&[("001_a.sql", text)]);
        assert_ends(&folder.migrate(&server, &[]).run(), 0, &[]);
        let check = |args: &[&str]| {
            let command = server
                .dbtool()
                .env("DBTOOL_SERVER", &program)
                .arg("check-schema")
                .args(args);
            command.arg("--dir").arg(folder.path()).run()
        };
        let all = |what: &[&str]| {
            for replay in [
                &["--replay", "server"][..],
                &["--replay", "sandbox"],
                &["--replay", "never"],
            ] {
                // The snapshot is there from the second round on, and a private server takes its time.
                let written = folder.path().join("schema.json").is_file();
                if written != (replay[1] == "never") && (replay[1] != "server") {
                    continue;
                }
                let output = check(&[replay, &["--format", "json"]].concat());
                assert_eq!(drift(&report(&output)), what, "{replay:?} of {text}: {output}");
            }
        };
        admin.exec("ALTER DATABASE app CHARACTER SET latin1");
        all(expected);
        admin.exec("ALTER DATABASE app CHARACTER SET utf8mb4");
        assert_ends(&check(&["--write"]), 0, &[]);
        all(&[]);
        admin.exec("ALTER DATABASE app CHARACTER SET latin1");
        all(expected);
        for replay in ["server", "never"] {
            let fix = check(&["--fix-sql", "--allow-destructive", "--replay", replay]).stdout;
            assert!(!fix.contains("TABLE"), "{fix}");
            run_statements(&mut admin, &fix);
            if expected.is_empty() {
                break;
            }
            all(&[]);
            admin.exec("ALTER DATABASE app CHARACTER SET latin1");
        }
    }
}

#[test]
fn statements_that_change_no_definition_do_not_stop_a_replay() {
    let (server, mut admin) = server();
    let program = server.binary().program.display().to_string();
    fresh(&mut admin, "utf8mb4");
    let folder = Folder::new(&[(
        "001_a.sql",
        "ALTER DATABASE CHARACTER SET utf8mb4;\nALTER SCHEMA DEFAULT COLLATE utf8mb4_bin;\n\
         CREATE TABLE a (id INT PRIMARY KEY, t VARCHAR(9));\n\
         OPTIMIZE TABLE a;\nANALYZE TABLE a;\nCHECK TABLE a;\nREPAIR TABLE a;\nFLUSH TABLES;\nFLUSH LOCAL STATUS;\n\
         CHECKSUM TABLE a;\nGRANT SELECT ON app.* TO nobody_of_this_name;\nCREATE USER nobody_of_this_name;\n\
         SET PASSWORD = 'x';\nSET ROLE NONE;\nRESET QUERY CACHE;\nKILL 4000000;\n",
    )]);
    run_statements(
        &mut admin,
        "ALTER DATABASE COLLATE utf8mb4_bin; CREATE TABLE a (id INT PRIMARY KEY, t VARCHAR(9))",
    );
    for replay in ["server", "sandbox"] {
        let command =
            server
                .dbtool()
                .env("DBTOOL_SERVER", &program)
                .args(["check-schema", "--replay", replay]);
        let output = command.arg("--dir").arg(folder.path()).run();
        assert_ends(&output, 0, &["no drift against 1 migration"]);
    }
    let users = "SELECT COUNT(*) FROM mysql.user WHERE user = 'nobody_of_this_name'";
    assert_eq!(admin.number(users), 0);
}

#[test]
fn a_private_server_is_the_one_most_like_the_live_server() {
    let (server, mut admin) = server();
    fresh(&mut admin, "utf8mb4");
    let folder = Folder::new(&[("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);")]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &[]);
    let command = server.dbtool().args(["check-schema", "--replay", "sandbox"]);
    let output = command.arg("--dir").arg(folder.path()).run();
    let (live, program) = (admin.value("SELECT VERSION()"), &server.binary().version);
    let numbers = |version: &str| version.split('-').next().unwrap_or_default().to_owned();
    let families = if server.is_mysql() { "MySQL" } else { "MariaDB" };
    assert_ends(
        &output,
        0,
        &[
            &format!("on a private {families} {program}"),
            &format!("the live server is {families} {}", numbers(&live)),
        ],
    );
}
