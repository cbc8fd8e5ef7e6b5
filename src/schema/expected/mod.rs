//! Loads the two schemas of a comparison: the live one, and the expected one from a replay of the
//! migrations, a snapshot, or another database.
//!
//! A replay runs before a schema is read, so that its files and the schemas are not in memory at the
//! same time; the schema that is read second shares equal parts with the first.

pub(crate) mod definers;
pub(crate) mod migration_state;
pub(crate) mod options;
mod other_database;
mod private_server;
mod replay;
pub(crate) mod scratch;
pub(crate) mod snapshot_file;
mod touched;

use std::path::Path;

use crate::context::Context;
use crate::db::Session;
use crate::exit::Failure;
use crate::migrate;
use crate::migrate::files::Folder;
use crate::sandbox::ServerBinary;
use crate::schema::failure::{ReplayFlag, SchemaFailure};
use crate::schema::introspect::{self, DatabaseInfo, Introspection};
use crate::schema::model::{Schema, Symbol};
use crate::sql::SplitOptions;
use migration_state::MigrationState;
use options::{ExpectedOptions, ReplayPlace};
use replay::ReplayAnalysis;
use scratch::Replayed;
use snapshot_file::{collation_in_snapshot, read_snapshot, write_snapshot};
use touched::Touched;

/// File name of the snapshot in the folder of the migrations.
pub(crate) const SNAPSHOT: &str = "schema.json";

/// The expected schema and its origin.
#[derive(Default)]
pub(crate) struct ExpectedSchema {
    /// The schema.
    pub(crate) schema: Schema,
    /// Description of its origin.
    pub(crate) source: String,
    /// Remarks for the user.
    pub(crate) notes: Vec<String>,
    /// The state of the migrations.
    pub(crate) migrations_state: MigrationState,
    /// Objects that cannot be compared, because the schema includes pending migrations that change them.
    pub(crate) undecided: Option<Touched>,
    /// Whether the migrations set the database's default collation or create tables that inherit it.
    pub(crate) relies_on_default: bool,
    /// Whether the snapshot of all migrations has been written.
    pub(crate) written: bool,
}

/// The live schema of `database`, and the expected one of the applied migrations, unless only lints are
/// requested.
///
/// # Errors
/// No expected schema is available, or a statement failed.
pub(crate) async fn gather(
    ctx: &Context,
    options: &ExpectedOptions,
    database: &str,
) -> anyhow::Result<(Introspection, Option<ExpectedSchema>)> {
    let mut session = ctx.db.session().await?;
    migrate::correct_defaults(&mut session).await?;
    let info = introspect::database_info(&mut session, database).await?;
    if options.lint_only {
        return Ok((info.read(&mut session, None).await?, None));
    }
    let migrations_state = MigrationState::read(&mut session, options, database).await?;
    let written = options.write && migrations_state.is_behind();
    if written {
        // The snapshot covers all migrations, the comparison only the applied ones.
        let all = MigrationState::default();
        let (_, expected) = load_migrated(ctx, options, &mut session, &info, &all).await?;
        write_snapshot(&expected, &options.dir.join(SNAPSHOT))?;
    }
    let (live, mut expected) = match &options.expect {
        Some(expect) => load_named(ctx, expect, session, info).await?,
        None => load_migrated(ctx, options, &mut session, &info, &migrations_state).await?,
    };
    expected.notes.extend(standing_notes(&migrations_state));
    expected.migrations_state = migrations_state;
    expected.written = written;
    Ok((live, Some(expected)))
}

/// Remarks about migrations that are not applied.
fn standing_notes(migrations_state: &MigrationState) -> Vec<String> {
    let mut notes = Vec::new();
    if !migrations_state.unfinished.is_empty() {
        notes.push(format!(
            "started but not finished: {}; their changes so far are among the differences",
            migrations_state.unfinished.join(", ")
        ));
    }
    notes.extend(
        migrations_state
            .pending_summary()
            .map(|pending| format!("{pending}: their changes are not part of the comparison")),
    );
    notes
}

