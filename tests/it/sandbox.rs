//! `dbtool sandbox`: a server for a command, and nothing left of it, however things end.

use crate::support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use support::{Admin, Cmd, PATIENCE, Running, Signal, dbtool, is_alive, signal, wait_until};

/// A sandbox with an empty database, on the server under test.
fn sandbox(command: &[&str]) -> Cmd {
    let cmd = dbtool()
        .env("DBTOOL_SERVER", support::server_binary().program)
        .args(["sandbox", "--migrated-to", "none"]);
    if command.is_empty() {
        cmd
    } else {
        cmd.arg("--").args(command)
    }
}

/// A command that tells where it is and waits to be told to end.
const TELL_AND_WAIT: [&str; 3] = [
    "sh",
    "-c",
    "echo \"at $DB_PORT $DB_USER $DB_PASSWORD $DB_NAME $DBTOOL_SANDBOX\"; read line; exit 0",
];

/// What [`TELL_AND_WAIT`] told.
struct Place {
    port: u16,
    user: String,
    password: String,
    database: String,
    dir: PathBuf,
    server: u32,
}

impl Place {
    fn of(running: &mut Running) -> Place {
        running.wait_for("at ");
        let text = running.stdout_so_far();
        let words: Vec<&str> = text.split_whitespace().collect();
        let dir = PathBuf::from(words[5]);
        let pid = fs::read_to_string(dir.join("run/server.pid")).expect("the server's pid");
        Place {
            port: words[1].parse().expect("a port"),
            user: words[2].to_owned(),
            password: words[3].to_owned(),
            database: words[4].to_owned(),
            dir,
            server: pid.trim().parse().expect("a pid"),
        }
    }

    fn is_gone(&self) -> bool {
        !is_alive(self.server) && !self.dir.exists()
    }
}

fn assert_empty(folder: &Path) {
    let left: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder")
        .map(|e| e.expect("an entry").path())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn the_commands_exit_code_is_passed_on_and_nothing_is_left() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let cmd = sandbox(&["sh", "-c", script]);
        let folders = cmd.keep_folders();
        let output = cmd.run();
        assert_eq!(output.code, Some(code), "{output}");
        assert_eq!(output.stdout, "");
        assert_empty(&folders.path().join("tmp"));
        assert_empty(&folders.path().join("run"));
        assert_empty(&folders.path().join("home"));
    }
}

#[test]
fn the_command_can_connect_and_the_surroundings_do_not_leak_in() {
    let cmd = sandbox(&TELL_AND_WAIT)
        .env("DATABASE_URL", "mysql://elsewhere/db")
        .env("DB_SOCKET", "/elsewhere")
        .open_stdin();
    let mut running = cmd.spawn();
    let place = Place::of(&mut running);
    let mut app = Admin::connect_tcp(place.port, &place.user, &place.password, &place.database);
    assert_eq!(app.number("SELECT @@max_connections"), 30);
    assert_eq!(app.value("SELECT @@bind_address"), "127.0.0.1");
    app.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    assert!(app.try_exec("CREATE DATABASE other").is_err());
    assert_eq!(
        fs::metadata(place.dir.join("env")).expect("the file").mode() & 0o777,
        0o600
    );
    drop(app);
    running.write("\n");
    let output = running.wait();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(place.is_gone());

    let output = sandbox(&["sh", "-c", "echo [${DATABASE_URL-}${DB_SOCKET-}]"])
        .env("DATABASE_URL", "mysql://elsewhere/db")
        .env("DB_SOCKET", "/elsewhere")
        .run();
    assert_eq!(output.stdout, "[]\n");
}

#[test]
fn a_dotenv_file_does_not_lead_a_command_out_of_the_sandbox() {
    let cmd = sandbox(&[env!("CARGO_BIN_EXE_dbtool"), "config"]);
    let folders = cmd.keep_folders();
    fs::write(
        folders.path().join("work/.env"),
        "DATABASE_URL=mysql://root@production.example/live\n",
    )
    .expect("a file");
    let output = cmd.run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output.stdout.contains("127.0.0.1") && !output.stdout.contains("production"),
        "{output}"
    );
}

