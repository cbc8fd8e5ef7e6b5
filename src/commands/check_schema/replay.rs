//! Running the migrations where nothing can be harmed.

use crate::context::Context;
use crate::db::{DbError, Event, Query, Session};
use crate::exit::Failure;
use crate::migrations::{Direction, Folder};
use crate::sql::{self, Class, Options};

/// Checks that the migrations stay in the database they run in: a replay must not reach the
/// live one by its name, nor change accounts or settings of the server.
///
/// # Errors
/// A statement that does, with its place; a usage failure that may be answered by `--replay sandbox`.
pub(super) fn check_confined(folder: &Folder, options: Options, database: &str) -> Result<(), Failure> {
    for migration in &folder.migrations {
        let mut reader = migration.script(Direction::Up, options).open()?;
        while let Some(statement) = reader.next()? {
            let found = sql::classify(&statement.text);
            let elsewhere = found.objects.iter().any(|object| object.name.schema.is_some());
            let verb = found.verb.as_str();
            let server = found.class == Class::Admin
                || verb.starts_with("USE")
                || verb.contains("DATABASE")
                || verb.contains("SCHEMA")
                || statement.text.to_ascii_uppercase().starts_with("SET GLOBAL");
            if elsewhere || server || mentions(&statement.text, database) {
                return Err(Failure::usage(
                    format!(
                        "{}:{} names a database or changes the server, so the migrations cannot be \
                         replayed beside the live database: {}",
                        reader.path().display(),
                        statement.line,
                        sql::summary(&statement.text, 60)
                    ),
                    "use --replay sandbox, which replays them on a private server",
                ));
            }
        }
    }
    Ok(())
}

/// Whether a statement qualifies a name with `database`.
fn mentions(text: &str, database: &str) -> bool {
    let (text, database) = (text.to_ascii_lowercase(), database.to_ascii_lowercase());
    if text.contains(&format!("`{database}`.")) {
        return true;
    }
    text.match_indices(&format!("{database}.")).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|letter| letter.is_whitespace() || letter == '(' || letter == ',')
    })
}

/// Runs all migrations in the session's database.
///
/// # Errors
/// A statement failed; the message has its file and line.
pub(super) async fn run(
    ctx: &Context,
    session: &mut Session,
    folder: &Folder,
    options: Options,
) -> anyhow::Result<()> {
    let progress = ctx
        .report
        .progress(Some(folder.migrations.len() as u64), "replaying migrations");
    for migration in &folder.migrations {
        let mut reader = migration.script(Direction::Up, options).open()?;
        while let Some(statement) = reader.next()? {
            let done = session.run(Query::new(statement.text), |_: Event| {}).await;
            done.map_err(|error: DbError| {
                let place = format!("{}:{}, replayed", reader.path().display(), statement.line);
                anyhow::Error::new(error).context(place)
            })?;
        }
        progress.inc(1);
    }
    progress.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_qualified_name_is_found() {
        assert!(mentions("DROP TABLE `Shop`.users", "shop"));
        assert!(mentions("INSERT INTO shop.users VALUES (1)", "shop"));
        assert!(!mentions("SELECT workshop.id FROM workshop", "shop"));
        assert!(!mentions("SELECT 'x' FROM shop", "shop"));
    }
}
