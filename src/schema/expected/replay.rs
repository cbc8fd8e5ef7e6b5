//! Replays the migrations in an empty database, isolated from the live one.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Context;
use crate::db::{DbError, Event, Query, Session, quote_name};
use crate::exit::Failure;
use crate::migrate;
use crate::migrate::files::{Direction, Folder};
use crate::schema::failure::SchemaFailure;
use crate::schema::model::{Schema, Symbol};
use crate::schema::normalise;
use crate::sql::charset::InheritedCharsets;
use crate::sql::outside_access::{AccessReader, changes_no_schema};
use crate::sql::session::{prepares, user_variables};
use crate::sql::{self, Classification, ObjectName, SplitOptions, StatementClass};

/// The collation of each table.
const COLLATIONS: &str = "SELECT table_name, table_collation FROM information_schema.tables \
    WHERE table_schema = ? AND table_collation IS NOT NULL";

/// Properties of the migrations that affect a replay.
#[derive(Debug)]
pub(crate) struct ReplayAnalysis {
    /// Why they cannot be replayed on the live server, if so: a replay must not access the live database
    /// nor change accounts or settings of the server.
    pub(crate) reaches: Option<Failure>,
    /// The tables that inherit the database's default character set.
    inheriting: InheritedCharsets,
}

/// Analyses the migrations.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn analyse(
    folder: &Folder,
    options: SplitOptions,
    database: &str,
) -> Result<ReplayAnalysis, Failure> {
    let mut analysis = ReplayAnalysis {
        reaches: None,
        inheriting: InheritedCharsets::default(),
    };
    for migration in &folder.migrations {
        let script = migration.script(Direction::Up, options);
        let mut statements = script.open()?;
        let mut dynamic = false;
        while let Some(statement) = statements.next()? {
            dynamic |= AccessReader::prepares(&statement.text);
        }
        let mut reader = AccessReader::new(dynamic);
        let mut statements = script.open()?;
        while let Some(statement) = statements.next()? {
            let found = sql::classify(&statement.text);
            if changes_no_schema(&found) {
                continue;
            }
            analysis.inheriting.read(&statement.text, &found);
            if analysis.reaches.is_some() {
                continue;
            }
            analysis.reaches = reader
                .outside_access(&statement.text, &found, database)
                .map(|access| {
                    SchemaFailure::NotReplayable {
                        place: format!("{}:{}", statement.path.display(), statement.line),
                        access: access.as_str(),
                        statement: sql::summary(&statement.text, 60),
                    }
                    .into()
                });
        }
    }
    Ok(analysis)
}

impl ReplayAnalysis {
    /// The default collation under which the migrations created the tables that name none: that of the
    /// snapshot (`in_snapshot`), or that of most of these tables; the database's default may have changed.
    ///
    /// # Errors
    /// The statement failed.
    pub(crate) async fn default_collation(
        &self,
        session: &mut Session,
        database: &str,
        now: Symbol,
        in_snapshot: Option<Symbol>,
    ) -> Result<Symbol, DbError> {
        if self.inheriting.is_empty() {
            return Ok(now);
        }
        if let Some(in_snapshot) = in_snapshot {
            return Ok(in_snapshot);
        }
        let rows: Vec<(String, String)> = session.rows(Query::new(COLLATIONS).bind(database)).await?;
        let tables = rows.iter().filter(|(table, _)| self.inheriting.holds(table));
        let collations = tables.map(|(_, collation)| Symbol::from(normalise::collation(collation)));
        Ok(most_frequent(collations, now))
    }

    /// Whether the migrations depend on the database's default collation or set it.
    pub(crate) fn relies_on_default(&self) -> bool {
        self.inheriting.database_is_set() || !self.inheriting.is_empty()
    }
}

/// The most frequent collation; the database's default counts once. Of equally frequent ones, one of
/// utf8mb4 is preferred, because it can represent all text.
fn most_frequent(collations: impl Iterator<Item = Symbol>, now: Symbol) -> Symbol {
    let mut votes: BTreeMap<Symbol, u32> = BTreeMap::from([(now, 1)]);
    for collation in collations {
        *votes.entry(collation).or_default() += 1;
    }
    let rank = |(collation, votes): &(Symbol, u32)| {
        let wide = Schema::charset_of(collation) == "utf8mb4";
        (*votes, wide, *collation == now)
    };
    votes
        .into_iter()
        .max_by_key(rank)
        .map_or(now, |(collation, _)| collation)
}

