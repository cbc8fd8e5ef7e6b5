//! The result of the test commands: facts, then named checks.

use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::report::{Check, CheckStatus, Json, Outcome, Page, Table, Tally};

/// Something shown above the checks.
#[derive(Debug, Clone)]
pub enum Fact {
    /// A heading.
    Heading(String),
    /// A name and its value.
    Pair(String, String),
    /// A table.
    Table(Table),
    /// A line.
    Line(String),
}

/// Named checks and the facts they stand on. Fails when a check failed.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    name: &'static str,
    /// Shown above the checks in text.
    pub facts: Vec<Fact>,
    /// Further members of the JSON object.
    pub members: Map<String, Value>,
    /// The checks in order.
    pub checks: Vec<Check>,
}

impl Verdict {
    /// An empty verdict of the command `name`.
    pub fn new(name: &'static str) -> Self {
        Verdict {
            name,
            ..Verdict::default()
        }
    }

    /// Adds a JSON member.
    pub fn member(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_string(), value.into());
    }
}

impl Outcome for Verdict {
    fn name(&self) -> &'static str {
        self.name
    }

    fn exit(&self) -> Exit {
        if Tally::from_checks(&self.checks).failed > 0 {
            Exit::Findings
        } else {
            Exit::Done
        }
    }

    fn text(&self, page: &mut Page) {
        for fact in &self.facts {
            match fact {
                Fact::Heading(heading) => page.heading(heading),
                Fact::Pair(key, value) => page.kv(key, value),
                Fact::Table(table) => page.table(table.clone()),
                Fact::Line(line) => page.line(format_args!("  {line}")),
            }
        }
        page.checks(&self.checks);
    }

    fn json(&self) -> Json<'_> {
        let tally = Tally::from_checks(&self.checks);
        let mut members = self.members.clone();
        members.insert("ok".into(), (tally.failed == 0).into());
        members.insert(
            "tally".into(),
            json!({"passed": tally.passed, "failed": tally.failed, "warned": tally.warned, "skipped": tally.skipped}),
        );
        members.insert("checks".into(), json!(self.checks));
        Box::new(Value::Object(members))
    }

    fn checks(&self) -> Vec<Check> {
        self.checks.clone()
    }
}

/// Up to five offenders and their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offenders {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub samples: Vec<String>,
}

impl Offenders {
    /// How many are shown.
    pub const SHOWN: usize = 5;

    /// Adds one.
    pub fn add(&mut self, describe: impl FnOnce() -> String) {
        self.count += 1;
        if self.samples.len() < Self::SHOWN {
            self.samples.push(describe());
        }
    }

    /// A check that passes with `good` when there is none, and otherwise fails with `bad` and the samples.
    pub fn check(self, group: &str, name: &str, good: &str, bad: &str) -> Check {
        self.check_as(CheckStatus::Failed, group, name, good, bad)
    }

    /// The same with another status for the bad case.
    pub fn check_as(self, status: CheckStatus, group: &str, name: &str, good: &str, bad: &str) -> Check {
        if self.count == 0 {
            return Check::new(group, name, CheckStatus::Passed).message(good);
        }
        let mut check =
            Check::new(group, name, status).message(format!("{} {bad}", crate::report::count(self.count)));
        let more = self.count.saturating_sub(self.samples.len() as u64);
        check.details = self.samples;
        if more > 0 {
            check
                .details
                .push(format!("… and {} more", crate::report::count(more)));
        }
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offenders_are_counted_and_sampled() {
        let mut offenders = Offenders::default();
        assert_eq!(
            offenders.clone().check("g", "n", "fine", "bad").status,
            CheckStatus::Passed
        );
        for id in 0..7 {
            offenders.add(|| format!("row {id}"));
        }
        let check = offenders.check("g", "n", "fine", "rows without a title");
        assert_eq!(check.message, "7 rows without a title");
        assert_eq!(check.details.len(), 6);
        assert_eq!(check.details[5], "… and 2 more");
    }

    #[test]
    fn a_failed_check_fails_the_run_and_a_warning_does_not() {
        let mut verdict = Verdict::new("test-x");
        verdict
            .checks
            .push(Check::new("g", "warned", CheckStatus::Warned));
        assert_eq!(verdict.exit(), Exit::Done);
        verdict
            .checks
            .push(Check::new("g", "failed", CheckStatus::Failed));
        assert_eq!(verdict.exit(), Exit::Findings);
        assert_eq!(json!(verdict.json())["tally"]["failed"], 1);
    }
}
