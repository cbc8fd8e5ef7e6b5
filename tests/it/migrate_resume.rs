//! A migration that was cut off, at any point and in any way, ends as an uninterrupted one.

use crate::support;

use std::time::Duration;

use dbtool::sandbox::Account;
use support::crash::Crashing;
use support::migrations::{Folder, assert_ends};
use support::{Admin, Server, Signal, wait_until};

const PATIENCE: Duration = support::PATIENCE;

/// DDL of many kinds, rows in and out of transactions, session settings. Rows name their ids: those
/// that AUTO_INCREMENT gives to a transaction that is rolled back are not given again.
const LONG: &str = "CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20)) ENGINE=InnoDB;
SET @step = 5;
INSERT INTO a (id, v) VALUES (1, 'one'), (2, 'two');
CREATE TABLE b LIKE a;
INSERT INTO b (id, v) SELECT id, CONCAT(v, @step) FROM a;
ALTER TABLE a ADD COLUMN n INT NOT NULL DEFAULT 7, ADD INDEX by_v (v);
ALTER TABLE a MODIFY COLUMN v MEDIUMTEXT, DROP INDEX by_v;
CREATE INDEX by_n ON a (n);
ALTER TABLE b ADD CONSTRAINT fk_b FOREIGN KEY (id) REFERENCES a (id);
UPDATE a SET n = n + 1;
CREATE VIEW both_tables AS SELECT a.id, b.v FROM a JOIN b USING (id);
CREATE TRIGGER count_up BEFORE INSERT ON a FOR EACH ROW SET NEW.n = COALESCE(NEW.n, 0) + 1;
CREATE PROCEDURE more() BEGIN INSERT INTO a (v) VALUES ('three'); INSERT INTO a (v) VALUES ('four'); END;
START TRANSACTION;
INSERT INTO a (id, v, n) VALUES (5, 'five', 1);
UPDATE a SET n = n * 2;
COMMIT;
RENAME TABLE b TO b_old;
DROP VIEW both_tables;
CREATE TABLE c (id INT PRIMARY KEY);
INSERT INTO c SELECT id FROM a;
ALTER TABLE c RENAME TO d;
DROP TRIGGER count_up;
ALTER TABLE b_old DROP FOREIGN KEY fk_b;
INSERT INTO d VALUES (100);
DROP INDEX by_n ON a;";

/// Every table and routine of a database with its definition, and the checksum of its rows.
fn state_of(admin: &mut Admin, database: &str) -> Vec<String> {
    let mut state = Vec::new();
    let names = admin.query(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}' \
         AND table_name <> 'dbtool_migrations' ORDER BY table_name"
    ));
    for name in names.into_iter().flatten().flatten() {
        let definition = admin.query(&format!("SHOW CREATE TABLE {database}.{name}"));
        let definition = format!("{definition:?}").replace(database, "db");
        let (head, tail) = definition
            .split_once(" AUTO_INCREMENT=")
            .unwrap_or((&definition, ""));
        state.push(format!(
            "{head}{}",
            tail.trim_start_matches(|c: char| c.is_ascii_digit())
        ));
        state.push(format!(
            "{name} {}",
            admin.query(&format!("CHECKSUM TABLE {database}.{name}"))[0][1]
                .as_deref()
                .unwrap_or("-")
        ));
    }
    for kind in ["triggers WHERE trigger", "routines WHERE routine"] {
        let column = if kind.starts_with("triggers") {
            "trigger_name"
        } else {
            "routine_name"
        };
        let rows = admin.query(&format!(
            "SELECT {column} FROM information_schema.{kind}_schema = '{database}' ORDER BY 1"
        ));
        state.push(format!("{rows:?}"));
    }
    state.push(format!(
        "{:?}",
        admin.query(&format!("SELECT version, state, statements_done, statements_total, done_hash, intent, checksum FROM {database}.dbtool_migrations"))
    ));
    state
}

fn uninterrupted(server: &Server, folder: &Folder, admin: &mut Admin) -> Vec<String> {
    let account = server.create_account("whole", "whole");
    let output = folder.migrate_as(server, &account, &[]).run();
    assert_ends(&output, 0, &["now at 001"]);
    state_of(admin, "whole")
}

