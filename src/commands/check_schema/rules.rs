//! The lint rules that the flags name.

use crate::cli::check_schema::CheckSchemaArgs;
use crate::commands::failure::CommandFailure;
use crate::exit::Failure;
use crate::report::{Format, Reporter};
use crate::schema::lint;

/// Prints the documentation of a lint rule. Needs no configuration.
///
/// # Errors
/// There is no such rule, or another format than text is asked for (exit 2).
pub fn explain(report: &Reporter, rule: &str) -> Result<(), Failure> {
    if report.format() != Format::Text {
        return Err(CommandFailure::ExplainPrintsText.into());
    }
    let rule = lint::find(rule).ok_or_else(|| unknown_rule("--explain", rule))?;
    report.out(&lint::explain(rule));
    Ok(())
}

/// The ids of the rules whose findings fail the check.
pub(super) fn denied_rules(args: &CheckSchemaArgs) -> Result<Vec<&'static str>, Failure> {
    let ids = || lint::RULES.iter().map(|rule| rule.id);
    if args.deny.iter().any(|rule| rule == "all") {
        return Ok(ids().collect());
    }
    let known = |rule: &String| {
        lint::find(rule)
            .map(|rule| rule.id)
            .ok_or_else(|| unknown_rule("--deny", rule))
    };
    args.deny.iter().map(known).collect()
}

fn unknown_rule(flag: &'static str, rule: &str) -> Failure {
    CommandFailure::NoSuchRule {
        flag,
        rule: rule.to_owned(),
        or_all: flag == "--deny",
        known: lint::RULES.iter().map(|rule| rule.id).collect(),
    }
    .into()
}
