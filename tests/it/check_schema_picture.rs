//! The pictures of check-schema: the committed one, drift in each format, and writing them.

use crate::support;

use std::fs;
use std::path::Path;

use support::Server;
use support::migrations::shipped;
use support::schemas::{allow_scratch, run_script, server, snapshot};

#[test]
fn the_committed_snapshot_and_picture_are_those_of_the_shipped() {
    let server = Server::builder()
        .arg("--log-bin-trust-function-creators=1")
        .start();
    let mut admin = server.admin();
    allow_scratch(&server, &mut admin);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let picture = folder.path().join("schema.svg");
    // Everything is missing from the empty database; its own fix makes the schema.
    let fix = server
        .dbtool()
        .args(["check-schema", "--fix-sql", "--expect"])
        .arg(shipped().join("schema.json"))
        .run();
    run_script(&mut admin, &fix.stdout);
    let against_snapshot = server
        .dbtool()
        .args(["check-schema", "--replay", "never", "--format", "json", "--dir"])
        .arg(shipped())
        .arg("--diagram")
        .arg(&picture)
        .run();
    assert_eq!(
        against_snapshot.code,
        Some(0),
        "write it again with --write: {against_snapshot}"
    );
    let drawn = fs::read_to_string(&picture).expect("the picture is there");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.svg");
    let committed = fs::read_to_string(committed).expect("the committed picture is there");
    assert!(
        drawn == committed,
        "docs/schema.svg is not the picture of the migrations: draw it again with --diagram"
    );
    for (name, start) in [
        ("er.html", "<!doctype html>"),
        ("er.mmd", "---\ntitle: \"app"),
        ("er.dot", "digraph"),
    ] {
        let path = folder.path().join(name);
        let output = server
            .dbtool()
            .args(["check-schema", "--lint-only", "--diagram"])
            .arg(&path)
            .run();
        assert_eq!(output.code, Some(0), "{output}");
        let text = fs::read_to_string(&path).expect("the picture is there");
        assert!(
            text.starts_with(start) && text.contains("conversation_participants"),
            "{name}"
        );
        let loaded = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!loaded.contains("://"), "{name} loads something");
    }
    let wrong = server
        .dbtool()
        .args(["check-schema", "--lint-only", "--diagram", "er.png"])
        .run();
    assert_eq!(wrong.code, Some(2), "{wrong}");
}

#[test]
fn a_diagram_shows_what_drifted() {
    let (server, mut admin) = server();
    run_script(
        &mut admin,
        "CREATE TABLE `a<b>&\"c` (id INT PRIMARY KEY COMMENT '</script>');
         ALTER TABLE owners ADD COLUMN surplus INT;",
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, marks) in [
        (
            "er.svg",
            &["box extra\" data-table=\"a&lt;b&gt;&amp;&quot;c\"", ">+ surplus<"][..],
        ),
        (
            "er.html",
            &["box different\" data-table=\"owners\"", "\\u003c/script>"],
        ),
        ("er.mmd", &["\"owners\":::different", "int surplus \"extra\""]),
        ("er.dot", &["~ owners", "+ surplus"]),
    ] {
        let path = folder.path().join(name);
        let output = server
            .dbtool()
            .args(["check-schema", "--expect"])
            .arg(snapshot())
            .arg("--diagram")
            .arg(&path)
            .run();
        assert_eq!(output.code, Some(1), "{output}");
        let text = fs::read_to_string(&path).expect("the picture is there");
        for mark in marks {
            assert!(text.contains(mark), "{name}: {mark}");
        }
    }
}

#[test]
fn a_diagram_that_cannot_be_written_leaves_the_old_one() {
    let (server, _admin) = server();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("er.html");
    fs::write(&path, "the old one").expect("it can be written");
    fs::create_dir(folder.path().join("taken.svg")).expect("a folder");
    let small_disk = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let in_shell = support::Cmd::new("sh").args(["-c", small_disk, env!("CARGO_BIN_EXE_dbtool")]);
    let account = server.account();
    let in_shell = in_shell
        .env("DB_PORT", server.port().to_string())
        .env("DB_USER", &account.user)
        .env("DB_PASSWORD", account.password.reveal())
        .env("DB_NAME", &account.database);
    for (command, path) in [
        (in_shell, path.clone()),
        (server.dbtool(), folder.path().join("taken.svg")),
        (server.dbtool(), folder.path().join("nowhere/er.svg")),
    ] {
        let output = command
            .args(["check-schema", "--lint-only", "--diagram"])
            .arg(&path)
            .run();
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("cannot write"), "{output}");
        assert!(output.stderr.contains(&path.display().to_string()), "{output}");
    }
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "the old one");
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["er.html", "taken.svg"], "nothing is left beside them");
}