fn done(admin: &mut Admin, database: &str) -> u64 {
    match admin.try_exec(&format!("SELECT 1 FROM {database}.dbtool_migrations LIMIT 0")) {
        Ok(()) => admin.number(&format!(
            "SELECT COALESCE(MAX(statements_done), 0) FROM {database}.dbtool_migrations"
        )),
        Err(_) => 0,
    }
}

/// Ends runs as soon as they have done a further statement, until one gets to the end.
fn in_pieces(server: &Server, folder: &Folder, account: &Account, admin: &mut Admin, signal: Signal) -> u32 {
    let mut kills = 0;
    loop {
        let before = done(admin, &account.database);
        let mut running = server
            .dbtool_as(account)
            .arg("migrate")
            .args(["--lock-wait", "60"])
            .arg("--dir")
            .arg(folder.path())
            .spawn();
        while running.poll().is_none() && done(admin, &account.database) <= before {}
        running.signal(signal);
        let output = running.wait();
        if output.code == Some(0) {
            return kills;
        }
        kills += 1;
        assert!(kills < 100, "no end in sight: {output}");
        assert!(output.signal == Some(9) || output.code == Some(143), "{output}");
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_an_uninterrupted_one() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[("001_long.sql", LONG)]);
    let whole = uninterrupted(&server, &folder, &mut admin);
    for (database, signal) in [("killed", Signal::KILL), ("ended", Signal::TERM)] {
        let account = server.create_account(database, database);
        let kills = in_pieces(&server, &folder, &account, &mut admin, signal);
        assert!(kills > 3, "only {kills} runs were interrupted");
        assert_eq!(
            state_of(&mut admin, database),
            whole,
            "after {kills} interruptions by {signal:?}"
        );
    }
}

/// Lets the statement that waits for table `t` finish and be killed before its record is written.
#[test]
fn ddl_that_took_effect_unrecorded_is_seen_in_the_schema() {
    let server = Server::start();
    let folder = Folder::new(&[(
        "001_t.sql",
        "CREATE TABLE t (id INT PRIMARY KEY);\nALTER TABLE t ADD a INT;\nALTER TABLE t ADD b INT;\n",
    )]);
    let mut holder = server.admin();
    let mut admin = server.admin();
    holder.exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
    let output = folder.migrate(&server, &[]).run();
    assert_ends(&output, 2, &["1050"]);
    folder.write("001_t.sql", "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY);\nALTER TABLE t ADD a INT;\nALTER TABLE t ADD b INT;\n");

    // The ALTER waits for the table while its intent is recorded …
    holder.exec("BEGIN");
    holder.exec("SELECT * FROM app.t");
    let mut running = folder.migrate(&server, &["--ddl-lock-wait", "60"]).spawn();
    let waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%'";
    wait_until(PATIENCE, "the ALTER waits", || admin.number(waits) == 1);
    // … then runs, and its record waits for the row.
    admin.exec("BEGIN");
    assert_eq!(
        admin.query("SELECT intent FROM app.dbtool_migrations FOR UPDATE"),
        [[Some("2".into())]]
    );
    holder.exec("COMMIT");
    let columns =
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'app' AND table_name = 't'";
    wait_until(PATIENCE, "the ALTER is done", || holder.number(columns) == 2);
    let records = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND info LIKE 'UPDATE%dbtool_migrations%'";
    wait_until(PATIENCE, "the record waits", || holder.number(records) == 1);
    running.signal(Signal::KILL);
    running.wait();
    // The server ends the statement of a vanished client only when it comes to it: help it along.
    let id = holder.number("SELECT MIN(id) FROM information_schema.processlist WHERE user = 'app'");
    holder.exec(&format!("KILL CONNECTION {id}"));
    let gone = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'";
    wait_until(PATIENCE, "the connection is gone", || holder.number(gone) == 0);
    admin.exec("ROLLBACK");
    assert_eq!(
        admin.value("SELECT CONCAT(statements_done, '/', intent) FROM app.dbtool_migrations"),
        "1/2"
    );

    let output = folder.migrate(&server, &[]).run();
    assert_ends(
        &output,
        0,
        &[
            "001.2",
            "already applied before the interruption",
            "resuming, 2 done, 1 statement to go",
        ],
    );
    assert_eq!(admin.number(columns), 3);
}

