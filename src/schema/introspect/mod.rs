//! Reads a live schema: nine statements, ten on MySQL and with partitioned tables, for any number of
//! tables, and one more for each program with escapes in its strings and for each table with a default
//! that INFORMATION_SCHEMA does not show completely. Rows are streamed into the model, so memory depends
//! on the schema, not on the size of the result.

mod defaults;
mod escapes;
mod mariadb;
mod mysql;
mod periods;
mod privileges;
mod programs;
mod sql;
mod tables;

use std::collections::BTreeMap;

use super::model::{Schema, Symbol};
use super::normalise;
use privileges::Grants;

use crate::db::{DbError, Flavor, Query, Row, Session, Value};

/// A schema and the parts that could not be read.
#[derive(Debug, Clone)]
pub struct Introspection {
    /// The schema.
    pub schema: Schema,
    /// Notes on hidden objects, with the privilege that would show them.
    pub hidden: Vec<String>,
}

/// Prefix of dbtool's own tables, which are not part of a schema.
pub const OWN_PREFIX: &str = "dbtool_";

/// Whether tables of `database` may have triggers hidden from this account: without TRIGGER,
/// INFORMATION_SCHEMA omits them.
///
/// # Errors
/// The connection failed.
pub async fn hides_triggers(session: &mut Session, database: &str) -> Result<bool, DbError> {
    let lines = session.rows::<String>(sql::GRANTS).await?;
    Ok(Grants::read(&lines, database, Flavor::default())
        .hidden()
        .triggers)
}

/// Properties of a database, read before its tables.
#[derive(Debug, Clone)]
pub struct DatabaseInfo {
    database: String,
    /// A schema without objects.
    schema: Schema,
    grants: Grants,
    ansi_quotes: bool,
}

impl DatabaseInfo {
    /// Name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Default collation of the database.
    pub fn collation(&self) -> Symbol {
        self.schema.collation
    }

    /// A schema of this server without objects.
    pub fn empty_schema(&self) -> Schema {
        self.schema.clone()
    }

    /// Reads the database and shares equal parts with `like`.
    ///
    /// # Errors
    /// A statement failed, or the run was cancelled.
    pub async fn read(self, session: &mut Session, like: Option<&Schema>) -> Result<Introspection, DbError> {
        let mut reader = SchemaReader {
            session,
            database: &self.database,
            like,
            schema: self.schema,
            ansi_quotes: self.ansi_quotes,
        };
        let (partitioned, sequences) = reader.tables().await?;
        let view_columns = reader.columns().await?;
        let defaults = reader.restore_defaults().await?;
        reader.indexes().await?;
        reader.foreign_keys().await?;
        reader.checks().await?;
        let packages = reader.programs(&view_columns).await?;
        let escapes = reader.restore_escapes().await?;
        let of_history = match partitioned {
            true => reader.partitions().await?,
            false => None,
        };
        let periods = reader.periods().await?;
        let mut schema = reader.schema;
        for (_, table) in schema.tables.iter_mut() {
            normalise::restore_json(table);
            normalise::name_column_checks(table);
            normalise::normalise_versioning(table);
        }
        normalise::unify_column_case(&mut schema);
        let mut hidden = self.grants.notes(&schema);
        hidden.extend(escapes);
        hidden.extend(defaults);
        hidden.extend(sequences.map(|names| format!("sequences are not compared: {names}")));
        let partitions = |names| format!("partitions by SYSTEM_TIME are not compared: {names}");
        hidden.extend(of_history.map(partitions));
        hidden.extend(periods.map(|names| format!("application-time periods are not compared: {names}")));
        hidden.extend(packages.map(|names| format!("packages are not compared: {names}")));
        Ok(Introspection { schema, hidden })
    }
}

/// Reads the properties of `database`.
///
/// # Errors
/// A statement failed, or the run was cancelled.
pub async fn database_info(session: &mut Session, database: &str) -> Result<DatabaseInfo, DbError> {
    let mut reader = SchemaReader {
        session,
        database,
        like: None,
        schema: Schema::default(),
        ansi_quotes: false,
    };
    reader.variables().await?;
    reader.charsets().await?;
    let grants = reader.grants().await?;
    let ansi_quotes = reader.ansi_quotes;
    let mut schema = reader.schema;
    schema.hidden = grants.hidden();
    Ok(DatabaseInfo {
        database: database.to_owned(),
        schema,
        grants,
        ansi_quotes,
    })
}

