//! What is shown: formats, colour, and streams that break.

use crate::support;

use support::Cmd;

/// The binary with an account set, so that `config` has something to show.
fn dbtool() -> Cmd {
    support::dbtool().env("DB_USER", "root")
}

/// The binary under a shell, for redirections.
fn shell(script: &str) -> Cmd {
    Cmd::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_dbtool")])
        .env("DB_USER", "root")
}

#[test]
fn colour_follows_the_flag_then_the_environment() {
    const ESCAPE: char = '\u{1b}';
    for (args, variables, coloured) in [
        (vec![], vec![], false),
        (vec!["--color", "always"], vec![("NO_COLOR", "1")], true),
        (vec!["--color", "never"], vec![("CLICOLOR_FORCE", "1")], false),
        (vec![], vec![("CLICOLOR_FORCE", "1")], true),
        (vec![], vec![("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (vec!["--format", "json", "--color", "always"], vec![], false),
    ] {
        let mut command = dbtool().arg("config").args(&args);
        for (name, value) in &variables {
            command = command.env(name, value);
        }
        let output = command.run();
        assert_eq!(output.code, Some(0), "{output}");
        assert_eq!(
            output.stdout.contains(ESCAPE),
            coloured,
            "{args:?} {variables:?}\n{output}"
        );
    }
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let output = dbtool().arg("config").closed_stdout().run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stderr.is_empty(), "{output}");
    let output = shell("\"$0\" man | head -n 1").run();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.stdout.lines().count(), 1, "{output}");
    assert!(output.stderr.is_empty(), "{output}");
}

#[test]
fn a_lost_result_is_a_failure() {
    if !std::path::Path::new("/dev/full").exists() {
        panic!("this test needs /dev/full, which Linux has");
    }
    let output = shell("exec \"$0\" config > /dev/full").run();
    assert_eq!(output.code, Some(4), "{output}");
    assert!(
        output
            .stderr
            .contains("could not write the result to standard output"),
        "{output}"
    );
    assert_eq!(output.stderr.matches("error:").count(), 1, "{output}");
}

#[test]
fn a_standard_error_that_breaks_changes_nothing() {
    let output = shell("exec \"$0\" check-connections --db-port 1 --acquire-timeout 50 2> /dev/full").run();
    assert_eq!(output.code, Some(3), "{output}");
}

#[test]
fn each_shape_names_itself() {
    let output = dbtool().args(["config", "--format", "json"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output
            .stdout
            .starts_with("{\n  \"schema\": \"dbtool.config/1\",\n"),
        "{output}"
    );
    let output = dbtool().args(["config", "--format", "junit"]).run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(
        output.stderr.contains("this command has no --format junit"),
        "{output}"
    );
}

#[test]
fn a_bad_log_filter_is_named() {
    let output = dbtool().arg("config").env("RUST_LOG", "dbtool=loud").run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("RUST_LOG is \"dbtool=loud\""), "{output}");
}
