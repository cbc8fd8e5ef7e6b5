//! The ignore file: accepted differences and lint findings, each with its reason.
//!
//! Each line is `kind:pattern  # reason`, where the kind is that of a difference (`table`,
//! `column`, `foreign-key`, ...), `lint:rule`, or `*`; `*` in a pattern matches any text.

use std::path::Path;

use super::diff::Difference;
use super::lint::Finding;
use crate::exit::Failure;
use crate::schema::failure::{IgnoreFault, SchemaFailure};

/// Name of the ignore file in the folder of the migrations.
const IGNORE_FILE: &str = "schema.ignore";

/// The rules of an ignore file.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<IgnoreRule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    /// Line in the file, counted from 1.
    pub line: usize,
    /// The text before the reason.
    pub what: String,
    /// The reason.
    pub reason: String,
    kind: String,
    pattern: String,
}

impl Ignore {
    /// Reads the ignore file `named`, or without a name the one in `folder` if it exists.
    ///
    /// # Errors
    /// The file cannot be read or parsed.
    pub fn read(named: Option<&Path>, folder: &Path) -> Result<Ignore, Failure> {
        let path = named.map_or_else(|| folder.join(IGNORE_FILE), Path::to_owned);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ignore::parse(&text, &path),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Ignore::default())
            }
            Err(error) => Err(SchemaFailure::unreadable(&path, error).into()),
        }
    }

    /// Parses the file's text; `file` is its name in messages.
    ///
    /// # Errors
    /// A line without a kind, without a pattern or without a reason (exit 2).
    pub fn parse(text: &str, file: &Path) -> Result<Ignore, Failure> {
        let mut rules = Vec::new();
        for (at, raw) in text.lines().enumerate() {
            let line = raw.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (what, reason) = line.split_once('#').unwrap_or((line, ""));
            let (what, reason) = (what.trim(), reason.trim());
            let fail = |fault| SchemaFailure::IgnoreLine {
                file: file.to_owned(),
                line: at + 1,
                fault,
                text: line.to_owned(),
            };
            if reason.is_empty() {
                return Err(fail(IgnoreFault::NoReason).into());
            }
            let Some((kind, pattern)) = what
                .rsplit_once(':')
                .filter(|(kind, pattern)| !kind.is_empty() && !pattern.is_empty())
            else {
                return Err(fail(IgnoreFault::NoPattern).into());
            };
            rules.push(IgnoreRule {
                line: at + 1,
                what: what.to_owned(),
                reason: reason.to_owned(),
                kind: kind.trim().to_owned(),
                pattern: pattern.trim().to_owned(),
            });
        }
        Ok(Ignore { rules })
    }

    /// The rule that covers a difference. A rule for a table covers all its objects.
    pub fn difference(&self, difference: &Difference) -> Option<&IgnoreRule> {
        let kind = difference.kind.as_str().replace(' ', "-");
        self.rules.iter().find(|rule| {
            let own = (rule.kind == "*" || rule.kind == kind) && matches(&rule.pattern, &difference.path());
            let table = difference
                .table
                .is_some_and(|table| rule.kind == "table" && matches(&rule.pattern, &table));
            own || table
        })
    }

    /// The rule that covers a finding.
    pub fn finding(&self, finding: &Finding) -> Option<&IgnoreRule> {
        let kind = format!("lint:{}", finding.rule);
        self.rules.iter().find(|rule| {
            (rule.kind == "*" || rule.kind == "lint" || rule.kind == kind)
                && matches(&rule.pattern, &finding.object)
        })
    }

    /// All rules.
    pub fn rules(&self) -> &[IgnoreRule] {
        &self.rules
    }
}

/// Whether `text` matches `pattern`, in which `*` matches any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let ends = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
    ends.into_iter().any(|at| matches(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::diff::{Change, SchemaObjectKind, Severity};
    use crate::schema::model::Symbol;

    fn difference(kind: SchemaObjectKind, table: Option<&str>, name: &str) -> Difference {
        let change = Change::Extra { live: String::new() };
        Difference::new(
            kind,
            table.map(Symbol::new),
            Symbol::new(name),
            change,
            Severity::Cosmetic,
        )
    }

    #[test]
    fn rules_cover_what_they_name() -> Result<(), Failure> {
        let text = "# comment\n\ntable:audit_*   # kept by the audit tool\ncolumn:users.legacy_* # goes in March\n\
                    lint:no-primary-key:log_* # append only\n*:tmp* # scratch\n";
        let ignore = Ignore::parse(text, Path::new("ignore"))?;
        let audit = difference(SchemaObjectKind::Table, Some("audit_log"), "audit_log");
        assert_eq!(ignore.difference(&audit).map(|rule| rule.line), Some(3));
        let inside = difference(SchemaObjectKind::Column, Some("audit_log"), "who");
        assert_eq!(
            ignore.difference(&inside).map(|rule| rule.reason.as_str()),
            Some("kept by the audit tool")
        );
        let column = difference(SchemaObjectKind::Column, Some("users"), "legacy_id");
        assert_eq!(ignore.difference(&column).map(|rule| rule.line), Some(4));
        assert_eq!(
            ignore.difference(&difference(SchemaObjectKind::Column, Some("users"), "email")),
            None
        );
        assert_eq!(
            ignore
                .difference(&difference(SchemaObjectKind::View, None, "tmp_view"))
                .map(|rule| rule.line),
            Some(6)
        );
        assert_eq!(ignore.rules().len(), 4);
        Ok(())
    }

    #[test]
    fn a_line_without_reason_or_kind_is_refused() {
        for (text, word) in [("table:x", "no reason"), ("users # because", "no kind")] {
            let error = Ignore::parse(text, Path::new("schema.ignore")).expect_err(text);
            assert!(
                error.what.contains("schema.ignore:1") && error.what.contains(word),
                "{}",
                error.what
            );
        }
    }
}
