//! `dbtool check-schema`: compares the database with its migrations, and lints it.
//!
//! Gathers the live and the expected schema, compares and lints them, writes the files (snapshot, diagram), and
//! reports.

mod checks;
mod outcome;
mod rules;
mod shape;

use crate::cli::check_schema::{CheckSchemaArgs, FailOn, Replay};
use crate::context::Context;
use crate::exit::Failure;
use crate::migrate::files::{Layout, Source};
use crate::report::Outcome;
use crate::schema::comparison::Comparison;
use crate::schema::diagram::Picture;
use crate::schema::diff::Severity;
use crate::schema::expected::options::{ExpectedOptions, ReplayPlace};
use crate::schema::expected::{self, SNAPSHOT, definers, snapshot_file};
use crate::schema::ignore::Ignore;
use crate::schema::lint;
use outcome::Report;

pub use rules::explain;

/// Runs the command.
///
/// # Errors
/// Bad usage, no way to an expected schema, or a statement that failed.
pub async fn run(ctx: &Context, args: &CheckSchemaArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let ignore = Ignore::read(args.ignore.as_deref(), &args.dir)?;
    let denied = rules::denied_rules(args)?;
    args.diagram.as_deref().map(Picture::from_path).transpose()?;
    let database = ctx.config.require_database()?.to_owned();

    let (live, expected) = expected::gather(ctx, &expected_options(args), &database).await?;
    let definers = match args.allow_definer.as_slice() {
        [] => Vec::new(),
        allowed => {
            let programs = definers::read(&mut ctx.db.session().await?, &database).await?;
            lint::definers(&programs, allowed)
        }
    };
    let comparison = Comparison::new(&live.schema, expected.as_ref(), definers, &ignore);
    let mut report = Report::new(&database, live, expected, comparison);
    report.fail_from = fail_severity(args.fail_on);
    report.denied = denied;
    report.script_only = args.fix_sql;
    report.allow_destructive = args.allow_destructive;
    report.pending_fails = !args.applied;
    report.verbose = ctx.report.verbose();
    write_files(args, &mut report)?;
    Ok(Box::new(report))
}

/// Writes the snapshot and the diagram that the user requests.
fn write_files(args: &CheckSchemaArgs, report: &mut Report) -> Result<(), Failure> {
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

fn expected_options(args: &CheckSchemaArgs) -> ExpectedOptions {
    ExpectedOptions {
        dir: args.dir.clone(),
        source: Source {
            dirs: vec![args.dir.clone()],
            recursive: args.recursive,
            layout: args.layout.and_then(|tool| Layout::with_id(&tool.id())),
        },
        expect: args.expect.clone(),
        replay: match args.replay {
            Replay::Auto => ReplayPlace::Auto,
            Replay::Server => ReplayPlace::Server,
            Replay::Sandbox => ReplayPlace::Sandbox,
            Replay::Never => ReplayPlace::Never,
        },
        applied: args.applied,
        write: args.write,
        lint_only: args.lint_only,
        drop_leftovers: args.drop_leftovers,
    }
}
