//! `dbtool check-schema`: is this database what the migrations say?
//!
//! Gather the live and the expected schema, decide what differs and what is unwise, act on it
//! (snapshot, diagram), report.

mod outcome;
mod shape;

use std::path::PathBuf;

use crate::cli::check_schema::{CheckSchemaArgs, FailOn};
use crate::context::Context;
use crate::exit::Failure;
use crate::report::{Format, Outcome, Reporter};
use crate::schema::diagram::Picture;
use crate::schema::diff::{Severity, diff};
use crate::schema::ignore::Ignore;
use crate::schema::introspect::Introspection;
use crate::schema::lint::{self, Finding, lint};

use crate::schema::expected::{self, ExpectedSchema, SNAPSHOT, definers, snapshot_file, unreadable};
use outcome::Report;

/// Name of the ignore file in the folder of the migrations.
const IGNORE_FILE: &str = "schema.ignore";

/// Runs the command.
///
/// # Errors
/// Bad usage, no way to an expected schema, or a statement that failed.
pub async fn run(ctx: &Context, args: &CheckSchemaArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let ignore = read_ignore(args)?;
    let denied = denied_rules(args)?;
    args.diagram.as_deref().map(Picture::from_path).transpose()?;
    let database = ctx.config.require_database()?.to_owned();

    let (live, expected) = expected::gather(ctx, args, &database).await?;
    let definers = match args.allow_definer.as_slice() {
        [] => Vec::new(),
        allowed => {
            let programs = definers::read(&mut ctx.db.session().await?, &database).await?;
            lint::definers(&programs, allowed)
        }
    };
    let mut report = decide(&database, live, expected, definers, &ignore);
    report.fail_from = fail_severity(args.fail_on);
    report.denied = denied;
    report.script_only = args.fix_sql;
    report.allow_destructive = args.allow_destructive;
    report.pending_fails = !args.applied;
    report.verbose = ctx.report.verbose();
    act(args, &mut report)?;
    Ok(Box::new(report))
}

/// Prints the documentation of a lint rule. Needs no configuration.
///
/// # Errors
/// There is no such rule, or another format than text is asked for (exit 2).
pub fn explain(report: &Reporter, rule: &str) -> Result<(), Failure> {
    if report.format() != Format::Text {
        return Err(Failure::usage("--explain prints text only", "leave --format out"));
    }
    let rule = lint::find(rule).ok_or_else(|| unknown_rule("--explain", rule))?;
    report.out(&lint::explain(rule));
    Ok(())
}

/// Compares and lints, and parts what is ignored from what counts.
fn decide(
    database: &str,
    live: Introspection,
    expected: Option<ExpectedSchema>,
    definers: Vec<Finding>,
    ignore: &Ignore,
) -> Report {
    let mut report = Report::new(database, live, expected);
    if let Some(expected) = &report.expected {
        // Taken out in place: twenty thousand differences are too many to have twice.
        let mut differences = diff(&expected.schema, &report.live.schema);
        differences.retain(|one| {
            let Some(rule) = ignore.difference(one) else {
                return true;
            };
            let what = format!("{} {}", one.kind.as_str(), one.path());
            report.ignored.push((what, rule.reason.clone()));
            false
        });
        if let Some(touched) = &expected.undecided {
            differences.retain(|one| {
                let undecided = touched.covers(one, &expected.schema, &report.live.schema);
                if undecided {
                    report.undecided.push(one.path());
                }
                !undecided
            });
        }
        differences.shrink_to_fit();
        report.differences = differences;
    }
    let (ignored, counted): (Vec<Finding>, Vec<Finding>) = lint(&report.live.schema)
        .into_iter()
        .filter(|finding| !finding.is_settled_by(&report.differences))
        .chain(definers)
        .partition(|one| ignore.finding(one).is_some());
    report.findings = counted;
    report.ignored.extend(ignored.iter().filter_map(|one| {
        Some((
            format!("{} {}", one.rule, one.object),
            ignore.finding(one)?.reason.clone(),
        ))
    }));
    report
}

/// Writes the files that were asked for.
fn act(args: &CheckSchemaArgs, report: &mut Report) -> Result<(), Failure> {
    let (live, expected) = (&report.live.schema, report.expected.as_ref());
    if let (true, Some(expected)) = (args.write, expected) {
        let path = args.dir.join(SNAPSHOT);
        if !expected.written {
            snapshot_file::write_snapshot(expected, &path)?;
        }
        report.written.push(path);
    }
    if let Some(path) = &args.diagram {
        let title = format!(
            "{} ({})",
            report.database,
            crate::report::plural(live.tables.len() as u64, "table")
        );
        let picture = Picture::from_path(path)?;
        let expected = expected.map(|one| &one.schema);
        snapshot_file::write_file(path, |out| {
            picture.draw(&title, live, expected, &report.differences, out)
        })?;
        report.written.push(path.clone());
    }
    Ok(())
}

fn fail_severity(fail_on: FailOn) -> Option<Severity> {
    match fail_on {
        FailOn::Cosmetic => Some(Severity::Cosmetic),
        FailOn::Performance => Some(Severity::Performance),
        FailOn::Breaks => Some(Severity::Breaks),
        FailOn::Never => None,
    }
}

/// The ignore file that was named, or the one beside the migrations.
fn read_ignore(args: &CheckSchemaArgs) -> Result<Ignore, Failure> {
    let (path, named): (PathBuf, bool) = match &args.ignore {
        Some(path) => (path.clone(), true),
        None => (args.dir.join(IGNORE_FILE), false),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ignore::parse(&text, &path),
        Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => Ok(Ignore::default()),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

/// The ids of the rules whose findings fail the check.
fn denied_rules(args: &CheckSchemaArgs) -> Result<Vec<&'static str>, Failure> {
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

fn unknown_rule(flag: &str, rule: &str) -> Failure {
    let ids: Vec<&str> = lint::RULES.iter().map(|rule| rule.id).collect();
    let all = if flag == "--deny" {
        "all, or one of"
    } else {
        "one of"
    };
    Failure::usage(
        format!("{flag} {rule}: there is no such rule"),
        format!("use {all} {}", ids.join(", ")),
    )
}
