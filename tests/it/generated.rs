//! Files that are made from lists in the program are as those lists say.
//!
//! `UPDATE_DOCS=1 cargo test --test it generated::` writes them anew.

use std::path::Path;

use crate::source_rules::ARROWS;

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
fn the_page_of_the_lint_rules_for_migrations() {
    assert_generated("docs/migration-lints.md", &dbtool::migrate::lint::page());
}

#[test]
fn the_example_of_an_environment_file() {
    assert_generated(".env.example", &dbtool::config::example_file());
}

/// Rooms that any other may use; the picture leaves the arrows to them out.
const EVERYBODYS: [&str; 9] = [
    "cancel",
    "config",
    "context",
    "escape",
    "exit",
    "hex",
    "host_processes",
    "report",
    "secret",
];

/// The first sentence of a room's documentation.
fn sentence(room: &str) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = [
        source.join(format!("{room}/mod.rs")),
        source.join(format!("{room}.rs")),
    ];
    let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
    let text = text.unwrap_or_else(|| panic!("the room {room}"));
    let docs: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let docs = docs.join(" ");
    let end = docs.find(". ").map_or(docs.len(), |end| end + 1);
    docs[..end]
        .replace(['[', ']'], "")
        .trim_end_matches('.')
        .to_owned()
}

/// The picture and the table of rooms.
fn rooms() -> String {
    let mut rooms: Vec<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    rooms.extend(ARROWS.iter().flat_map(|(_, used)| used.split(' ')));
    rooms.sort_unstable();
    rooms.dedup();
    let mut text = String::from("```mermaid\nflowchart TD\n");
    for (room, used) in ARROWS {
        for to in used.split(' ').filter(|to| !EVERYBODYS.contains(to)) {
            if !EVERYBODYS.contains(room) {
                text += &format!("    {room} --> {to}\n");
            }
        }
    }
    text += "```\n\nRooms that most others use have no arrows in the picture. All of them:\n\n\
        | room | what it is | uses |\n|---|---|---|\n";
    for room in rooms {
        let used = ARROWS.iter().find(|(name, _)| *name == room);
        let used = used.map_or(String::new(), |(_, used)| used.replace(' ', ", "));
        text += &format!("| `{room}` | {} | {used} |\n", sentence(room));
    }
    text
}

#[test]
fn the_rooms_in_the_architecture() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = std::fs::read_to_string(path).expect("docs/architecture.md");
    let (before, rest) = text
        .split_once("<!-- rooms -->\n")
        .expect("where the rooms begin");
    let (_, after) = rest
        .split_once("<!-- end of rooms -->")
        .expect("where the rooms end");
    let wanted = format!("{before}<!-- rooms -->\n{}<!-- end of rooms -->{after}", rooms());
    assert_generated("docs/architecture.md", &wanted);
}

/// The picture of the live view, as its test has it (src/live_view/tests.rs).
#[test]
fn the_picture_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let snapshot = std::fs::read_to_string(root.join("tests/snapshots/live_view/connections.snap"));
    let snapshot = snapshot.expect("the frame");
    let (_, frame) = snapshot[4..].split_once("---\n").expect("a head and a frame");
    let lines: Vec<&str> = frame.trim_end().lines().collect();
    let (keys, rows) = lines.split_last().expect("lines");
    // The empty rows of a terminal are left out.
    let rows = rows.join("\n");
    let picture = format!("```text\n{}\n\n{keys}\n```\n", rows.trim_end());
    let text = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let (before, rest) = text
        .split_once("<!-- live view -->\n")
        .expect("where the picture begins");
    let (_, after) = rest
        .split_once("<!-- end of live view -->")
        .expect("where the picture ends");
    let wanted = format!("{before}<!-- live view -->\n{picture}<!-- end of live view -->{after}");
    assert_generated("README.md", &wanted);
}
