//! `dbtool migrate` and input that is wrong: one clear message, the right exit code, nothing done.

use crate::support;

use std::os::unix::fs::symlink;

use support::migrations::{Folder, assert_ends};
use support::{Server, dbtool};

#[test]
fn what_is_wrong_with_a_folder_is_said_without_a_server() {
    let folder = Folder::new(&[
        ("001_a.sql", "SELECT 1;"),
        ("002_b.sql", "SELECT 1;"),
        ("010_c.sql", "SELECT 1;"),
    ]);
    let run = |args: &[&str]| {
        dbtool()
            .env("DB_HOST", "127.0.0.1")
            .env("DB_PORT", "1")
            .env("DB_NAME", "x")
            .arg("migrate")
            .args(args)
            .run()
    };
    let dir = folder.path().display().to_string();
    assert_ends(
        &run(&["9", "--dir", &dir]),
        2,
        &[
            "there is no migration 9",
            "it has 001, 002, 010",
            "did you mean 010 (010_c)?",
        ],
    );
    assert_ends(
        &run(&["plan", "abc", "--dir", &dir]),
        2,
        &["there is no migration abc"],
    );
    assert_ends(
        &run(&[]),
        2,
        &["there is no folder migrations", "--dir", "migrate new"],
    );
    assert_ends(
        &run(&["--dir", &format!("{dir}/001_a.sql")]),
        2,
        &["is not a folder"],
    );
    let empty = Folder::new(&[("notes.txt", "")]);
    assert_ends(
        &run(&["--dir", &empty.path().display().to_string()]),
        2,
        &["holds no migration", "migrate new"],
    );
    folder.write("02_again.up.sql", "SELECT 1;");
    assert_ends(
        &run(&["--dir", &dir]),
        2,
        &["002_b.sql", "02_again.up.sql", "the same version 2"],
    );
    assert_ends(&run(&["3", "status", "--dir", &dir]), 2, &["before a subcommand"]);
}

#[test]
fn an_unreadable_folder_or_file_is_named() {
    // A link to itself cannot be opened by anybody, whatever a file's mode says to root.
    let server = Server::start();
    let folder = Folder::new(&[("001_a.sql", "SELECT 1;")]);
    symlink("002_b.sql", folder.path().join("002_b.sql")).expect("a link");
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &["cannot read", "002_b.sql"],
    );
    let link = folder.path().join("loop");
    symlink("loop", &link).expect("a link");
    let output = server.dbtool().args(["migrate", "--dir"]).arg(&link).run();
    assert_ends(&output, 2, &["cannot read the folder"]);
}

#[test]
fn files_that_cannot_be_read_as_sql_stop_everything_before_it_runs() {
    let server = Server::start();
    let before = server.counters();
    let mut admin = server.admin();
    let cases: [(&[u8], &str); 12] = [
        (
            b"SELECT 1;\n-- caf\xe9\n",
            "002_bad.sql:2:7: byte 16 (0xE9) is not valid UTF-8",
        ),
        (
            b"SELECT 1;\n  SELECT 'abc;\n",
            "002_bad.sql:2:10: string in single quotes is never closed",
        ),
        (
            b"\xef\xbb\xbfSELECT 1;\r\nSELECT `a;",
            "002_bad.sql:2:8: identifier in backticks is never closed",
        ),
        (b"/* SELECT 1;", "002_bad.sql:1:1: comment is never closed"),
        (
            b"CREATE PROCEDURE p() BEGIN SELECT 1;",
            "002_bad.sql:1:22: compound statement (no matching END) is never closed",
        ),
        (
            b"CREATE TABLE a (a INT);\r-- why\rCREATE TABLE b (a INT);\r",
            "002_bad.sql:1:31: a CR without LF inside a comment",
        ),
        (
            b"-- why\rCREATE TABLE b (a INT);\r",
            "002_bad.sql:1:7: a CR without LF",
        ),
        (b"SELECT 1;\nsource b.sql\n", "002_bad.sql:2:1: cannot read b.sql"),
        (
            b"SELECT 1;\n\\! rm -rf x\n",
            "002_bad.sql:2:1: a migration cannot have",
        ),
        (b"exit;\nSELECT 1;", "002_bad.sql:1:1: the client would end here"),
        (b"S\0E\0", "002_bad.sql:1:2: byte 1 is NUL"),
        (
            b"START TRANSACTION; SELECT 1;",
            "002_bad.sql:1:1: this transaction is never committed",
        ),
    ];
    for (text, words) in cases {
        let folder = Folder::new(&[("001_good.sql", "CREATE TABLE good (id INT);")]);
        folder.write("002_bad.sql", text);
        assert_ends(&folder.migrate(&server, &[]).run(), 2, &[words]);
    }
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app'";
    assert_eq!(admin.value(tables), "0");
    drop(admin);
    server.assert_unchanged(&before);
}

