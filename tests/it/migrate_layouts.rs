//! `dbtool migrate` on the files of other tools: what takes a migration back never runs on the way up.

use crate::support;

use support::migrations::{Folder, assert_ends};
use support::{Server, dbtool};

/// A file whose way up makes `one` and whose way back drops it and the application's `kept`, which
/// the test makes again.
fn marked(up: &str, down: &str) -> String {
    format!("{up}\nCREATE TABLE one (a INT);\n{down}\nDROP TABLE one;\nDROP TABLE kept;\n")
}

#[test]
fn the_way_back_runs_only_when_it_is_asked_for() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("USE app");
    let tables = "SELECT GROUP_CONCAT(table_name ORDER BY 1) FROM information_schema.tables \
                  WHERE table_schema = 'app' AND table_name <> 'dbtool_migrations'";
    for text in [
        marked("-- migrate:up", "-- migrate:down"),
        marked(
            "-- migrate:up transaction:false",
            "-- migrate:down transaction:false",
        ),
        marked("-- +goose Up", "-- +goose Down"),
        marked("-- +goose up", "--+goose down"),
        marked(
            "-- +goose NO TRANSACTION\r\n-- +goose Up\r\n-- +goose StatementBegin\r\nCREATE PROCEDURE p()\r\nBEGIN\r\n\
             SELECT 1;\r\nSELECT 2;\r\nEND;\r\n-- +goose StatementEnd\r\nDROP PROCEDURE p;",
            "-- +goose Down",
        ),
        marked("-- +migrate Up", "-- +migrate Down"),
        marked("-- +migrate Up notransaction", "-- +migrate Down notransaction"),
        marked("-- rambler up", "-- rambler down"),
        marked("-- // a table", "-- //@UNDO"),
        marked("--// a table", "--//@UNDO"),
        // The delimiter before the mark was forgotten.
        "-- +goose Up\nCREATE TABLE one (a INT)\n-- +goose Down\nDROP TABLE one;\nDROP TABLE kept\n"
            .to_owned(),
    ] {
        admin.exec("CREATE TABLE kept (a INT)");
        let folder = Folder::new(&[("00001_add_one.sql", &text)]);
        assert_ends(&folder.migrate(&server, &[]).run(), 0, &["1 migration applied"]);
        assert_eq!(admin.value(tables), "kept,one", "{text}");
        assert_ends(&folder.migrate(&server, &["verify"]).run(), 0, &["1 applied"]);
        // The way back may be written anew after the migration was applied.
        folder.write(
            "00001_add_one.sql",
            text.replace("DROP TABLE kept", "DROP TABLE IF EXISTS kept"),
        );
        assert_ends(&folder.migrate(&server, &["verify"]).run(), 0, &["1 applied"]);
        assert_ends(
            &folder.migrate(&server, &["down", "--yes"]).run(),
            0,
            &["1 migration rolled back"],
        );
        assert_eq!(admin.value(tables), "NULL", "{text}");
    }
    // Liquibase keeps the way back in comments; the server itself would not take all of them for comments.
    let liquibase = "--liquibase formatted sql\n\n--changeset ann:1 dbms:mysql,mariadb\n--comment: a table\n\
                     CREATE TABLE one (a INT);\n--rollback DROP TABLE one;\n\n\
                     --changeset ann:2\nCREATE TABLE two (a INT);\n--rollback DROP TABLE two;\n--rollback not required\n";
    let folder = Folder::new(&[("1_one.sql", liquibase)]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["(2 statements)"]);
    assert_eq!(admin.value(tables), "one,two");
    assert_ends(
        &folder.migrate(&server, &["down", "--yes"]).run(),
        2,
        &["has no down script"],
    );
}

#[test]
fn a_way_back_in_an_unknown_format_stops_before_anything_runs() {
    let server = Server::start();
    let before = server.counters();
    for mark in [
        "-- DOWN",
        "--down",
        "-- rollback",
        "# --- !Downs",
        "-- !Downs",
        "-- @DOWN",
        "-- ==== DOWN ====",
        "-- undo:",
        "-- undo: the table",
        "/* Rollback */",
        "-- Down Migration",
        "-- mytool:down",
        "-- +mytool Down",
    ] {
        let text = marked("-- UP", mark);
        let folder = Folder::new(&[
            ("001_good.sql", "CREATE TABLE good (a INT);"),
            ("002_add.sql", &text),
        ]);
        for args in [&[][..], &["plan"], &["status"]] {
            assert_ends(
                &folder.migrate(&server, args).run(),
                2,
                &["002_add.sql:3:", "takes the migration back", "-- migrate:down"],
            );
        }
    }
    for (text, words) in [
        (
            "CREATE TABLE a (a INT);\n-- +goose Down\nDROP TABLE a;",
            "statements before the first mark of goose",
        ),
        (
            "-- +goose Up\nSELECT 1;\n-- migrate:down\nSELECT 2;",
            ":3: this is a mark of dbmate",
        ),
        (
            "-- +goose Up\nSELECT 1;\n-- +goose Dwon\nSELECT 2;",
            ":3: goose has no annotation Dwon",
        ),
        (
            "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose Down\nSELECT 2;",
            "002_bad.sql:2:1: statement that starts here (no line ends it) is never closed",
        ),
        (
            "-- +goose Up\nCREATE PROCEDURE p() BEGIN SELECT 1;\n-- +goose Down\nDROP PROCEDURE p;",
            "002_bad.sql:2:22: compound statement",
        ),
        (
            "--liquibase formatted sql\n--changeset a:1 context:test\nDROP TABLE a;",
            ":2: dbtool does not know Liquibase's context:test",
        ),
    ] {
        let folder = Folder::new(&[
            ("001_good.sql", "CREATE TABLE good (a INT);"),
            ("002_bad.sql", text),
        ]);
        assert_ends(&folder.migrate(&server, &[]).run(), 2, &[words]);
    }
    let files = [
        ("001_a.up.sql", "CREATE TABLE a (a INT);"),
        ("001_a.down.sql", "-- migrate:up\nCREATE TABLE b (a INT);"),
    ];
    assert_ends(
        &Folder::new(&files).migrate(&server, &[]).run(),
        2,
        &["001_a.down.sql:1: a file of its own for taking a migration back"],
    );
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app'";
    assert_eq!(server.admin().value(tables), "0");
    server.assert_unchanged(&before);
}

