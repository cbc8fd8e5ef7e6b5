//! What `-v`, `-vv` and RUST_LOG tell of each command, and what they never tell.

use crate::support;

use support::{Cmd, Server};

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

const SECRET: &str = "IDENTIFIED BY 'hush-hush'";

#[test]
fn every_command_tells_its_steps_when_asked_and_no_secret() {
    let server = Server::start();
    let password = server.account().password.reveal().to_owned();
    let commands: [&[&str]; 7] = [
        &["migrate", "--dir", MIGRATIONS],
        &["migrate", "status", "--dir", MIGRATIONS],
        &["check-schema", "--dir", MIGRATIONS],
        &["create-conversations"],
        &["test-conversations", "--read-only"],
        &["test-image-size", "--max", "64KB"],
        &["check-connections"],
    ];
    for arguments in commands {
        let run = |command: Cmd| {
            let output = command.args(arguments).run();
            assert!(matches!(output.code, Some(0 | 1)), "{arguments:?}: {output}");
            assert!(!output.stderr.contains(&password), "{arguments:?}: {output}");
            output.stderr
        };
        let quiet = run(server.dbtool());
        assert!(!quiet.contains("dbtool::"), "{arguments:?}: {quiet}");
        let brief = run(server.dbtool().arg("-v"));
        for words in ["info  dbtool", "connected to app@127.0.0.1", "exit code "] {
            assert!(brief.contains(words), "{arguments:?} -v: no {words:?} in {brief}");
        }
        assert!(!brief.contains("debug"), "{arguments:?}: {brief}");
        for command in [
            server.dbtool().arg("-vv"),
            server.dbtool().env("RUST_LOG", "dbtool=debug"),
        ] {
            let full = run(command);
            for words in ["took slot", " ms, ", ": SELECT ", "closed connection"] {
                assert!(full.contains(words), "{arguments:?} -vv: no {words:?} in {full}");
            }
        }
    }
}

#[test]
fn commands_without_a_database_tell_their_steps_too() {
    let output = support::dbtool().args(["config", "-vv"]).run();
    for words in ["read no .env file", "exit code 0"] {
        assert!(output.stderr.contains(words), "no {words:?}: {output}");
    }
}

#[test]
fn a_statement_about_accounts_is_not_shown() {
    let server = Server::start();
    server.admin().exec("GRANT CREATE USER ON *.* TO app@'%'");
    let command = server.dbtool().args(["migrate", "-vv", "--dir", "."]);
    let folder = command.folders().join("work");
    std::fs::write(
        folder.join("001_user.sql"),
        format!("CREATE USER someone@localhost {SECRET};\n"),
    )
    .expect("a file");
    let output = command.run();
    assert!(output.stderr.contains("CREATE USER …"), "{output}");
    assert!(!output.stderr.contains("hush"), "{output}");
}
