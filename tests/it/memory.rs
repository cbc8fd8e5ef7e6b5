//! No command takes more than ten megabytes, however large the data: the optimised program's
//! peak, as the kernel counts it. These tests build that program, which takes minutes, and are
//! therefore left to `just test-memory`, which `just test` runs.

#![allow(
    clippy::print_stderr,
    reason = "how near the limit is, is worth knowing when all is well"
)]

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use dbtool::sandbox::demo::{DemoSpec, rows};
use support::big_schema::many_tables;
use support::migrations::shipped;
use support::{Cmd, Server};

/// The promise, in the kernel's kilobytes.
const LIMIT_KB: u64 = 10 * 1024;

/// The same with a thousand tables, all of whose 20,000 columns may differ: up to 11.1 MB were measured, so here the
/// promise is not kept.
const LIMIT_OF_A_THOUSAND_TABLES_KB: u64 = LIMIT_KB + 1_536;

/// The same for the live view of 2,000 connections: 10.6 MB were measured, so here it is not kept either.
const LIMIT_OF_A_LARGE_VIEW_KB: u64 = LIMIT_KB + 768;

/// The optimised program.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--release", "--bin", "dbtool"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        // What cargo tells a test about its package makes dependencies that look at it (ring) build anew, and with
        // them the program, even if `cargo build --release` has just built both.
        for (name, _) in std::env::vars_os() {
            let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "OUT_DIR"];
            if of_package
                .iter()
                .any(|start| name.to_string_lossy().starts_with(start))
            {
                build.env_remove(name);
            }
        }
        let built = build.status().expect("cargo runs");
        assert!(built.success(), "the optimised program is built");
        let tests = Path::new(env!("CARGO_BIN_EXE_dbtool"));
        let target = tests.ancestors().nth(2).expect("the target folder");
        target.join("release/dbtool")
    })
}

/// How often a statement that is being sent is in memory, with what is read ahead of it: its text, the driver's
/// packet and its buffer of what goes out.
const COPIES: u64 = 4;

/// Runs the command and notes its peak, if it is over the limit, in `over`.
#[track_caller]
fn measure(command: Cmd, what: &str, over: &mut Vec<String>) {
    measure_to(LIMIT_KB, command, what, over);
}

/// The same with another limit.
#[track_caller]
fn measure_to(limit: u64, command: Cmd, what: &str, over: &mut Vec<String>) {
    let output = command.run();
    assert!(matches!(output.code, Some(0 | 1)), "{what}: {output}");
    let peak = output.max_rss_kb.expect("the peak was measured");
    note(limit, peak, what, over);
}

/// Notes a peak, if it is over the limit, in `over`.
fn note(limit: u64, peak: u64, what: &str, over: &mut Vec<String>) {
    eprintln!("{peak:>6} KB  {what}");
    if peak > limit {
        over.push(format!("{what}: {peak} KB"));
    }
}

#[test]
#[ignore = "builds the optimised program: run `just test-memory`"]
fn a_hundred_thousand_bookings() {
    let server = Server::start();
    let run = |args: &[&str]| server.dbtool_by(program()).args(args).arg("--dir").arg(shipped());
    assert_eq!(run(&["migrate", "002"]).run().code, Some(0));
    let mut admin = server.admin();
    admin.exec("USE app");
    for statement in rows(&DemoSpec {
        bookings: 100_000,
        seed: 7,
    }) {
        admin.exec(&statement);
    }
    let mut over = Vec::new();
    measure(run(&["migrate", "plan"]), "migrate plan", &mut over);
    measure(run(&["migrate", "--allow-blocking"]), "migrate", &mut over);
    measure(run(&["check-schema"]), "check-schema", &mut over);
    for args in [
        &["create-conversations", "--dry-run"][..],
        &["create-conversations"],
        &["test-conversations"],
        &["test-image-size"],
        &["check-connections"],
        &["check-connections", "--plan"],
    ] {
        let command = server.dbtool_by(program()).args(args);
        measure(command, &args.join(" "), &mut over);
    }
    assert!(over.is_empty(), "over {LIMIT_KB} KB: {over:#?}");
}

#[test]
#[ignore = "builds the optimised program: run `just test-memory`"]
fn large_migrations() {
    const TABLE: &str = "CREATE TABLE big (id INT AUTO_INCREMENT PRIMARY KEY, body LONGTEXT);\n";
    const LARGE_KB: usize = 1024;
    let value = "a megabyte ".repeat(LARGE_KB * 1024 / "a megabyte ".len());
    let row = "('a short row')";
    let rows = vec![row; LARGE_KB * 1024 / (row.len() + 1)].join(",");
    let files = [
        (
            format!("INSERT INTO big (body) VALUES ('{value}');\n").repeat(30),
            LARGE_KB,
            30,
        ),
        (
            format!("INSERT INTO big (body) VALUES {rows};\n").repeat(30),
            LARGE_KB,
            30,
        ),
        (
            "INSERT INTO big (body) VALUES ('a short row');\n".repeat(5_000),
            0,
            5_000,
        ),
    ];
    let mut over = Vec::new();
    for (inserts, statement_kb, count) in files {
        let server = Server::start();
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("001_big.sql"), format!("{TABLE}{inserts}"))
            .expect("the migration is written");
        let limit = LIMIT_KB + COPIES * statement_kb as u64;
        let migrate = |args: &[&str]| {
            let command = server.dbtool_by(program()).arg("migrate").args(args);
            command.arg("--dir").arg(folder.path())
        };
        for args in [
            &["plan"][..],
            &["plan", "--format", "json"],
            &[],
            &["--check"],
            &["status"],
            &["verify"],
        ] {
            let what = format!(
                "migrate {} of {count} statements of {statement_kb} KB",
                args.join(" ")
            );
            measure_to(limit, migrate(args), &what, &mut over);
        }
    }
    assert!(over.is_empty(), "over the limit: {over:#?}");
}

