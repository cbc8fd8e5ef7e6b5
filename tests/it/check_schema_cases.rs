//! What check-schema finds and how it fixes it, as data: see `tests/cases/drift/README.md`.

use crate::support;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::schemas::{
    EVERYTHING, against_expected, check, drift, fix_script, let_bodies_be_read, run_script, run_statements,
    server,
};
use support::{Admin, Output, Server, is_mysql, server_binary};

/// A part of a case file: a line without indent, and the indented lines after it.
struct Part {
    head: String,
    lines: Vec<String>,
}

impl Part {
    /// The first word of the head.
    fn word(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// What follows the first word.
    fn rest(&self) -> &str {
        self.head.split_once(' ').map_or("", |(_, rest)| rest)
    }

    fn content(&self) -> Vec<&str> {
        self.lines
            .iter()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
            .collect()
    }
}

/// A case: its parts in the file.
struct Case {
    place: String,
    parts: std::ops::Range<usize>,
}

struct Cases {
    path: PathBuf,
    parts: Vec<Part>,
    cases: Vec<Case>,
}

impl Cases {
    fn read(name: &str) -> Cases {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/cases/drift")
            .join(name);
        let text = fs::read_to_string(&path).expect("a file of cases");
        let mut parts: Vec<Part> = Vec::new();
        let mut cases: Vec<Case> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let known = [
                "", "#", "case", "only", "ways", "change", "expected", "live", "drift", "fix",
            ];
            match parts.last_mut() {
                Some(part) if line.starts_with(' ') => part.lines.push(line.to_owned()),
                _ => {
                    let head = line.to_owned();
                    let lines = Vec::new();
                    parts.push(Part { head, lines });
                    let word = parts.last().map_or("", Part::word);
                    assert!(known.contains(&word), "{name}:{}: unknown part {word}", at + 1);
                    if word == "case" {
                        let place = format!("{name}:{} {}", at + 1, &line["case ".len()..]);
                        let start = parts.len() - 1;
                        cases.push(Case {
                            place,
                            parts: start..start,
                        });
                    }
                }
            }
            if let Some(case) = cases.last_mut() {
                case.parts.end = parts.len();
            }
        }
        assert!(!cases.is_empty(), "{name} has cases");
        Cases { path, parts, cases }
    }

    /// The part of a case that is for the server under test: one that names it, or the general one.
    fn part(&self, case: &Case, word: &str) -> Option<&Part> {
        let found = self.parts[case.parts.clone()]
            .iter()
            .filter(|part| part.word() == word);
        let mut found: Vec<&Part> = found
            .filter(|part| part.rest().is_empty() || is_for_this_server(&case.place, part.rest()))
            .collect();
        found.sort_by_key(|part| std::cmp::Reverse(part.rest().split(':').next().map(str::len)));
        found.first().copied()
    }

    fn script(&self, case: &Case, word: &str) -> Option<String> {
        let lines = self.part(case, word)?.lines.iter();
        let lines = lines.map(|line| line.strip_prefix("    ").unwrap_or(line));
        let lines: Vec<String> = lines.map(|line| line.replace("{cr}", "\r")).collect();
        Some(lines.join("\n"))
    }

    fn ways(&self, case: &Case) -> &str {
        let parts = &self.parts[case.parts.clone()];
        let ways = parts.iter().find(|part| part.word() == "ways");
        ways.map_or("forth", Part::rest)
    }

    /// Whether the server under test runs a case.
    fn runs(&self, case: &Case) -> bool {
        let mut only = self.parts[case.parts.clone()]
            .iter()
            .filter(|part| part.word() == "only");
        only.all(|part| is_for_this_server(&case.place, part.rest()))
    }

    /// Compares what is found with the part `word`, if the case has it.
    fn compare(&self, case: &Case, word: &str, found: &[String], collation: &str) -> Option<String> {
        let expected = filled(self.part(case, word)?, collation);
        (expected != found).then(|| {
            format!(
                "{}: {word} is\n    {}\nnot\n    {}",
                case.place,
                found.join("\n    "),
                expected.join("\n    ")
            )
        })
    }

