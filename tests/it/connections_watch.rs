//! `dbtool check-connections --watch`: the live view in a terminal, and a line for each look elsewhere; judged by what
//! the terminal shows and by the server.

use crate::support;

use rustix::process::Signal;
use serde_json::Value;
use support::exit_path::{CONNECTIONS_OF_APP, Sampler, exit_path};
use support::{Admin, Cmd, PATIENCE, Pty, Running, Server, dbtool, wait_until};

fn watch(command: Cmd) -> Cmd {
    command.args(["check-connections", "--watch", "0.25"])
}

fn as_root(server: &Server) -> Cmd {
    watch(dbtool().env("DB_SOCKET", server.socket()).env("DB_USER", "root"))
}

fn app(server: &Server) -> Admin {
    server.connect_as(server.account())
}

/// A program that holds one connection.
fn leaking(server: &Server) -> Running {
    let mut running = exit_path(server, &["idle", "600000"]).spawn();
    running.wait_for("idle");
    running
}

/// Whether the server still has this connection.
fn is_there(server: &Server, id: u32) -> bool {
    let query = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}");
    server.admin().number(&query) == 1
}

/// The view of root, showing its first sample.
fn view(server: &Server) -> Pty {
    let mut view = as_root(server).in_terminal(110, 30);
    view.wait_for_text("of 30 in use");
    view
}

/// The row of the frame that contains a text.
#[track_caller]
fn row<'a>(frame: &'a str, text: &str) -> &'a str {
    let found = frame.lines().find(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no {text:?} in\n{frame}"))
}

/// The row of a connection in the list, which begins with its id. The same digits may be elsewhere: in the time of day.
fn row_of(frame: &str, id: u32) -> String {
    let id = id.to_string();
    frame
        .lines()
        .find(|line| line.split_whitespace().next() == Some(&id))
        .unwrap_or_else(|| panic!("no connection {id} in\n{frame}"))
        .to_owned()
}

#[test]
fn each_view_shows_what_the_server_and_the_host_have() {
    let server = Server::start();
    let before = server.counters();
    let leak = leaking(&server);
    let mut writing = app(&server);
    writing.exec("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
    writing.exec("INSERT INTO t VALUES (1)");
    writing.exec("START TRANSACTION");
    writing.exec("UPDATE t SET id = 2");
    let mut waiting = app(&server);
    let waiter = waiting.id();
    let blocked = std::thread::spawn(move || {
        let _ = waiting.try_exec("DELETE FROM t WHERE id = 1");
    });

    let mut view = view(&server);
    let frame = view.wait_for_text("Processes 2");
    assert!(
        frame.starts_with(&format!(
            "{} ",
            if server.is_mysql() { "MySQL" } else { "MariaDB" }
        )),
        "{frame}"
    );
    assert!(
        row(&frame, "exit_paths").contains(&leak.pid().to_string()),
        "{frame}"
    );
    assert!(row(&frame, "connections▼").contains("longest idle"), "{frame}");

    view.press("2");
    let frame = view.wait_for("three of app", |frame| {
        frame
            .lines()
            .any(|line| line.trim_start().starts_with("3 ") && line.trim_end().ends_with(" app"))
    });
    assert!(row(&frame, "in transaction").contains("user"), "{frame}");
    view.press("g");
    view.wait_for_text("By host");

    view.press("3");
    let frame = view.wait_for_text("DELETE FROM t WHERE id = 1");
    let blocker = row_of(&frame, writing.id());
    assert!(blocker.contains("Sleep") && blocker.contains("app"), "{frame}");

    view.press("4");
    let frame = view.wait_for_text("blocks 1 connection");
    assert!(
        row(&frame, &format!("{waiter} app@")).contains("waits for a row lock of app.t"),
        "{frame}"
    );

    // The waiter's details: its statement, the plan, and who is in its way.
    view.press("\x1b[B\r");
    let frame = view.wait_for_text(&format!("connection {waiter}"));
    assert!(frame.contains("statement: DELETE"), "{frame}");
    view.wait_for_text(&format!("connection {} holds it", writing.id()));
    view.press("?");
    view.wait_for_text("Ctrl+Z");
    view.press("?");

    view.press("q");
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    writing.exec("ROLLBACK");
    blocked.join().expect("the waiter ends");
    drop((leak, writing));
    wait_until(PATIENCE, "the end of all connections", || {
        server.counters().threads_connected <= before.threads_connected
    });
    assert_eq!(server.counters().aborted_connects, before.aborted_connects);
}

#[test]
fn a_statement_is_shown_in_full_and_explained() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE TABLE app.t (id INT PRIMARY KEY) ENGINE=InnoDB");
    let rows: Vec<String> = (0..1_000).map(|id| format!("({id})")).collect();
    admin.exec(&format!("INSERT INTO app.t VALUES {}", rows.join(",")));
    let mut running = app(&server);
    let id = running.id();
    let end = "the_end_of_a_statement_that_is_longer_than_a_row_of_the_list";
    // It is busy for hours: MariaDB shows the plan of a statement that goes on, not of one that sleeps.
    let sql = format!(
        "SELECT '{}', COUNT(*) AS {end} FROM t a JOIN t b JOIN t c JOIN t d WHERE a.id + b.id + c.id + d.id < 0",
        "b".repeat(200)
    );
    let busy = std::thread::spawn(move || {
        let _ = running.try_exec(&sql);
    });
    wait_until(PATIENCE, "the statement runs", || {
        admin.number(&format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND command = 'Query'"
        )) == 1
    });
    let mut view = view(&server);
    view.press(&format!("3/{id}\r"));
    view.wait_for_text("Connections 1 ");
    view.press("\r");
    view.wait_for("the whole statement", |frame| {
        frame.replace(['\n', ' '], "").contains(end)
    });
    view.press("e");
    let frame = view.wait_for_text("select_type");
    assert!(frame.contains("PRIMARY"), "{frame}");
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    admin.exec(&format!("KILL {id}"));
    busy.join().expect("it ends");
}

