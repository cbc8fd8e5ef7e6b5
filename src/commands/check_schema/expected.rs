//! Where the two schemas come from: the live one, and the expected one by a replay of the
//! migrations, a snapshot, or another database.
//!
//! A replay runs before anything is read, so that its files and the schemas are not in memory at
//! the same time; the schema that is read second shares what is the same with the first.

use std::collections::BTreeSet;
use std::path::Path;

use super::committed::read_snapshot;
use super::scratch::{self, Replayed};
use super::{SNAPSHOT, elsewhere, replay};
use crate::cli::check_schema::{CheckSchemaArgs, Replay};
use crate::commands::migrate;
use crate::context::Context;
use crate::db::Session;
use crate::exit::Failure;
use crate::migrations::Folder;
use crate::schema::introspect::{self, Frame, Reading};
use crate::schema::model::Schema;

/// The expected schema.
pub(super) struct Expected {
    /// The schema.
    pub(super) schema: Schema,
    /// Where it comes from, in words.
    pub(super) source: String,
    /// What the user should know about that.
    pub(super) notes: Vec<String>,
    /// Whether migrations are pending, so that drift is no surprise.
    pub(super) pending: bool,
}

/// The live schema of `database`, and the expected one unless only lints are asked for.
///
/// # Errors
/// There is no way to an expected schema, or a statement failed.
pub(super) async fn gather(
    ctx: &Context,
    args: &CheckSchemaArgs,
    database: &str,
) -> anyhow::Result<(Reading, Option<Expected>)> {
    let mut session = ctx.db.session().await?;
    let frame = introspect::frame(&mut session, database).await?;
    if args.lint_only {
        return Ok((frame.read(&mut session, None).await?, None));
    }
    let applied = match migrate::applied(&mut session, database).await {
        Ok(applied) => applied,
        Err(error) if args.applied || error.code().is_none() => return Err(error.into()),
        // Whoever may not read the history can still compare.
        Err(_) => BTreeSet::new(),
    };
    let (live, mut expected) = compared(ctx, args, session, frame, &applied).await?;
    if let Some(note) = pending(args, &live.schema, &applied) {
        expected.notes.push(note);
        expected.pending = true;
    }
    Ok((live, Some(expected)))
}

/// Both schemas, the expected one the way `args` say.
async fn compared(
    ctx: &Context,
    args: &CheckSchemaArgs,
    mut session: Session,
    frame: Frame,
    applied: &BTreeSet<u64>,
) -> anyhow::Result<(Reading, Expected)> {
    if let Some(expect) = &args.expect {
        let live = frame.read(&mut session, None).await?;
        let expected = match elsewhere::is_database(expect) {
            true => {
                // The other database may be on this server, where the budget may be one connection.
                drop(session);
                elsewhere::database(ctx, expect, &live.schema).await?
            }
            false => read_snapshot(Path::new(expect), &live.schema)?,
        };
        return Ok((live, expected));
    }
    match args.replay {
        Replay::Never => without_replay(args)?,
        Replay::Sandbox => {
            // A private server takes its time to start; nobody needs this connection meanwhile.
            drop(session);
            let folder = listed(args, applied)?;
            return elsewhere::replay(ctx, &folder, frame).await;
        }
        Replay::Auto | Replay::Server => {
            let failure = match server(ctx, args, &mut session, &frame, applied).await? {
                Ok(both) => return Ok(both),
                Err(failure) => failure,
            };
            let path = args.dir.join(SNAPSHOT);
            if args.replay == Replay::Server || needs_replay(args) {
                return Err(failure.into());
            }
            if !path.is_file() {
                return Err(without_snapshot(failure, &path).into());
            }
            let live = frame.read(&mut session, None).await?;
            let mut expected = read_snapshot(&path, &live.schema)?;
            expected
                .notes
                .push(format!("the migrations were not replayed: {}", failure.what));
            return Ok((live, expected));
        }
    }
    let live = frame.read(&mut session, None).await?;
    let expected = read_snapshot(&args.dir.join(SNAPSHOT), &live.schema)?;
    Ok((live, expected))
}

/// Whether only a replay can do what is asked for.
fn needs_replay(args: &CheckSchemaArgs) -> bool {
    args.write || args.applied
}

/// Refuses what cannot be done without a replay.
fn without_replay(args: &CheckSchemaArgs) -> Result<(), Failure> {
    let refuse = |what: &str| {
        Err(Failure::usage(
            what,
            "leave --replay never out, or use --replay sandbox",
        ))
    };
    match (args.write, args.applied) {
        (true, _) => refuse("--write needs a replay of the migrations"),
        (_, true) => {
            refuse("--applied needs a replay of the applied migrations, and the snapshot is of all of them")
        }
        _ => Ok(()),
    }
}