    /// Writes what was found into the file, beside what another server finds: for each case `drift` and `fix`.
    fn update(mut self, found: &[(usize, [Vec<String>; 2])], collation: &str) {
        for (case, both) in found.iter().rev() {
            let range = self.cases[*case].parts.clone();
            for (word, lines) in ["drift", "fix"].iter().zip(both) {
                let there = self.part(&self.cases[*case], word);
                let is_same = there.is_some_and(|part| filled(part, collation) == *lines);
                if is_same || there.is_none() && lines.is_empty() {
                    continue;
                }
                let head = match there {
                    None => (*word).to_owned(),
                    Some(_) => format!("{word} {}: REASON", if is_mysql() { "mysql" } else { "mariadb" }),
                };
                let last = self.parts[range.clone()]
                    .iter()
                    .rposition(|part| !matches!(part.word(), "" | "#"))
                    .expect("the case has a head");
                let lines = lines
                    .iter()
                    .map(|line| format!("    {}", line.replace(collation, "{collation}")))
                    .collect();
                self.parts.insert(range.start + last + 1, Part { head, lines });
                self.cases[*case].parts.end += 1;
            }
        }
        let text: Vec<String> = self
            .parts
            .iter()
            .map(|part| {
                [std::slice::from_ref(&part.head), &part.lines]
                    .concat()
                    .join("\n")
            })
            .collect();
        fs::write(&self.path, text.join("\n") + "\n").expect("the cases are written");
    }
}

/// The lines of a part with what the server under test writes: `{collation}` is its default for utf8mb4, `{check TABLE
/// NUMBER}` a check's generated name.
fn filled(part: &Part, collation: &str) -> Vec<String> {
    let check = |name: &str| {
        let (table, number) = name.split_once(' ').expect("a table and a number");
        match is_mysql() {
            true => format!("{table}_chk_{number}"),
            false => format!("CONSTRAINT_{number}"),
        }
    };
    let line = |line: &&str| {
        let mut pieces = line.split("{check ");
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').expect("a closing brace");
            out.push_str(&check(name));
            out.push_str(rest);
        }
        out.replace("{collation}", collation)
    };
    part.content().iter().map(line).collect()
}

/// Whether `mysql: REASON` and the like are about the server under test.
fn is_for_this_server(place: &str, text: &str) -> bool {
    let (server, reason) = text.split_once(": ").unwrap_or((text, ""));
    assert!(
        !reason.is_empty() && reason != "REASON",
        "{place}: {server} needs its reason"
    );
    let family = if is_mysql() { "mysql" } else { "mariadb" };
    format!("{family}-{}", server_binary().version).starts_with(server)
}

/// Runs check-schema of the database `app` against the database `expected`.
type Compare<'a> = Box<dyn Fn(&[&str]) -> Output + 'a>;

/// A server where the cases run, and what it has to be asked.
struct Bench<'a> {
    server: &'a Server,
    admin: Admin,
    compare: Compare<'a>,
}