#[test]
fn what_cannot_be_decided_is_asked() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.t (id INT)");
    // Its own procedure: inside one of another definer the server lets the account end nothing.
    let mut app = server.connect_as(server.account());
    app.exec("CREATE PROCEDURE app.slow() BEGIN INSERT INTO app.t VALUES (1); COMMIT; INSERT INTO app.t SELECT SLEEP(60) FROM (SELECT 1 UNION SELECT 2) AS two; END");
    let folder = Folder::new(&[("001_c.sql", "CALL slow();\nINSERT INTO t VALUES (2);\n")]);
    let mut running = folder.migrate(&server, &[]).spawn();
    wait_until(PATIENCE, "the procedure committed", || {
        admin.number("SELECT COUNT(*) FROM app.t") == 1
    });
    running.signal(Signal::INT);
    assert_ends(&running.wait(), 130, &["001_c.sql:1:1"]);
    let output = folder.migrate(&server, &[]).run();
    assert_ends(
        &output,
        2,
        &[
            "statement 1 (CALL slow()) was interrupted",
            "it is unknown whether",
            "repair 001 --applied",
            "--not-applied",
        ],
    );
    assert_ends(
        &folder.migrate(&server, &["repair", "1", "--applied"]).run(),
        0,
        &["continues with statement 2"],
    );
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 001"]);
    assert_eq!(
        admin.value("SELECT GROUP_CONCAT(id ORDER BY id) FROM app.t"),
        "1,2"
    );
}

#[test]
fn what_a_lost_session_held_is_not_guessed() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_t.sql",
        "CREATE TEMPORARY TABLE tmp (id INT);\nSELECT SLEEP(60);\nCREATE TABLE t AS SELECT * FROM tmp;\n",
    )]);
    let mut running = folder.migrate(&server, &[]).spawn();
    running.wait_for("001.1");
    running.signal(Signal::TERM);
    assert_ends(&running.wait(), 143, &[]);
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &[
            "001_t.sql:1:1",
            "temporary table",
            "from number 2 on",
            "repair 001 --finished",
        ],
    );
    assert_ends(
        &folder.migrate(&server, &["repair", "001", "--finished"]).run(),
        0,
        &["recorded as applied"],
    );
    assert_ends(&folder.migrate(&server, &["--check"]).run(), 0, &[]);
    assert_eq!(admin.value("SELECT state FROM app.dbtool_migrations"), "applied");
}

#[test]
fn a_server_that_crashes_in_the_middle_is_no_loss() {
    let mut crashing = Crashing::start(Server::builder());
    let folder = Folder::new(&[("001_long.sql", LONG)]);
    let mut admin = crashing.server().admin();
    let whole = uninterrupted(crashing.server(), &folder, &mut admin);
    let account = crashing.server().create_account("crashed", "crashed");
    let migrate = |crashing: &Crashing| {
        let command = crashing.server().dbtool_as(&account);
        command.args(["migrate", "--dir"]).arg(folder.path())
    };
    for at in [1, 6, 9, 15, 20] {
        let running = migrate(&crashing).spawn();
        let deadline = std::time::Instant::now() + PATIENCE;
        while done(&mut admin, "crashed") < at && std::time::Instant::now() < deadline {}
        crashing.kill();
        let output = running.wait();
        if output.code != Some(0) {
            assert_ends(&output, 4, &["run `dbtool migrate 001` again"]);
        }
        admin = crashing.start_again();
    }
    let output = migrate(&crashing).run();
    assert_ends(&output, 0, &["now at 001"]);
    assert_eq!(state_of(&mut admin, "crashed"), whole);
    drop(admin);
}

