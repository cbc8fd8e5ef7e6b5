//! The result of the test commands: details, then named checks.

use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::report::{Check, Json, Outcome, Page, Table, Tally};

/// A part of the text above the checks.
#[derive(Debug, Clone)]
pub enum Detail {
    /// A heading.
    Heading(String),
    /// A name and its value.
    Pair(String, String),
    /// A table.
    Table(Table),
    /// A line.
    Line(String),
}

/// Named checks, and the details they are based on. Fails when a check failed.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    name: &'static str,
    /// Shown above the checks in text.
    pub details: Vec<Detail>,
    /// Further members of the JSON object.
    pub members: Map<String, Value>,
    /// The checks in order.
    pub checks: Vec<Check>,
}

impl CheckReport {
    /// An empty report of the command `name`.
    pub fn new(name: &'static str) -> Self {
        CheckReport {
            name,
            ..CheckReport::default()
        }
    }

    /// Adds a JSON member.
    pub fn member(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_string(), value.into());
    }
}

impl Outcome for CheckReport {
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
        for detail in &self.details {
            match detail {
                Detail::Heading(heading) => page.heading(heading),
                Detail::Pair(key, value) => page.kv(key, value),
                Detail::Table(table) => page.table(table.clone()),
                Detail::Line(line) => page.line(format_args!("  {line}")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CheckStatus;

    #[test]
    fn a_failed_check_fails_the_run_and_a_warning_does_not() {
        let mut report = CheckReport::new("test-x");
        report.checks.push(Check::new("g", "warned", CheckStatus::Warned));
        assert_eq!(report.exit(), Exit::Done);
        report.checks.push(Check::new("g", "failed", CheckStatus::Failed));
        assert_eq!(report.exit(), Exit::Findings);
        assert_eq!(json!(report.json())["tally"]["failed"], 1);
    }
}