fn without_snapshot(failure: Failure, path: &Path) -> Failure {
    Failure::usage(
        format!(
            "no expected schema: {}, and there is no {}",
            failure.what,
            path.display()
        ),
        "use --replay sandbox, or write the snapshot with --write --replay sandbox and commit it, or let the \
         account CREATE and DROP databases called dbtool\\_scratch\\_%",
    )
}

/// Replays the migrations in a scratch database of the live server. The inner failure is one
/// that another source can make good.
async fn server(
    ctx: &Context,
    args: &CheckSchemaArgs,
    session: &mut Session,
    frame: &Frame,
    applied: &BTreeSet<u64>,
) -> anyhow::Result<Result<(Reading, Expected), Failure>> {
    let folder = match listed(args, applied) {
        Ok(folder) => folder,
        Err(failure) => return Ok(Err(failure)),
    };
    let database = ctx.config.require_database()?;
    let options = migrate::options(ctx).await?;
    if let Err(failure) = replay::check_confined(&folder, options, database) {
        return Ok(Err(failure));
    }
    offer_leftovers(ctx, args, session).await?;
    Ok(
        match scratch::replay(ctx, session, &folder, options, frame).await? {
            Replayed::Schemas(both) => {
                let (live, replayed) = *both;
                let expected = Expected {
                    schema: replayed.schema,
                    source: format!("{}, replayed in a scratch database", migrations(&folder)),
                    notes: Vec::new(),
                    pending: false,
                };
                Ok((live, expected))
            }
            Replayed::Denied(error) => Err(Failure::usage(
                format!("the account may not create a scratch database ({})", error.what()),
                format!(
                    "grant ALL ON `dbtool\\_scratch\\_%`.* to it, or use --replay sandbox{}",
                    if needs_replay(args) {
                        ""
                    } else {
                        " or --replay never"
                    }
                ),
            )),
        },
    )
}

/// Which migrations are pending, if the history, or an empty database, says so. Other tools keep
/// a history of their own.
fn pending(args: &CheckSchemaArgs, live: &Schema, applied: &BTreeSet<u64>) -> Option<String> {
    let compares_all = args.expect.is_none() && !args.applied && !args.write;
    if !compares_all || (applied.is_empty() && !live.tables.is_empty()) {
        return None;
    }
    let folder = Folder::list(&args.dir).ok()?;
    let pending = folder
        .migrations
        .iter()
        .filter(|one| !applied.contains(&one.version));
    let labels: Vec<&str> = pending.map(|one| one.label.as_str()).collect();
    let (first, last) = (labels.first()?, labels.last()?);
    let number = crate::report::plural(labels.len() as u64, "migration");
    let which = if labels.len() > 1 {
        format!("{first} to {last}")
    } else {
        (*first).to_owned()
    };
    Some(format!(
        "{number} pending ({which}): the schema lacks what they change"
    ))
}

/// The migrations to replay: all of them, or those that are applied.
fn listed(args: &CheckSchemaArgs, applied: &BTreeSet<u64>) -> Result<Folder, Failure> {
    let mut folder = Folder::list(&args.dir)?;
    folder.refuse_unread()?;
    if folder.migrations.is_empty() {
        return Err(folder.empty());
    }
    if args.applied {
        folder
            .migrations
            .retain(|migration| applied.contains(&migration.version));
    }
    Ok(folder)
}

/// `5 migrations in migrations`.
pub(super) fn migrations(folder: &Folder) -> String {
    let number = crate::report::plural(folder.migrations.len() as u64, "migration");
    format!("{number} in {}", folder.dir.display())
}

/// Scratch databases that a killed run left behind are dropped if the user says so.
async fn offer_leftovers(ctx: &Context, args: &CheckSchemaArgs, session: &mut Session) -> anyhow::Result<()> {
    let leftovers = scratch::leftovers(session).await?;
    if leftovers.is_empty() {
        return Ok(());
    }
    let list = leftovers.join(", ");
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdin());
    let yes = args.drop_leftovers
        || (terminal
            && ctx
                .report
                .confirm(
                    &ctx.cancel,
                    &format!("Drop {list}, left by a run that was killed?"),
                )
                .await?);
    if !yes {
        ctx.report.warn(format_args!(
            "a run that was killed left {list}; --drop-leftovers drops it"
        ));
        return Ok(());
    }
    for name in &leftovers {
        scratch::drop_database(session, name).await?;
        ctx.report
            .status(format_args!("dropped {name}, left by a run that was killed"));
    }
    Ok(())
}
