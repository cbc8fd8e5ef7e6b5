//! Who holds up a migration, as `dbtool migrate` says while it waits and when it gives up; the locks are real.

use crate::support;

use support::migrations::{Folder, assert_ends};
use support::{Admin, PATIENCE, Server, wait_until};

const ALTER: &[(&str, &str)] = &[("001_t.sql", "ALTER TABLE t ADD a INT;")];

/// A server with a table `t`, and the account `app` with PROCESS if `sees_all`.
fn server_with_t(sees_all: bool) -> Server {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.t (id INT PRIMARY KEY, n INT)");
    admin.exec("INSERT INTO app.t VALUES (1, 0), (2, 0), (3, 0)");
    if sees_all {
        admin.exec("GRANT PROCESS ON *.* TO 'app'@'%'");
        if server.is_mysql() {
            admin.exec("GRANT SELECT ON performance_schema.* TO 'app'@'%'");
        }
    }
    server
}

fn app(server: &Server) -> Admin {
    server.connect_as(server.account())
}

/// A connection in a transaction that has changed a row of `t`.
fn writer(server: &Server) -> Admin {
    let mut writer = app(server);
    writer.exec("START TRANSACTION");
    writer.exec("UPDATE t SET n = 1 WHERE id = 1");
    writer
}

/// How a connection of this test is named.
fn named(one: &Admin) -> String {
    format!("connection {} app@127.0.0.1 ({} ", one.id(), std::process::id())
}

fn assert_none_is_named(text: &str, innocent: &[Admin]) {
    for one in innocent {
        let name = format!("connection {} ", one.id());
        assert!(!text.contains(&name), "{name} holds nothing: {text}");
    }
}

#[test]
fn the_holder_of_a_tables_lock_is_named_while_the_change_waits_and_no_sleeper() {
    let server = server_with_t(true);
    let sleepers: Vec<Admin> = (0..3).map(|_| app(&server)).collect();
    let mut holder = writer(&server);
    let folder = Folder::new(ALTER);
    let mut running = folder.migrate(&server, &["--ddl-lock-wait", "600"]).spawn();
    running.wait_for("001: waits for a metadata lock");
    let said = running.stderr_so_far();
    for words in [
        &format!("held by {}", named(&holder)),
        ", in a transaction for ",
        " that changed 1 row and locked ",
        ", Sleep ",
    ] {
        assert!(said.contains(words), "no {words:?}: {said}");
    }
    assert_none_is_named(&said, &sleepers);
    holder.exec("COMMIT");
    assert_ends(&running.wait(), 0, &["now at 001"]);
}

#[test]
fn the_holder_is_named_when_the_change_is_given_up() {
    let server = server_with_t(true);
    let sleepers: Vec<Admin> = (0..3).map(|_| app(&server)).collect();
    let holder = writer(&server);
    let folder = Folder::new(ALTER);
    let output = folder
        .migrate(&server, &["--ddl-lock-wait", "3", "--lock-attempts", "2"])
        .run();
    let held = format!(
        "it waited for a metadata lock{}, held by {}",
        table(&server),
        named(&holder)
    );
    assert_ends(&output, 4, &["1205", &held]);
    assert_none_is_named(&output.stderr, &sleepers);
}

/// MariaDB does not name the table without performance_schema or its plugin.
fn table(server: &Server) -> &'static str {
    if server.is_mysql() { " of app.t" } else { "" }
}

#[test]
fn the_root_of_a_queue_is_named_and_not_who_waits_in_it() {
    let server = server_with_t(true);
    let mut holder = writer(&server);
    let mut queued = app(&server);
    let id = queued.id();
    let waiter = std::thread::spawn(move || {
        queued.exec("ALTER TABLE t ADD b INT");
        queued
    });
    let waits = format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND state LIKE 'Waiting for table metadata%'"
    );
    wait_until(PATIENCE, "the other change waits", || {
        server.admin().number(&waits) == 1
    });
    let folder = Folder::new(ALTER);
    let mut running = folder.migrate(&server, &["--ddl-lock-wait", "600"]).spawn();
    running.wait_for("waits for a metadata lock");
    let said = running.stderr_so_far();
    assert!(said.contains(&format!("held by {}", named(&holder))), "{said}");
    assert!(!said.contains(&format!("connection {id} ")), "{said}");
    holder.exec("COMMIT");
    assert_ends(&running.wait(), 0, &["now at 001"]);
    waiter.join().expect("the other change");
}

