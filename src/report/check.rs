//! Named checks, as reported by test and lint commands.

use std::time::Duration;

use super::style::Style;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// The expectation holds.
    Passed,
    /// The expectation does not hold; the exit code reports it.
    Failed,
    /// Not checked; the message gives the reason.
    Skipped,
    /// A warning; does not fail the run.
    Warned,
}

impl CheckStatus {
    /// The label in text output.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckStatus::Passed => "ok",
            CheckStatus::Failed => "FAILED",
            CheckStatus::Skipped => "skipped",
            CheckStatus::Warned => "warning",
        }
    }
}

/// One named check with its result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// The group it belongs to; a test suite in JUnit.
    pub group: String,
    /// The expectation that is checked.
    pub name: String,
    /// How it ended.
    pub status: CheckStatus,
    /// How long it took.
    #[serde(serialize_with = "as_milliseconds", rename = "duration_ms")]
    pub duration: Duration,
    /// Result in one line; may be empty.
    pub message: String,
    /// Evidence: sample rows, a query plan.
    pub details: Vec<String>,
    /// File it refers to, relative to the working directory.
    pub file: Option<String>,
    /// Line in that file, counted from 1.
    pub line: Option<u32>,
}

impl Check {
    /// A check without message, details or duration; builder methods and fields add them.
    pub fn new(group: impl Into<String>, name: impl Into<String>, status: CheckStatus) -> Self {
        Check {
            group: group.into(),
            name: name.into(),
            status,
            duration: Duration::ZERO,
            message: String::new(),
            details: Vec::new(),
            file: None,
            line: None,
        }
    }

    /// The same check with this message.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same check with this duration.
    #[must_use]
    pub fn took(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// The same check with this detail added.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }
}

fn as_milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // A network round trip is not measurable more precisely than in microseconds.
    serializer.serialize_f64(duration.as_micros() as f64 / 1_000.0)
}

/// Number of checks by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Passed, warnings not included.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
    /// Passed with a warning.
    pub warned: usize,
}

impl Tally {
    /// Counts `checks`.
    pub fn from_checks<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Self {
        let mut tally = Tally::default();
        checks.into_iter().for_each(|check| tally.add(check));
        tally
    }

    /// Counts one more check.
    pub(super) fn add(&mut self, check: &Check) {
        match check.status {
            CheckStatus::Passed => self.passed += 1,
            CheckStatus::Failed => self.failed += 1,
            CheckStatus::Skipped => self.skipped += 1,
            CheckStatus::Warned => self.warned += 1,
        }
    }

    /// `12 passed, 1 failed, 2 skipped`.
    pub(super) fn sentence(self, style: Style) -> String {
        let mut parts = vec![style.ok(format_args!("{} passed", self.passed))];
        if self.failed > 0 {
            parts.push(style.bad(format_args!("{} failed", self.failed)));
        }
        if self.warned > 0 {
            let ending = if self.warned == 1 { "" } else { "s" };
            parts.push(style.warn(format_args!("{} warning{ending}", self.warned)));
        }
        if self.skipped > 0 {
            parts.push(style.dim(format_args!("{} skipped", self.skipped)));
        }
        parts.join(", ")
    }
}
