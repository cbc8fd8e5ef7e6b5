//! The rows that break a rule, as a check reports them.

use crate::report::{Check, CheckStatus, count};

/// The rows that break a rule: their number, and a description of the first five.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampledRows {
    /// The number of rows.
    pub count: u64,
    /// Descriptions of the first rows.
    pub samples: Vec<String>,
}

impl SampledRows {
    /// The number of descriptions kept.
    pub const SHOWN: usize = 5;

    /// Adds a row.
    pub fn add(&mut self, describe: impl FnOnce() -> String) {
        self.count += 1;
        if self.samples.len() < Self::SHOWN {
            self.samples.push(describe());
        }
    }

    /// A check that passes with `good` when there is no row, and otherwise fails with `bad` and the samples.
    pub fn check(self, group: &str, name: &str, good: &str, bad: &str) -> Check {
        self.check_as(CheckStatus::Failed, group, name, good, bad)
    }

    /// The same with another status for the bad case.
    pub fn check_as(self, status: CheckStatus, group: &str, name: &str, good: &str, bad: &str) -> Check {
        if self.count == 0 {
            return Check::new(group, name, CheckStatus::Passed).message(good);
        }
        let mut check = Check::new(group, name, status).message(format!("{} {bad}", count(self.count)));
        let more = self.count.saturating_sub(self.samples.len() as u64);
        check.details = self.samples;
        if more > 0 {
            check.details.push(format!("… and {} more", count(more)));
        }
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_and_sampled() {
        let mut rows = SampledRows::default();
        assert_eq!(
            rows.clone().check("g", "n", "fine", "bad").status,
            CheckStatus::Passed
        );
        for id in 0..7 {
            rows.add(|| format!("row {id}"));
        }
        let check = rows.check("g", "n", "fine", "rows without a title");
        assert_eq!(check.message, "7 rows without a title");
        assert_eq!(check.details.len(), 6);
        assert_eq!(check.details[5], "… and 2 more");
    }
}