#[test]
fn files_that_cannot_be_read_within_a_migration_stop_everything_before_it_runs() {
    let server = Server::start();
    let outside = tempfile::tempdir().expect("a folder");
    let secret = outside.path().join("x.sql");
    std::fs::write(&secret, "SELECT 1;").expect("a file");
    let up = format!("source {}", secret.display());
    let up_again = format!(
        "source ../{}/x.sql",
        outside.path().file_name().unwrap().display()
    );
    let cases: [(&str, &str, &[&str]); 10] = [
        (
            &up,
            "",
            &[
                "001_a.sql:2:1",
                "outside the folder of the migrations",
                "can change unseen",
            ],
        ),
        (&up_again, "", &["001_a.sql:2:1", "outside the folder"]),
        ("source link.sql", "", &["link.sql is outside the folder"]),
        (
            "source none.sql",
            "",
            &["001_a.sql:2:1: cannot read none.sql", "No such file"],
        ),
        ("source parts", "", &["parts is a folder, not a file"]),
        (
            "\\. 001_a.sql",
            "",
            &["001_a.sql is being read already", "never end"],
        ),
        (
            "\\. parts/b.sql",
            "source ../001_a.sql",
            &["parts/b.sql:1:1: ../001_a.sql is being read already"],
        ),
        (
            "\\. parts/b.sql",
            "SELECT 'a",
            &["parts/b.sql:1:8: string in single quotes is never closed"],
        ),
        (
            "\\. parts/b.sql",
            "SELECT 2;\n\\! rm -rf x",
            &["parts/b.sql:2:1: a migration cannot have"],
        ),
        (
            "\\. parts/b.sql",
            "SELECT 2;\n-- migrate:down\nSELECT 3",
            &["parts/b.sql:2: a file that a migration reads"],
        ),
    ];
    for (command, other, words) in cases {
        let folder = Folder::new(&[]);
        std::fs::create_dir(folder.path().join("parts")).expect("a folder");
        folder.write("001_a.sql", format!("CREATE TABLE a (a INT);\n{command}\n"));
        folder.write("parts/b.sql", other);
        symlink(&secret, folder.path().join("link.sql")).expect("a link");
        assert_ends(&folder.migrate(&server, &[]).run(), 2, words);
    }
    let folder = Folder::new(&[("001_a.sql", "source 1.inc\n")]);
    for depth in 1..20 {
        folder.write(&format!("{depth}.inc"), format!("source {}.inc\n", depth + 1));
    }
    let words = &[
        "16.inc:1:1: files that read one another are more than 16 deep",
        "fewer files",
    ];
    assert_ends(&folder.migrate(&server, &[]).run(), 2, words);
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app'";
    assert_eq!(server.admin().value(tables), "0");
}

#[test]
fn what_a_migration_reads_is_planned_run_resumed_and_verified_as_its_own() {
    let server = Server::start();
    let folder = Folder::new(&[
        (
            "001_a.sql",
            "CREATE TABLE a (a INT PRIMARY KEY);\nsource rows.sql\nINSERT INTO a VALUES (4);\n",
        ),
        (
            "rows.sql",
            "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\nINSERT INTO a VALUES (2);\n",
        ),
    ]);
    let plan = folder.migrate(&server, &["plan", "--format", "json"]).run();
    assert_ends(&plan, 0, &["001_a.sql\"", "rows.sql\""]);
    assert!(!plan.stderr.contains("is ignored"), "{plan}");
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        4,
        &["rows.sql:3:1", "1062", "3 of 5"],
    );
    folder.write(
        "rows.sql",
        "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\nINSERT INTO a VALUES (3);\n",
    );
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        0,
        &["3 done, 2 statements to go"],
    );
    let mut admin = server.admin();
    assert_eq!(
        admin.value("SELECT GROUP_CONCAT(a ORDER BY a) FROM app.a"),
        "1,2,3,4"
    );
    assert_ends(&folder.migrate(&server, &["verify"]).run(), 0, &[]);
    folder.write("rows.sql", "INSERT INTO a VALUES (5);\n");
    assert_ends(
        &folder.migrate(&server, &["verify"]).run(),
        1,
        &["001_a", "changed"],
    );
}

