//! What `docs/json.md` says about each shape.

use std::collections::{BTreeMap, BTreeSet};

/// The page, as it is in this checkout.
const PAGE: &str = include_str!("../../../docs/json.md");

/// The heading of the members that all shapes have.
const COMMON: &str = "What all objects have in common";

/// The heading of the members that several shapes have, and how their sections point to it.
const CHECKS: &str = "Checks and tally";
const CHECKS_LINK: &str = "](#checks-and-tally)";

/// What the snapshot's heading begins with.
const SNAPSHOT: &str = "The snapshot ";

/// A member as it is described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// JSON types, `integer` apart from other numbers.
    pub types: BTreeSet<String>,
    /// Whether it may be left out.
    pub absent: bool,
    /// Its values, where there is a fixed set of them.
    pub values: BTreeSet<String>,
}

/// Members by their paths.
pub type Members = BTreeMap<String, Member>;

/// Every shape that has a heading, with the members it shares with others.
pub fn shapes() -> BTreeMap<String, Members> {
    let mut shapes = BTreeMap::new();
    for (heading, text) in sections() {
        let names = quoted(heading).filter(|name| name.starts_with("dbtool."));
        for name in names {
            let mut members = members_of(section(COMMON));
            if text.contains(CHECKS_LINK) {
                members.extend(members_of(section(CHECKS)));
            }
            members.extend(members_of(text));
            let doubled = shapes.insert(name.to_owned(), members);
            assert!(doubled.is_none(), "{name} has two headings");
        }
    }
    shapes
}

/// The members of each object of a snapshot, by the object's path; that of the file is empty.
pub fn snapshot() -> BTreeMap<String, BTreeSet<String>> {
    let (_, text) = sections()
        .find(|(heading, _)| heading.starts_with(SNAPSHOT))
        .expect("a section about the snapshot");
    let mut objects = BTreeMap::new();
    for [object, members] in rows(text) {
        let members: BTreeSet<String> = quoted(members).map(str::to_owned).collect();
        let mut paths = quoted(object).peekable();
        if paths.peek().is_none() {
            objects.insert(String::new(), members);
        } else {
            objects.extend(paths.map(|path| (path.to_owned(), members.clone())));
        }
    }
    objects
}

/// The sections of the page: heading and text.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGE.split("\n## ")
        .skip(1)
        .filter_map(|part| part.split_once('\n'))
}

fn section(wanted: &str) -> &'static str {
    let found = sections().find(|(heading, _)| *heading == wanted);
    found.unwrap_or_else(|| panic!("no section {wanted:?}")).1
}

fn members_of(text: &str) -> Members {
    let mut members = Members::new();
    for [path, kind, may_be, meaning] in rows(text) {
        let path = quoted(path).next().unwrap_or_else(|| panic!("no path: {path}"));
        let (own, elements) = types(kind);
        let mut member = Member {
            types: BTreeSet::from([own]),
            absent: may_be.contains("absent"),
            values: values(meaning),
        };
        if may_be.contains("null") {
            member.types.insert("null".to_owned());
        }
        let mut add = |path: String, member| {
            let doubled = members.insert(path.clone(), member);
            assert!(doubled.is_none(), "{path} is described twice");
        };
        add(path.to_owned(), member);
        if let Some(elements) = elements {
            let element = Member {
                types: BTreeSet::from([elements]),
                ..Member::default()
            };
            add(format!("{path}[]"), element);
        }
    }
    members
}

/// `array of strings` and `integer, ms` as the type of the value and that of its elements.
fn types(cell: &str) -> (String, Option<String>) {
    let kind = cell.split(',').next().unwrap_or_default().trim();
    match kind.strip_prefix("array of ") {
        Some(elements) => (
            "array".to_owned(),
            Some(elements.trim_end_matches('s').to_owned()),
        ),
        None => (kind.to_owned(), None),
    }
}

/// The quoted words after `one of`.
fn values(meaning: &str) -> BTreeSet<String> {
    let list = meaning.split_once("one of ").map_or("", |(_, list)| list);
    let list = list.split(';').next().unwrap_or_default();
    quoted(list).map(str::to_owned).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the tables in `text` that have this many cells, without their heads.
fn rows<const CELLS: usize>(text: &str) -> impl Iterator<Item = [&str; CELLS]> {
    let rows = text.lines().filter_map(|line| {
        let line = line.strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let row: [&str; CELLS] = cells.try_into().unwrap_or_else(|_| panic!("cells of {line}"));
        Some(row)
    });
    // The head and the rule below it.
    rows.skip(2)
}
