//! A long statement shows how far it is: on a terminal in place, elsewhere in a line now and then.

use crate::support::migrations::{Folder, assert_ends};
use crate::support::{PATIENCE, Server, Signal, wait_until};

/// Lets the account of the tests see what a statement has done.
fn server_that_tells() -> Server {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("GRANT PROCESS ON *.* TO app");
    if server.is_mysql() {
        admin.exec("GRANT SELECT ON performance_schema.* TO app");
        let consumers = "UPDATE performance_schema.setup_consumers SET enabled = 'YES' WHERE name = 'events_stages_current'";
        admin.exec(consumers);
    }
    server
}

/// A statement that changes a row every tenth of a second, for as long as nobody ends it.
const SLOW_ROWS: &str = "UPDATE app.t SET n = n + SLEEP(0.1) + 1";

#[test]
fn a_log_gets_a_line_about_a_statement_that_runs_for_ten_seconds() {
    let server = server_that_tells();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL)");
    admin.exec(&format!(
        "INSERT INTO app.t (n) VALUES (0){}",
        ", (0)".repeat(129)
    ));
    let folder = Folder::new(&[("001_slow.sql", &format!("{SLOW_ROWS};\n"))]);
    let output = folder.migrate(&server, &[]).run();
    assert_ends(&output, 0, &["now at 001"]);
    let lines: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("001 UPDATE app.t SET n = n + SLEEP(0.1)"))
        .collect();
    let [line] = lines[..] else {
        panic!("one line in its 13 seconds: {output}");
    };
    assert!(line.contains(" after 10.") && line.contains(" rows, "), "{line}");
    assert_eq!(admin.number("SELECT COUNT(*) FROM app.t WHERE n <> 1"), 0);
}

#[test]
fn a_terminal_shows_a_bar_for_a_table_that_is_copied_and_nothing_of_it_stays() {
    let server = server_that_tells();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, m INT NOT NULL DEFAULT 7)");
    admin.exec(
        "INSERT INTO app.big (id) VALUES (NULL), (NULL), (NULL), (NULL), (NULL), (NULL), (NULL), (NULL)",
    );
    for _ in 0..13 {
        admin.exec("INSERT INTO app.big (m) SELECT m FROM app.big");
    }
    // Each row takes some milliseconds, so that it never comes to its end here.
    let slow =
        "ALTER TABLE big ADD COLUMN n INT NOT NULL DEFAULT (LENGTH(REPEAT(m, 3000000))), ALGORITHM=COPY";
    let folder = Folder::new(&[("001_copied.sql", &format!("{slow};\n"))]);
    let mut terminal = folder
        .migrate(&server, &["--allow-blocking"])
        .in_terminal(120, 20);
    let frame = terminal.wait_for("a bar", |frame| {
        frame.contains("─") && frame.contains("%, copy to tmp table")
    });
    assert!(frame.contains("001 ALTER TABLE big ADD COLUMN"), "{frame}");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.wait(), Some(143));
    let last = terminal.wait_for_end_text("interrupted");
    assert!(!last.contains("─"), "{last}");
}

#[test]
fn an_account_that_sees_nothing_and_a_limit_of_one_connection_show_the_time_alone() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.t (id INT PRIMARY KEY, n INT NOT NULL)");
    admin.exec("INSERT INTO app.t VALUES (1, 0)");
    let folder = Folder::new(&[("001_waits.sql", "UPDATE t SET n = 1 + SLEEP(600);\n")]);
    for limit in ["3", "1"] {
        let mut terminal = folder
            .migrate(&server, &[])
            .env("DB_CONNECTION_LIMIT", limit)
            .in_terminal(120, 20);
        terminal.wait_for("its time", |frame| {
            let shown = frame
                .lines()
                .find(|line| line.contains("001 UPDATE t SET n = 1 + SLEEP(600)"));
            shown.is_some_and(|line| line.contains(" 3s") && (limit == "1" || line.contains("User sleep")))
        });
        terminal.press("\u{3}");
        assert_eq!(terminal.wait(), Some(130));
        let sleeping = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE t SET%'";
        wait_until(PATIENCE, "the statement has ended", || {
            admin.number(sleeping) == 0
        });
    }
}
