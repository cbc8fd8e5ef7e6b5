//! Replays the migrations on a private server.

use super::other_database::sources_for;
use super::scratch::charset_options;
use crate::config::Config;
use crate::context::Context;
use crate::db::Session;
use crate::migrate;
use crate::migrate::files::Folder;
use crate::sandbox::{PrivateServer, ServerBinary, ServerOptions, find_closest};
use crate::schema::failure::SchemaFailure;
use crate::schema::introspect::{self, DatabaseInfo, Introspection};
use crate::schema::model::{Schema, Symbol};

/// Name of the database on a private server if the live one's name exists there, e.g. `mysql`.
const FALLBACK_NAME: &str = "replayed";

/// The server program on this machine that is closest to the live server, and whether it is of the same
/// family.
///
/// # Errors
/// No server program is found.
pub(crate) async fn closest_program(ctx: &Context) -> anyhow::Result<(ServerBinary, bool)> {
    let live = ctx.db.server().await?;
    let program = find_closest(live.flavor, live.version)?;
    let same = program.flavor == live.flavor;
    Ok((program, same))
}

/// Replays the migrations on a private server, in a database with this `default` collation, then reads
/// the live schema and the result.
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
        .map_err(|error| SchemaFailure::ServerTask {
            error: error.to_string(),
        })??;
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

/// Creates the database for the replay, with the live one's name, which migrations may contain, and the
/// `default` collation, which tables without a collation inherit. Returns its name.
async fn create_like(session: &mut Session, like: &DatabaseInfo, default: Symbol) -> anyhow::Result<String> {
    let mut database = like.database().to_owned();
    let mut alike = charset_options(&like.empty_schema(), default);
    loop {
        let name = crate::db::quote_name(&database);
        match session.execute(format!("CREATE DATABASE {name} {alike}")).await {
            Err(error) if error.is_existing_database() && database != FALLBACK_NAME => {
                database = FALLBACK_NAME.to_owned();
            }
            // The private server is of the other family: use its default collation of the character set.
            Err(error) if error.is_unknown_collation() && alike.contains("COLLATE") => {
                alike = format!("CHARACTER SET {}", Schema::charset_of(&default));
            }
            created => {
                created?;
                session.execute(format!("USE {name}")).await?;
                return Ok(database);
            }
        }
    }
}