/// A row of a result. Missing columns equal NULL.
struct Cells(Row);

impl Cells {
    fn text(&self, at: usize) -> Option<String> {
        match self.0.as_ref(at)? {
            Value::NULL => None,
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Value::Int(number) => Some(number.to_string()),
            Value::UInt(number) => Some(number.to_string()),
            other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
        }
    }

    fn string(&self, at: usize) -> String {
        self.text(at).unwrap_or_default()
    }

    fn name(&self, at: usize) -> Symbol {
        Symbol::from(self.string(at))
    }

    fn non_empty(&self, at: usize) -> Option<Symbol> {
        self.text(at).as_deref().and_then(Symbol::non_empty)
    }

    fn number(&self, at: usize) -> u64 {
        self.text(at).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.text(at).is_some_and(|text| text.eq_ignore_ascii_case(word))
    }
}

struct SchemaReader<'a> {
    session: &'a mut Session,
    database: &'a str,
    like: Option<&'a Schema>,
    schema: Schema,
    /// Whether the server prints names in double quotes: MariaDB under ANSI_QUOTES.
    ansi_quotes: bool,
}

impl SchemaReader<'_> {
    /// Runs a statement, with the database for every `?`, and passes each row to `row`.
    async fn each(&mut self, sql: &str, mut row: impl FnMut(&mut Schema, Cells)) -> Result<(), DbError> {
        let usual_quotes;
        let sql = match self.ansi_quotes && sql.starts_with("SELECT") {
            true => {
                usual_quotes = format!("SET STATEMENT sql_mode = '' FOR {sql}");
                usual_quotes.as_str()
            }
            false => sql,
        };
        let mut query = Query::new(sql);
        for _ in 0..sql.matches('?').count() {
            query = query.bind(self.database);
        }
        let mut rows = self.session.stream(query).await?;
        while let Some(next) = rows.next().await? {
            row(&mut self.schema, Cells(next));
        }
        Ok(())
    }

    async fn variables(&mut self) -> Result<(), DbError> {
        let mut names = Vec::new();
        let (mut ansi_quotes, mut strict) = (false, false);
        let mut sql_mode = Symbol::new("");
        let mut overrides = BTreeMap::new();
        self.each(sql::VARIABLES, |_, row| {
            let value = row.string(1);
            match row.string(0).as_str() {
                "version" | "version_comment" => names.push(value),
                "sql_mode" => {
                    ansi_quotes = value.contains("ANSI_QUOTES");
                    strict = value.contains("STRICT_");
                    sql_mode = Symbol::from(value);
                }
                "default_collation_for_utf8mb4" => {
                    overrides.insert(Symbol::new("utf8mb4"), Symbol::from(value));
                }
                // `utf8mb3=utf8mb3_uca1400_ai_ci,utf8mb4=utf8mb4_uca1400_ai_ci`
                "character_set_collations" => {
                    overrides.extend(value.split(',').filter_map(|pair| pair.split_once('=')).map(
                        |(charset, collation)| (Symbol::new(charset.trim()), Symbol::new(collation.trim())),
                    ))
                }
                _ => {}
            }
        })
        .await?;
        self.schema.flavor = Flavor::from_texts(&names);
        self.ansi_quotes = ansi_quotes && self.schema.dialect().quotes_by_mode;
        self.schema.strict = strict;
        self.schema.sql_mode = sql_mode;
        self.schema.default_collations = overrides;
        Ok(())
    }

    async fn charsets(&mut self) -> Result<(), DbError> {
        self.each(sql::CHARSETS, |schema, row| {
            let collation = Symbol::from(normalise::collation(&row.string(1)));
            if row.is(0, "") {
                schema.collation = collation;
            } else {
                let charset = Symbol::from(normalise::collation(&row.string(0)));
                schema.default_collations.entry(charset).or_insert(collation);
            }
        })
        .await
    }

    async fn grants(&mut self) -> Result<Grants, DbError> {
        let mut lines = Vec::new();
        self.each(sql::GRANTS, |_, row| lines.push(row.string(0))).await?;
        Ok(Grants::read(&lines, self.database, self.schema.flavor))
    }
}