#[test]
fn a_server_that_becomes_read_only_in_the_middle_stops_a_run_that_goes_on_later_exactly_once() {
    let server = Server::start();
    let (mut admin, mut gate) = (server.admin(), server.admin());
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE a (id INT);\nINSERT INTO a VALUES (1);\n",
    )]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 001"]);
    let variables: &[&str] = match server.is_mysql() {
        true => &["read_only", "super_read_only"],
        false => &["read_only"],
    };
    let after = [
        "INSERT INTO a (id) VALUES (2)",
        "ALTER TABLE a ADD n INT",
        "START TRANSACTION; INSERT INTO a (id) VALUES (3); COMMIT",
    ];
    let mut version = 1;
    for variable in variables {
        for statement in after {
            version += 1;
            let label = format!("{version:03}");
            let statement = statement.replace("n INT", &format!("n{version} INT"));
            folder.write(
                &format!("{label}_more.sql"),
                format!("INSERT INTO a (id) VALUES ({version}0);\nDO GET_LOCK('gate', 600);\n{statement};\n"),
            );
            gate.exec("DO GET_LOCK('gate', 600)");
            let running = folder.migrate(&server, &[]).spawn();
            let waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND info LIKE 'DO GET_LOCK%'";
            wait_until(PATIENCE, "the run waits", || admin.number(waits) == 1);
            admin.exec(&format!("SET GLOBAL {variable} = 1"));
            gate.exec("DO RELEASE_LOCK('gate')");
            let output = running.wait();
            let again = format!("run `dbtool migrate {label}` again: it continues with statement ");
            let words = ["server error 1290", "read-only", "connect to the primary", &again];
            assert_ends(&output, 4, &words);
            // Also a run that waits for a writable server changes nothing.
            let refused = folder
                .migrate(&server, &[])
                .env("DB_ACQUIRE_TIMEOUT", "1000")
                .run();
            assert_ends(&refused, 3, &["server error 1290", "connect to the primary"]);
            admin.exec("SET GLOBAL read_only = 0");
            assert_ends(
                &folder.migrate(&server, &[]).run(),
                0,
                &[&format!("now at {label}")],
            );
            let rows = admin.number(&format!("SELECT COUNT(*) FROM app.a WHERE id = {version}0"));
            assert_eq!(rows, 1, "{variable}, {statement}");
        }
    }
    let (rounds, columns) = (
        variables.len() as u64,
        "table_schema = 'app' AND table_name = 'a'",
    );
    assert_eq!(
        admin.number("SELECT COUNT(*) FROM app.a WHERE id IN (2, 3)"),
        2 * rounds
    );
    let columns = format!("SELECT COUNT(*) FROM information_schema.columns WHERE {columns}");
    assert_eq!(admin.number(&columns), 1 + rounds);
}

#[test]
fn a_do_that_was_interrupted_is_not_done() {
    let server = Server::builder()
        .arg("--log-bin-trust-function-creators=1")
        .start();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE t (a INT);\nCREATE TABLE pause (seconds INT);\nINSERT INTO pause VALUES (60);\nDELIMITER //\n\
         CREATE FUNCTION f() RETURNS INT BEGIN DECLARE n INT; INSERT INTO t VALUES (1); \
         SET n = (SELECT SUM(SLEEP(seconds)) FROM pause); RETURN n; END//\n\
         DELIMITER ;\nDO f();\n",
    )]);
    for limit in [None, Some("1")] {
        let mut command = folder.migrate(&server, &[]);
        if let Some(limit) = limit {
            command = command.args(["--timeout", limit]);
        }
        let mut running = command.spawn();
        if limit.is_none() {
            let busy = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND (info LIKE 'DO f%' OR info LIKE 'SET n%')";
            wait_until(support::PATIENCE, "the function sleeps", || {
                admin.number(busy) > 0
            });
            running.signal(Signal::INT);
        }
        let output = running.wait();
        let code = if limit.is_none() { 130 } else { 4 };
        assert_ends(&output, code, &["4 of 5 statements"]);
    }
    admin.exec("UPDATE app.pause SET seconds = 0");
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 001"]);
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.t"), 1);
}

#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE t (a INT);\nINSERT INTO t SELECT SLEEP(2);\nINSERT INTO t VALUES (1);\n",
    )]);
    // As nohup does.
    let ignoring = [
        "-c",
        "trap '' HUP; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_dbtool"),
    ];
    let command = server.dbtool_by(std::path::Path::new("sh")).args(ignoring);
    let mut running = command.args(["migrate", "--dir"]).arg(folder.path()).spawn();
    let busy =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND info LIKE '%SLEEP(%'";
    wait_until(support::PATIENCE, "the statement runs", || admin.number(busy) > 0);
    running.signal(Signal::HUP);
    assert_ends(&running.wait(), 0, &["now at 001"]);
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.t"), 2);
}
