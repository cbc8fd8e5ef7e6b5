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

/// The lines outside tests and comments, with their numbers, of every file.
fn every_line(check: &mut dyn FnMut(&Path, usize, &str)) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 100, "the sources are read");
    for path in files {
        let short = path.strip_prefix(&src).expect("a file of src");
        if short.ends_with("tests.rs") {
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

/// The same without those of the room `db`.
fn lines(check: &mut dyn FnMut(&Path, usize, &str)) {
    every_line(&mut |path, number, line| {
        if !path.starts_with("db") {
            check(path, number, line);
        }
    });
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

/// Which rooms of the library a room may use. Arrows point one way: commands, then engines (migrate,
/// connections, schema, stays), then batch, then db; sql knows none of them.
pub const ARROWS: &[(&str, &str)] = &[
    ("app", "cancel cli context db exit report signals"),
    ("batch", "context db exit"),
    ("cli", "answer_map batch config exit migrate report schema"),
    (
        "commands",
        "app batch cancel cli config connections context db escape exit host_processes live_view memory migrate \
         online_change report run_command sandbox schema sql stays",
    ),
    ("config", "cancel exit secret"),
    (
        "connections",
        "cancel config context db host_processes memory report",
    ),
    ("context", "cancel cli config db exit report"),
    ("db", "cancel config exit hex host_processes sql"),
    ("exit", "cancel escape"),
    ("live_view", "cancel connections context db escape exit report"),
    (
        "migrate",
        "cancel config connections context db escape exit hex memory online_change report run_command run_lease schema sql",
    ),
    (
        "online_change",
        "batch cancel config context db exit hex report sql",
    ),
    ("report", "cancel escape exit"),
    ("run_command", "cancel exit"),
    ("run_lease", "context db escape hex"),
    ("sandbox", "cancel config context db exit run_command secret sql"),
    (
        "schema",
        "config context db exit hex memory migrate online_change report sandbox sql",
    ),
    ("signals", "cancel exit"),
    ("sql", "escape"),
    (
        "stays",
        "answer_map batch context db exit report run_lease secret",
    ),
];

/// The names behind `prefix` in a line: `report` of `crate::report::Check`.
fn names_behind<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).map(move |(at, _)| {
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[test]
fn rooms_use_only_the_rooms_they_may() {
    let mut crossed = Vec::new();
    let mut seen = 0;
    every_line(&mut |path, number, line| {
        let room = path
            .iter()
            .next()
            .and_then(|room| room.to_str())
            .unwrap_or_default();
        let room = room.trim_end_matches(".rs");
        let allowed = ARROWS
            .iter()
            .find(|(name, _)| *name == room)
            .map_or("", |(_, to)| *to);
        for used in names_behind(line, "crate::") {
            seen += 1;
            if used != room && !allowed.split(' ').any(|to| to == used) {
                crossed.push(format!("src/{}:{number}: {room} uses {used}", path.display()));
            }
        }
    });
    assert!(seen > 500, "the imports are read: {seen}");
    assert!(crossed.is_empty(), "{}", crossed.join("\n"));
}

/// The papers that name files of the source.
const PAPERS: [&str; 3] = ["CONTRIBUTING.md", "docs/architecture.md", "README.md"];

#[test]
fn papers_name_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut named, mut missing) = (0, Vec::new());
    for paper in PAPERS {
        let text = fs::read_to_string(root.join(paper)).expect("a paper");
        for path in text.split('`').skip(1).step_by(2) {
            let of_source = ["src/", "tests/", "docs/", "scripts/", "benches/"]
                .iter()
                .any(|folder| path.starts_with(folder));
            // `your_command.rs` is for the reader to write.
            if !of_source || path.contains("your") || path.contains(' ') {
                continue;
            }
            named += 1;
            if !root.join(path).exists() {
                missing.push(format!("{paper}: {path}"));
            }
        }
    }
    assert!(named > 20, "the papers are read: {named}");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn no_command_uses_another() {
    let mut crossed = Vec::new();
    every_line(&mut |path, number, line| {
        if !path.starts_with("commands") || path == Path::new("commands/mod.rs") {
            return;
        }
        let own = path
            .iter()
            .nth(1)
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let own = own.trim_end_matches(".rs");
        let of_parent = path.components().count() == 2 || path.ends_with("mod.rs");
        let parent = if of_parent { "super::" } else { "super::super::" };
        let others = names_behind(line, "crate::commands::").chain(names_behind(line, parent));
        // The failures of all commands are in one file.
        let is_other = |other: &&str| !["", own, "failure"].contains(other);
        for other in others.filter(is_other) {
            crossed.push(format!("src/{}:{number}: {other}", path.display()));
        }
    });
    assert!(crossed.is_empty(), "{}", crossed.join("\n"));
}

/// The most lines of a file that tells what a command does: arguments, engine, outcome.
const STORY_LINES: usize = 150;

#[test]
fn commands_are_short_stories() {
    let commands = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
    let mut files = Vec::new();
    sources(&commands, &mut files);
    // What an outcome says in each format takes the room that it needs.
    let of_outcome = |file: &PathBuf| {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.ends_with("outcome.rs") || ["page.rs", "metrics.rs"].contains(&name)
    };
    files.retain(|file| !of_outcome(file));
    assert!(files.len() > 10, "the commands are read: {}", files.len());
    let mut long = Vec::new();
    for file in files {
        let lines = fs::read_to_string(&file).expect("a source").lines().count();
        if lines > STORY_LINES {
            long.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(
        long.is_empty(),
        "move work to the engines and words to outcome.rs, so that each file has at most {STORY_LINES} lines:\n{}",
        long.join("\n")
    );
}
