//! What applying would do: every statement with its class, its verdict, and the size of its table.

use std::collections::HashMap;

use serde_json::json;

use super::history::get;
use super::verdict::{Column, How, verdict};
use crate::cancel::Cancel;
use crate::db::{DbError, Query, Row, Server, Session};
use crate::exit::Failure;
use crate::migrations::{Direction, Migration};
use crate::sql::{Class, Classification, Effect, Name, ObjectKind, Options, classify, summary};

/// A table's size as the server estimates it.
const SIZE: &str = "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES \
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
/// A table's columns as they are.
const COLUMNS: &str = "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_OCTET_LENGTH FROM information_schema.COLUMNS \
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
/// MySQL 8 caches a table's size for a day; a plan wants it as it is. MariaDB has no such variable.
const FRESH_SIZES: &str = "SET SESSION information_schema_stats_expiry = 0";

/// Above this many rows a blocking statement needs `--allow-blocking`.
pub const LARGE_ROWS: u64 = 1_000_000;
/// Above this many bytes of rows and indexes too.
pub const LARGE_BYTES: u64 = 1 << 30;

/// A statement of the plan.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Version as the file writes it.
    pub label: String,
    /// The file.
    pub file: String,
    /// Number within the file, from 1.
    pub number: u32,
    /// Where it begins.
    pub line: u32,
    /// Column where it begins.
    pub column: u32,
    /// Its class.
    pub class: Class,
    /// It in one line.
    pub summary: String,
    /// How it works.
    pub how: How,
    /// Why, where that is not obvious.
    pub why: String,
    /// Estimated rows of its table; `None` when it touches none that exists.
    pub rows: Option<u64>,
    /// Estimated bytes of its table.
    pub bytes: Option<u64>,
}

impl Planned {
    /// Whether it is refused without `--allow-blocking`.
    pub fn is_refused(&self) -> bool {
        self.how.blocks() && (self.rows.unwrap_or(0) > LARGE_ROWS || self.bytes.unwrap_or(0) > LARGE_BYTES)
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "version": self.label, "file": self.file, "statement": self.number, "line": self.line, "column": self.column,
            "class": self.class.word(), "summary": self.summary, "effect": self.how.word(), "reason": self.why,
            "rows": self.rows, "bytes": self.bytes, "refused": self.is_refused(),
        })
    }
}

/// Table facts, asked once a table.
pub struct Facts<'a> {
    cancel: &'a Cancel,
    session: &'a mut Session,
    database: &'a str,
    sizes: HashMap<Name, Option<Size>>,
}

/// A table's size.
#[derive(Debug, Clone, Default)]
pub struct Size {
    rows: u64,
    bytes: u64,
}