/// Loads what `--expect` names: a snapshot or another database.
async fn load_named(
    ctx: &Context,
    expect: &str,
    mut session: Session,
    info: DatabaseInfo,
) -> anyhow::Result<(Introspection, ExpectedSchema)> {
    let live = info.read(&mut session, None).await?;
    let expected = match other_database::is_database(expect) {
        true => {
            // The other database may be on this server, and the budget may be one connection.
            drop(session);
            other_database::load(ctx, expect, &live.schema).await?
        }
        false => read_snapshot(Path::new(expect), &live.schema)?,
    };
    Ok((live, expected))
}

/// Loads the schema of the applied migrations, as `options` request.
async fn load_migrated(
    ctx: &Context,
    options: &ExpectedOptions,
    session: &mut Session,
    info: &DatabaseInfo,
    migrations_state: &MigrationState,
) -> anyhow::Result<(Introspection, ExpectedSchema)> {
    if options.replay == ReplayPlace::Never {
        reject_replay_only_flags(options)?;
        return from_snapshot(ctx, options, session, info, migrations_state).await;
    }
    let mut folder = applied_migrations(options, migrations_state)?;
    if migrations_state.has_none() {
        return load_empty(session, info, &folder).await;
    }
    let split_options = migrate::options(ctx).await?;
    folder.order(split_options, &ctx.cancel)?;
    let database = ctx.config.require_database()?;
    let analysis = replay::analyse(&folder, split_options, database)?;
    let source = ReplaySource {
        ctx,
        options,
        folder,
        split_options,
        analysis,
        info,
    };
    if options.replay == ReplayPlace::Sandbox {
        let (program, _) = private_server::closest_program(ctx).await?;
        return source.on_private_server(session, program).await;
    }
    let failure = match source.in_scratch_database(session).await? {
        Ok(both) => return Ok(both),
        Err(failure) => failure,
    };
    if options.replay == ReplayPlace::Server {
        return Err(failure.into());
    }
    let not_replayed = |expected: &mut ExpectedSchema, why: &str| {
        expected
            .notes
            .push(format!("the migrations were not replayed on this server: {why}"));
    };
    let path = options.dir.join(SNAPSHOT);
    let snapshot = path.is_file() && !needs_replay(options);
    if !snapshot || migrations_state.is_behind() {
        let program = private_server::closest_program(ctx).await;
        // A server of the other family may reject statements that this one accepts.
        if let Ok((program, true)) = program {
            let (live, mut expected) = source.on_private_server(session, program).await?;
            not_replayed(&mut expected, &failure.what);
            return Ok((live, expected));
        }
    }
    match snapshot {
        true => {
            let (live, mut expected) = from_snapshot(ctx, options, session, info, migrations_state).await?;
            not_replayed(&mut expected, &failure.what);
            Ok((live, expected))
        }
        false if needs_replay(options) => Err(failure.into()),
        false => Err(SchemaFailure::NoExpectedSchema {
            reason: failure.what,
            path,
        }
        .into()),
    }
}

/// Without applied migrations, the expected schema is empty.
async fn load_empty(
    session: &mut Session,
    info: &DatabaseInfo,
    folder: &Folder,
) -> anyhow::Result<(Introspection, ExpectedSchema)> {
    let expected = ExpectedSchema {
        schema: info.empty_schema(),
        source: migrations(folder),
        ..ExpectedSchema::default()
    };
    Ok((info.clone().read(session, None).await?, expected))
}

/// Loads the snapshot, which covers all migrations.
async fn from_snapshot(
    ctx: &Context,
    options: &ExpectedOptions,
    session: &mut Session,
    info: &DatabaseInfo,
    migrations_state: &MigrationState,
) -> anyhow::Result<(Introspection, ExpectedSchema)> {
    let live = info.clone().read(session, None).await?;
    let mut expected = read_snapshot(&options.dir.join(SNAPSHOT), &live.schema)?;
    if migrations_state.is_behind() {
        let mut pending = Folder::find_all(&options.source)?;
        pending
            .migrations
            .retain(|migration| !migrations_state.has(migration));
        expected.undecided = Some(Touched::from_folder(&pending, migrate::options(ctx).await?)?);
    }
    Ok((live, expected))
}

/// Whether the request needs a replay.
fn needs_replay(options: &ExpectedOptions) -> bool {
    options.write || options.applied
}

