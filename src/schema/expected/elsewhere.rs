//! The expected schema from elsewhere: another database, or a private server.

use std::collections::BTreeMap;

use super::ExpectedSchema;
use super::scratch::charset_options;
use crate::config::{Config, Scope, Sources, names};
use crate::context::Context;
use crate::db::Session;
use crate::exit::Failure;
use crate::migrate;
use crate::migrate::files::Folder;
use crate::sandbox::{PrivateServer, ServerBinary, ServerOptions, find_closest};
use crate::schema::introspect::{self, DatabaseInfo, Introspection};
use crate::schema::model::{Schema, Symbol};

/// The run's sources with another database in the place of the configured one.
fn sources_for(ctx: &Context, settings: &[(&'static str, String)]) -> Result<Sources, Failure> {
    let mut sources = ctx.app.sources()?;
    // The others (TLS, limits) hold for any database.
    let of_database = names(Scope::Database);
    for name in &of_database {
        sources.flags.remove(name);
        sources.environment.remove(*name);
    }
    if let Some(file) = &mut sources.env_file {
        file.variables
            .retain(|name, _| !of_database.contains(&name.as_str()));
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

/// Whether `--expect` names a database and not a file.
pub(crate) fn is_database(expect: &str) -> bool {
    expect.contains("://") || expect.starts_with(VARIABLE)
}

/// Another live database.
///
/// # Errors
/// Its address cannot be understood, or a statement failed.
pub(crate) async fn database(ctx: &Context, expect: &str, live: &Schema) -> anyhow::Result<ExpectedSchema> {
    let sources = match expect.strip_prefix(VARIABLE) {
        None => sources_for(ctx, &[("DATABASE_URL", expect.to_owned())])?,
        Some(name) => {
            let given = ctx.app.sources()?;
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
    let other = ctx.app.context_for(config, "check-schema")?;
    let mut session = other.db.session().await?;
    let reading = introspect::database_info(&mut session, &database)
        .await?
        .read(&mut session, Some(live))
        .await?;
    Ok(ExpectedSchema {
        schema: reading.schema,
        source,
        notes: reading.hidden,
        ..ExpectedSchema::default()
    })
}

/// The database on a private server if the live one's name is taken there, as `mysql` is.
const OTHER_NAME: &str = "replayed";

/// The server program on this machine that is most like the live server, and whether it is of its family.
///
/// # Errors
/// There is none.
pub(crate) async fn closest_program(ctx: &Context) -> anyhow::Result<(ServerBinary, bool)> {
    let live = ctx.db.server().await?;
    let program = find_closest(live.flavor, live.version)?;
    let same = program.flavor == live.flavor;
    Ok((program, same))
}

/// Replays the migrations on a private server, where the database is made with this `default`
/// collation, then reads the live schema and theirs.
///
/// # Errors
/// The server does not start, or a statement failed.
pub(crate) async fn replay(
    ctx: &Context,
    session: &mut Session,
    program: ServerBinary,
    folder: &Folder,
    info: DatabaseInfo,
    default: Symbol,
) -> anyhow::Result<(Introspection, Introspection, String)> {
    let live_server = ctx.db.server().await?;
    let mut options = ServerOptions::new(program);
    options.stop_at_once = true;
    options.cancel = ctx.cancel.clone();
    let version = options.binary.to_string();
    ctx.report.status(format_args!(
        "starting a private {version} to replay the migrations for the live {}",
        live_server.name()
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
    let other = ctx.app.context_for(config, "check-schema")?;
    let mut private = other.db.session().await?;
    let database = create_like(&mut private, &info, default).await?;
    let options = migrate::options(&other).await?;
    super::replay::run(&other, &mut private, folder, options).await?;
    let live = info.read(session, None).await?;
    let replayed = introspect::database_info(&mut private, &database)
        .await?
        .read(&mut private, Some(&live.schema))
        .await?;
    drop(private);
    let source = format!(
        "on a private {version} (the live server is {})",
        live_server.name()
    );
    tokio::task::spawn_blocking(move || drop(server)).await.ok();
    Ok((live, replayed, source))
}

/// Makes the database to replay in: with the live one's name, which migrations may say, and with the
/// `default` collation, which decides over tables that name none. Its name.
async fn create_like(session: &mut Session, like: &DatabaseInfo, default: Symbol) -> anyhow::Result<String> {
    let mut database = like.database().to_owned();
    let mut alike = charset_options(&like.empty_schema(), default);
    loop {
        let name = crate::db::quote_name(&database);
        match session.execute(format!("CREATE DATABASE {name} {alike}")).await {
            Err(error) if error.is_existing_database() && database != OTHER_NAME => {
                database = OTHER_NAME.to_owned();
            }
            // The private server is of another kind, and the character set has to do.
            Err(error) if error.is_unknown_collation() && alike.contains("COLLATE") => {
                alike = format!("CHARACTER SET {}", Schema::charset_of(&default));
            }
            made => {
                made?;
                session.execute(format!("USE {name}")).await?;
                return Ok(database);
            }
        }
    }
}
