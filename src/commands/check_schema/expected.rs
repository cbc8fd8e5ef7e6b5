//! Where the expected schema comes from: a replay, a snapshot, another database.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use serde::Deserialize;

use super::scratch::{self, Replayed};
use super::{SNAPSHOT, replay, unreadable};
use crate::cli::check_schema::{CheckSchemaArgs, Replay};
use crate::config::{Config, Sources};
use crate::context::Context;
use crate::db::Session;
use crate::exit::Failure;
use crate::sandbox::{PrivateServer, ServerOptions, find_server};
use crate::schema::model::{FORMAT, Schema};
use crate::schema::snapshot;
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
) -> anyhow::Result<Expected> {
    if let Some(expect) = &args.expect {
        if expect.contains("://") || expect.starts_with(VARIABLE) {
            // The other database may be on this server, where the budget may be one connection.
            drop(session);
            return other_database(ctx, expect).await;
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
        Replay::Never => {}
        Replay::Sandbox => {
            drop(session);
            return sandbox(ctx, args, live).await;
        }
        Replay::Auto | Replay::Server => match server(ctx, args, session, live).await? {
            Ok(expected) => return Ok(expected),
            Err(failure) if args.replay == Replay::Auto && !args.write => {
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
) -> anyhow::Result<Result<Expected, Failure>> {
    let files = match replay::discover(&args.dir) {
        Ok(files) if files.is_empty() => {
            return Ok(Err(Failure::usage(
                format!("there are no migrations in {}", args.dir.display()),
                "name their folder with --dir",
            )));
        }
        Ok(files) => files,
        Err(failure) => return Ok(Err(failure)),
    };
    let database = ctx.config.require_database()?;
    if let Err(failure) = replay::check_confined(&files, database) {
        return Ok(Err(failure));
    }
    offer_leftovers(ctx, args, &mut session).await?;
    Ok(match scratch::replay(ctx, &mut session, &files, live).await? {
        Replayed::Schema(reading) => Ok(Expected {
            schema: reading.schema,
            source: format!(
                "{}, replayed in a scratch database",
                migrations(files.len(), &args.dir)
            ),
            notes: Vec::new(),
        }),
        Replayed::Denied(error) => Err(Failure::usage(
            format!("the account may not create a scratch database ({})", error.what()),
            "grant ALL ON `dbtool\\_scratch\\_%`.* to it, or use --replay sandbox or --replay never",
        )),
    })
}

fn migrations(number: usize, dir: &Path) -> String {
    let noun = if number == 1 { "migration" } else { "migrations" };
    format!("{number} {noun} of {}", dir.display())
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
async fn other_database(ctx: &Context, expect: &str) -> anyhow::Result<Expected> {
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
    let reading = introspect::read(&mut session, &database).await?;
    Ok(Expected {
        schema: reading.schema,
        source,
        notes: reading.hidden,
    })
}

/// The name of the database on a private server.
const SANDBOX_DATABASE: &str = "replayed";

/// Replays the migrations on a private server.
async fn sandbox(ctx: &Context, args: &CheckSchemaArgs, live: &Schema) -> anyhow::Result<Expected> {
    let files = replay::discover(&args.dir)?;
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
    replay::run(&other, &mut session, &files).await?;
    let reading = introspect::read(&mut session, SANDBOX_DATABASE).await?;
    drop(session);
    let source = format!(
        "{}, replayed on a private {version}",
        migrations(files.len(), &args.dir)
    );
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

/// A committed snapshot. It says nothing of the database's own collation, so that is the live one's.
///
/// # Errors
/// It cannot be read, is none, or is of a newer format.
pub(super) fn read_snapshot(path: &Path, live: &Schema) -> Result<Expected, Failure> {
    /// What every format has.
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let open = || {
        File::open(path)
            .map(BufReader::new)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Failure::usage(
                    format!("there is no snapshot {}", path.display()),
                    "write it with --write (and --replay sandbox if the account may create no database)",
                ),
                _ => unreadable(path, &error),
            })
    };
    let broken = |error: serde_json::Error| {
        Failure::usage(
            format!("{} is no schema snapshot: {error}", path.display()),
            "write it again with --write",
        )
    };
    let head: Head = serde_json::from_reader(open()?).map_err(broken)?;
    if head.format != FORMAT {
        return Err(Failure::usage(
            format!(
                "{} has format {}, this dbtool reads format {FORMAT}",
                path.display(),
                head.format
            ),
            "use the dbtool version that wrote it, or write it again with --write",
        ));
    }
    let schema = snapshot::read(open()?, live).map_err(broken)?;
    Ok(Expected {
        schema,
        source: format!("the snapshot {}", path.display()),
        notes: Vec::new(),
    })
}

/// Writes the snapshot in one step, so that a reader never sees half of it.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_snapshot(schema: &Schema, path: &Path) -> Result<(), Failure> {
    let mut schema = schema.clone();
    schema.keep_used_collations();
    write_file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &schema)?;
        out.write_all(b"\n")
    })
}

/// Writes a file as a whole or not at all: what was there stays until all is written.
pub(super) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<tempfile::NamedTempFile>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let whole = || -> std::io::Result<()> {
        let file = tempfile::Builder::new()
            .permissions(shared_permissions())
            .tempfile_in(folder)?;
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        let file = out.into_inner().map_err(|error| error.into_error())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    whole().map_err(|error| {
        Failure::usage(
            format!("cannot write {}: {error}", path.display()),
            "correct the path or its folder's permissions",
        )
    })
}

/// A file like any other, subject to the umask.
fn shared_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