#[test]
fn files_that_look_like_migrations_are_warned_of() {
    let server = Server::start();
    let folder = Folder::new(&[
        ("001_a.sql", "SELECT 1;"),
        ("3-foo.sql.bak", "SELECT 1;"),
        ("foo.sql", ""),
        ("README.md", ""),
    ]);
    let output = folder.migrate(&server, &["status"]).run();
    assert_ends(
        &output,
        0,
        &["3-foo.sql.bak is ignored", "foo.sql is ignored", "1 pending"],
    );
    assert!(!output.stderr.contains("README"), "{output}");
}

#[test]
fn a_database_is_needed_and_a_read_only_one_is_named() {
    let server = Server::start();
    let mut admin = server.admin();
    let folder = Folder::new(&[("001_a.sql", "CREATE TABLE a (id INT);")]);
    assert_ends(
        &folder.migrate(&server, &[]).env_remove("DB_NAME").run(),
        2,
        &["no database is chosen", "DB_NAME"],
    );
    admin.exec("SET GLOBAL read_only = 1");
    let output = folder
        .migrate(&server, &[])
        .env("DB_ACQUIRE_TIMEOUT", "3000")
        .run();
    assert_ends(&output, 3, &["read-only", "primary"]);
    assert_ends(&folder.migrate(&server, &["status"]).run(), 0, &["1 pending"]);
    assert_ends(
        &folder.migrate(&server, &["plan"]).run(),
        0,
        &["1 statement to run"],
    );
    admin.exec("SET GLOBAL read_only = 0");
}

#[test]
fn a_user_without_rights_is_told_which_it_lacks() {
    let server = Server::start();
    server.create_user("reader", "secret-word", &["SELECT ON app.*"]);
    let folder = Folder::new(&[("001_a.sql", "CREATE TABLE a (id INT);")]);
    let output = folder
        .migrate(&server, &[])
        .env("DB_USER", "reader")
        .env("DB_PASSWORD", "secret-word")
        .run();
    assert_ends(
        &output,
        4,
        &["dbtool_migrations", "nothing was run", "1142", "privilege"],
    );
    assert!(!output.stderr.contains("secret-word"), "{output}");
}

#[test]
fn new_migrations_get_the_next_number() {
    let folder = Folder::new(&[("009_a.sql", "SELECT 1;")]);
    let dir = folder.path().display().to_string();
    let output = dbtool()
        .args(["migrate", "new", "Add phone to users", "--dir", &dir])
        .run();
    assert_ends(&output, 0, &["010_Add_phone_to_users.sql"]);
    assert_ends(
        &dbtool().args(["migrate", "new", "//", "--dir", &dir]).run(),
        2,
        &["needs a letter"],
    );
}

#[test]
fn a_statement_that_the_server_will_not_take_for_its_size_is_named_with_both_sizes() {
    const LIMIT: usize = 1024 * 1024;
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec(&format!("SET GLOBAL max_allowed_packet = {LIMIT}"));
    admin.exec("CREATE TABLE app.t (a LONGTEXT)");
    let (begin, end) = ("INSERT INTO t VALUES ('", "')");
    for (length, fits) in [
        (LIMIT - 2, true),
        (LIMIT - 1, false),
        (2 * LIMIT, false),
        (17 * LIMIT, false),
    ] {
        let rows = "x".repeat(length - begin.len() - end.len());
        let folder = Folder::new(&[("001_a.sql", &format!("DO 1;\n{begin}{rows}{end};\n"))]);
        admin.exec("DROP TABLE IF EXISTS app.dbtool_migrations");
        if !fits {
            let said = format!(
                "001_a.sql:2:1: the statement has {length} bytes, and the server's max_allowed_packet is {LIMIT}"
            );
            let step = format!(
                "SET GLOBAL max_allowed_packet = {}",
                (length + 2).next_multiple_of(1024)
            );
            let words = &[
                &said[..],
                "1153",
                "nothing of the file was run",
                &step,
                "fewer rows",
            ];
            let output = folder.migrate(&server, &[]).run();
            assert_ends(&output, 2, words);
            assert!(!output.stderr.contains("the server is up"), "{output}");
            admin.exec(&step);
        }
        assert_ends(&folder.migrate(&server, &[]).run(), 0, &[]);
        assert_eq!(admin.value("SELECT LENGTH(a) FROM app.t"), rows.len().to_string());
        admin.exec("DELETE FROM app.t");
        admin.exec(&format!("SET GLOBAL max_allowed_packet = {LIMIT}"));
    }
}
