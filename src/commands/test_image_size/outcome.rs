//! The report of `dbtool test-image-size`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::report::{Check, CheckStatus, bytes, count, plural};
use crate::stays::check_report::{CheckReport, Detail};
use crate::stays::images::column::Column;
use crate::stays::images::growth::{Growth, SizeTrial};
use crate::stays::images::image::{Image, SMALLEST};
use crate::stays::images::limits::limit_checks;
use crate::stays::images::settings::Settings;
use crate::stays::images::stored::Histogram;
use crate::stays::images::trial::TrialResult;

const STORED: &str = "stored images";
const ROUND_TRIP: &str = "round trip, rolled back";

/// The change of sql_mode that has images refused that are too large.
const STRICT: &str = "fix: add STRICT_TRANS_TABLES to sql_mode, globally and in the application's session";

/// The report, filled step by step.
pub(super) struct ImageReport {
    pub column: Column,
    pub settings: Settings,
    /// Bytes of the data URI that must survive.
    pub need: u64,
    report: CheckReport,
}

impl ImageReport {
    /// Begins with the column, the settings and the checks of their limits.
    pub fn new(column: Column, settings: Settings, need: u64) -> Self {
        let mut report = CheckReport::new("test-image-size");
        describe(&mut report, &column, &settings, need);
        report.checks = limit_checks(&column, &settings, need);
        ImageReport {
            column,
            settings,
            need,
            report,
        }
    }

    /// The finished report.
    pub fn finish(self) -> CheckReport {
        self.report
    }

    /// The table has no key: neither its images nor a new row can be read.
    pub fn skip_rows(&mut self, table: &str) {
        let reason = format!("{table} has no AUTO_INCREMENT key to find its rows by");
        self.skip(STORED, &reason);
        self.skip(ROUND_TRIP, &reason);
    }

    /// Nothing is written, for `reason`.
    pub fn skip_round_trip(&mut self, reason: &str) {
        self.skip(ROUND_TRIP, reason);
    }

    fn skip(&mut self, group: &str, reason: &str) {
        let check = Check::new(group, "images", CheckStatus::Skipped).message(reason);
        self.report.checks.push(check);
    }

    /// The server refused the INSERT.
    pub fn denied(&mut self, error: &anyhow::Error) {
        self.report.checks.push(
            Check::new(ROUND_TRIP, "the account may write images", CheckStatus::Failed)
                .message(error.to_string())
                .detail("next: --read-only skips the round trip"),
        );
    }

    /// The images in the rows.
    pub fn stored(&mut self, histogram: Histogram, took: Duration) {
        let report = &mut self.report;
        let seen = format!(
            "{}, {} without an image",
            plural(histogram.rows, "row"),
            count(histogram.empty)
        );
        let note = if histogram.partial {
            ", the newest (--stored)"
        } else {
            ""
        };
        report
            .details
            .push(Detail::Heading(format!("Stored: {seen}{note}")));
        if histogram.rows > histogram.empty {
            report.details.push(Detail::Table(histogram.table()));
        }
        let classes: Vec<Value> = histogram
            .classes()
            .map(|(end, [urls, uris, broken])| json!({"up_to": end, "addresses": urls, "data_uris": uris, "broken": broken}))
            .collect();
        report.member(
            "stored",
            json!({"rows": histogram.rows, "empty": histogram.empty, "largest": histogram.largest,
            "broken": histogram.broken.count, "partial": histogram.partial, "classes": classes}),
        );
        report.checks.push(
            histogram
                .broken
                .check(STORED, "no stored image is cut or broken", &seen, "cut or broken")
                .took(took),
        );
    }

    /// The trial of the user's image file.
    pub fn file(&mut self, image: &Image, trial: &SizeTrial) {
        let name = format!("{} ({} as a data URI)", image.name(), bytes(image.uri_length()));
        self.trial(&name, trial);
    }

    /// The trials of growing images; a refusal counts only up to the size that must survive.
    pub fn sizes(&mut self, growth: &Growth) {
        for step in &growth.steps {
            if step.result == TrialResult::Survived || step.size <= self.need {
                self.trial(&format!("PNG and JPEG of {}", bytes(step.size)), step);
            }
        }
    }