#[test]
fn the_holder_of_a_rows_lock_is_named() {
    let server = server_with_t(true);
    let others: Vec<Admin> = (0..2)
        .map(|_| {
            let mut other = app(&server);
            other.exec("START TRANSACTION");
            other.exec("UPDATE t SET n = 5 WHERE id = 3");
            other.exec("ROLLBACK");
            other.exec("START TRANSACTION");
            other.query("SELECT * FROM t");
            other
        })
        .collect();
    let mut holder = writer(&server);
    let folder = Folder::new(&[(
        "001_t.sql",
        "SET SESSION innodb_lock_wait_timeout = 600; UPDATE t SET n = 2 WHERE id = 1;",
    )]);
    let mut running = folder.migrate(&server, &[]).spawn();
    running.wait_for("001: waits for a row lock");
    let said = running.stderr_so_far();
    let held = format!("001: waits for a row lock of app.t, held by {}", named(&holder));
    assert!(said.contains(&held), "{said}");
    assert_none_is_named(&said, &others);
    holder.exec("COMMIT");
    assert_ends(&running.wait(), 0, &["now at 001"]);
    assert_eq!(server.admin().number("SELECT n FROM app.t WHERE id = 1"), 2);
}

#[test]
fn a_plain_account_is_given_candidates_and_told_that_they_are() {
    let server = server_with_t(false);
    let sleeper = app(&server);
    let mut holder = writer(&server);
    let folder = Folder::new(ALTER);
    let output = folder
        .migrate(&server, &["--ddl-lock-wait", "3", "--lock-attempts", "1"])
        .run();
    assert_ends(
        &output,
        4,
        &[
            "1205",
            "it waited for a metadata lock; the server does not tell who holds it; candidates are ",
            &named(&holder),
            &named(&sleeper),
            "GRANT PROCESS ON *.* TO this user shows more",
        ],
    );
    assert!(!output.stderr.contains("held by"), "{output}");
    holder.exec("ROLLBACK");
}

#[test]
fn with_a_limit_of_one_connection_who_held_a_lock_is_asked_afterwards() {
    let server = server_with_t(true);
    let sleepers: Vec<Admin> = (0..2).map(|_| app(&server)).collect();
    let mut holder = writer(&server);
    let folder = Folder::new(ALTER);
    let run = || {
        folder
            .migrate(&server, &["--ddl-lock-wait", "2", "--lock-attempts", "1"])
            .env("DB_CONNECTION_LIMIT", "1")
            .run()
    };
    let mut admin = server.admin();
    let before = admin.status("Max_used_connections");
    let output = run();
    let candidate = format!(
        "the server does not tell who holds it; the only candidate is {}",
        named(&holder)
    );
    assert_ends(&output, 4, &["1205", &candidate]);
    assert_none_is_named(&output.stderr, &sleepers);
    assert!(!output.stderr.contains("waits for"), "{output}");
    let after = admin.status("Max_used_connections");
    assert!(after <= before + 1, "{before} became {after}: {output}");
    holder.exec("ROLLBACK");
    assert_ends(&run(), 0, &["now at 001"]);
}

#[test]
fn a_look_that_is_still_under_way_does_not_keep_the_next_migration_from_its_connection() {
    let server = Server::start();
    let folder = Folder::new(&[]);
    // A look begins 400 ms after a statement: these end in the middle of one.
    for version in 1..=12 {
        let text = format!("DO SLEEP(0.4{version:02});\n");
        folder.write(&format!("{version:03}_sleeps.sql"), text);
    }
    let output = folder.migrate(&server, &[]).env("DB_CONNECTION_LIMIT", "2").run();
    assert_ends(&output, 0, &["now at 012"]);
    let output = folder.migrate(&server, &["status", "--check"]).run();
    assert_ends(&output, 0, &[]);
}
