//! The report as JSON, each member made as it is written.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::json;

use super::outcome::{Report, Size};
use crate::exit::Exit;
use crate::memory::streamed::Streamed;
use crate::report::Outcome;

/// A report as the JSON object `dbtool.check-schema/1`.
pub(super) struct Shape<'a> {
    pub(super) report: &'a Report,
}

/// The statements of the fix.
struct Statements<'a>(&'a Report);

impl Serialize for Statements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let mut written = Ok(());
        self.0.fix(&mut |one| {
            if written.is_ok() {
                written = list
                    .serialize_element(&json!({ "sql": one.sql, "may_lose": one.loses, "note": one.note }));
            }
        });
        written?;
        list.end()
    }
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.report;
        let expected = report.expected.as_ref();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ok", &(report.exit() == Exit::Done))?;
        map.serialize_entry("database", &report.database)?;
        map.serialize_entry("expected", &expected.map(|expected| &expected.source))?;
        map.serialize_entry("drift", &Streamed(|| report.drift()))?;
        map.serialize_entry("fix", &Statements(report))?;
        map.serialize_entry("fix_notes", &report.fix(&mut |_| {}))?;
        let finding = |one| {
            let mut value = json!(one);
            value["denied"] = json!(report.is_denied(one));
            value
        };
        map.serialize_entry("lint", &Streamed(|| report.findings.iter().map(finding)))?;
        let ignored = |(what, reason): &(String, String)| json!({ "what": what, "reason": reason });
        map.serialize_entry("ignored", &Streamed(|| report.ignored.iter().map(ignored)))?;
        map.serialize_entry("not_checked", &report.live.hidden)?;
        map.serialize_entry("notes", &report.notes())?;
        map.serialize_entry("pending", report.pending())?;
        map.serialize_entry("undecided", &report.undecided)?;
        map.serialize_entry("largest_tables", &Size::of(&report.live.schema))?;
        map.serialize_entry("written", &report.written)?;
        map.end()
    }
}
