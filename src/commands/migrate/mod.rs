//! `dbtool migrate`: applies the migrations of a folder, once each, and goes on where a run stopped.

mod again;
mod arguments;
mod database;

use crate::cli::migrate::{MigrateAction, MigrateArgs, PlanOn};
use crate::commands::failure::CommandFailure;
use crate::context::AppContext;
use crate::exit::Failure;
use crate::migrate::files::Folder;
use crate::migrate::options::OnlineControl;
use crate::migrate::{Migrator, lint, new_migration};
use crate::report::{Format, Outcome, Reporter};
use arguments::{adopt_options, apply_options, lint_options, repair_options, run_options, source};

/// Runs `dbtool migrate` with its subcommands.
///
/// # Errors
/// Bad usage or files (exit 2), no connection (3), a failed statement (4), another run (5).
pub async fn run(app: &AppContext, args: MigrateArgs) -> anyhow::Result<Box<dyn Outcome>> {
    args.check()?;
    if let Some(MigrateAction::New { name, down }) = &args.action {
        return Ok(Box::new(new_migration::create(&source(&args), name, *down)?));
    }
    if let Some(action @ (MigrateAction::Create { .. } | MigrateAction::Drop { .. })) = &args.action {
        return Ok(Box::new(database::change(app, &args, action).await?));
    }
    let mut folder = Folder::find_all(&source(&args))?;
    folder.refuse_unread()?;
    if folder.migrations.is_empty() {
        warn_of_ignored(app, &folder);
        return Err(folder.empty().into());
    }
    if let Some(MigrateAction::Lint(options)) = &args.action {
        return Ok(Box::new(lint::lint(
            &folder,
            &lint_options(options, &args.dir)?,
            &app.cancel,
        )?));
    }
    check_versions(&folder, &args)?;
    let ctx = app.context("migrate")?;
    if let Some(MigrateAction::Redo { version, yes }) = &args.action {
        return Ok(Box::new(
            again::redo(&ctx, &args, folder, version.as_deref(), *yes).await?,
        ));
    }
    let mut migrator = Migrator::open(&ctx, run_options(&args), &mut folder).await?;
    // Only now is it known which of them the migrations read.
    warn_of_ignored(app, &folder);
    let outcome = act(&mut migrator, &folder, &args).await;
    migrator.release().await;
    outcome
}

async fn act(
    migrator: &mut Migrator<'_>,
    folder: &Folder,
    args: &MigrateArgs,
) -> anyhow::Result<Box<dyn Outcome>> {
    let outcome: Box<dyn Outcome> = match &args.action {
        None if args.apply.check => Box::new(migrator.status(folder, "migrate-status", true, false).await?),
        None if args.apply.dry_run => Box::new(migrator.plan(folder, &apply_options(args)).await?),
        None => Box::new(migrator.apply(folder, &apply_options(args)).await?),
        Some(MigrateAction::Status { check }) => {
            Box::new(migrator.status(folder, "migrate-status", *check, false).await?)
        }
        Some(MigrateAction::Plan { version, on }) => {
            let mut apply = apply_options(args);
            apply.on_copy = *on == PlanOn::Scratch;
            apply.version.clone_from(version);
            Box::new(migrator.plan(folder, &apply).await?)
        }
        Some(MigrateAction::Verify) => Box::new(migrator.status(folder, "migrate-verify", true, true).await?),
        Some(MigrateAction::Repair(repair)) => {
            Box::new(migrator.repair(folder, &repair_options(repair)).await?)
        }
        Some(MigrateAction::Baseline { version, force }) => {
            Box::new(migrator.baseline(folder, version, *force).await?)
        }
        Some(MigrateAction::Adopt(adopt)) => Box::new(migrator.adopt(folder, &adopt_options(adopt)).await?),
        Some(MigrateAction::Pause { table }) => {
            Box::new(migrator.control(OnlineControl::Pause, table.as_deref()).await?)
        }
        Some(MigrateAction::Resume { table }) => {
            Box::new(migrator.control(OnlineControl::Resume, table.as_deref()).await?)
        }
        Some(MigrateAction::Swap { table }) => {
            Box::new(migrator.control(OnlineControl::Swap, table.as_deref()).await?)
        }
        Some(MigrateAction::Down { version, yes }) => {
            Box::new(migrator.down(folder, version.as_deref(), *yes).await?)
        }
        // Returned above.
        Some(
            MigrateAction::New { .. }
            | MigrateAction::Lint(_)
            | MigrateAction::Redo { .. }
            | MigrateAction::Create { .. }
            | MigrateAction::Drop { .. },
        ) => unreachable!("returned before"),
    };
    Ok(outcome)
}

/// Prints the documentation of a lint rule. Needs no configuration.
///
/// # Errors
/// Another format than text is asked for (exit 2).
pub fn explain(report: &Reporter, rule: &str) -> Result<(), Failure> {
    if report.format() != Format::Text {
        return Err(CommandFailure::ExplainPrintsText.into());
    }
    // clap lets only the ids of rules through.
    if let Some(rule) = lint::find(rule) {
        report.out(&lint::explain(rule));
    }
    Ok(())
}

fn warn_of_ignored(app: &AppContext, folder: &Folder) {
    for (path, why) in &folder.ignored {
        app.report.warn(format!("{} is ignored: {why}", path.display()));
    }
}

/// A version that does not exist is named before anything is connected to.
fn check_versions(folder: &Folder, args: &MigrateArgs) -> Result<(), Failure> {
    let named = match &args.action {
        None => args.apply.version.as_deref(),
        Some(MigrateAction::Plan { version, .. }) => version.as_deref(),
        Some(MigrateAction::Baseline { version, .. }) => Some(version.as_str()),
        // A missing file's version can still be repaired, and 0 takes everything back.
        _ => None,
    };
    if let Some(version) = named {
        folder.find(version)?;
    }
    Ok(())
}
