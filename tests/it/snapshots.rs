//! What each command prints, as a whole page: the texts in `tests/snapshots/` are read when they change.
//!
//! A page holds the command, its exit code and both streams. What differs from run to run (times, ports, versions of
//! the server, folders) is replaced before the comparison. `INSTA_UPDATE=always cargo test --test it snapshots::`
//! writes the pages anew; `git diff tests/snapshots` is the review. The pages are recorded on MariaDB 10.11: what
//! another server answers differently has tests of its own.

use crate::support;

use std::fmt::Write as _;

use clap::CommandFactory as _;
use dbtool::cli::Cli;

use support::market::Market;
use support::migrations::{Folder, shipped};
use support::schemas::run_script;
use support::{Cmd, Server, dbtool};

/// Patterns of what differs from run to run, and what takes their place.
const CHANGING: [(&str, &str); 14] = [
    (env!("CARGO_MANIFEST_DIR"), "PROJECT"),
    (r"MariaDB \d+\.\d+\.\d+", "MariaDB VERSION"),
    (r"\(uid \d+@[^)]*\)", "(uid NUMBER@HOST)"),
    (r"dbtool_scratch_\w+", "dbtool_scratch_NAME"),
    (r#""duration_ms": \d+"#, r#""duration_ms": NUMBER"#),
    (r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+)?", "DATE"),
    (r"127\.0\.0\.1:\d+", "HOST:PORT"),
    (r"(/tmp|/dev/shm)/[A-Za-z0-9._/-]+", "FOLDER"),
    (r"APPLIED \(UTC\) +TOOK", "APPLIED (UTC)  TOOK"),
    (r"  +\[?\d[\d,.]* (ms|s)\b", "  TIME"),
    (r"\b\d[\d,.]* (µs|ms|s|min \d+ s)\b", "TIME"),
    (r"\b[0-9a-f]{64}\b", "CHECKSUM"),
    (r"(pid|process|connection) \d+", "$1 NUMBER"),
    (r"[0-9,]+ bookings/s", "RATE"),
];

/// Runs the steps in order and compares all they print with the page of this name.
#[track_caller]
fn page(name: &str, steps: impl IntoIterator<Item = Cmd>) {
    assert_page(name, &steps.into_iter().map(shown).collect::<String>());
}

/// Runs a command: what was typed, its exit code, and what it wrote.
fn shown(step: Cmd) -> String {
    let mut text = format!("$ dbtool {}\n", step.arguments().join(" "));
    let output = step.run();
    let _ = writeln!(text, "[exit code {}]", output.code.expect("an exit code"));
    for (stream, written) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !written.is_empty() {
            let _ = writeln!(text, "--- {stream}\n{}", written.trim_end());
        }
    }
    text.push('\n');
    text
}

#[track_caller]
fn assert_page(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in CHANGING {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

const SHOP: [(&str, &str); 3] = [
    (
        "001_shop.sql",
        "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL);\n\
         CREATE TABLE purchase (id INT PRIMARY KEY AUTO_INCREMENT, item_id INT, CONSTRAINT purchase_item \
         FOREIGN KEY (item_id) REFERENCES item (id));\n",
    ),
    (
        "002_prices.sql",
        "ALTER TABLE item ADD COLUMN price DECIMAL(10,2) NOT NULL DEFAULT 0;\n\
         UPDATE item SET price = 1;\nCREATE INDEX by_price ON item (price);\n",
    ),
    (
        "003_rename.sql",
        "ALTER TABLE item MODIFY name VARCHAR(20) NOT NULL;\n",
    ),
];

#[test]
fn migrate() {
    let server = Server::start();
    let folder = Folder::new(&SHOP);
    page(
        "migrate",
        [
            &["plan"] as &[&str],
            &["--check"],
            &["002"],
            &["status"],
            &["verify"],
            &["002"],
            &["--dry-run"],
            &["status", "--format", "json"],
        ]
        .map(|arguments| folder.migrate(&server, arguments)),
    );
}

#[test]
fn migrate_when_something_is_wrong() {
    let server = Server::start();
    let folder = Folder::new(&SHOP);
    folder.write(
        "002_prices.sql",
        "ALTER TABLE item ADD COLUMN price INT;\nALTER TABLE itm ADD COLUMN a INT;\n",
    );
    folder.write("notes.sql", "SELECT 1;\n");
    page(
        "migrate-wrong",
        [
            &["plan"] as &[&str],
            &[],
            &["status"],
            &["004"],
            &["down"],
            &["baseline", "009"],
        ]
        .map(|arguments| folder.migrate(&server, arguments)),
    );
    folder.write("001_shop.sql", "CREATE TABLE item (id INT);\n");
    page(
        "migrate-changed-file",
        [&[] as &[&str], &["verify"], &["status"]].map(|arguments| folder.migrate(&server, arguments)),
    );
}

#[test]
fn check_schema() {
    let market = Market::start();
    let mut admin = market.admin();
    run_script(
        &mut admin,
        "ALTER TABLE users MODIFY phone VARCHAR(20) NOT NULL DEFAULT '', DROP COLUMN is_active;\n\
         CREATE TABLE forgotten (a INT, b INT, KEY by_a (a), KEY by_a_b (a, b));\n\
         ALTER TABLE bookings ADD INDEX by_status (status);\n",
    );
    let folder = shipped();
    page(
        "check-schema",
        [
            &[] as &[&str],
            &["--fix-sql"],
            &["--fix-sql", "--allow-destructive"],
            &["--format", "github"],
        ]
        .map(|arguments| {
            market
                .server
                .dbtool()
                .arg("check-schema")
                .args(arguments)
                .arg("--dir")
                .arg(&folder)
        }),
    );
}

#[test]
fn create_conversations() {
    let market = Market::start();
    market.demo(60);
    page(
        "create-conversations",
        [&["--dry-run"] as &[&str], &[], &[]].map(|arguments| market.command(arguments)),
    );
}

#[test]
fn test_conversations() {
    let market = Market::start();
    market.demo(60);
    // The plans of the list's statements follow the statistics, which are otherwise made at some time after.
    let command = || {
        market.admin().exec(
            "ANALYZE TABLE users, properties, bookings, messages, conversations, conversation_participants",
        );
        shown(market.server.dbtool().arg("test-conversations"))
    };
    let mut text = command();
    assert_eq!(market.command(&[]).run().code, Some(0));
    market
        .admin()
        .exec("DELETE FROM conversation_participants ORDER BY conversation_id, user_id LIMIT 1");
    text += &command();
    assert_page("test-conversations", &text);
}

#[test]
fn test_image_size() {
    let market = Market::start();
    page(
        "test-image-size",
        [&["--max", "1KB"] as &[&str], &["--max", "64KB", "--need", "30MB"]]
            .map(|arguments| market.server.dbtool().arg("test-image-size").args(arguments)),
    );
}

#[test]
fn failures() {
    let server = Server::start();
    let wrong = |name: &str, value: &str| server.dbtool().env(name, value).arg("check-connections");
    page(
        "failures",
        [
            wrong("DB_PASSWORD", "wrong"),
            wrong("DB_NAME", "nowhere"),
            wrong("DB_PORT", "65a"),
            wrong("DB_CONNECTION_LIMIT", "0"),
            server.dbtool().args(["migrate", "--dir", "nowhere"]),
            dbtool().arg("check-connections"),
            dbtool().arg("migrat"),
        ],
    );
}

#[test]
fn help() {
    page("help-dbtool", [dbtool().arg("--help")]);
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        page(&format!("help-{name}"), [dbtool().args([name, "--help"])]);
    }
}
