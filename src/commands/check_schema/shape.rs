//! The report as JSON, each member made as it is written.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use super::outcome::{Report, Size};

/// A report as the JSON object `dbtool.check-schema/1`.
pub(super) struct Shape<'a> {
    pub(super) report: &'a Report,
}

/// A list whose items are made one by one.
struct List<F>(F);

impl<F, I> Serialize for List<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.report;
        let expected = report.expected.as_ref();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("database", &report.database)?;
        map.serialize_entry("expected", &expected.map(|expected| &expected.source))?;
        map.serialize_entry("drift", &List(|| report.drift()))?;
        let fix = report.fix();
        let statement =
            |one: &crate::schema::fix::Statement| json!({ "sql": one.sql, "may_lose": one.loses });
        map.serialize_entry("fix", &List(|| fix.statements.iter().map(statement)))?;
        map.serialize_entry("fix_notes", &fix.notes)?;
        drop(fix);
        let finding = |one| {
            let mut value = json!(one);
            value["denied"] = json!(report.is_denied(one));
            value
        };
        map.serialize_entry("lint", &List(|| report.findings.iter().map(finding)))?;
        let ignored = |(what, reason): &(String, String)| json!({ "what": what, "reason": reason });
        map.serialize_entry("ignored", &List(|| report.ignored.iter().map(ignored)))?;
        map.serialize_entry("not_checked", &report.live.hidden)?;
        let notes = expected.map_or(&[][..], |expected| &expected.notes);
        map.serialize_entry("notes", notes)?;
        map.serialize_entry("largest_tables", &Size::of(&report.live.schema))?;
        map.serialize_entry("written", &report.written)?;
        map.end()
    }
}
