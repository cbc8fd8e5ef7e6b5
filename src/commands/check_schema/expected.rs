//! Where the expected schema comes from: a replay, a snapshot, another database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::committed::read_snapshot;
use super::scratch::{self, Replayed};
use super::{SNAPSHOT, replay};
use crate::cli::check_schema::{CheckSchemaArgs, Replay};
use crate::commands::migrate;
use crate::config::{Config, Sources};
use crate::context::Context;
use crate::db::Session;
use crate::exit::Failure;
use crate::migrations::Folder;
use crate::sandbox::{PrivateServer, ServerOptions, find_server};
use crate::schema::model::Schema;
use crate::schema::{ddl, introspect};

/// The expected schema.
pub(super) struct Expected {
    /// The schema.
    pub(super) schema: Schema,
    /// Where it comes from, in words.
    pub(super) source: String,
    /// What the user should know about that.
    pub(super) notes: Vec<String>,
}

/// Finds the expected schema the way `args` say.
///
/// # Errors
/// There is no way to one, or a statement failed.
pub(super) async fn find(
    ctx: &Context,
    args: &CheckSchemaArgs,
    session: Session,
    live: &Schema,
    applied: &BTreeSet<u64>,
) -> anyhow::Result<Expected> {
    if let Some(expect) = &args.expect {
        if expect.contains("://") || expect.starts_with(VARIABLE) {
            // The other database may be on this server, where the budget may be one connection.
            drop(session);
            return other_database(ctx, expect, live).await;
        }
        return Ok(read_snapshot(Path::new(expect), live)?);
    }
    match args.replay {
        Replay::Never if args.write => {
            return Err(Failure::usage(
                "--write needs a replay of the migrations",
                "leave --replay never out, or use --replay sandbox",
            )
            .into());
        }
        Replay::Never if args.applied => {
            return Err(Failure::usage(
                "--applied needs a replay of the applied migrations, and the snapshot is of all of them",
                "leave --replay never out, or use --replay sandbox",
            )
            .into());
        }
        Replay::Never => {}
        Replay::Sandbox => {
            drop(session);
            return sandbox(ctx, args, live, applied).await;
        }
        Replay::Auto | Replay::Server => match server(ctx, args, session, live, applied).await? {
            Ok(expected) => return Ok(expected),
            Err(failure) if args.replay == Replay::Auto && !args.write && !args.applied => {
                let path = args.dir.join(SNAPSHOT);
                if !path.is_file() {
                    return Err(without_snapshot(failure, &path).into());
                }
                let mut expected = read_snapshot(&path, live)?;
                expected
                    .notes
                    .push(format!("the migrations were not replayed: {}", failure.what));
                return Ok(expected);
            }
            Err(failure) => return Err(failure.into()),
        },
    }
    Ok(read_snapshot(&args.dir.join(SNAPSHOT), live)?)
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
    mut session: Session,
    live: &Schema,
    applied: &BTreeSet<u64>,
) -> anyhow::Result<Result<Expected, Failure>> {
    let folder = match listed(args, applied) {
        Ok(folder) => folder,
        Err(failure) => return Ok(Err(failure)),
    };
    let database = ctx.config.require_database()?;
    let options = migrate::options(ctx).await?;
    if let Err(failure) = replay::check_confined(&folder, options, database) {
        return Ok(Err(failure));
    }
    offer_leftovers(ctx, args, &mut session).await?;
    Ok(
        match scratch::replay(ctx, &mut session, &folder, options, live).await? {
            Replayed::Schema(reading) => Ok(Expected {
                schema: reading.schema,
                source: format!("{}, replayed in a scratch database", migrations(&folder)),
                notes: Vec::new(),
            }),
            Replayed::Denied(error) => Err(Failure::usage(
                format!("the account may not create a scratch database ({})", error.what()),
                "grant ALL ON `dbtool\\_scratch\\_%`.* to it, or use --replay sandbox or --replay never",
            )),
        },
    )
}

/// Which migrations are pending, if the history, or an empty database, says so. Other tools keep
/// a history of their own.
pub(super) fn pending(args: &CheckSchemaArgs, live: &Schema, applied: &BTreeSet<u64>) -> Option<String> {
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
        "{number} pending ({which}): `dbtool migrate` applies what they change, --applied leaves them out"
    ))
}