impl<'a> Facts<'a> {
    /// Facts about tables of `database`, asked over `session`.
    pub async fn new(
        cancel: &'a Cancel,
        session: &'a mut Session,
        database: &'a str,
        server: &Server,
    ) -> Result<Facts<'a>, DbError> {
        if !server.is_mariadb() {
            // 1193: a server without the variable has no cache either.
            match session.execute(FRESH_SIZES).await {
                Err(error) if error.code().is_none() => return Err(error),
                _ => {}
            }
        }
        Ok(Facts {
            cancel,
            session,
            database,
            sizes: HashMap::new(),
        })
    }

    async fn size(&mut self, name: &Name) -> Result<Option<Size>, DbError> {
        if let Some(size) = self.sizes.get(name) {
            return Ok(size.clone());
        }
        let size = size(self.session, self.database, name).await?;
        self.sizes.insert(name.clone(), size.clone());
        Ok(size)
    }

    /// What the statements before have made by the time the next one runs: new tables are empty,
    /// renamed ones keep their size.
    async fn foresee(&mut self, found: &Classification) -> Result<(), DbError> {
        for object in found
            .objects
            .iter()
            .filter(|object| object.kind == ObjectKind::Table)
        {
            match &object.effect {
                Effect::Create if self.size(&object.name).await?.is_none() => {
                    self.sizes.insert(object.name.clone(), Some(Size::default()));
                }
                Effect::Rename(to) => {
                    let size = self.size(&object.name).await?;
                    self.sizes.insert(to.clone(), size);
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn columns(&mut self, name: &Name) -> Result<HashMap<String, Column>, DbError> {
        let schema = name.schema.as_deref().unwrap_or(self.database);
        let rows = self
            .session
            .rows::<Row>(Query::new(COLUMNS).bind(schema).bind(&name.name))
            .await?;
        Ok(rows
            .iter()
            .map(|row| {
                let column = Column {
                    column_type: get(row, 1).unwrap_or_default(),
                    nullable: get::<String>(row, 2).as_deref() == Some("YES"),
                    octets: get(row, 3),
                };
                (get::<String>(row, 0).unwrap_or_default().to_lowercase(), column)
            })
            .collect())
    }
}

async fn size(session: &mut Session, database: &str, name: &Name) -> Result<Option<Size>, DbError> {
    let schema = name.schema.as_deref().unwrap_or(database);
    let row = session
        .first::<Row>(Query::new(SIZE).bind(schema).bind(&name.name))
        .await?;
    Ok(row.map(|row| Size {
        rows: get(&row, 0).unwrap_or_default(),
        bytes: get(&row, 1).unwrap_or_default(),
    }))
}

/// Plans the statements of `migration` from number `from` (1-based) on, and hands each to `visit`.
/// With `ddl_only` the others are passed over.
///
/// # Errors
/// The file cannot be read any more, the connection failed, or `visit` refuses a statement.
pub async fn plan(
    facts: &mut Facts<'_>,
    server: &Server,
    migration: &Migration,
    from: u32,
    options: Options,
    ddl_only: bool,
    mut visit: impl FnMut(Planned) -> Result<(), Failure>,
) -> anyhow::Result<()> {
    let changes_schema = migration
        .outline
        .as_ref()
        .is_none_or(|outline| outline.changes_schema);
    if ddl_only && !changes_schema {
        return Ok(());
    }
    let mut statements = migration.script(Direction::Up, options).open()?;
    while let Some(statement) = statements.next()? {
        facts.cancel.check()?;
        if statement.number < from {
            continue;
        }
        let found = classify(&statement.text);
        if ddl_only && found.class != Class::Ddl {
            continue;
        }
        let (how, why, size) = judge(facts, server, &found).await?;
        facts.foresee(&found).await?;
        visit(Planned {
            label: migration.label.clone(),
            file: migration.up.display().to_string(),
            number: statement.number,
            line: statement.line,
            column: statement.column,
            class: found.class,
            summary: summary(&statement.text, 100),
            how,
            why,
            rows: size.as_ref().map(|size| size.rows),
            bytes: size.as_ref().map(|size| size.bytes),
        })?;
    }
    Ok(())
}

async fn judge(
    facts: &mut Facts<'_>,
    server: &Server,
    found: &Classification,
) -> Result<(How, String, Option<Size>), DbError> {
    let table = found
        .objects
        .iter()
        .find(|object| object.effect != Effect::Create)
        .map(|object| &object.name);
    let Some(table) = table else {
        let (how, why) = verdict(found, server, |_| None);
        return Ok((how, why, None));
    };
    let size = facts.size(table).await?;
    let columns = match (&size, found.class) {
        (Some(_), Class::Ddl) if !found.actions.is_empty() => facts.columns(table).await?,
        _ => HashMap::new(),
    };
    let (how, why) = verdict(found, server, |name| columns.get(&name.to_lowercase()).cloned());
    Ok((how, why, size))
}

/// Refuses a statement that keeps writers of a large table waiting.
///
/// # Errors
/// Why, and what else could be done.
pub fn refuse_blocking(planned: Planned) -> Result<(), Failure> {
    if !planned.is_refused() {
        return Ok(());
    }
    let size = format!(
        "about {} and {}",
        crate::report::plural(planned.rows.unwrap_or(0), "row"),
        crate::report::bytes(planned.bytes.unwrap_or(0))
    );
    Err(Failure::usage(
        format!(
            "nothing was run: {}:{}:{}: {} would keep writers waiting on a table of {size}: {}",
            planned.file, planned.line, planned.column, planned.summary, planned.why
        ),
        "write ALGORITHM=INPLACE, LOCK=NONE where the server can do that, split the change into steps that can be \
         done online, hand the ALTER to gh-ost or pt-online-schema-change, or run it in a quiet hour with --allow-blocking",
    ))
}