#[test]
fn ordinary_comments_are_no_marks() {
    let server = Server::start();
    let text = "-- Rollback: not possible\n-- scale down the counters\nCREATE TABLE a (\n  -- rollback\n  a INT);\n\
                -- undo the damage of 004\nUPDATE a SET a = 1; -- rollback\n\
                CREATE PROCEDURE p()\nBEGIN\n  -- rollback\n  ROLLBACK;\n  -- down\n  SELECT 1;\nEND;\n\
                -- Rollback:\n-- DROP TABLE a;\n";
    let folder = Folder::new(&[
        ("001_a.up.sql", text),
        (
            "001_a.down.sql",
            "-- Down\nDROP TABLE a;\n-- rollback\nDROP PROCEDURE p;",
        ),
    ]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["(3 statements)"]);
    assert_ends(
        &folder.migrate(&server, &["down", "--yes"]).run(),
        0,
        &["(2 statements)"],
    );
}

#[test]
fn a_file_that_looks_like_a_migration_and_is_not_read_stops_the_run() {
    let server = Server::start();
    for name in ["V2__b.sql", "2.sql", "002_b.sql.txt", "002_b.go"] {
        let folder = Folder::new(&[
            ("001_a.sql", "CREATE TABLE a (a INT);"),
            (name, "CREATE TABLE b (a INT);"),
            ("003_c.sql", "CREATE TABLE c (a INT);"),
        ]);
        for args in [
            &[][..],
            &["--check"],
            &["--dry-run"],
            &["plan"],
            &["status"],
            &["status", "--check"],
            &["verify"],
            &["baseline", "1"],
        ] {
            assert_ends(
                &folder.migrate(&server, args).run(),
                2,
                &["nothing was run", name, "NUMBER_name.sql"],
            );
        }
        let output = server
            .dbtool()
            .args(["check-schema", "--dir"])
            .arg(folder.path())
            .run();
        assert_eq!(output.code, Some(2), "{output}");
    }
    for name in [
        " 002_b.sql",
        "\u{662}_b.sql",
        "\u{ff12}_b.sql",
        "v2_b.sql",
        "-02_b.sql",
        "002_b.undo.sql",
        "002_b.Rollback.sql",
    ] {
        let folder = Folder::new(&[
            ("001_a.sql", "CREATE TABLE a (a INT);"),
            (name, "CREATE TABLE b (a INT);"),
        ]);
        assert_ends(
            &folder.migrate(&server, &[]).run(),
            2,
            &["nothing was run", name, "NUMBER_name"],
        );
    }
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (a INT);"),
        ("002-b.sql", "CREATE TABLE b (a INT);"),
        ("002-b.sql.bak", "CREATE TABLE b (a INT);"),
        ("003_c.SQL", "CREATE TABLE c (a INT);"),
    ]);
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        0,
        &["3 migrations applied", "002-b.sql.bak is ignored", "now at 003"],
    );
    assert_ends(
        &folder.migrate(&server, &["status"]).run(),
        0,
        &["002-b", "3 applied"],
    );
}

#[test]
fn what_cannot_be_read_to_its_end_is_refused_at_once() {
    let server = Server::start();
    let folder = Folder::new(&[("001_a.sql", "SELECT 1;")]);
    let pipe = folder.path().join("002_b.sql");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe");
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &["002_b.sql is a named pipe, not a file"],
    );
    std::fs::remove_file(&pipe).expect("the pipe");
    std::os::unix::fs::symlink("/dev/zero", &pipe).expect("a link");
    assert_ends(&folder.migrate(&server, &[]).run(), 2, &["002_b.sql is a device"]);
    std::fs::remove_file(&pipe).expect("the link");
    std::fs::create_dir(&pipe).expect("a folder");
    let dir = folder.path().display().to_string();
    let output = dbtool()
        .args(["migrate", "--dir", &dir])
        .env("DB_HOST", "127.0.0.1")
        .env("DB_NAME", "x")
        .run();
    assert_ends(&output, 2, &["002_b.sql (it is a folder)"]);
}