    /// The trial in one statement, if there was one.
    pub fn one_statement(&mut self, trial: Option<&SizeTrial>) {
        if let Some(trial) = trial {
            self.trial(&format!("a PNG of {} in one statement", bytes(trial.size)), trial);
        }
    }

    fn trial(&mut self, name: &str, trial: &SizeTrial) {
        let failed = Check::new(ROUND_TRIP, name, CheckStatus::Failed);
        let check = match &trial.result {
            TrialResult::Survived => Check::new(ROUND_TRIP, name, CheckStatus::Passed),
            TrialResult::Spoilt(kept) => failed
                .message(format!(
                    "accepted, but {} bytes of {} were kept",
                    count(*kept),
                    count(trial.size)
                ))
                .detail(format!("fix: {}", self.column.wider(trial.size))),
            TrialResult::Refused(limit) => {
                let (limit, fix) = limit.explain(&self.column, &self.settings, trial.size);
                let mut check = failed.message(format!("refused: {limit}"));
                check.details.extend(fix.map(|fix| format!("fix: {fix}")));
                check
            }
        };
        self.report.checks.push(check.took(trial.took));
    }

    /// The largest image that survives, and the limit that refuses a larger one.
    pub fn largest(&mut self, growth: &Growth) {
        let uri = if growth.largest == 0 {
            0
        } else {
            Image::Png(growth.largest).uri_length()
        };
        // The change must make room for the next larger image, and in any case for the needed size.
        let room = (uri + 4).max(self.need);
        let (limit, fix) = growth.limit.explain(&self.column, &self.settings, room);
        let message = if growth.largest == 0 {
            format!("none of {} or more; the limit: {limit}", bytes(SMALLEST))
        } else {
            format!(
                "{} bytes as a data URI, a PNG of {} bytes; the limit: {limit}",
                count(uri),
                count(growth.largest)
            )
        };
        // Base64's groups of four may cost up to three bytes of the needed size.
        let status = if uri + 3 >= self.need {
            CheckStatus::Passed
        } else {
            CheckStatus::Failed
        };
        let report = &mut self.report;
        let mut check = Check::new(ROUND_TRIP, "the largest image that survives", status).message(message);
        check
            .details
            .extend(fix.iter().map(|fix| format!("to lift it: {fix}")));
        report.checks.push(check);
        if growth.cut {
            report.checks.push(
                Check::new(ROUND_TRIP, "larger images are refused", CheckStatus::Failed)
                    .message("they are accepted and cut without an error")
                    .detail(STRICT),
            );
        }
        report.member("largest_data_uri", uri);
        report.member("largest_image", growth.largest);
        report.member("binding_limit", limit);
        report.member("change", fix);
        report.member("cut_in_silence", growth.cut);
    }
}

/// Shows the column and the settings.
fn describe(report: &mut CheckReport, column: &Column, settings: &Settings, need: u64) {
    let charset = column.charset.as_deref().unwrap_or("binary");
    let capacity = column.capacity();
    let pairs = [
        ("column type", format!("{} {charset}", column.declared)),
        (
            "holds",
            format!(
                "{} characters of a data URI ({})",
                count(capacity),
                bytes(capacity)
            ),
        ),
        (
            "max_allowed_packet",
            format!("{} ({})", count(settings.packet), bytes(settings.packet)),
        ),
        ("sql_mode", settings.global_sql_mode.clone()),
        ("needed", format!("{} ({})", count(need), bytes(need))),
    ];
    report.details.push(Detail::Heading(format!(
        "Images in {}.{}",
        column.table, column.name
    )));
    report
        .details
        .extend(pairs.map(|(name, value)| Detail::Pair(name.to_string(), value)));
    report.member(
        "column",
        json!({"table": column.table, "name": column.name, "type": column.declared,
        "character_set": column.charset, "capacity": capacity}),
    );
    report.member("max_allowed_packet", settings.packet);
    report.member("sql_mode", settings.global_sql_mode.clone());
    report.member("redo_log_bytes", settings.redo.map(|(_, size)| size));
    report.member("need", need);
}