/// The migrations to replay: all of them, or those that are applied.
fn listed(args: &CheckSchemaArgs, applied: &BTreeSet<u64>) -> Result<Folder, Failure> {
    let mut folder = Folder::list(&args.dir)?;
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

fn migrations(folder: &Folder) -> String {
    let number = crate::report::plural(folder.migrations.len() as u64, "migration");
    format!("{number} of {}", folder.dir.display())
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

/// The settings that say which database is meant; the others (TLS, limits) hold for any.
const IDENTITY: [&str; 9] = [
    "DATABASE_URL",
    "DB_HOST",
    "DB_PORT",
    "DB_SOCKET",
    "DB_USER",
    "DB_PASSWORD",
    "DB_PASSWORD_FILE",
    "DB_NAME",
    "DB_ADMIN_PORT",
];

/// The run's sources with another database in the place of the configured one.
fn sources_for(ctx: &Context, settings: &[(&'static str, String)]) -> Result<Sources, Failure> {
    let mut sources = ctx.launch.sources()?;
    for name in IDENTITY {
        sources.flags.remove(name);
        sources.environment.remove(name);
    }
    if let Some(file) = &mut sources.env_file {
        file.variables
            .retain(|name, _| !IDENTITY.contains(&name.as_str()));
    }
    let flags: BTreeMap<_, _> = settings
        .iter()
        .map(|(name, value)| (*name, (value.clone(), "--expect")))
        .collect();
    sources.flags.extend(flags);
    Ok(sources)
}

/// `--expect env:NAME` takes the URL from a variable, where a password may stand.
const VARIABLE: &str = "env:";

/// Another live database.
async fn other_database(ctx: &Context, expect: &str, live: &Schema) -> anyhow::Result<Expected> {
    let sources = match expect.strip_prefix(VARIABLE) {
        None => sources_for(ctx, &[("DATABASE_URL", expect.to_owned())])?,
        Some(name) => {
            let given = ctx.launch.sources()?;
            let in_file = given.env_file.as_ref().and_then(|file| file.variables.get(name));
            let url = given.environment.get(name).or(in_file).ok_or_else(|| {
                Failure::usage(
                    format!("--expect {expect}: {name} is not set"),
                    "set it to the other database's mysql:// URL",
                )
            })?;
            let mut sources = sources_for(ctx, &[])?;
            sources.environment.insert("DATABASE_URL".to_owned(), url.clone());
            sources
        }
    };
    let config = Config::resolve(&sources)?;
    let database = config.require_database()?.to_owned();
    let source = format!("the database {database} at {}", config.address.value);
    let other = ctx.launch.context_for(config, "check-schema");
    let mut session = other.db.session().await?;
    let reading = introspect::read(&mut session, &database, Some(live)).await?;
    Ok(Expected {
        schema: reading.schema,
        source,
        notes: reading.hidden,
    })
}

/// The name of the database on a private server.
const SANDBOX_DATABASE: &str = "replayed";

/// Replays the migrations on a private server.
async fn sandbox(
    ctx: &Context,
    args: &CheckSchemaArgs,
    live: &Schema,
    applied: &BTreeSet<u64>,
) -> anyhow::Result<Expected> {
    let folder = listed(args, applied)?;
    let mut options = ServerOptions::new(find_server(None)?);
    options.stop_at_once = true;
    options.cancel = ctx.cancel.clone();
    let version = options.binary.to_string();
    ctx.report.status(format_args!(
        "starting a private {version} to replay the migrations"
    ));
    let server = tokio::task::spawn_blocking(move || PrivateServer::start(&options))
        .await
        .map_err(|error| Failure::statement(format!("the private server did not start: {error}"), ""))??;
    let settings = [
        ("DB_SOCKET", server.socket().display().to_string()),
        ("DB_USER", "root".to_owned()),
        ("DB_PASSWORD", String::new()),
    ];
    let config = Config::resolve(&sources_for(ctx, &settings)?)?;
    let other = ctx.launch.context_for(config, "check-schema");
    let mut session = other.db.session().await?;
    create_like(&mut session, live).await?;
    let options = migrate::options(&other).await?;
    replay::run(&other, &mut session, &folder, options).await?;
    let reading = introspect::read(&mut session, SANDBOX_DATABASE, Some(live)).await?;
    drop(session);
    let source = format!("{}, replayed on a private {version}", migrations(&folder));
    tokio::task::spawn_blocking(move || drop(server)).await.ok();
    Ok(Expected {
        schema: reading.schema,
        source,
        notes: Vec::new(),
    })
}

/// Makes the database to replay in, with the live one's default collation, which decides over
/// tables that name none.
async fn create_like(session: &mut Session, live: &Schema) -> anyhow::Result<()> {
    let name = crate::db::quote_name(SANDBOX_DATABASE);
    let alike = ddl::Writer::own(live).charset(live.collation);
    match session.execute(format!("CREATE DATABASE {name} {alike}")).await {
        // Unknown there (1273): the private server is of another kind, and the character set has to do.
        Err(error) if error.code() == Some(1273) => {
            let charset = Schema::charset_of(&live.collation);
            session
                .execute(format!("CREATE DATABASE {name} CHARACTER SET {charset}"))
                .await?;
        }
        other => {
            other?;
        }
    }
    session.execute(format!("USE {name}")).await?;
    Ok(())
}
