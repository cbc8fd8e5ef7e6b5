//! Running the migrations where nothing can be harmed, and where nothing that is there shows.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::db::{DbError, Event, Query, Session};
use crate::exit::Failure;
use crate::migrate::files::{Direction, Folder};
use crate::schema::model::{Schema, Text};
use crate::schema::normalise;
use crate::sql::charset::InheritedCharsets;
use crate::sql::outside_access::{AccessReader, changes_no_schema};
use crate::sql::{self, SplitOptions};

/// Which collation has each table?
const COLLATIONS: &str = "SELECT table_name, table_collation FROM information_schema.tables \
    WHERE table_schema = ? AND table_collation IS NOT NULL";

/// What the text of the migrations says about a replay.
#[derive(Debug)]
pub(crate) struct Study {
    /// Why they cannot be replayed beside the live database, if they cannot: a replay must not reach
    /// it, nor change accounts or settings of the server, nor see what is there.
    pub(crate) reaches: Option<Failure>,
    /// Which tables take the database's default character set.
    inheriting: InheritedCharsets,
}

/// Reads the migrations.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn study(folder: &Folder, options: SplitOptions, database: &str) -> Result<Study, Failure> {
    let mut study = Study {
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
            study.inheriting.read(&statement.text, &found);
            if study.reaches.is_some() {
                continue;
            }
            study.reaches = reader
                .outside_access(&statement.text, &found, database)
                .map(|access| {
                    Failure::usage(
                        format!(
                            "{}:{} {}, so the migrations cannot be replayed beside the live database: {}",
                            statement.path.display(),
                            statement.line,
                            access.as_str(),
                            sql::summary(&statement.text, 60)
                        ),
                        "use --replay sandbox, which replays them on a private server",
                    )
                });
        }
    }
    Ok(study)
}

impl Study {
    /// The default collation under which the migrations made the tables that name none, as far as these
    /// tell: what most of them have, and not what the database's default is by now. `said` is what
    /// a snapshot says of it.
    ///
    /// # Errors
    /// The statement failed.
    pub(crate) async fn default_collation(
        &self,
        session: &mut Session,
        database: &str,
        now: Text,
        said: Option<Text>,
    ) -> Result<Text, DbError> {
        if self.inheriting.is_empty() {
            return Ok(now);
        }
        if let Some(said) = said {
            return Ok(said);
        }
        let rows: Vec<(String, String)> = session.rows(Query::new(COLLATIONS).bind(database)).await?;
        let tables = rows.iter().filter(|(table, _)| self.inheriting.holds(table));
        let collations = tables.map(|(_, collation)| Text::from(normalise::collation(collation)));
        Ok(usual(collations, now))
    }

    /// Whether it matters to the migrations what the database's default is, or they say it themselves.
    pub(crate) fn relies_on_default(&self) -> bool {
        self.inheriting.database_is_set() || !self.inheriting.is_empty()
    }
}

/// The collation that most have, where the database's default counts as one more. Where as many have
/// another, it is the one of utf8mb4, into which every text can be brought.
fn usual(collations: impl Iterator<Item = Text>, now: Text) -> Text {
    let mut votes: BTreeMap<Text, u32> = BTreeMap::from([(now, 1)]);
    for collation in collations {
        *votes.entry(collation).or_default() += 1;
    }
    let rank = |(collation, votes): &(Text, u32)| {
        let wide = Schema::charset_of(collation) == "utf8mb4";
        (*votes, wide, *collation == now)
    };
    votes
        .into_iter()
        .max_by_key(rank)
        .map_or(now, |(collation, _)| collation)
}

/// Runs all migrations in the session's database, but for statements that change no definition.
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
    for migration in &folder.migrations {
        let mut reader = migration.script(Direction::Up, options).open()?;
        while let Some(statement) = reader.next()? {
            if changes_no_schema(&sql::classify(&statement.text)) {
                continue;
            }
            let place = format!("{}:{}, replayed", statement.path.display(), statement.line);
            let done = session.run(Query::shared(&statement.text), |_: Event| {}).await;
            done.map_err(|error: DbError| anyhow::Error::new(error).context(place))?;
        }
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
        let of = |list: &[&str], now: &str| usual(list.iter().map(|one| Text::new(one)), Text::new(now));
        let (wide, narrow) = ("utf8mb4_unicode_ci", "latin1_swedish_ci");
        for (tables, now, expected) in [
            (&[][..], narrow, narrow),
            (&[wide], narrow, wide),
            (&[narrow], wide, wide),
            (&[wide, wide, narrow], narrow, wide),
            (&[narrow, narrow, narrow], wide, narrow),
            (&["utf8mb4_bin"], wide, wide),
        ] {
            assert_eq!(of(tables, now), *expected, "{tables:?} under {now}");
        }
    }
}
