//! Tries the statements of a plan on an empty copy of the tables that they touch, in a scratch database of the same
//! server: what the server does with each, and which it refuses, is then its own word.

use std::collections::{BTreeSet, HashMap};

use super::correct_defaults;
use super::forecast::PredictedError;
use super::history::Record;
use super::online_ddl::DdlImpact;
use crate::context::Context;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_name, quote_qualified};
use crate::migrate::files::{Direction, Migration, ScriptStatement, Version};
use crate::schema::expected::scratch;
use crate::sql::outside_access::AccessReader;
use crate::sql::{
    AlterAction, Classification, ObjectKind, SplitOptions, StatementClass, TableDef, classify, demanding,
};

/// The default character set and collation of a database.
const DEFAULTS: &str = "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA \
  WHERE SCHEMA_NAME = ?";
/// Tables with foreign keys, beside the tables that they refer to.
const CHILDREN: &str = "SELECT DISTINCT REFERENCED_TABLE_NAME, TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE \
  WHERE REFERENCED_TABLE_SCHEMA = ? AND TABLE_SCHEMA = ?";
/// Makes a table without looking at others.
const UNCHECKED: &str = "SET SESSION foreign_key_checks = 0, sql_mode = ''";
/// The most tables that are copied.
const MAX_TABLES: usize = 1_000;

/// What the server is asked for, from harmless to harmful.
const DEMANDS: [(DdlImpact, &str); 3] = [
    (DdlImpact::Metadata, "ALGORITHM=INSTANT"),
    (DdlImpact::Online, "ALGORITHM=INPLACE, LOCK=NONE"),
    (DdlImpact::BlocksWrites, "ALGORITHM=INPLACE, LOCK=SHARED"),
];

/// The server's word on a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// How it carries the change out; `None` where nothing was demanded.
    pub how: Option<DdlImpact>,
    /// Its error.
    pub fails: Option<PredictedError>,
}

/// The server's words on the statements of a plan.
#[derive(Debug, Default)]
pub struct Trial {
    tried: HashMap<(Version, u32), Tried>,
    /// Why some or all statements were not tried.
    pub left_out: Option<String>,
}

impl Trial {
    fn refused(why: impl Into<String>) -> Trial {
        Trial {
            left_out: Some(why.into()),
            ..Trial::default()
        }
    }

    /// The server's word on a statement.
    pub fn get(&self, version: Version, number: u32) -> Option<&Tried> {
        self.tried.get(&(version, number))
    }
}

/// Whether a statement is tried: it changes tables, or the session that does.
fn is_tried(found: &Classification) -> bool {
    let tables = found
        .objects
        .iter()
        .all(|object| object.kind == ObjectKind::Table);
    match found.class {
        StatementClass::Ddl => tables && !found.objects.is_empty() && !found.temporary && !found.opaque,
        StatementClass::Session => found.verb == "SET" && !found.session_state,
        _ => false,
    }
}

/// Passes each statement of the migrations on.
fn each_statement(
    targets: &[(&Migration, Option<&Record>)],
    options: SplitOptions,
    mut visit: impl FnMut(&ScriptStatement, &Classification),
) -> anyhow::Result<()> {
    for (migration, _) in targets {
        let mut statements = migration.script(Direction::Up, options).open()?;
        while let Some(statement) = statements.next()? {
            visit(&statement, &classify(&statement.text));
        }
    }
    Ok(())
}

/// Tries the statements of `targets`. The session is used up by it: its variables and its database are changed.
///
/// # Errors
/// A file cannot be read, the connection failed, or the run was cancelled. A server that allows no scratch database
/// is no error.
pub async fn run(
    ctx: &Context,
    session: &mut Session,
    home: &str,
    options: SplitOptions,
    targets: &[(&Migration, Option<&Record>)],
) -> anyhow::Result<Trial> {
    if targets
        .iter()
        .any(|(_, record)| record.is_some_and(|record| !record.is_untouched()))
    {
        return Ok(Trial::refused("a migration is begun and not finished"));
    }
    let mut prepares = false;
    each_statement(targets, options, |statement, _| {
        prepares |= AccessReader::prepares(&statement.text)
    })?;
    let mut reader = AccessReader::new(prepares);
    let (mut outside, mut tables) = (None, BTreeSet::new());
    each_statement(targets, options, |statement, found| {
        if !is_tried(found) || outside.is_some() {
            return;
        }
        if reader.outside_access(&statement.text, found, home).is_some() {
            outside = Some(statement.place());
        }
        tables.extend(found.objects.iter().map(|object| object.name.name.clone()));
        for action in &found.actions {
            if let AlterAction::AddForeignKey(key) = action {
                tables.extend(key.table.as_ref().map(|table| table.name.clone()));
            }
        }
        if let Some(table) = TableDef::parse(&statement.text) {
            let keys = table.foreign_keys.into_iter();
            tables.extend(keys.filter_map(|key| key.table).map(|table| table.name));
        }
    })?;
    if let Some(place) = outside {
        return Ok(Trial::refused(format!(
            "{place} names a database or changes the server, which a copy must not"
        )));
    }
    let Some(copies) = definitions(session, home, tables).await? else {
        return Ok(Trial::refused(format!(
            "more than {MAX_TABLES} tables would have to be copied"
        )));
    };
    let defaults = session
        .first::<(String, String)>(Query::new(DEFAULTS).bind(home))
        .await?;
    let charset = defaults.map_or(String::new(), |(charset, collation)| {
        format!("CHARACTER SET {charset} COLLATE {collation}")
    });
    let tried = scratch::within(ctx, session, &charset, async |session, name| {
        session.execute(format!("USE {}", quote_name(name))).await?;
        try_all(session, options, targets, &copies).await
    });
    match tried.await? {
        Ok(trial) => Ok(trial),
        Err(denied) => Ok(Trial::refused(format!(
            "the account cannot create a database: {denied}"
        ))),
    }
}

