//! Where the two schemas come from: the live one, and the expected one by a replay of the
//! migrations, a snapshot, or another database.
//!
//! A replay runs before anything is read, so that its files and the schemas are not in memory at
//! the same time; the schema that is read second shares what is the same with the first.

pub(crate) mod committed;
pub(crate) mod definers;
mod elsewhere;
mod replay;
mod scratch;
pub(crate) mod standing;
mod touched;

use std::path::Path;

use crate::cli::check_schema::{CheckSchemaArgs, Replay};
use crate::context::Context;
use crate::db::Session;
use crate::exit::Failure;
use crate::migrate;
use crate::migrate::files::Folder;
use crate::sandbox::ServerBinary;
use crate::schema::introspect::{self, Frame, Reading};
use crate::schema::model::{Schema, Text};
use crate::sql::SplitOptions;
use committed::{read_snapshot, said_collation, write_snapshot};
use replay::Study;
use scratch::Replayed;
use standing::Standing;
use touched::Touched;

/// Name of the snapshot in the folder of the migrations.
pub(crate) const SNAPSHOT: &str = "schema.json";

/// The expected schema.
#[derive(Default)]
pub(crate) struct Expected {
    /// The schema.
    pub(crate) schema: Schema,
    /// Where it comes from, in words.
    pub(crate) source: String,
    /// What the user should know about that.
    pub(crate) notes: Vec<String>,
    /// How the migrations stand.
    pub(crate) standing: Standing,
    /// What the schema says nothing about, because it is of pending migrations too.
    pub(crate) undecided: Option<Touched>,
    /// Whether the migrations say the database's default collation, or make tables that take it over.
    pub(crate) relies_on_default: bool,
    /// Whether the snapshot of all migrations was written already.
    pub(crate) written: bool,
}

/// The live schema of `database`, and the expected one unless only lints are asked for: what the
/// migrations make that are applied, as far as a history says which these are.
///
/// # Errors
/// There is no way to an expected schema, or a statement failed.
pub(crate) async fn gather(
    ctx: &Context,
    args: &CheckSchemaArgs,
    database: &str,
) -> anyhow::Result<(Reading, Option<Expected>)> {
    let mut session = ctx.db.session().await?;
    let frame = introspect::frame(&mut session, database).await?;
    if args.lint_only {
        return Ok((frame.read(&mut session, None).await?, None));
    }
    let standing = Standing::read(&mut session, args, database).await?;
    let written = args.write && standing.is_behind();
    if written {
        // The snapshot is of all migrations, the comparison of those that are applied.
        let all = Standing::default();
        let (_, expected) = migrated(ctx, args, &mut session, &frame, &all).await?;
        write_snapshot(&expected, &args.dir.join(SNAPSHOT))?;
    }
    let (live, mut expected) = match &args.expect {
        Some(expect) => named(ctx, expect, session, frame).await?,
        None => migrated(ctx, args, &mut session, &frame, &standing).await?,
    };
    expected.notes.extend(standing_notes(&standing));
    expected.standing = standing;
    expected.written = written;
    Ok((live, Some(expected)))
}

/// What the user should know of migrations that are not applied.
fn standing_notes(standing: &Standing) -> Vec<String> {
    let mut notes = Vec::new();
    if !standing.unfinished.is_empty() {
        notes.push(format!(
            "begun and not finished: {}; what they have done so far is among the differences",
            standing.unfinished.join(", ")
        ));
    }
    notes.extend(
        standing
            .pending_words()
            .map(|pending| format!("{pending}: what they change is no part of the comparison")),
    );
    notes
}

/// What `--expect` names: a file or another database.
async fn named(
    ctx: &Context,
    expect: &str,
    mut session: Session,
    frame: Frame,
) -> anyhow::Result<(Reading, Expected)> {
    let live = frame.read(&mut session, None).await?;
    let expected = match elsewhere::is_database(expect) {
        true => {
            // The other database may be on this server, where the budget may be one connection.
            drop(session);
            elsewhere::database(ctx, expect, &live.schema).await?
        }
        false => read_snapshot(Path::new(expect), &live.schema)?,
    };
    Ok((live, expected))
}

/// What the applied migrations make, found the way `args` say.
async fn migrated(
    ctx: &Context,
    args: &CheckSchemaArgs,
    session: &mut Session,
    frame: &Frame,
    standing: &Standing,
) -> anyhow::Result<(Reading, Expected)> {
    if args.replay == Replay::Never {
        without_replay(args)?;
        return from_snapshot(ctx, args, session, frame, standing).await;
    }
    let folder = listed(args, standing)?;
    if standing.has_none() {
        return nothing(session, frame, &folder).await;
    }
    let options = migrate::options(ctx).await?;
    let database = ctx.config.require_database()?;
    let study = replay::study(&folder, options, database)?;
    let source = Source {
        ctx,
        args,
        folder,
        options,
        study,
        frame,
    };
    if args.replay == Replay::Sandbox {
        let (program, _) = elsewhere::closest_program(ctx).await?;
        return source.on_private_server(session, program).await;
    }
    let failure = match source.beside(session).await? {
        Ok(both) => return Ok(both),
        Err(failure) => failure,
    };
    if args.replay == Replay::Server {
        return Err(failure.into());
    }
    let not_replayed = |expected: &mut Expected, why: &str| {
        expected
            .notes
            .push(format!("the migrations were not replayed on this server: {why}"));
    };
    let path = args.dir.join(SNAPSHOT);
    let snapshot = path.is_file() && !needs_replay(args);
    if !snapshot || standing.is_behind() {
        let program = elsewhere::closest_program(ctx).await;
        // One of the other family may not take what this one takes.
        if let Ok((program, true)) = program {
            let (live, mut expected) = source.on_private_server(session, program).await?;
            not_replayed(&mut expected, &failure.what);
            return Ok((live, expected));
        }
    }
    match snapshot {
        true => {
            let (live, mut expected) = from_snapshot(ctx, args, session, frame, standing).await?;
            not_replayed(&mut expected, &failure.what);
            Ok((live, expected))
        }
        false if needs_replay(args) => Err(failure.into()),
        false => Err(without_snapshot(failure, &path).into()),
    }
}