/// What a file changes in the session. A migration has a session of its own; the replay runs all of them in one and
/// undoes this after each file.
#[derive(Debug, Default)]
struct FileSession {
    /// The database before a USE.
    database: Option<String>,
    /// Session variables, whose values are kept in user variables.
    system: Vec<String>,
    user: BTreeSet<String>,
    prepared: BTreeSet<String>,
    temporary: Vec<ObjectName>,
}

impl FileSession {
    /// Notes what a statement is about to change.
    async fn before(
        &mut self,
        session: &mut Session,
        statement: &str,
        found: &Classification,
    ) -> Result<(), DbError> {
        if found.verb == "USE" && self.database.is_none() {
            self.database = session
                .first::<Option<String>>("SELECT DATABASE()")
                .await?
                .flatten();
        }
        for name in sql::assigned_variables(statement) {
            if self.system.contains(&name) {
                continue;
            }
            let keep = format!(
                "SET @dbtool_kept_{} = @@SESSION.{}",
                self.system.len(),
                quote_name(&name)
            );
            match session.execute(keep).await {
                // Not a variable of a session, or of another server.
                Err(error) if error.code().is_some() => {}
                done => {
                    done?;
                    self.system.push(name);
                }
            }
        }
        if found.session_state || found.class == StatementClass::Session {
            self.user.extend(user_variables(statement));
            self.prepared.extend(prepares(statement).map(|(name, _)| name));
        }
        if found.temporary && found.verb == "CREATE TABLE" {
            self.temporary
                .extend(found.objects.first().map(|object| object.name.clone()));
        }
        Ok(())
    }

    async fn put_back(self, session: &mut Session) -> Result<(), DbError> {
        for table in &self.temporary {
            let name = match &table.schema {
                Some(schema) => format!("{}.{}", quote_name(schema), quote_name(&table.name)),
                None => quote_name(&table.name),
            };
            session
                .execute(format!("DROP TEMPORARY TABLE IF EXISTS {name}"))
                .await?;
        }
        if let Some(database) = &self.database {
            session.execute(format!("USE {}", quote_name(database))).await?;
        }
        for name in &self.prepared {
            // The file may have deallocated it.
            let drop = session
                .execute(format!("DEALLOCATE PREPARE {}", quote_name(name)))
                .await;
            if let Err(error) = drop
                && error.code().is_none()
            {
                return Err(error);
            }
        }
        for (number, name) in self.system.iter().enumerate() {
            let back = format!("SET SESSION {} = @dbtool_kept_{number}", quote_name(name));
            match session.execute(back).await {
                // One that can be set in a certain state only.
                Err(error) if error.code().is_some() => {}
                done => drop(done?),
            }
        }
        for name in &self.user {
            session
                .execute(format!("SET @{} = NULL", quote_name(name)))
                .await?;
        }
        Ok(())
    }
}

/// Runs all migrations in the session's database, except statements that change no definition.
///
/// # Errors
/// A statement failed; the message has its file and line.
pub(crate) async fn run(
    ctx: &Context,
    session: &mut Session,
    folder: &Folder,
    options: SplitOptions,
) -> anyhow::Result<()> {
    let progress = ctx
        .report
        .progress(Some(folder.migrations.len() as u64), "replaying migrations");
    migrate::correct_defaults(session).await?;
    for migration in &folder.migrations {
        let mut reader = migration.script(Direction::Up, options).open()?;
        let mut kept = FileSession::default();
        while let Some(statement) = reader.next()? {
            let found = sql::classify(&statement.text);
            if changes_no_schema(&found) {
                continue;
            }
            kept.before(session, &statement.text, &found).await?;
            let place = format!("{}:{}, replayed", statement.path.display(), statement.line);
            let done = session.run(Query::shared(&statement.text), |_: Event| {}).await;
            done.map_err(|error: DbError| anyhow::Error::new(error).context(place))?;
        }
        kept.put_back(session).await?;
        progress.inc(1);
    }
    progress.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_most_tables_took_and_no_text_is_narrowed_in_doubt() {
        let frequent = |list: &[&str], now: &str| {
            most_frequent(list.iter().map(|one| Symbol::new(one)), Symbol::new(now))
        };
        let (wide, narrow) = ("utf8mb4_unicode_ci", "latin1_swedish_ci");
        for (tables, now, expected) in [
            (&[][..], narrow, narrow),
            (&[wide], narrow, wide),
            (&[narrow], wide, wide),
            (&[wide, wide, narrow], narrow, wide),
            (&[narrow, narrow, narrow], wide, narrow),
            (&["utf8mb4_bin"], wide, wide),
        ] {
            assert_eq!(frequent(tables, now), *expected, "{tables:?} under {now}");
        }
    }
}
