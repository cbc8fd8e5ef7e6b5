//! SARIF 2.1.0 (OASIS), which code hosts show as alerts on the lines of a change.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::check::{Check, CheckStatus};
use super::{SINK_BUFFER, Sink, SinkWriter};
use crate::escape::visible;

/// A group of checks with its documentation: a rule.
#[derive(Debug, Clone)]
pub struct DocumentedCheck {
    /// The group, as [`Check::group`] has it.
    pub group: &'static str,
    /// What its checks find.
    pub summary: &'static str,
    /// Why that matters.
    pub why: &'static str,
}

/// The result of a check; `None` if it passed.
fn result(check: &Check) -> Option<Value> {
    let level = match check.status {
        CheckStatus::Passed => return None,
        CheckStatus::Failed => "error",
        CheckStatus::Warned => "warning",
        CheckStatus::Skipped => "note",
    };
    let mut message = visible(if check.message.is_empty() {
        &check.name
    } else {
        &check.message
    });
    for detail in check.details.iter().flat_map(|detail| detail.lines()) {
        message.push('\n');
        message.push_str(&visible(detail));
    }
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), check.group.clone().into());
    result.insert("level".to_owned(), level.into());
    result.insert("message".to_owned(), json!({ "text": message }));
    if let Some(file) = &check.file {
        let mut location = json!({ "artifactLocation": { "uri": uri(file) } });
        if let Some(line) = check.line {
            location["region"] = json!({ "startLine": line });
        }
        result.insert("locations".to_owned(), json!([{ "physicalLocation": location }]));
    }
    Some(Value::Object(result))
}

/// A path as a URI reference: everything but unreserved characters and slashes in percent signs.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') {
        "file://".to_owned()
    } else {
        String::new()
    };
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

/// Passes checks on.
type Checks<'a> = dyn Fn(&mut dyn FnMut(Check)) + 'a;

/// Writes the checks that did not pass, one result each.
pub(super) fn write(rules: &[DocumentedCheck], checks: &Checks<'_>, sink: &Sink) {
    let mut results = Vec::new();
    checks(&mut |check| results.extend(result(&check)));
    let rules: Vec<Value> = rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.group,
                "shortDescription": { "text": rule.summary },
                "fullDescription": { "text": rule.why },
            })
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "dbtool",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "results": results,
        }],
    });
    let mut out = io::BufWriter::with_capacity(SINK_BUFFER, SinkWriter(sink));
    // Neither a value nor a sink can fail.
    let written = serde_json::to_writer_pretty(&mut out, &log);
    debug_assert!(written.is_ok());
    let _ = out.write_all(b"\n").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::{result, uri};
    use crate::report::{Check, CheckStatus};

    #[test]
    fn a_failed_check_is_an_error_on_its_line() {
        let mut check = Check::new("drop-table", "x", CheckStatus::Failed).message("gone\u{1b}");
        check.file = Some("migrations/001_a b.sql".to_owned());
        check.line = Some(3);
        let result = result(&check).expect("a result");
        assert_eq!(result["level"], "error");
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "migrations/001_a%20b.sql");
        assert_eq!(location["region"]["startLine"], 3);
        assert_eq!(result["message"]["text"], "gone\\x1b");
        assert_eq!(uri("/a/é"), "file:///a/%C3%A9");
    }
}
