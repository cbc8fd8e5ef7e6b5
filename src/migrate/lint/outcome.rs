//! The outcome of `migrate lint`, as text, JSON and checks.

use serde::Serialize;

use super::rule::{LintFinding, LintSeverity};
use super::rules::RULES;
use crate::exit::Exit;
use crate::report::{Check, CheckStatus, DocumentedCheck, Json, Outcome, Page, plural, visible};

/// The findings in a folder.
#[derive(Debug, Serialize)]
pub struct LintOutcome {
    /// The folder.
    pub dir: String,
    /// The git revision since which files changed.
    pub since: Option<String>,
    /// Number of migrations that were linted.
    pub files: u64,
    /// In the order of the files and their lines.
    pub findings: Vec<LintFinding>,
}

impl LintOutcome {
    fn count(&self, severity: LintSeverity) -> u64 {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.severity == severity).count() as u64
    }
}

impl Outcome for LintOutcome {
    fn exit(&self) -> Exit {
        match self.count(LintSeverity::Error) {
            0 => Exit::Done,
            _ => Exit::Findings,
        }
    }

    fn name(&self) -> &'static str {
        "migrate-lint"
    }

    fn text(&self, page: &mut Page) {
        let style = page.style();
        for finding in &self.findings {
            let label = match finding.severity {
                LintSeverity::Error => style.bad("error"),
                LintSeverity::Warning => style.warn("warning"),
            };
            page.line(format!(
                "{}:{}:{}: {label} {}: {}: {}",
                visible(&finding.file),
                finding.line,
                finding.column,
                finding.rule,
                visible(&finding.object),
                visible(&finding.what)
            ));
            page.line(format!("  {}", finding.why));
            if let Some(statement) = &finding.statement {
                page.line(format!("  {}", visible(statement)));
            }
        }
        if !self.findings.is_empty() {
            page.blank();
        }
        let since = match &self.since {
            Some(revision) => format!(" changed since {}", visible(revision)),
            None => String::new(),
        };
        page.line(format!(
            "{}{since}: {}, {}",
            plural(self.files, "migration"),
            plural(self.count(LintSeverity::Error), "error"),
            plural(self.count(LintSeverity::Warning), "warning"),
        ));
        if !self.findings.is_empty() {
            page.line("`dbtool migrate lint --explain RULE` says more, `-- dbtool:lint-ignore RULE` accepts a finding");
        }
    }

    fn json(&self) -> Json<'_> {
        #[derive(Serialize)]
        struct Repr<'a> {
            #[serde(flatten)]
            outcome: &'a LintOutcome,
            errors: u64,
            warnings: u64,
        }
        Box::new(Repr {
            outcome: self,
            errors: self.count(LintSeverity::Error),
            warnings: self.count(LintSeverity::Warning),
        })
    }

    fn each_check(&self, visit: &mut dyn FnMut(Check)) {
        for finding in &self.findings {
            let status = match finding.severity {
                LintSeverity::Error => CheckStatus::Failed,
                LintSeverity::Warning => CheckStatus::Warned,
            };
            let name = format!("{}:{} {}", finding.file, finding.line, finding.object);
            let mut check = Check::new(finding.rule, name, status)
                .message(format!("{}: {}", finding.object, finding.what))
                .detail(finding.why);
            if let Some(statement) = &finding.statement {
                check = check.detail(statement);
            }
            check.file = Some(finding.file.clone());
            check.line = Some(finding.line);
            visit(check);
        }
        if self.findings.is_empty() {
            visit(Check::new("lint", self.dir.clone(), CheckStatus::Passed));
        }
    }

    fn documented_checks(&self) -> Vec<DocumentedCheck> {
        let documented = |rule: &super::MigrationRule| DocumentedCheck {
            group: rule.id,
            summary: rule.summary,
            why: rule.why,
        };
        RULES.iter().map(documented).collect()
    }
}
