//! Files that are made from lists in the program are as those lists say.
//!
//! `UPDATE_DOCS=1 cargo test --test it generated::` writes them anew.

use std::path::Path;

/// The file's text is `wanted`; with UPDATE_DOCS it is made so.
#[track_caller]
fn assert_generated(file: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, wanted).expect("the file is written");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let first = text
        .lines()
        .zip(wanted.lines())
        .position(|(is, wanted)| is != wanted);
    let line = first.unwrap_or_else(|| text.lines().count().min(wanted.lines().count())) + 1;
    assert!(
        text == wanted,
        "{file} is out of date from line {line} on; run `UPDATE_DOCS=1 cargo test --test it generated::` and \
         commit it"
    );
}

#[test]
fn the_page_of_the_lint_rules() {
    assert_generated("docs/lints.md", &dbtool::schema::lint::page());
}

#[test]
fn the_example_of_an_environment_file() {
    assert_generated(".env.example", &dbtool::config::example_file());
}