/// No migration is applied, so nothing is expected.
async fn nothing(
    session: &mut Session,
    frame: &Frame,
    folder: &Folder,
) -> anyhow::Result<(Reading, Expected)> {
    let expected = Expected {
        schema: frame.empty_schema(),
        source: migrations(folder),
        ..Expected::default()
    };
    Ok((frame.clone().read(session, None).await?, expected))
}

/// The snapshot, which is of all migrations.
async fn from_snapshot(
    ctx: &Context,
    args: &CheckSchemaArgs,
    session: &mut Session,
    frame: &Frame,
    standing: &Standing,
) -> anyhow::Result<(Reading, Expected)> {
    let live = frame.clone().read(session, None).await?;
    let mut expected = read_snapshot(&args.dir.join(SNAPSHOT), &live.schema)?;
    if standing.is_behind() {
        let mut pending = Folder::list(&args.dir)?;
        pending.migrations.retain(|migration| !standing.has(migration));
        expected.undecided = Some(Touched::by(&pending, migrate::options(ctx).await?)?);
    }
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
            "no expected schema: {}, there is no {}, and no server program like the live server was found \
             to replay the migrations on",
            failure.what,
            path.display()
        ),
        "use --replay sandbox, or write the snapshot with --write --replay sandbox and commit it, or let the \
         account CREATE and DROP databases called dbtool\\_scratch\\_%",
    )
}

/// What a replay works with.
struct Source<'a> {
    ctx: &'a Context,
    args: &'a CheckSchemaArgs,
    /// The applied migrations.
    folder: Folder,
    options: SplitOptions,
    study: Study,
    frame: &'a Frame,
}

impl Source<'_> {
    /// The default collation to replay under.
    async fn default_collation(&self, session: &mut Session) -> anyhow::Result<Text> {
        let said = said_collation(&self.args.dir.join(SNAPSHOT));
        let (database, now) = (self.frame.database(), self.frame.collation());
        Ok(self.study.default_collation(session, database, now, said).await?)
    }

    fn expected(&self, live: &Reading, replayed: Reading, place: &str) -> Expected {
        let relies_on_default = self.study.relies_on_default();
        let mut schema = replayed.schema;
        if !relies_on_default {
            schema.collation = live.schema.collation;
        }
        Expected {
            schema,
            source: format!("{}, replayed {place}", migrations(&self.folder)),
            relies_on_default,
            ..Expected::default()
        }
    }

    /// Replays the migrations on a private server.
    async fn on_private_server(
        &self,
        session: &mut Session,
        program: ServerBinary,
    ) -> anyhow::Result<(Reading, Expected)> {
        let default = self.default_collation(session).await?;
        let frame = self.frame.clone();
        let (live, replayed, place) =
            elsewhere::replay(self.ctx, session, program, &self.folder, frame, default).await?;
        let expected = self.expected(&live, replayed, &place);
        Ok((live, expected))
    }

    /// Replays the migrations in a scratch database of the live server. The inner failure is one
    /// that another source can make good.
    async fn beside(&self, session: &mut Session) -> anyhow::Result<Result<(Reading, Expected), Failure>> {
        if let Some(failure) = &self.study.reaches {
            return Ok(Err(failure.clone()));
        }
        offer_leftovers(self.ctx, self.args, session).await?;
        let default = self.default_collation(session).await?;
        let replayed =
            scratch::replay(self.ctx, session, &self.folder, self.options, self.frame, default).await?;
        Ok(match replayed {
            Replayed::Schemas(both) => {
                let (live, replayed) = *both;
                let expected = self.expected(&live, replayed, "in a scratch database");
                Ok((live, expected))
            }
            Replayed::Denied(error) => Err(Failure::usage(
                format!("the account may not create a scratch database ({})", error.what()),
                format!(
                    "grant ALL ON `dbtool\\_scratch\\_%`.* to it, or use --replay sandbox{}",
                    if needs_replay(self.args) {
                        ""
                    } else {
                        " or --replay never"
                    }
                ),
            )),
        })
    }
}

/// The migrations that are applied.
fn listed(args: &CheckSchemaArgs, standing: &Standing) -> Result<Folder, Failure> {
    let mut folder = Folder::list(&args.dir)?;
    folder.refuse_unread()?;
    if folder.migrations.is_empty() {
        return Err(folder.empty());
    }
    folder.migrations.retain(|migration| standing.has(migration));
    Ok(folder)
}

/// `5 migrations in migrations`.
fn migrations(folder: &Folder) -> String {
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

/// A file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("cannot read {}: {error}", path.display()),
        "correct the path or its permissions",
    )
}
