//! GitHub Actions workflow commands: annotations on the lines of a pull request.

use super::check::{Check, CheckStatus};
use crate::escape::visible;

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a workflow command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// An annotation without a file.
pub(super) fn annotation(level: &str, message: &str) -> String {
    format!("::{level}::{}", data(message))
}

/// Escapes text that the runner would execute as a command: `::…` at the start of a line
/// and `##[…` anywhere.
pub(super) fn escape_line(line: &str) -> String {
    let line = line.replace("##[", "#\\#[");
    let body = line.trim_start();
    if body.starts_with("::") {
        let indent = &line[..line.len() - body.len()];
        format!("{indent}\\{body}")
    } else {
        line
    }
}

/// Escapes each line of text.
pub(super) fn escape_lines(lines: &[u8]) -> Vec<u8> {
    let lines = String::from_utf8_lossy(lines);
    let escaped: String = lines
        .lines()
        .map(|line| format!("{}\n", escape_line(line)))
        .collect();
    escaped.into_bytes()
}

/// An annotation, if the check failed, warned or was skipped; otherwise nothing.
pub(super) fn annotate(check: &Check) -> String {
    let level = match check.status {
        CheckStatus::Passed => return String::new(),
        CheckStatus::Failed => "error",
        CheckStatus::Warned => "warning",
        CheckStatus::Skipped => "notice",
    };
    let mut properties = Vec::new();
    if let Some(file) = &check.file {
        properties.push(format!("file={}", property(&visible(file))));
        if let Some(line) = check.line {
            properties.push(format!("line={line}"));
        }
    }
    properties.push(format!(
        "title={}",
        property(&visible(&format!("{}: {}", check.group, check.name)))
    ));
    let mut message = visible(if check.message.is_empty() {
        check.status.as_str()
    } else {
        &check.message
    });
    for detail in check.details.iter().flat_map(|detail| detail.lines()) {
        message.push('\n');
        message.push_str(&visible(detail));
    }
    format!("::{level} {}::{}\n", properties.join(","), data(&message))
}

#[cfg(test)]
mod tests {
    use super::super::check::{Check, CheckStatus};
    use super::{annotate, annotation, escape_line};

    #[test]
    fn annotations_are_escaped() {
        let mut check = Check::new("lint", "a:b,c", CheckStatus::Failed)
            .message("100% of\nit")
            .detail("row 1\nrow 2");
        check.file = Some("migrations/003_x,y.sql".into());
        check.line = Some(7);
        let passed = Check::new("lint", "fine", CheckStatus::Passed);
        let skipped = Check::new("lint", "later", CheckStatus::Skipped);
        assert_eq!(
            [check, passed, skipped].iter().map(annotate).collect::<String>(),
            "::error file=migrations/003_x%2Cy.sql,line=7,title=lint%3A a%3Ab%2Cc::100%25 of\\nit%0Arow 1%0Arow 2\n\
             ::notice title=lint%3A later::skipped\n"
        );
        assert_eq!(annotation("warning", "a%\nb"), "::warning::a%25%0Ab");
    }

    #[test]
    fn text_cannot_give_commands() {
        for (line, escaped) in [
            ("  ::stop-commands::x", "  \\::stop-commands::x"),
            ("std::fs is fine", "std::fs is fine"),
            ("x ##[error]y", "x #\\#[error]y"),
        ] {
            assert_eq!(escape_line(line), escaped);
        }
    }
}