#[test]
fn filters_and_orders_are_those_of_the_keys() {
    let server = Server::start();
    server.create_user("other", "word", &["SELECT ON app.*"]);
    let other = Admin::connect_tcp(server.port(), "other", "word", "app");
    let held: Vec<Admin> = (0..3).map(|_| app(&server)).collect();
    let mut view = view(&server);
    view.press("3/other");
    view.wait_for_text("filter: other_");
    view.press("\r");
    let frame = view.wait_for("one row", |frame| {
        !frame.contains("other_") && frame.contains("Connections 1 ")
    });
    assert!(row_of(&frame, other.id()).contains("other"), "{frame}");
    view.press("\x1b");
    view.wait_for("all rows", |frame| {
        !frame.contains("filter: ") && held.iter().all(|one| frame.contains(&one.id().to_string()))
    });
    // By id, the smallest first, then the other way round.
    view.press("s");
    view.wait_for_text("id▼");
    let order = |frame: &str| {
        held.iter()
            .map(|one| frame.find(&format!(" {} ", one.id())))
            .collect::<Vec<_>>()
    };
    let frame = view.frame();
    assert!(order(&frame).is_sorted(), "{frame}");
    view.press("r");
    let frame = view.wait_for_text("id▲");
    assert!(order(&frame).is_sorted_by(|a, b| a > b), "{frame}");
    view.press("i");
    view.wait_for_text("idle hidden");
    view.press("\x03");
    assert_eq!(view.wait(), Some(130));
}

