//! Rules that the sources keep, and that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The lines outside tests and comments, with their numbers, of every file that is not of the room `db`.
fn lines(check: &mut dyn FnMut(&Path, usize, &str)) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 100, "the sources are read");
    for path in files {
        let short = path.strip_prefix(&src).expect("a file of src");
        if short.starts_with("db") || short.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in program.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            check(short, number + 1, code);
        }
    }
}

/// A line without what stands in its string literals.
fn without_strings(line: &str) -> String {
    line.replace("\\\"", "")
        .split('"')
        .step_by(2)
        .collect::<Vec<_>>()
        .join("\"")
}

#[test]
fn error_numbers_of_servers_stand_in_one_file() {
    let codes = include_str!("../../src/db/codes.rs");
    let numbers = codes
        .lines()
        .filter_map(|line| line.trim().split_once(" = ")?.1.parse().ok());
    let numbers: Vec<u16> = numbers.filter(|number| *number >= 1000).collect();
    assert!(numbers.len() > 50, "the numbers are read");
    let mut bare = Vec::new();
    lines(&mut |path, number, line| {
        let line = without_strings(line);
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.any(|word| word.parse().is_ok_and(|word| numbers.contains(&word))) {
            bare.push(format!("src/{}:{number}: {}", path.display(), line.trim()));
        }
    });
    assert!(
        bare.is_empty(),
        "name it, or add a predicate, in src/db/codes.rs:\n{}",
        bare.join("\n")
    );
}

#[test]
fn families_of_servers_are_compared_in_files_named_after_them() {
    let comparisons = [
        "Flavor::MySql",
        "Flavor::MariaDb",
        "is_mariadb(",
        "is_mysql(",
        "server.version >",
        "server.version <",
        "server.version ==",
    ];
    let mut compared = Vec::new();
    lines(&mut |path, number, line| {
        let named = path.ends_with("mysql.rs") || path.ends_with("mariadb.rs");
        if !named && comparisons.iter().any(|comparison| line.contains(comparison)) {
            compared.push(format!("src/{}:{number}: {}", path.display(), line.trim()));
        }
    });
    assert!(
        compared.is_empty(),
        "ask for a capability (src/db/server/capabilities.rs), or pick between a mysql.rs and a mariadb.rs:\n{}",
        compared.join("\n")
    );
}
