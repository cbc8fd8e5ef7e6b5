//! What the program wrote: every member of every result, with its types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Member, Members, shapes};
use super::support::{Cmd, Output};

/// All results of one shape.
#[derive(Debug, Default)]
struct Results {
    /// Objects by their path.
    objects: BTreeMap<String, u64>,
    members: BTreeMap<String, Found>,
}

/// A member, or the elements of an array, over all results.
#[derive(Debug, Default)]
struct Found {
    types: BTreeSet<&'static str>,
    count: u64,
    strings: BTreeSet<String>,
}

/// A fact of the page that the results need not show: a member, and `null` or the like.
pub type Unseen = (&'static str, &'static str);

/// Results by shape.
#[derive(Debug)]
pub struct Seen {
    described: BTreeMap<String, Members>,
    results: BTreeMap<String, Results>,
}

impl Seen {
    /// Nothing yet.
    pub fn new() -> Seen {
        Seen {
            described: shapes(),
            results: BTreeMap::new(),
        }
    }

    /// Runs a command with `--format json` and takes up its result.
    #[track_caller]
    pub fn run(&mut self, shape: &str, code: i32, command: Cmd) -> Value {
        let output = command.args(["--format", "json"]).run();
        self.take(shape, code, &output)
    }

    /// Takes up the result of a command that ended with this exit code.
    #[track_caller]
    pub fn take(&mut self, shape: &str, code: i32, output: &Output) -> Value {
        assert_eq!(output.code, Some(code), "{output}");
        let first = format!("{{\n  \"schema\": \"{shape}\"");
        assert!(output.stdout.starts_with(&first), "no {shape}: {output}");
        assert!(
            output.stdout.ends_with("}\n"),
            "no line break at the end: {output}"
        );
        self.take_object(shape, &output.stdout)
    }

    /// Takes up each line that a command wrote which goes on.
    #[track_caller]
    pub fn take_lines(&mut self, shape: &str, output: &Output) {
        assert!(output.stdout.lines().count() > 0, "{output}");
        for line in output.stdout.lines() {
            let first = format!("{{\"schema\":\"{shape}\",");
            assert!(line.starts_with(&first), "no {shape}: {output}");
            self.take_object(shape, line);
        }
    }

    #[track_caller]
    fn take_object(&mut self, shape: &str, text: &str) -> Value {
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let none = Members::new();
        let described = self.described.get(shape).unwrap_or(&none);
        let results = self.results.entry(shape.to_owned()).or_default();
        results.object("", &value, described);
        value
    }

    /// The strings seen at `path`.
    pub fn strings(&self, shape: &str, path: &str) -> BTreeSet<String> {
        let found = self
            .results
            .get(shape)
            .and_then(|results| results.members.get(path));
        found.map(|found| found.strings.clone()).unwrap_or_default()
    }

    /// Fails unless the page says of the shapes, which share a table, what was seen and nothing
    /// else. What `unseen` names is described and need not be seen.
    #[track_caller]
    pub fn compare(&self, shapes: &[&str], unseen: &[Unseen]) {
        let mut wrong = BTreeSet::new();
        for shape in shapes {
            match (self.described.get(*shape), self.results.get(*shape)) {
                (Some(described), Some(results)) => {
                    wrong.extend(
                        results
                            .compare(described)
                            .into_iter()
                            .map(|line| format!("{shape} {line}")),
                    );
                }
                (None, _) => panic!("docs/json.md has no heading for {shape}"),
                (_, None) => panic!("nothing was run for {shape}"),
            }
        }
        // What may be null or absent, one of the shapes has to show.
        let described = &self.described[shapes[0]];
        for (path, member) in described {
            for fact in facts(member) {
                let shown = |shape: &&str| self.results[*shape].shows(path, fact);
                if !shapes.iter().any(shown) && !unseen.contains(&(path, fact)) {
                    wrong.insert(format!(
                        "{} {path}: said to be {fact}, which no run produced",
                        shapes[0]
                    ));
                }
            }
        }
        for (path, _) in unseen {
            assert!(described.contains_key(*path), "{path} is not described");
        }
        let wrong: Vec<String> = wrong.into_iter().collect();
        assert!(
            wrong.is_empty(),
            "docs/json.md and the results differ:\n{}",
            wrong.join("\n")
        );
    }
}

/// What the page says about a member, as far as a run can show it.
fn facts(member: &Member) -> impl Iterator<Item = &str> {
    let types = member.types.iter().map(String::as_str);
    types.chain(member.absent.then_some("absent"))
}

impl Results {
    fn object(&mut self, path: &str, value: &Value, described: &Members) {
        *self.objects.entry(path.to_owned()).or_default() += 1;
        for (name, value) in value.as_object().into_iter().flatten() {
            let any = join(path, "*");
            let path = if described.contains_key(&any) {
                any
            } else {
                join(path, name)
            };
            self.value(path, value, described);
        }
    }

    fn value(&mut self, path: String, value: &Value, described: &Members) {
        let found = self.members.entry(path.clone()).or_default();
        found.types.insert(type_of(value));
        found.count += 1;
        match value {
            Value::String(text) => {
                found.strings.insert(text.clone());
            }
            Value::Object(_) => self.object(&path, value, described),
            Value::Array(elements) => {
                for element in elements {
                    self.value(format!("{path}[]"), element, described);
                }
            }
            _ => {}
        }
    }

    /// What was seen and is not described, or never seen.
    fn compare(&self, described: &Members) -> Vec<String> {
        let mut wrong = Vec::new();
        for (path, found) in &self.members {
            let Some(member) = described.get(path) else {
                wrong.push(format!("{path}: not described"));
                continue;
            };
            for kind in found.types.iter().filter(|kind| !member.types.contains(**kind)) {
                wrong.push(format!("{path}: is {kind}, which is not described"));
            }
            if self.is_absent(path) && !member.absent {
                wrong.push(format!("{path}: may be absent, which is not described"));
            }
            for value in found.strings.iter().filter(|_| !member.values.is_empty()) {
                if !member.values.contains(value) {
                    wrong.push(format!("{path}: has the value {value:?}, which is not described"));
                }
            }
        }
        for path in described.keys().filter(|path| !self.members.contains_key(*path)) {
            wrong.push(format!("{path}: described, but no run produced it"));
        }
        wrong
    }

    fn shows(&self, path: &str, fact: &str) -> bool {
        match fact {
            "absent" => self.is_absent(path),
            kind => self
                .members
                .get(path)
                .is_some_and(|found| found.types.contains(kind)),
        }
    }

    /// Whether an object that may have the member had it not.
    fn is_absent(&self, path: &str) -> bool {
        if path.ends_with("[]") || path.ends_with('*') {
            return false;
        }
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        let there = self.members.get(path).map_or(0, |found| found.count);
        self.objects.get(parent).is_some_and(|objects| there < *objects)
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