/// Rejects flags that need a replay.
fn reject_replay_only_flags(options: &ExpectedOptions) -> Result<(), SchemaFailure> {
    let flag = match (options.write, options.applied) {
        (true, _) => ReplayFlag::Write,
        (_, true) => ReplayFlag::Applied,
        _ => return Ok(()),
    };
    Err(SchemaFailure::NeedsReplay { flag })
}

/// The inputs of a replay.
struct ReplaySource<'a> {
    ctx: &'a Context,
    options: &'a ExpectedOptions,
    /// The applied migrations.
    folder: Folder,
    split_options: SplitOptions,
    analysis: ReplayAnalysis,
    info: &'a DatabaseInfo,
}

impl ReplaySource<'_> {
    /// The default collation to replay under.
    async fn default_collation(&self, session: &mut Session) -> anyhow::Result<Symbol> {
        let in_snapshot = collation_in_snapshot(&self.options.dir.join(SNAPSHOT));
        let (database, now) = (self.info.database(), self.info.collation());
        Ok(self
            .analysis
            .default_collation(session, database, now, in_snapshot)
            .await?)
    }

    fn expected(&self, live: &Introspection, replayed: Introspection, place: &str) -> ExpectedSchema {
        let relies_on_default = self.analysis.relies_on_default();
        let mut schema = replayed.schema;
        if !relies_on_default {
            schema.collation = live.schema.collation;
        }
        ExpectedSchema {
            schema,
            source: format!("{}, replayed {place}", migrations(&self.folder)),
            relies_on_default,
            ..ExpectedSchema::default()
        }
    }

    /// Replays the migrations on a private server.
    async fn on_private_server(
        &self,
        session: &mut Session,
        program: ServerBinary,
    ) -> anyhow::Result<(Introspection, ExpectedSchema)> {
        let default = self.default_collation(session).await?;
        let info = self.info.clone();
        let (live, replayed, place) =
            private_server::replay(self.ctx, session, program, &self.folder, info, default).await?;
        let expected = self.expected(&live, replayed, &place);
        Ok((live, expected))
    }

    /// Replays the migrations in a scratch database of the live server. After the inner failure another
    /// source can be tried.
    async fn in_scratch_database(
        &self,
        session: &mut Session,
    ) -> anyhow::Result<Result<(Introspection, ExpectedSchema), Failure>> {
        if let Some(failure) = &self.analysis.reaches {
            return Ok(Err(failure.clone()));
        }
        offer_leftovers(self.ctx, self.options, session).await?;
        let default = self.default_collation(session).await?;
        let replayed = scratch::replay(
            self.ctx,
            session,
            &self.folder,
            self.split_options,
            self.info,
            default,
        )
        .await?;
        Ok(match replayed {
            Replayed::Schemas(both) => {
                let (live, replayed) = *both;
                let expected = self.expected(&live, replayed, "in a scratch database");
                Ok((live, expected))
            }
            Replayed::Denied(error) => Err(SchemaFailure::ScratchDenied {
                reason: error.what().to_owned(),
                or_never: !needs_replay(self.options),
            }
            .into()),
        })
    }
}

/// The applied migrations.
fn applied_migrations(
    options: &ExpectedOptions,
    migrations_state: &MigrationState,
) -> Result<Folder, Failure> {
    let mut folder = Folder::find_all(&options.source)?;
    folder.refuse_unread()?;
    if folder.migrations.is_empty() {
        return Err(folder.empty().into());
    }
    folder
        .migrations
        .retain(|migration| migrations_state.has(migration));
    Ok(folder)
}

/// `5 migrations in migrations`.
fn migrations(folder: &Folder) -> String {
    let number = crate::report::plural(folder.migrations.len() as u64, "migration");
    format!("{number} in {}", folder.dir.display())
}

/// Drops scratch databases left behind by a killed run, if the user confirms.
async fn offer_leftovers(
    ctx: &Context,
    options: &ExpectedOptions,
    session: &mut Session,
) -> anyhow::Result<()> {
    let leftovers = scratch::leftovers(session).await?;
    if leftovers.is_empty() {
        return Ok(());
    }
    let list = leftovers.join(", ");
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdin());
    let yes = options.drop_leftovers
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
