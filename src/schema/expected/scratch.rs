//! A scratch database: created under a unique name, dropped on every exit path.
//!
//! The run that created it holds a named lock of the same name, so that a later run can distinguish a
//! database in use from one left behind by a killed run.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rand::RngExt as _;

use super::replay;
use crate::context::Context;
use crate::db::{DbError, Query, Session, quote_name};
use crate::migrate::files::Folder;
use crate::schema::ddl::Writer;
use crate::schema::introspect::{self, DatabaseInfo, Introspection};
use crate::schema::model::{Schema, Symbol};
use crate::sql::SplitOptions;

/// Time limit for dropping the scratch database.
const CLEAN_UP: Duration = Duration::from_secs(20);

/// The scratch databases without a lock.
const LEFTOVERS: &str = "SELECT schema_name FROM information_schema.schemata \
    WHERE schema_name LIKE 'dbtool\\_scratch\\_%' AND IS_FREE_LOCK(schema_name) = 1 ORDER BY schema_name";

/// Takes the lock that marks a scratch database as in use.
const LOCK: &str = "SELECT GET_LOCK(?, 0)";

/// Resets session variables that migrations may have changed.
pub(crate) const RESET: &str = "SET SESSION sql_mode = @@GLOBAL.sql_mode, foreign_key_checks = 1, unique_checks = 1, \
    character_set_client = utf8mb4, character_set_results = utf8mb4, character_set_connection = utf8mb4";

/// Whether the account cannot create a scratch database on this server.
pub(crate) fn is_denied(error: &DbError) -> bool {
    error.is_denied() || error.is_read_only() || error.is_read_only_transaction()
}

/// The scratch databases left behind by killed runs.
///
/// # Errors
/// The statement failed.
pub(crate) async fn leftovers(session: &mut Session) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = session.rows(LEFTOVERS).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Drops a scratch database, even in a cancelled run.
///
/// # Errors
/// The statement failed.
pub(crate) async fn drop_database(session: &mut Session, name: &str) -> Result<(), DbError> {
    let sql = format!("DROP DATABASE IF EXISTS {}", quote_name(name));
    session
        .execute(Query::new(sql).shielded().timeout(Some(CLEAN_UP)))
        .await
        .map(|_| ())
}

/// A unique name.
fn new_name() -> String {
    let random: u32 = rand::rng().random();
    format!("dbtool_scratch_{}_{random:08x}", std::process::id())
}

/// A default collation as options of CREATE DATABASE.
pub(crate) fn charset_options(server: &Schema, default: Symbol) -> String {
    Writer::own(server).charset(default)
}

/// The result of a replay.
pub(crate) enum Replayed {
    /// The live schema, and the schema of the migrations.
    Schemas(Box<(Introspection, Introspection)>),
    /// The account cannot create a database.
    Denied(DbError),
}

/// Makes a scratch database of this `default` collation beside that of `live`, replays the migrations of `folder` in it, reads
/// both schemas, and drops it: after success, failure, cancellation and panic alike.
///
/// # Errors
/// A statement failed. If the scratch database cannot be dropped, a warning is shown as well.
pub(crate) async fn replay(
    ctx: &Context,
    session: &mut Session,
    folder: &Folder,
    options: SplitOptions,
    live: &DatabaseInfo,
    default: Symbol,
) -> anyhow::Result<Replayed> {
    let charset = charset_options(&live.empty_schema(), default);
    let made = within(ctx, session, &charset, async |session, name| {
        session.execute(format!("USE {}", quote_name(name))).await?;
        replay::run(ctx, session, folder, options).await?;
        session.execute(RESET).await?;
        let scratch = introspect::database_info(session, name).await?;
        let live = live.clone().read(session, None).await?;
        let replayed = scratch.read(session, Some(&live.schema)).await?;
        Ok((live, replayed))
    });
    Ok(match made.await? {
        Ok(both) => Replayed::Schemas(Box::new(both)),
        Err(denied) => Replayed::Denied(denied),
    })
}

/// Makes a scratch database with these options (`charset`), runs `work` with its name, and drops it: after success,
/// failure, cancellation and panic alike. The inner error is that of an account that cannot create one.
///
/// # Errors
/// A statement failed. If the scratch database cannot be dropped, a warning is shown as well.
pub(crate) async fn within<T>(
    ctx: &Context,
    session: &mut Session,
    charset: &str,
    work: impl AsyncFnOnce(&mut Session, &str) -> anyhow::Result<T>,
) -> anyhow::Result<Result<T, DbError>> {
    let name = new_name();
    session.execute(Query::new(LOCK).bind(name.as_str())).await?;
    let create = format!("CREATE DATABASE {} {charset}", quote_name(&name));
    if session.is_read_only() && !ctx.config.allow_replica.value {
        // What a privileged account makes on a replica would be there for good, and not on its source.
        return Ok(Err(DbError::read_only_for_others()));
    }
    match session.execute(create).await {
        Err(error) if is_denied(&error) => return Ok(Err(error)),
        // Refused: nothing was made.
        Err(error) if error.code().is_some() && !error.is_killed() => return Err(error.into()),
        // A cancelled CREATE may have been executed.
        Err(error) => {
            clean_up(ctx, session, &name).await;
            return Err(error.into());
        }
        Ok(_) => {}
    }
    let ended = without_unwinding(work(session, &name)).await;
    clean_up(ctx, session, &name).await;
    match ended {
        Ok(done) => Ok(Ok(done?)),
        Err(panic) => resume_unwind(panic),
    }
}

/// Drops the scratch database, over a new connection if the old one is lost. If that fails, warns with
/// the statement to run by hand.
async fn clean_up(ctx: &Context, session: &mut Session, name: &str) {
    if drop_database(session, name).await.is_ok() {
        return;
    }
    let again = async {
        let mut session = ctx.db.session().await?;
        drop_database(&mut session, name).await
    };
    if !matches!(tokio::time::timeout(CLEAN_UP, again).await, Ok(Ok(()))) {
        ctx.report.warn(format_args!(
            "the scratch database {name} could not be dropped; the next check-schema offers to, or run \
             DROP DATABASE {}",
            quote_name(name)
        ));
    }
}

/// Runs `work` and returns its output or its panic.
async fn without_unwinding<F: Future>(work: F) -> Result<F::Output, Box<dyn std::any::Any + Send>> {
    let mut work = pin!(work);
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_handed_back_and_a_result_is_passed_on() {
        assert_eq!(without_unwinding(async { 3 }).await.ok(), Some(3));
        let panic = without_unwinding(async {
            tokio::task::yield_now().await;
            panic!("as planned");
        });
        assert!(panic.await.is_err());
    }

    #[test]
    fn names_are_unique_and_short_enough_for_a_lock() {
        let name = new_name();
        assert!(name.len() <= 64 && name.starts_with("dbtool_scratch_"));
        assert_ne!(name, new_name());
    }
}
