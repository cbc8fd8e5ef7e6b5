//! `migrate create` and `migrate drop`: the database as a whole. The connection chooses none.

use std::time::Duration;

use serde_json::json;

use super::failure::MigrateFailure;
use super::lock;
use super::outcome::MessageOutcome;
use crate::context::Context;
use crate::db::{Query, Session, quote_name};

/// Whether there is a database of this name that the account can see.
const IS_THERE: &str = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?";
/// Databases of the server itself.
const SYSTEM: [&str; 4] = ["mysql", "sys", "information_schema", "performance_schema"];

/// Creates the database, if there is none.
///
/// # Errors
/// The collation's name cannot be one, or the server refuses.
pub(crate) async fn create(
    ctx: &Context,
    database: &str,
    collation: Option<&str>,
) -> anyhow::Result<MessageOutcome> {
    let plain = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if let Some(name) = collation.filter(|name| !plain(name)) {
        let name = name.to_owned();
        return Err(MigrateFailure::BadCollation { name }.into());
    }
    let mut session = ctx.db.writable_session().await?;
    let there = is_there(&mut session, database).await?;
    if !there {
        let collation = collation.map_or(String::new(), |name| format!(" COLLATE {name}"));
        let create = format!(
            "CREATE DATABASE IF NOT EXISTS {}{collation}",
            quote_name(database)
        );
        session.execute(create).await?;
    }
    let line = match there {
        true => format!("{database} exists already"),
        false => format!("{database} is created"),
    };
    Ok(MessageOutcome {
        name: "migrate-create",
        line,
        json: json!({ "database": database, "created": !there }),
    })
}

/// Drops the database. A run that migrates it is waited for.
///
/// # Errors
/// It is the server's own, nobody confirms, another run holds the lock, or the server refuses.
pub(crate) async fn drop(
    ctx: &Context,
    database: &str,
    lock_wait: Duration,
    yes: bool,
) -> anyhow::Result<MessageOutcome> {
    if SYSTEM.iter().any(|system| database.eq_ignore_ascii_case(system)) {
        let database = database.to_owned();
        return Err(MigrateFailure::SystemDatabase { database }.into());
    }
    let question = format!("Drop the database {database} with everything in it?");
    if !yes && !ctx.report.confirm(&ctx.cancel, &question).await? {
        let database = database.to_owned();
        return Err(MigrateFailure::DropDeclined { database }.into());
    }
    let mut session = ctx.db.writable_session().await?;
    lock::acquire(ctx, &mut session, database, lock_wait, None).await?;
    let there = is_there(&mut session, database).await?;
    if there {
        let drop = format!("DROP DATABASE IF EXISTS {}", quote_name(database));
        session.execute(Query::new(drop).timeout(None)).await?;
    }
    let line = match there {
        true => format!("{database} is dropped"),
        false => format!("there is no database {database}"),
    };
    Ok(MessageOutcome {
        name: "migrate-drop",
        line,
        json: json!({ "database": database, "dropped": there }),
    })
}

async fn is_there(session: &mut Session, database: &str) -> anyhow::Result<bool> {
    let query = Query::new(IS_THERE).bind(database);
    Ok(session.first::<u64>(query).await?.is_some())
}
