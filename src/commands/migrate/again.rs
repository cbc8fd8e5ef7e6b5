//! `dbtool migrate redo`: takes migrations back and applies them again.

use super::arguments::{run_options, source};
use crate::cli::migrate::MigrateArgs;
use crate::context::Context;
use crate::migrate::Migrator;
use crate::migrate::files::{FileFailure, Folder};
use crate::migrate::options::ApplyOptions;
use crate::migrate::outcome::ApplyOutcome;

/// Takes back the newest migration, or `version` and those after it, and applies them again. Interrupted between the
/// two, `migrate` applies what is missing.
pub(super) async fn redo(
    ctx: &Context,
    args: &MigrateArgs,
    mut folder: Folder,
    version: Option<&str>,
    yes: bool,
) -> anyhow::Result<ApplyOutcome> {
    let after = match version {
        Some(version) => Some(before(&folder, version)?),
        None => None,
    };
    let mut migrator = Migrator::open(ctx, run_options(args), &mut folder).await?;
    let taken_back = migrator.down(&folder, after.as_deref(), yes).await;
    migrator.release().await;
    drop(migrator);
    let taken_back = taken_back?;
    // A file that counted as applied was not read as a whole.
    let mut folder = Folder::find_all(&source(args))?;
    let mut migrator = Migrator::open(ctx, run_options(args), &mut folder).await?;
    let Some(newest) = taken_back.applied.first() else {
        return Ok(ApplyOutcome {
            name: "migrate-redo",
            ..taken_back
        });
    };
    let options = ApplyOptions {
        version: Some(newest.label.clone()),
        only: taken_back.applied.len() == 1,
        ..ApplyOptions::default()
    };
    let applied = migrator.apply(&folder, &options).await;
    migrator.release().await;
    Ok(ApplyOutcome {
        name: "migrate-redo",
        ..applied?
    })
}

/// The version before this one; 0 before the first.
fn before(folder: &Folder, version: &str) -> Result<String, FileFailure> {
    let wanted = folder.find(version)?.version;
    let earlier = folder.migrations.iter().rev().find(|one| one.version < wanted);
    Ok(earlier.map_or_else(|| "0".to_owned(), |one| one.label.clone()))
}
