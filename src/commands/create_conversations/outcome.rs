//! The outcome of a backfill, as text and as JSON.

use std::time::Duration;

use serde_json::json;

use crate::report::{Json, Outcome, Page, Table, count, duration, plural};
use crate::stays::conversations::range::Counts;

/// The result of a run: rows really changed, or with `--dry-run` those that would be.
#[derive(Debug)]
pub struct Summary {
    pub(super) dry_run: bool,
    pub(super) per_booking: bool,
    pub(super) statuses: Vec<&'static str>,
    pub(super) limit: Option<u64>,
    pub(super) counts: Counts,
    pub(super) without_property: u64,
    pub(super) too_new: u64,
    pub(super) older_than: Duration,
    pub(super) workers: u32,
    pub(super) target: Duration,
    pub(super) paused: Duration,
    pub(super) elapsed: Duration,
}

impl Summary {
    fn bookings(&self) -> u64 {
        self.counts.bookings + self.without_property
    }

    fn rate(&self) -> f64 {
        self.bookings() as f64 / self.elapsed.as_secs_f64().max(1e-6)
    }
}

impl Outcome for Summary {
    fn name(&self) -> &'static str {
        "create-conversations"
    }

    fn text(&self, page: &mut Page) {
        let style = page.style();
        let counts = &self.counts;
        let mut table = Table::new(["BOOKINGS", ""]).right(&[0]);
        let would = if self.dry_run { "would get" } else { "got" };
        table.row([count(counts.created), format!("{would} a new conversation")]);
        table.row([
            count(counts.linked),
            format!("{would} a conversation that had no booking yet"),
        ]);
        if counts.repaired > 0 {
            table.row([
                count(counts.repaired),
                format!("{would} the participants that their conversation lacked (repaired)"),
            ]);
        }
        table.row([count(counts.covered()), covered_by(self.per_booking).to_owned()]);
        for (number, reason) in [
            (counts.without_people, "guest or host"),
            (self.without_property, "property"),
        ] {
            if number > 0 {
                table.row([
                    style.warn(count(number)),
                    format!("skipped: they have no {reason}"),
                ]);
            }
        }
        if counts.left > 0 {
            table.row([
                count(counts.left),
                "left for another run because of --limit".to_owned(),
            ]);
        }
        table.row([
            style.strong(count(self.bookings())),
            format!("in all ({})", self.statuses.join(", ")),
        ]);
        page.table(table);
        if self.too_new > 0 {
            page.line(format_args!(
                "{} made within the last {}: left to the application (--older-than)",
                plural(self.too_new, "booking"),
                duration(self.older_than)
            ));
        }
        if counts.alone > 0 {
            let named: Vec<String> = counts.alone_bookings.iter().map(ToString::to_string).collect();
            let more = if counts.alone > named.len() as u64 {
                ", …"
            } else {
                ""
            };
            page.line(format_args!(
                "{} of a host at their own property: one participant (booking {}{more})",
                plural(counts.alone, "booking"),
                named.join(", ")
            ));
        }
        if self.limit.is_some_and(|limit| counts.changed() >= limit) {
            page.line("Stopped at --limit; run it again to go on.");
        }
        let mut timing = format!(
            "{} ({} bookings/s)",
            duration(self.elapsed),
            count(self.rate() as u64)
        );
        if !self.dry_run {
            timing.push_str(&format!(
                ", {}, the longest {}",
                plural(counts.transactions, "transaction"),
                duration(counts.longest)
            ));
        }
        if counts.retries > 0 {
            timing.push_str(&format!(", {} tried again", count(counts.retries)));
        }
        if !self.paused.is_zero() {
            timing.push_str(&format!(", paused {}", duration(self.paused)));
        }
        page.line(style.dim(timing));
        if self.dry_run {
            page.line("Nothing was changed.");
        }
    }

    fn json(&self) -> Json<'_> {
        let counts = &self.counts;
        Box::new(json!({
            "dry_run": self.dry_run,
            "per_booking": self.per_booking,
            "statuses": self.statuses,
            "bookings": self.bookings(),
            "created": counts.created,
            "linked": counts.linked,
            "repaired": counts.repaired,
            "covered": counts.covered(),
            "skipped": {
                "without_guest_or_host": counts.without_people,
                "without_property": self.without_property,
            },
            "left_by_limit": counts.left,
            "too_new": self.too_new,
            "older_than_ms": self.older_than.as_millis() as u64,
            "guest_is_host": { "created": counts.alone, "bookings": counts.alone_bookings },
            "transactions": counts.transactions,
            "retries": counts.retries,
            "longest_transaction_ms": counts.longest.as_secs_f64() * 1e3,
            "target_ms": self.target.as_millis() as u64,
            "workers": self.workers,
            "paused_ms": self.paused.as_millis() as u64,
            "elapsed_ms": self.elapsed.as_secs_f64() * 1e3,
        }))
    }
}

fn covered_by(per_booking: bool) -> &'static str {
    if per_booking {
        "had one of their own"
    } else {
        "had one, or share one with an earlier booking"
    }
}