impl<'a> Bench<'a> {
    fn new(server: &'a Server, mut admin: Admin) -> Bench<'a> {
        let compare = Box::new(against_expected(server));
        let_bodies_be_read(server, &mut admin);
        admin.exec("CREATE DATABASE elsewhere");
        admin.exec("CREATE TABLE elsewhere.thing (id INT PRIMARY KEY)");
        Bench {
            server,
            admin,
            compare,
        }
    }

    /// Makes a database of this script.
    fn fill(&mut self, database: &str, script: &str) {
        self.admin.exec("SET foreign_key_checks = 0");
        self.admin.exec(&format!("DROP DATABASE IF EXISTS {database}"));
        self.admin
            .exec(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
        self.admin.exec(&format!("USE {database}"));
        run_statements(&mut self.admin, script);
        self.admin.exec("SET foreign_key_checks = 1");
    }

    /// Changes the schema of everything, and fixes it.
    fn change(&mut self, change: &str) -> Found {
        run_script(&mut self.admin, change);
        let (report, code) = check(self.server, &[]);
        let script = fix_script(self.server);
        run_script(&mut self.admin, &script);
        let (left, ended) = check(self.server, &[]);
        let left = drift(&left);
        if !left.is_empty() {
            self.fill("app", EVERYTHING);
        }
        let fault = match ended {
            Some(0) if left.is_empty() => None,
            _ => Some(format!("{left:?} is left after\n{script}")),
        };
        Found {
            drift: lines(&report),
            code,
            fix: statements(&script),
            fault,
        }
    }

    /// Gets from the live schema to the expected one.
    fn way(&mut self, expected: &str, live: &str, in_steps: bool) -> Found {
        self.fill("expected", expected);
        self.fill("app", live);
        let output = (self.compare)(&["--format", "json"]);
        let report: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        self.admin.exec("USE app");
        let fix = || (self.compare)(&["--fix-sql", "--allow-destructive"]).stdout;
        let whole = fix();
        // What loses nothing works by itself.
        if in_steps {
            run_statements(&mut self.admin, &(self.compare)(&["--fix-sql"]).stdout);
            run_statements(&mut self.admin, &fix());
        } else {
            run_statements(&mut self.admin, &whole);
        }
        let left = (self.compare)(&[]);
        Found {
            drift: lines(&report),
            code: output.code,
            fix: statements(&whole),
            fault: (left.code != Some(0)).then(|| format!("{left}\nafter\n{whole}")),
        }
    }
}

/// What check-schema found, and what it left after its fix.
struct Found {
    drift: Vec<String>,
    code: Option<i32>,
    fix: Vec<String>,
    fault: Option<String>,
}

/// `column users.email different: type, null` for each difference of a report; `none` if there is none.
fn lines(report: &Value) -> Vec<String> {
    let properties = report["drift"].as_array().into_iter().flatten().map(|one| {
        let fields = one["fields"].as_array().into_iter().flatten();
        fields
            .filter_map(|field| field["name"].as_str())
            .collect::<Vec<_>>()
            .join(", ")
    });
    let lines: Vec<String> = drift(report)
        .into_iter()
        .zip(properties)
        .map(|(line, properties)| match properties.is_empty() {
            true => line,
            false => format!("{line}: {properties}"),
        })
        .collect();
    match lines.is_empty() {
        true => vec!["none".to_owned()],
        false => lines,
    }
}

/// The statements of a fix, each in one line.
fn statements(script: &str) -> Vec<String> {
    let split = dbtool::sql::split(script, Default::default()).expect("the fix can be split");
    split
        .statements
        .iter()
        .map(|statement| {
            let words: Vec<&str> = statement.text.split_whitespace().collect();
            format!("{};", words.join(" "))
        })
        .collect()
}

/// Runs the cases of a file, and says of all that are wrong in what way.
fn run(file: &str) {
    let cases = Cases::read(file);
    let (server, mut admin) = server();
    let collation = admin.value("SELECT @@collation_database");
    let mut bench = Bench::new(&server, admin);
    let (mut wrong, mut found_in_all) = (Vec::new(), Vec::new());
    for (number, case) in cases
        .cases
        .iter()
        .enumerate()
        .filter(|(_, case)| cases.runs(case))
    {
        let mut ways = Vec::new();
        if let Some(change) = cases.script(case, "change") {
            ways.push(("change", bench.change(&change)));
        } else {
            let script = |word| {
                cases
                    .script(case, word)
                    .unwrap_or_else(|| panic!("{}: no {word}", case.place))
            };
            let (expected, live) = (script("expected"), script("live"));
            for way in cases.ways(case).split(", ") {
                let found = match way {
                    "forth" => bench.way(&expected, &live, false),
                    "forth in steps" => bench.way(&expected, &live, true),
                    "back" => bench.way(&live, &expected, false),
                    "back in steps" => bench.way(&live, &expected, true),
                    _ => panic!("{}: unknown way {way}", case.place),
                };
                ways.push((way, found));
            }
        }
        let none = cases
            .part(case, "drift")
            .is_some_and(|part| part.content() == ["none"]);
        for (way, found) in &ways {
            if found.code != Some(if none { 0 } else { 1 }) {
                wrong.push(format!(
                    "{}, {way}: exit {:?}, {:?}",
                    case.place, found.code, found.drift
                ));
            }
            if let Some(fault) = &found.fault {
                wrong.push(format!("{}, {way}: {fault}", case.place));
            }
        }
        let (_, first) = ways.remove(0);
        wrong.extend(cases.compare(case, "drift", &first.drift, &collation));
        wrong.extend(cases.compare(case, "fix", &first.fix, &collation));
        found_in_all.push((number, [first.drift, first.fix]));
    }
    if std::env::var_os("UPDATE_CASES").is_some() {
        cases.update(&found_in_all, &collation);
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn changes_of_one_schema_are_found_and_fixed() {
    run("changes.txt");
}

#[test]
fn names_that_the_server_generates_are_compared_as_such() {
    run("generated_names.txt");
}

#[test]
fn changes_that_need_each_other_are_fixed_both_ways() {
    run("dependent.txt");
}

#[test]
fn small_differences_are_found_and_fixed() {
    run("exact.txt");
}