/// The definitions of tables, and of those that their foreign keys join to them; `None` if there are too many.
async fn definitions(
    session: &mut Session,
    home: &str,
    wanted: BTreeSet<String>,
) -> Result<Option<Vec<String>>, DbError> {
    let children = Query::new(CHILDREN).bind(home).bind(home);
    let related: Vec<(String, String)> = session.rows(children).await?;
    let mut todo: Vec<String> = wanted.into_iter().collect();
    let mut seen = BTreeSet::new();
    let mut definitions = Vec::new();
    while let Some(table) = todo.pop() {
        if !seen.insert(table.clone()) {
            continue;
        }
        if seen.len() > MAX_TABLES {
            return Ok(None);
        }
        let show = format!("SHOW CREATE TABLE {}", quote_qualified(home, &table));
        let row = match session.first::<Row>(Query::new(show)).await {
            Ok(row) => row,
            Err(error) if error.code().is_some() => None,
            Err(error) => return Err(error),
        };
        let Some(text) = row.and_then(|row| get::<String>(&row, 1)) else {
            continue;
        };
        // A view has no such definition.
        let Some(def) = TableDef::parse(&text) else {
            continue;
        };
        let parents = def.foreign_keys.into_iter().filter_map(|key| key.table);
        todo.extend(
            parents
                .filter(|parent| parent.schema.is_none())
                .map(|parent| parent.name),
        );
        let children = related
            .iter()
            .filter(|(parent, _)| parent.eq_ignore_ascii_case(&table));
        todo.extend(children.map(|(_, child)| child.clone()));
        definitions.push(text);
    }
    Ok(Some(definitions))
}

async fn try_all(
    session: &mut Session,
    options: SplitOptions,
    targets: &[(&Migration, Option<&Record>)],
    copies: &[String],
) -> anyhow::Result<Trial> {
    let mut trial = Trial::default();
    session.execute(UNCHECKED).await?;
    for copy in copies {
        if let Some(error) = refusal(session.execute(copy.as_str()).await)? {
            return Ok(Trial::refused(format!(
                "a table cannot be copied: {}",
                error.what
            )));
        }
    }
    for (migration, _) in targets {
        session.execute(scratch::RESET).await?;
        correct_defaults(session).await?;
        let mut statements = migration.script(Direction::Up, options).open()?;
        while let Some(statement) = statements.next()? {
            let found = classify(&statement.text);
            if !is_tried(&found) {
                continue;
            }
            let tried = try_one(session, &statement.text, &found).await?;
            let failed = tried.fails.is_some();
            trial.tried.insert((migration.version, statement.number), tried);
            if failed {
                trial.left_out = Some("a statement fails, and what follows was not tried".to_owned());
                return Ok(trial);
            }
        }
    }
    Ok(trial)
}

/// The server's error, unless it is one of the connection.
fn refusal<T>(answer: Result<T, DbError>) -> Result<Option<PredictedError>, DbError> {
    match answer {
        Ok(_) => Ok(None),
        Err(error) => match error.code() {
            Some(code) => Ok(Some(PredictedError {
                code,
                what: error.what().to_owned(),
            })),
            None => Err(error),
        },
    }
}

async fn try_one(session: &mut Session, text: &str, found: &Classification) -> Result<Tried, DbError> {
    let demands = found.algorithm.is_none() && found.lock.is_none() && !found.actions.is_empty();
    for (how, demand) in DEMANDS.iter().filter(|_| demands) {
        let Some(demanded) = demanding(text, demand) else {
            continue;
        };
        if refusal(session.execute(demanded).await)?.is_none() {
            return Ok(Tried {
                how: Some(*how),
                fails: None,
            });
        }
    }
    let fails = refusal(session.execute(text).await)?;
    Ok(Tried {
        how: (demands && fails.is_none()).then_some(DdlImpact::Copy),
        fails,
    })
}
