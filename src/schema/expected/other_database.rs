//! Loads the expected schema from another live database (`--expect`).

use std::collections::BTreeMap;

use super::ExpectedSchema;
use crate::config::{Config, Scope, Sources, names};
use crate::context::Context;
use crate::exit::Failure;
use crate::migrate;
use crate::schema::failure::SchemaFailure;
use crate::schema::introspect;
use crate::schema::model::Schema;

/// The configuration sources of the run, with another database instead of the configured one.
pub(super) fn sources_for(ctx: &Context, settings: &[(&'static str, String)]) -> Result<Sources, Failure> {
    let mut sources = ctx.app.sources()?;
    // Other settings (TLS, limits) apply to any database.
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

/// `--expect env:NAME` reads the URL, which may contain a password, from a variable.
const VARIABLE_PREFIX: &str = "env:";

/// Whether `--expect` names a database, as opposed to a file.
pub(crate) fn is_database(expect: &str) -> bool {
    expect.contains("://") || expect.starts_with(VARIABLE_PREFIX)
}

/// Loads the schema of another live database.
///
/// # Errors
/// Its URL is invalid, or a statement failed.
pub(crate) async fn load(ctx: &Context, expect: &str, live: &Schema) -> anyhow::Result<ExpectedSchema> {
    let sources = match expect.strip_prefix(VARIABLE_PREFIX) {
        None => sources_for(ctx, &[("DATABASE_URL", expect.to_owned())])?,
        Some(name) => {
            let given = ctx.app.sources()?;
            let in_file = given.env_file.as_ref().and_then(|file| file.variables.get(name));
            let url =
                given
                    .environment
                    .get(name)
                    .or(in_file)
                    .ok_or_else(|| SchemaFailure::VariableNotSet {
                        expect: expect.to_owned(),
                        name: name.to_owned(),
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
    migrate::correct_defaults(&mut session).await?;
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