#[test]
fn root_without_a_password_is_for_the_socket_alone() {
    let mut running = sandbox(&TELL_AND_WAIT).open_stdin().spawn();
    let place = Place::of(&mut running);
    let mut root = Admin::connect(&place.dir.join("run/s.sock"));
    assert_eq!(
        root.number(
            "SELECT COUNT(*) FROM mysql.user WHERE user = '' OR (user = 'root' AND host <> 'localhost')"
        ),
        0
    );
    assert_eq!(root.value("SELECT @@skip_name_resolve"), "1");
    drop(root);
    running.write("\n");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn sigterm_reaches_the_command_and_everything_is_removed() {
    let script = "trap 'echo told; exit 3' TERM; echo \"at $DB_PORT $DB_USER $DB_PASSWORD $DB_NAME $DBTOOL_SANDBOX\"; \
                  while :; do sleep 0.02; done";
    let cmd = sandbox(&["sh", "-c", script]);
    let folders = cmd.keep_folders();
    let mut running = cmd.spawn();
    let place = Place::of(&mut running);
    running.signal(Signal::TERM);
    let output = running.wait();
    assert_eq!(output.code, Some(143), "{output}");
    assert!(output.stdout.contains("told"), "{output}");
    assert!(place.is_gone());
    assert_empty(&folders.path().join("tmp"));
}

#[test]
fn what_the_command_started_ends_with_it() {
    let script = "sleep 600 & echo \"at $DB_PORT $DB_USER $DB_PASSWORD $DB_NAME $DBTOOL_SANDBOX $!\"; wait";
    let mut running = sandbox(&["sh", "-c", script]).spawn();
    let place = Place::of(&mut running);
    let told = running.stdout_so_far();
    let sleeper: u32 = told
        .split_whitespace()
        .last()
        .and_then(|pid| pid.parse().ok())
        .expect("a pid");
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(143));
    assert!(place.is_gone());
    wait_until(PATIENCE, "the command's own child ends", || !is_alive(sleeper));
}

#[test]
fn without_a_command_it_tells_how_to_connect_and_waits_for_a_signal() {
    for (sent, code) in [(Signal::INT, 130), (Signal::HUP, 129)] {
        let cmd = sandbox(&[]);
        let folders = cmd.keep_folders();
        let mut running = cmd.spawn();
        running.wait_for("Ctrl+C stops it");
        let text = running.stdout_so_far();
        let word = text
            .split_whitespace()
            .find(|word| word.starts_with("--defaults-file="))
            .expect("how to connect");
        let dir = PathBuf::from(&word["--defaults-file=".len()..])
            .parent()
            .expect("a folder")
            .to_path_buf();
        let env = fs::read_to_string(dir.join("env")).expect("the environment");
        let password = env
            .lines()
            .find_map(|line| line.strip_prefix("export DB_PASSWORD="))
            .expect("a password");
        let password = password.trim_matches('\'').to_owned();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
            assert!(
                !String::from_utf8_lossy(&words).contains(&password),
                "{:?}",
                process.path()
            );
        }
        running.signal(sent);
        let output = running.wait();
        assert_eq!(output.code, Some(code), "{output}");
        assert!(!output.stdout.contains(&password) && !output.stderr.contains(&password));
        assert_empty(&folders.path().join("tmp"));
    }
}

#[test]
fn a_signal_while_it_starts_leaves_nothing() {
    let cmd = sandbox(&[]);
    let folders = cmd.keep_folders();
    let mut running = cmd.spawn();
    let tmp = folders.path().join("tmp");
    wait_until(PATIENCE, "the directory is made", || {
        fs::read_dir(&tmp).is_ok_and(|mut dir| dir.next().is_some())
    });
    running.signal(Signal::TERM);
    let output = running.wait();
    assert_eq!(output.code, Some(143), "{output}");
    assert_empty(&tmp);
}

#[test]
fn killed_outright_it_leaves_no_server_and_no_directory() {
    let cmd = sandbox(&TELL_AND_WAIT).open_stdin();
    let folders = cmd.keep_folders();
    let mut running = cmd.spawn();
    let place = Place::of(&mut running);
    assert!(is_alive(place.server));
    running.signal(Signal::KILL);
    wait_until(PATIENCE, "the server and its directory go", || place.is_gone());
    assert_empty(&folders.path().join("tmp"));
}

#[test]
fn killed_outright_while_it_starts_it_leaves_nothing() {
    let cmd = sandbox(&[]);
    let folders = cmd.keep_folders();
    let mut running = cmd.spawn();
    let tmp = folders.path().join("tmp");
    let mut dir = None;
    wait_until(PATIENCE, "the directory is made", || {
        dir = fs::read_dir(&tmp)
            .expect("the folder")
            .flatten()
            .next()
            .map(|entry| entry.path());
        dir.is_some()
    });
    let dir = dir.expect("the directory");
    running.signal(Signal::KILL);
    wait_until(PATIENCE, "the directory goes", || !dir.exists());
    let name = dir.display().to_string();
    let uses_it = |process: &Path| {
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&name)
    };
    wait_until(PATIENCE, "every process in it goes", || {
        !fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .any(|process| uses_it(&process.path()))
    });
}

