//! Compares and lints a live schema, and separates the ignored results from those that count.

use super::diff::{Difference, diff};
use super::expected::ExpectedSchema;
use super::ignore::Ignore;
use super::lint::{Finding, lint};
use super::model::Schema;

/// The results of a comparison and of the lint rules.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// Differences that count.
    pub(crate) differences: Vec<Difference>,
    /// Paths of objects that cannot be compared, because pending migrations may have changed them.
    pub(crate) undecided: Vec<String>,
    /// Lint findings that count.
    pub(crate) findings: Vec<Finding>,
    /// Ignored differences and findings, each with its reason.
    pub(crate) ignored: Vec<(String, String)>,
}

impl Comparison {
    /// Compares `live` with `expected`, if there is one, and lints it; `definers` are further findings.
    pub(crate) fn new(
        live: &Schema,
        expected: Option<&ExpectedSchema>,
        definers: Vec<Finding>,
        ignore: &Ignore,
    ) -> Comparison {
        let mut comparison = Comparison::default();
        if let Some(expected) = expected {
            comparison.compare(live, expected, ignore);
        }
        comparison.lint(live, definers, ignore);
        comparison
    }

    fn compare(&mut self, live: &Schema, expected: &ExpectedSchema, ignore: &Ignore) {
        // Removed in place: a second list of twenty thousand differences would take too much memory.
        let mut differences = diff(&expected.schema, live);
        differences.retain(|one| {
            let Some(rule) = ignore.difference(one) else {
                return true;
            };
            let name = format!("{} {}", one.kind.as_str(), one.path());
            self.ignored.push((name, rule.reason.clone()));
            false
        });
        if let Some(touched) = &expected.undecided {
            differences.retain(|one| {
                let undecided = touched.covers(one, &expected.schema, live);
                if undecided {
                    self.undecided.push(one.path());
                }
                !undecided
            });
        }
        differences.shrink_to_fit();
        self.differences = differences;
    }

    fn lint(&mut self, live: &Schema, definers: Vec<Finding>, ignore: &Ignore) {
        let (ignored, counted): (Vec<Finding>, Vec<Finding>) = lint(live)
            .into_iter()
            .filter(|finding| !finding.is_settled_by(&self.differences))
            .chain(definers)
            .partition(|one| ignore.finding(one).is_some());
        self.findings = counted;
        self.ignored.extend(ignored.iter().filter_map(|one| {
            Some((
                format!("{} {}", one.rule, one.object),
                ignore.finding(one)?.reason.clone(),
            ))
        }));
    }
}
