//! The report as named checks, each made when it is written.

use std::collections::BTreeMap;

use super::outcome::{Report, difference_text};
use crate::report::{Check, CheckStatus, Page};
use crate::schema::diff::{Change, Difference};
use crate::schema::expected::migration_state::MigrationState;
use crate::schema::model::Symbol;

/// Passes the checks on.
pub(super) fn each(report: &Report, visit: &mut dyn FnMut(Check)) {
    if report.expected.is_some() {
        drift(report, visit);
    }
    for one in &report.findings {
        let status = if report.is_denied(one) {
            CheckStatus::Failed
        } else {
            CheckStatus::Warned
        };
        let check = Check::new("lint", format!("{} {}", one.rule, one.object), status);
        visit(check.message(&one.what).detail(one.why).detail(&one.fix));
    }
    let migrations_state = report
        .expected
        .as_ref()
        .map(|expected| &expected.migrations_state);
    if let Some(pending) = migrations_state.and_then(MigrationState::pending_summary) {
        let status = match report.pending_fails && report.fail_from.is_some() {
            true => CheckStatus::Failed,
            false => CheckStatus::Warned,
        };
        visit(Check::new("migrations", "pending", status).message(pending));
    }
    for hidden in &report.live.hidden {
        visit(Check::new("privileges", hidden.clone(), CheckStatus::Skipped).message(hidden));
    }
}

/// A check for each table, and for each other object that differs.
fn drift(report: &Report, visit: &mut dyn FnMut(Check)) {
    let tables = report.live.schema.tables.keys();
    let mut by_table: BTreeMap<Symbol, Vec<&Difference>> = tables.map(|table| (*table, Vec::new())).collect();
    for one in &report.differences {
        let table = one.table.unwrap_or_else(|| Symbol::from(one.path()));
        by_table.entry(table).or_default().push(one);
    }
    for (table, differences) in by_table {
        let failed = differences.iter().any(|one| report.fails(one));
        let status = match (differences.is_empty(), failed) {
            (true, _) => CheckStatus::Passed,
            (false, true) => CheckStatus::Failed,
            (false, false) => CheckStatus::Warned,
        };
        let message: Vec<String> = differences.iter().map(|one| one_line(one)).collect();
        let mut check = Check::new("drift", table.to_string(), status).message(message.join("; "));
        for one in differences {
            let mut page = Page::plain();
            difference_text(&report.defined(one), &mut page);
            check = check.detail(page.into_text());
        }
        visit(check);
    }
}

/// `column email different: type, null`.
fn one_line(one: &Difference) -> String {
    let fields = match &one.change {
        Change::Different { fields } => {
            let names: Vec<&str> = fields.iter().map(|field| field.property.as_str()).collect();
            format!(": {}", names.join(", "))
        }
        _ => String::new(),
    };
    format!(
        "{} {} {}{fields}",
        one.kind.as_str(),
        one.name,
        one.change.as_str()
    )
}
