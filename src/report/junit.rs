//! JUnit XML for CI servers.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::check::{Check, CheckStatus, Tally};
use crate::escape::visible;

type XmlWriter = Writer<Vec<u8>>;

/// Replaces characters that XML 1.0 cannot represent: most control characters and two noncharacters.
fn clean(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| visible(line).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
        .collect();
    lines.join("\n")
}

fn seconds(checks: &[&Check]) -> String {
    format!(
        "{:.3}",
        checks
            .iter()
            .map(|check| check.duration.as_secs_f64())
            .sum::<f64>()
    )
}

fn suite_start(tag: &str, name: &str, checks: &[&Check]) -> BytesStart<'static> {
    let tally = Tally::from_checks(checks.iter().copied());
    let mut start = BytesStart::new(tag.to_string());
    for (key, value) in [
        ("name", clean(name)),
        ("tests", checks.len().to_string()),
        ("failures", tally.failed.to_string()),
        ("errors", "0".to_string()),
        ("skipped", tally.skipped.to_string()),
        ("time", seconds(checks)),
    ] {
        start.push_attribute((key, value.as_str()));
    }
    start
}

fn element(xml: &mut XmlWriter, tag: &str, message: Option<&str>, text: &str) -> std::io::Result<()> {
    let mut start = BytesStart::new(tag.to_string());
    if let Some(message) = message {
        start.push_attribute(("message", clean(message).as_str()));
    }
    if text.is_empty() {
        return xml.write_event(Event::Empty(start));
    }
    xml.write_event(Event::Start(start))?;
    xml.write_event(Event::Text(BytesText::new(&clean(text))))?;
    xml.write_event(Event::End(BytesEnd::new(tag.to_string())))
}

fn case(xml: &mut XmlWriter, check: &Check) -> std::io::Result<()> {
    let mut start = BytesStart::new("testcase");
    start.push_attribute(("name", clean(&check.name).as_str()));
    start.push_attribute(("classname", clean(&check.group).as_str()));
    start.push_attribute(("time", seconds(&[check]).as_str()));
    if let Some(file) = &check.file {
        start.push_attribute(("file", clean(file).as_str()));
        if let Some(line) = check.line {
            start.push_attribute(("line", line.to_string().as_str()));
        }
    }
    let details = check.details.join("\n");
    if check.status == CheckStatus::Passed && check.message.is_empty() && details.is_empty() {
        return xml.write_event(Event::Empty(start));
    }
    xml.write_event(Event::Start(start))?;
    match check.status {
        CheckStatus::Failed => element(xml, "failure", Some(&check.message), &details)?,
        CheckStatus::Skipped => element(xml, "skipped", Some(&check.message), "")?,
        CheckStatus::Warned => element(
            xml,
            "system-out",
            None,
            &format!("warning: {}\n{details}", check.message),
        )?,
        CheckStatus::Passed => element(xml, "system-out", None, &format!("{}\n{details}", check.message))?,
    }
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}

fn write(name: &str, checks: &[Check]) -> std::io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&Check> = checks.iter().collect();
    xml.write_event(Event::Start(suite_start(
        "testsuites",
        &format!("dbtool {name}"),
        &all,
    )))?;
    let mut groups: Vec<&str> = Vec::new();
    for check in checks {
        if !groups.contains(&check.group.as_str()) {
            groups.push(&check.group);
        }
    }
    for group in groups {
        let members: Vec<&Check> = checks.iter().filter(|check| check.group == group).collect();
        xml.write_event(Event::Start(suite_start("testsuite", group, &members)))?;
        for check in members {
            case(&mut xml, check)?;
        }
        xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

/// The checks of command `name`, one suite per group.
pub(super) fn render(name: &str, checks: &[Check]) -> String {
    // Writing to a Vec cannot fail.
    String::from_utf8_lossy(&write(name, checks).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::check::{Check, CheckStatus};
    use super::render;
    use std::time::Duration;

    #[test]
    fn suites_by_group_with_everything_escaped() {
        let checks = [
            Check::new("a<b", "passes", CheckStatus::Passed).took(Duration::from_millis(1_500)),
            Check::new("other", "waits", CheckStatus::Skipped).message("no \"right\""),
            Check::new("a<b", "fails & falls", CheckStatus::Failed)
                .message("x > \u{1b}\u{ffff}")
                .detail("row <1>\nrow 2"),
            Check::new("other", "slow", CheckStatus::Warned).message("2 s"),
        ];
        assert_eq!(
            render("check-schema", &checks),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="dbtool check-schema" tests="4" failures="1" errors="0" skipped="1" time="1.500">
  <testsuite name="a&lt;b" tests="2" failures="1" errors="0" skipped="0" time="1.500">
    <testcase name="passes" classname="a&lt;b" time="1.500"/>
    <testcase name="fails &amp; falls" classname="a&lt;b" time="0.000">
      <failure message="x &gt; \x1b�">row &lt;1&gt;
row 2</failure>
    </testcase>
  </testsuite>
  <testsuite name="other" tests="2" failures="0" errors="0" skipped="1" time="0.000">
    <testcase name="waits" classname="other" time="0.000">
      <skipped message="no &quot;right&quot;"/>
    </testcase>
    <testcase name="slow" classname="other" time="0.000">
      <system-out>warning: 2 s</system-out>
    </testcase>
  </testsuite>
</testsuites>
"#
        );
        assert!(render("x", &[]).contains("tests=\"0\""));
    }
}