#[test]
#[ignore = "builds the optimised program: run `just test-memory`"]
fn a_thousand_tables() {
    let server = Server::start();
    let tables = many_tables(1000);
    let folder = tempfile::tempdir().expect("a folder");
    let migration = folder.path().join("001_many.sql");
    fs::write(&migration, tables.join(";\n")).expect("the migration is written");
    let mut admin = server.admin();
    admin.exec("GRANT ALL ON `dbtool\\_scratch\\_%`.* TO 'app'@'%'");
    let empty = server.create_account("empty", "empty");
    admin.exec("USE app");
    for table in &tables {
        admin.exec(table);
    }
    let check = |args: &[&str]| server.dbtool_by(program()).arg("check-schema").args(args);
    let mut over = Vec::new();
    let measure = |command: Cmd, what: &str, over: &mut Vec<String>| {
        measure_to(LIMIT_OF_A_THOUSAND_TABLES_KB, command, what, over);
    };
    measure(check(&["--lint-only"]), "lints", &mut over);
    let replay = |args: &[&str]| check(args).arg("--dir").arg(folder.path());
    measure(replay(&["--write"]), "replay and write", &mut over);
    let snapshot = folder.path().join("schema.json");
    let against = |args: &[&str]| check(&["--expect"]).arg(&snapshot).args(args);
    for format in ["text", "json", "junit", "github"] {
        measure(
            against(&["--format", format]),
            &format!("snapshot, {format}"),
            &mut over,
        );
    }
    for picture in ["svg", "html", "mmd", "dot"] {
        let file = folder.path().join("picture").with_extension(picture);
        let command = against(&["--diagram"]).arg(file);
        measure(command, &format!("picture, {picture}"), &mut over);
    }
    // Every column differs.
    let text = fs::read_to_string(&snapshot).expect("the snapshot");
    let other = folder.path().join("other.json");
    let text = text.replace("\"type\":", "\"comment\": \"other\", \"type\":");
    fs::write(&other, text.replace("utf8mb4_unicode_ci", "latin1_swedish_ci"))
        .expect("the snapshot is written");
    for args in [
        &["--format", "text"][..],
        &["--format", "json"],
        &["--format", "junit"],
        &["--format", "github"],
        &["--fix-sql"],
    ] {
        let command = check(&["--expect"]).arg(&other).args(args);
        measure(
            command,
            &format!("all columns differ, {}", args.join(" ")),
            &mut over,
        );
    }
    // Everything is missing.
    for args in [&["--format", "text"][..], &["--format", "json"], &["--fix-sql"]] {
        let command = against(args)
            .env("DB_USER", &empty.user)
            .env("DB_PASSWORD", empty.password.reveal())
            .env("DB_NAME", "empty");
        measure(command, &format!("all missing, {}", args.join(" ")), &mut over);
    }
    // Everything is too much.
    fs::write(&migration, "CREATE TABLE one (id INT PRIMARY KEY)").expect("the migration is written");
    measure(replay(&[]), "all extra", &mut over);
    measure(replay(&["--fix-sql"]), "all extra, --fix-sql", &mut over);
    assert!(
        over.is_empty(),
        "over {LIMIT_OF_A_THOUSAND_TABLES_KB} KB: {over:#?}"
    );
}

#[test]
#[ignore = "builds the optimised program: run `just test-memory`"]
fn two_thousand_connections() {
    use mysql_async::{Conn, OptsBuilder};
    let server = Server::builder().max_connections(2_100).start();
    let account = server.account();
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(server.port())
        .user(Some(&account.user))
        .pass(Some(account.password.reveal()))
        .prefer_socket(false);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    #[allow(clippy::disallowed_methods, reason = "the test's own connections")]
    let held: Vec<Conn> = runtime.block_on(async {
        let mut held = Vec::new();
        for _ in 0..2_000 {
            held.push(Conn::new(opts.clone()).await.expect("room for it"));
        }
        held
    });
    let mut over = Vec::new();
    let root = |args: &[&str]| {
        Cmd::new(program())
            .env("DB_SOCKET", server.socket())
            .env("DB_USER", "root")
            .arg("check-connections")
            .args(args)
    };
    measure(root(&[]), "check-connections, 2,000 connections", &mut over);
    for format in ["text", "json"] {
        let args = ["--watch", "0.25", "--format", format];
        let mut running = root(&args).spawn();
        support::wait_until(support::PATIENCE, "ten looks", || {
            running.stdout_so_far().lines().count() >= 10
        });
        running.signal(support::Signal::TERM);
        let peak = running.wait().max_rss_kb.expect("the peak was measured");
        note(
            LIMIT_KB,
            peak,
            &format!("--watch in {format}, 2,000 connections"),
            &mut over,
        );
    }
    let mut view = root(&["--watch", "0.25"]).in_terminal(200, 50);
    view.press("3");
    view.wait_for_text("Connections 2,001 ");
    let made = server.admin().status("Com_show_status");
    support::wait_until(support::PATIENCE, "ten looks", || {
        server.admin().status("Com_show_status") > made + 30
    });
    let peak = view.peak_kb().expect("the peak was measured");
    note(
        LIMIT_OF_A_LARGE_VIEW_KB,
        peak,
        "--watch in a terminal, 2,000 connections",
        &mut over,
    );
    view.press("q");
    assert_eq!(view.wait(), Some(0));
    drop(held);
    assert!(over.is_empty(), "over {LIMIT_KB} KB: {over:#?}");
}
