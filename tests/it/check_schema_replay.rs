//! Where check-schema takes the expected schema from: a replay of the migrations beside the live
//! database or on a private server, the snapshot, another database.

use crate::support;

use std::fs;

use support::migrations::shipped;
use support::schemas::{
    EVERYTHING, allow_scratch, migrations_of_everything, run_statements, scratch_databases, server,
};
use support::{Admin, Server};

/// A server program that is not there.
const NO_PROGRAM: &str = "/nowhere/mysqld";

#[test]
fn migrations_are_replayed_in_a_scratch_database_that_goes_again() {
    let (server, mut admin) = server();
    let folder = migrations_of_everything();
    let before = server.counters();
    let denied = server
        .dbtool()
        .env("DBTOOL_SERVER", NO_PROGRAM)
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
        snapshot
            .stdout
            .lines()
            .any(|line| line.starts_with("note: the migrations were not replayed")),
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
fn a_private_server_knows_the_database_by_its_name() {
    let (server, mut admin) = server();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "CREATE TABLE app.one (id INT PRIMARY KEY);\nCREATE VIEW two AS SELECT id FROM app.one;\n";
    fs::write(folder.path().join("001_named.sql"), text).expect("the migration is written");
    admin.exec("DROP DATABASE app");
    admin.exec("CREATE DATABASE app CHARACTER SET utf8mb4");
    admin.exec("USE app");
    run_statements(&mut admin, text);
    let output = server
        .dbtool()
        .args(["check-schema", "--replay", "sandbox", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn a_migration_that_reaches_out_is_not_replayed_beside_the_live_database() {
    let (server, mut admin) = server();
    allow_scratch(&server, &mut admin);
    for reaching in [
        "DROP TABLE app.visits;",
        "USE app; DROP TABLE visits;",
        "SET GLOBAL event_scheduler = 0;",
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
fn pending_migrations_are_named_and_can_be_left_out() {
    let server = Server::start();
    let mut admin = server.admin();
    allow_scratch(&server, &mut admin);
    let run = |args: &[&str]| server.dbtool().args(args).arg("--dir").arg(shipped()).run();
    assert_eq!(run(&["migrate", "002"]).code, Some(0));
    let all = run(&["check-schema"]);
    assert_eq!(all.code, Some(1), "what is pending is found: {all}");
    for words in [
        "note: 3 migrations pending (003 to 005)",
        "no drift against 2 migrations",
        "next: `dbtool migrate`",
    ] {
        assert!(all.stdout.contains(words), "{words}: {all}");
    }
    let fix = run(&["check-schema", "--fix-sql"]);
    assert!(
        fix.stdout
            .lines()
            .all(|line| line.starts_with("-- 3 migrations pending")),
        "what is pending is no part of the fix: {fix}"
    );
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
    admin.exec("REVOKE ALL ON `dbtool\\_scratch\\_%`.* FROM 'app'@'%'");
    let denied = server
        .dbtool()
        .env("DBTOOL_SERVER", NO_PROGRAM)
        .args(["check-schema", "--applied", "--dir"])
        .arg(shipped())
        .run();
    assert_eq!(denied.code, Some(2), "{denied}");
    assert!(
        denied.stderr.contains("--replay sandbox") && !denied.stderr.contains("--replay never"),
        "{denied}"
    );
}

#[test]
fn nothing_of_one_file_reaches_the_next_in_a_replay_either() {
    let (server, mut admin) = server();
    allow_scratch(&server, &mut admin);
    admin.exec("CREATE DATABASE files DEFAULT CHARACTER SET utf8mb4");
    admin.exec("GRANT ALL ON files.* TO 'app'@'%'");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = "SET default_storage_engine = MyISAM, foreign_key_checks = 0, sql_mode = '';\nSET @n = 5;\n\
                 PREPARE st FROM 'CREATE TABLE of_first (id INT)';\nCREATE TEMPORARY TABLE tmp (id INT);\n\
                 CREATE TABLE a (id INT PRIMARY KEY);\nSET NAMES latin1;\n";
    let second = "CREATE TABLE b (id INT PRIMARY KEY);\nSET @s = IF(@n = 5, 'CREATE TABLE of_first (id INT)', 'DO 0');\n\
                  PREPARE guard FROM @s;\nEXECUTE guard;\n\
                  CREATE TABLE tmp (id INT PRIMARY KEY, s VARCHAR(5) DEFAULT 'x');\nINSERT INTO tmp (id) VALUES (1);\n\
                  CREATE PROCEDURE p() SELECT 'é';\n";
    fs::write(folder.path().join("001_first.sql"), first).expect("the migration is written");
    fs::write(folder.path().join("002_second.sql"), second).expect("the migration is written");
    let run = |args: &[&str]| {
        let command = server.dbtool().env("DB_NAME", "files").args(args);
        command.arg("--dir").arg(folder.path()).run()
    };
    let applied = run(&["migrate"]);
    assert_eq!(applied.code, Some(0), "{applied}");
    for statement in [
        "SET GLOBAL sql_safe_updates = 1",
        "SET GLOBAL sql_select_limit = 1",
    ] {
        admin.exec(statement);
    }
    let compared = run(&["check-schema"]);
    assert!(compared.stdout.contains("files: no drift"), "{compared}");
    if !server.is_mysql() {
        // `body` is a keyword there.
        admin.exec("SET GLOBAL sql_mode = 'ORACLE'");
        let read = run(&["check-schema", "--lint-only"]);
        assert!(read.code != Some(4), "{read}");
    }
}