#[test]
fn a_kill_is_asked_and_what_is_protected_is_left_alone() {
    let server = Server::start();
    let mut writing = app(&server);
    writing.exec("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
    writing.exec("START TRANSACTION");
    writing.exec("INSERT INTO t VALUES (1), (2)");
    let idle = app(&server);
    let mut view = view(&server);

    view.press(&format!("3/{}\r", idle.id()));
    view.wait_for_text("Connections 1 ");
    view.press("k");
    let frame = view.wait_for_text("end this connection?");
    assert!(frame.contains(&format!("{} app@", idle.id())), "{frame}");
    view.press("n");
    view.wait_for_text("nothing was ended");
    assert!(is_there(&server, idle.id()));
    view.press("k");
    view.wait_for_text("end this connection?");
    view.press("y");
    view.wait_for_text("of 1 connection: 1 ended");
    assert!(!is_there(&server, idle.id()));

    view.press(&format!("/{}\r", writing.id()));
    view.wait_for_text("Connections 1 ");
    view.press("k");
    let frame = view.wait_for_text("nothing to end here");
    assert!(frame.contains("in a transaction that changed 2 rows"), "{frame}");
    // A yes to nothing does nothing.
    view.press("y");
    view.wait_for_text("nothing was ended");
    assert!(is_there(&server, writing.id()));
    view.press("k");
    view.wait_for_text("nothing to end here");
    view.press("w");
    view.wait_for_text("end this connection?");
    view.press("y");
    view.wait_for_text("of 1 connection: 1 ended");
    assert!(!is_there(&server, writing.id()));
    assert_eq!(server.admin().number("SELECT COUNT(*) FROM app.t"), 0);

    view.press("q");
    assert_eq!(view.wait(), Some(0));
}

#[test]
fn a_process_is_asked_to_end() {
    let server = Server::start();
    let leak = leaking(&server);
    let mut view = view(&server);
    view.press(&format!("1/{}\r", leak.pid()));
    view.wait_for_text("Processes 1 ");
    view.press("k");
    view.wait_for_text("ask this process to end (SIGTERM)?");
    view.press("y");
    view.wait_for_text("of 1 process: 1 ended");
    assert_eq!(leak.wait().code, Some(143));
    view.press("q");
    assert_eq!(view.wait(), Some(0));
}

#[test]
fn one_connection_all_the_time_and_none_that_others_wait_for() {
    let server = Server::start();
    let before = server.counters();
    // Two connections in all: one for work, which the view has while nobody else wants it.
    let view = watch(server.dbtool()).env("DB_CONNECTION_LIMIT", "2");
    let job = exit_path(&server, &["success"])
        .env("DB_CONNECTION_LIMIT", "2")
        .share_folders(&view);
    let mut view = view.in_terminal(100, 24);
    view.wait_for_text("of 30 in use");
    let mut admin = server.admin();
    let made = admin.status("Connections");
    let looks = admin.status("Com_show_status");
    wait_until(PATIENCE, "ten looks", || {
        admin.status("Com_show_status") > looks + 20
    });
    assert_eq!(admin.status("Connections"), made, "it keeps its connection");
    let own = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'";
    assert_eq!(admin.number(own), 1);

    // A run that needs the one connection for work gets it between two looks.
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    let job = job.run();
    assert_eq!(job.code, Some(0), "{job}");
    let looks = admin.status("Com_show_status");
    wait_until(PATIENCE, "a look", || admin.status("Com_show_status") > looks + 5);
    let (peak, samples) = sampler.finish();
    assert!(peak <= 2 && samples > 0, "{peak} connections");
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    drop(admin);
    server.assert_unchanged(&before);
}

#[test]
fn every_way_out_gives_the_terminal_back_and_says_goodbye() {
    let server = Server::start();
    let before = server.counters();
    for (leave, code) in [
        (&(|view: &mut Pty| view.press("q")) as &dyn Fn(&mut Pty), 0),
        (&|view| view.press("\x03"), 130),
        (&|view| view.signal(Signal::TERM), 143),
        (&|view| view.signal(Signal::INT), 130),
        (&|view| view.signal(Signal::HUP), 129),
    ] {
        let mut view = view(&server);
        assert_eq!(view.is_taken(), (true, true));
        leave(&mut view);
        assert_eq!(view.wait(), Some(code));
        server.assert_unchanged(&before);
    }
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let server = Server::start();
    let mut view = exit_path(&server, &["panic-in-view"]).in_terminal(80, 24);
    assert_eq!(view.wait(), Some(101));
    let frame = view.wait_for_end_text("dbtool stopped by a bug of its own");
    assert!(frame.contains("on purpose, in a view"), "{frame}");
}

#[test]
fn it_stops_without_a_connection_and_goes_on() {
    let server = Server::start();
    let before = server.counters();
    let mut view = view(&server);
    view.press("\x1a");
    let pid = view.pid();
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    wait_until(PATIENCE, "the stop", stopped);
    view.assert_restored();
    server.assert_unchanged(&before);
    view.signal(Signal::CONT);
    view.wait_for("the view again", |frame| frame.contains("of 30 in use"));
    assert_eq!(view.is_taken(), (true, true));
    // A stop by another process is the same.
    view.signal(Signal::TSTP);
    wait_until(PATIENCE, "the stop", stopped);
    view.assert_restored();
    view.signal(Signal::CONT);
    view.wait_for("the view again", |frame| frame.contains("of 30 in use"));
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    server.assert_unchanged(&before);
}

#[test]
fn it_follows_the_terminals_size() {
    let server = Server::start();
    let _held = app(&server);
    let mut view = view(&server);
    view.resize(70, 20);
    view.wait_for("a picture of 20 rows", |frame| {
        frame.lines().count() == 20
            && frame
                .lines()
                .nth(19)
                .is_some_and(|line| line.starts_with("q quit"))
    });
    view.resize(30, 5);
    let frame = view.wait_for_text("the terminal is too small");
    assert_eq!(frame.trim().lines().count(), 1, "{frame}");
    view.resize(120, 40);
    view.wait_for("a picture of 40 rows", |frame| {
        frame
            .lines()
            .nth(39)
            .is_some_and(|line| line.starts_with("q quit"))
    });
    view.press("q");
    assert_eq!(view.wait(), Some(0));
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("socket");
    let (first, second) = (Server::start(), Server::builder().max_connections(20).start());
    std::os::unix::fs::symlink(first.socket(), &socket).expect("a link");
    let mut view = as_root(&first).env("DB_SOCKET", &socket).in_terminal(140, 24);
    view.wait_for_text("of 30 in use");
    let _held: Vec<Admin> = (0..3).map(|_| app(&second)).collect();
    let before = second.counters();
    drop(first);
    view.wait_for_text("trying again");
    view.wait_for_text("no answer from the server");
    // Keys do what they do meanwhile.
    view.press("3");
    view.wait_for_text("the server shows its connections again when it answers");
    std::fs::remove_file(&socket).expect("the link");
    std::os::unix::fs::symlink(second.socket(), &socket).expect("a link");
    let frame = view.wait_for("the server again", |frame| frame.contains("connected again"));
    assert!(frame.contains("of 20 in use"), "{frame}");
    view.wait_for_text("Connections 4 ");
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    second.assert_unchanged(&before);
}

#[test]
fn a_server_that_is_away_leaves_what_this_host_knows() {
    let server = Server::builder().max_connections(10).start();
    let leak = leaking(&server);
    let mut held = Vec::new();
    while let Ok(one) = server.try_connect_as(server.account()) {
        held.push(one);
    }
    let mut view = watch(server.dbtool()).in_terminal(120, 24);
    let frame = view.wait_for_text("trying again");
    assert!(frame.contains("seen from this host alone"), "{frame}");
    assert!(
        row(&frame, "exit_paths").contains(&leak.pid().to_string()),
        "{frame}"
    );
    drop(held);
    view.wait_for_text("of 10 in use");
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    drop(leak);
}

#[test]
fn what_does_not_pass_is_an_error_and_no_picture() {
    let server = Server::start();
    let mut view = watch(server.dbtool())
        .env("DB_PASSWORD", "wrong")
        .in_terminal(120, 24);
    assert_eq!(view.wait(), Some(3));
    let frame = view.wait_for_end_text("error:");
    assert!(
        frame.contains("Access denied") || frame.contains("1045"),
        "{frame}"
    );
    let output = watch(server.dbtool()).env("DB_PASSWORD", "wrong").run();
    assert_eq!(output.code, Some(3), "{output}");
}

#[test]
fn names_and_statements_cannot_write_to_the_terminal() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec(
        "CREATE USER 'ev\\e[2Jil'@'%' IDENTIFIED BY 'word'"
            .replace("\\e", "\u{1b}")
            .as_str(),
    );
    let mut evil = Admin::connect_tcp(server.port(), "ev\u{1b}[2Jil", "word", "");
    let id = evil.id();
    let sleeping = std::thread::spawn(move || {
        let _ = evil.try_exec("SELECT SLEEP(600), '\u{1b}]0;title\u{7}', 'IDENTIFIED BY hunter2'");
    });
    let mut view = view(&server);
    view.press("3/il\r");
    let frame = view.wait_for_text("ev\\x1b[2Jil");
    assert!(!frame.contains("hunter2"), "{frame}");
    view.press("\x1b[H\r");
    let frame = view.wait_for_text("it may hold a password");
    assert!(!frame.contains("hunter2"), "{frame}");
    view.press("q");
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    admin.exec(&format!("KILL {id}"));
    sleeping.join().expect("it ends");
}

