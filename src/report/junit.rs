//! JUnit XML for CI servers.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::check::{Check, CheckStatus, Tally};
use super::{SINK_BUFFER, Sink, SinkWriter};
use crate::escape::visible;

type XmlWriter<'a> = Writer<io::BufWriter<SinkWriter<'a>>>;

/// Passes checks on.
type Checks<'a> = dyn Fn(&mut dyn FnMut(Check)) + 'a;

/// Replaces characters that XML 1.0 cannot represent: most control characters and two noncharacters.
fn clean(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| visible(line).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
        .collect();
    lines.join("\n")
}

/// The numbers of a suite.
#[derive(Default)]
struct Suite {
    name: String,
    tally: Tally,
    tests: usize,
    seconds: f64,
}

impl Suite {
    fn add(&mut self, check: &Check) {
        self.tally.add(check);
        self.tests += 1;
        self.seconds += check.duration.as_secs_f64();
    }

    fn start(&self, tag: &str) -> BytesStart<'static> {
        let mut start = BytesStart::new(tag.to_string());
        for (key, value) in [
            ("name", clean(&self.name)),
            ("tests", self.tests.to_string()),
            ("failures", self.tally.failed.to_string()),
            ("errors", "0".to_string()),
            ("skipped", self.tally.skipped.to_string()),
            ("time", seconds(self.seconds)),
        ] {
            start.push_attribute((key, value.as_str()));
        }
        start
    }
}

fn seconds(number: f64) -> String {
    format!("{number:.3}")
}

fn element(xml: &mut XmlWriter<'_>, tag: &str, message: Option<&str>, text: &str) -> io::Result<()> {
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

fn case(xml: &mut XmlWriter<'_>, check: &Check) -> io::Result<()> {
    let mut start = BytesStart::new("testcase");
    start.push_attribute(("name", clean(&check.name).as_str()));
    start.push_attribute(("classname", clean(&check.group).as_str()));
    start.push_attribute(("time", seconds(check.duration.as_secs_f64()).as_str()));
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

/// The suites, in the order of their first checks; and whether the checks of each are together.
fn suites(checks: &Checks<'_>) -> (Vec<Suite>, bool) {
    let (mut suites, mut together): (Vec<Suite>, bool) = (Vec::new(), true);
    let mut last = 0;
    checks(&mut |check| {
        let known = suites.iter().position(|suite| suite.name == check.group);
        together &= known.is_none_or(|known| known == last);
        last = known.unwrap_or_else(|| {
            suites.push(Suite {
                name: check.group.clone(),
                ..Suite::default()
            });
            suites.len() - 1
        });
        suites[last].add(&check);
    });
    (suites, together)
}

fn write_suites(name: &str, checks: &Checks<'_>, xml: &mut XmlWriter<'_>) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let (suites, together) = suites(checks);
    let mut all = Suite {
        name: format!("dbtool {name}"),
        ..Suite::default()
    };
    for suite in &suites {
        all.tests += suite.tests;
        all.seconds += suite.seconds;
        all.tally.failed += suite.tally.failed;
        all.tally.skipped += suite.tally.skipped;
    }
    xml.write_event(Event::Start(all.start("testsuites")))?;
    let mut written = Ok(());
    if together {
        let mut left = suites.iter();
        let mut suite: Option<&Suite> = None;
        checks(&mut |check| {
            if written.is_err() {
                return;
            }
            if suite.is_none_or(|suite| suite.name != check.group) {
                let ended = suite.is_some();
                suite = left.next();
                written = next_suite(xml, ended, suite);
            }
            if written.is_ok() {
                written = case(xml, &check);
            }
        });
        written?;
        next_suite(xml, suite.is_some(), None)?;
    } else {
        for suite in &suites {
            next_suite(xml, false, Some(suite))?;
            checks(&mut |check| {
                if check.group == suite.name && written.is_ok() {
                    written = case(xml, &check);
                }
            });
            next_suite(xml, true, None)?;
        }
        written?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))
}

/// Ends the suite before, if there is one, and begins the next.
fn next_suite(xml: &mut XmlWriter<'_>, ends: bool, next: Option<&Suite>) -> io::Result<()> {
    if ends {
        xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    }
    match next {
        Some(suite) => xml.write_event(Event::Start(suite.start("testsuite"))),
        None => Ok(()),
    }
}

/// Writes the checks of command `name`, one suite per group. `checks` passes them on, more than once.
pub(super) fn write(name: &str, checks: &Checks<'_>, sink: &Sink) {
    let out = io::BufWriter::with_capacity(SINK_BUFFER, SinkWriter(sink));
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    // A sink cannot fail.
    let written = write_suites(name, checks, &mut xml);
    debug_assert!(written.is_ok());
    let mut out = xml.into_inner();
    let _ = out.write_all(b"\n").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::super::check::{Check, CheckStatus};
    use super::{Sink, write};
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    fn render(name: &str, checks: &[Check]) -> String {
        let shown = Rc::new(RefCell::new(Vec::new()));
        let into = Rc::clone(&shown);
        let sink: Sink = Rc::new(move |part| into.borrow_mut().extend_from_slice(part));
        write(name, &|visit| checks.iter().cloned().for_each(visit), &sink);
        String::from_utf8(shown.take()).expect("text")
    }

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
        // The same where each suite's checks are together, and are written as they come.
        let mut together = checks.to_vec();
        together.swap(1, 2);
        assert_eq!(render("check-schema", &together), render("check-schema", &checks));
    }
}