#[test]
fn a_server_that_ends_by_itself_is_told() {
    let mut running = sandbox(&[]).env("TERM", "dumb").spawn();
    running.wait_for("Ctrl+C stops it");
    let text = running.stdout_so_far();
    let word = text
        .split_whitespace()
        .find(|word| word.starts_with("--defaults-file="))
        .expect("how to connect");
    let dir = PathBuf::from(&word["--defaults-file=".len()..])
        .parent()
        .expect("a folder")
        .to_path_buf();
    let pid = fs::read_to_string(dir.join("run/server.pid")).expect("the server's pid");
    signal(pid.trim().parse().expect("a pid"), Signal::KILL);
    let output = running.wait();
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("ended by itself"), "{output}");
    assert!(!dir.exists());
}

#[test]
fn root_drops_to_nobody_where_it_can() {
    let cmd = sandbox(&TELL_AND_WAIT).open_stdin();
    let folders = cmd.keep_folders();
    for folder in [folders.path().to_path_buf(), folders.path().join("tmp")] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("a mode");
    }
    let own = fs::metadata(folders.path()).expect("the folder").uid();
    let mut running = cmd.spawn();
    let place = Place::of(&mut running);
    let server = fs::metadata(format!("/proc/{}", place.server))
        .expect("the process")
        .uid();
    let reachable = support::server_binary()
        .program
        .ancestors()
        .skip(1)
        .all(|folder| fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o001 != 0));
    if own == 0 && reachable {
        assert_ne!(server, 0, "the server runs as root");
    } else {
        assert_eq!(server, own);
    }
    running.write("\n");
    assert_eq!(running.wait().code, Some(0));
    assert!(place.is_gone());
}

#[test]
fn what_cannot_work_is_said_once_with_the_next_step() {
    let cases: [(&[&str], &str, &str); 6] = [
        (
            &["sandbox", "--server", "absent-1.0"],
            "no server called absent-1.0",
            "mariadb-server-core",
        ),
        (
            &["sandbox", "--server", "/no/such/mariadbd"],
            "/no/such/mariadbd",
            "brew install mariadb",
        ),
        (
            &["sandbox", "--server", "/bin/sh"],
            "/bin/sh is not a MariaDB or MySQL server",
            "dnf install",
        ),
        (&["sandbox", "--migrated-to", "999"], "no migration 999", "latest"),
        (
            &["sandbox", "--migrated-to", "none", "--bookings", "5"],
            "demo data needs migration 002",
            "--bookings",
        ),
        (
            &["--db-host", "example.com", "sandbox"],
            "--db-host names a server",
            "after `--`",
        ),
    ];
    for (args, what, next) in cases {
        let output = dbtool().args(args).run();
        assert_eq!(output.code, Some(2), "{args:?}: {output}");
        assert_eq!(output.stderr.matches("error: ").count(), 1, "{output}");
        assert!(
            output.stderr.contains(what) && output.stderr.contains(next),
            "{args:?}: {output}"
        );
    }
}

#[test]
fn a_command_that_cannot_be_started_leaves_nothing() {
    let cmd = sandbox(&["/no/such/command"]);
    let folders = cmd.keep_folders();
    let output = cmd.run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("cannot run /no/such/command"), "{output}");
    assert_empty(&folders.path().join("tmp"));
}

#[test]
fn the_same_seed_makes_the_same_data_and_every_migration_carries_it_along() {
    let sums = |seed: &str| {
        let output = dbtool()
            .env("DBTOOL_SERVER", support::server_binary().program)
            .args([
                "sandbox",
                "--bookings",
                "60",
                "--seed",
                seed,
                "--migrated-to",
                "latest",
                "--",
            ])
            .args(TELL_AND_WAIT)
            .open_stdin();
        let mut running = output.spawn();
        let place = Place::of(&mut running);
        let mut root = Admin::connect(&place.dir.join("run/s.sock"));
        let sums = root.query(
            "CHECKSUM TABLE demo.users, demo.properties, demo.bookings, demo.messages, demo.messages_legacy, \
             demo.conversations, demo.conversation_participants",
        );
        assert_eq!(root.number("SELECT COUNT(*) FROM demo.bookings"), 60);
        assert_eq!(
            root.number("SELECT COUNT(*) FROM demo.dbtool_migrations WHERE state = 'applied'"),
            5
        );
        drop(root);
        running.write("\n");
        let output = running.wait();
        assert_eq!(output.code, Some(0), "{output}");
        assert!(
            output.stdout.starts_with("at ") && output.stdout.lines().count() == 1,
            "{output}"
        );
        assert!(place.is_gone());
        sums
    };
    let first = sums("7");
    assert_eq!(first, sums("7"));
    assert_ne!(first, sums("8"));
}