#[test]
fn colour_is_left_out_where_it_is_not_wanted() {
    let server = Server::start();
    for (variable, value, coloured) in [("NO_COLOR", "1", false), ("DB_UNUSED", "1", true)] {
        let mut view = as_root(&server).env(variable, value).in_terminal(100, 24);
        view.wait_for_text("of 30 in use");
        assert_eq!(view.has_colour(), coloured, "{variable}");
        view.press("q");
        assert_eq!(view.wait(), Some(0));
    }
}

#[test]
fn without_a_terminal_each_look_is_a_line() {
    let server = Server::start();
    let before = server.counters();
    let held = app(&server);
    let mut running = watch(server.dbtool()).spawn();
    running.wait_for(" in use, ");
    wait_until(PATIENCE, "three lines", || {
        running.stdout_so_far().lines().count() >= 3
    });
    running.signal(Signal::TERM);
    let output = running.wait();
    assert_eq!(output.code, Some(143), "{output}");
    for line in output.stdout.lines() {
        assert!(
            line.contains("Z ") && line.contains(" of 30 in use, "),
            "{output}"
        );
    }
    let mut running = watch(server.dbtool()).args(["--format", "json"]).spawn();
    wait_until(PATIENCE, "two lines", || {
        running.stdout_so_far().lines().count() >= 2
    });
    running.signal(Signal::INT);
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    for line in output.stdout.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{output}"));
        assert_eq!(value["users"][0]["user"], "app", "{output}");
        assert_eq!(value["max_connections"], 30, "{output}");
    }
    drop(held);
    server.assert_unchanged(&before);
}
