//! Reading a live schema: nine statements, ten on MySQL and with partitioned tables, however
//! many tables there are. Rows are streamed into the model, so memory follows the schema and not the answer.

mod privileges;
mod sql;

use std::collections::BTreeMap;

use super::ddl;
use super::expr;
use super::model::{
    Check, Column, Dialect, Event, FORMAT, ForeignKey, Generated, Index, IndexKind, Key, PRIMARY, Part,
    Partition, Partitioning, Routine, Schema, Stats, Table, Text, Trigger, View,
};
use super::normalise;
use crate::db::{DbError, Query, Row, Session, Value};

/// What was read, and what could not be.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The schema.
    pub schema: Schema,
    /// What the account's privileges hide, in words, with the privilege that would show it.
    pub hidden: Vec<String>,
}

/// Tables whose name begins so are dbtool's own and no part of any schema.
pub const OWN_PREFIX: &str = "dbtool_";

/// Reads the schema of `database`.
///
/// # Errors
/// A statement failed, or the run was cancelled.
pub async fn read(session: &mut Session, database: &str) -> Result<Reading, DbError> {
    let mut reader = Reader::new(session, database);
    reader.variables().await?;
    reader.charsets().await?;
    let grants = reader.grants().await?;
    reader.schema.hidden = grants.hidden();
    let (partitioned, sequences) = reader.tables().await?;
    let view_columns = reader.columns().await?;
    reader.indexes().await?;
    reader.foreign_keys().await?;
    reader.checks().await?;
    reader.programs(&view_columns).await?;
    if partitioned {
        reader.partitions().await?;
    }
    let mut schema = reader.schema;
    schema.tables.values_mut().for_each(normalise::restore_json);
    normalise::spell_columns(&mut schema);
    let mut hidden = grants.notes(&schema);
    hidden.extend(sequences.map(|names| format!("sequences are not compared: {names}")));
    Ok(Reading { schema, hidden })
}

/// A row of the server's answer. Absent columns and NULL are the same here.
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

    fn name(&self, at: usize) -> Text {
        Text::from(self.string(at))
    }

    fn filled(&self, at: usize) -> Option<Text> {
        self.text(at).as_deref().and_then(Text::filled)
    }

    fn number(&self, at: usize) -> u64 {
        self.text(at).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.text(at).is_some_and(|text| text.eq_ignore_ascii_case(word))
    }
}

struct Reader<'a> {
    session: &'a mut Session,
    database: &'a str,
    schema: Schema,
    /// Whether this server writes names as it would strings: MariaDB under ANSI_QUOTES.
    ansi_quotes: bool,
}

impl<'a> Reader<'a> {
    fn new(session: &'a mut Session, database: &'a str) -> Self {
        Reader {
            session,
            database,
            schema: Schema {
                format: FORMAT,
                ..Schema::default()
            },
            ansi_quotes: false,
        }
    }

    fn mariadb(&self) -> bool {
        self.schema.dialect == Dialect::MariaDB
    }

    /// Runs a statement whose every `?` is the database, and hands each row over.
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
        let mut mysql = true;
        let mut ansi_quotes = false;
        let mut overrides = BTreeMap::new();
        self.each(sql::VARIABLES, |_, row| {
            let value = row.string(1);
            match row.string(0).as_str() {
                "version" | "version_comment" => mysql &= !value.to_ascii_lowercase().contains("mariadb"),
                "sql_mode" => ansi_quotes = value.contains("ANSI_QUOTES"),
                "default_collation_for_utf8mb4" => {
                    overrides.insert(Text::new("utf8mb4"), Text::from(value));
                }
                // `utf8mb3=utf8mb3_uca1400_ai_ci,utf8mb4=utf8mb4_uca1400_ai_ci`
                "character_set_collations" => overrides.extend(
                    value
                        .split(',')
                        .filter_map(|pair| pair.split_once('='))
                        .map(|(charset, collation)| (Text::new(charset.trim()), Text::new(collation.trim()))),
                ),
                _ => {}
            }
        })
        .await?;
        self.schema.dialect = if mysql { Dialect::MySQL } else { Dialect::MariaDB };
        self.ansi_quotes = ansi_quotes && !mysql;
        self.schema.default_collations = overrides;
        Ok(())
    }

    async fn charsets(&mut self) -> Result<(), DbError> {
        self.each(sql::CHARSETS, |schema, row| {
            let collation = Text::from(normalise::collation(&row.string(1)));
            if row.is(0, "") {
                schema.collation = collation;
            } else {
                let charset = Text::from(normalise::collation(&row.string(0)));
                schema.default_collations.entry(charset).or_insert(collation);
            }
        })
        .await
    }

    async fn grants(&mut self) -> Result<privileges::Grants, DbError> {
        let mut lines = Vec::new();
        self.each(sql::GRANTS, |_, row| lines.push(row.string(0))).await?;
        Ok(privileges::Grants::read(
            &lines,
            self.database,
            self.schema.dialect,
        ))
    }

    /// Tables; whether any is partitioned, and the names of the sequences beside them.
    async fn tables(&mut self) -> Result<(bool, Option<String>), DbError> {
        let mut partitioned = false;
        let mut sequences: Vec<String> = Vec::new();
        self.each(sql::TABLES, |schema, row| {
            let (name, kind, engine) = (row.string(0), row.string(1), row.string(2));
            let versioned = kind == "SYSTEM VERSIONED";
            if kind == "SEQUENCE" {
                sequences.push(name);
                return;
            }
            if name.starts_with(OWN_PREFIX) || !(kind == "BASE TABLE" || versioned) {
                return;
            }
            let options = row.string(5);
            partitioned |= normalise::has_word(&options, "partitioned");
            let mut table = Table::new(Text::from(normalise::collation(&row.string(4))));
            table.options = normalise::table_options(&engine, &row.string(3), &options);
            if versioned {
                table
                    .options
                    .insert(Text::new(ddl::SYSTEM_VERSIONING), Text::new("1"));
            }
            table.engine = Text::from(engine);
            table.comment = row.filled(6);
            table.stats = Stats {
                rows: row.number(7),
                data_bytes: row.number(8),
                index_bytes: row.number(9),
                auto_increment: row.text(10).and_then(|text| text.parse().ok()),
            };
            schema.tables.insert(Text::from(name), table);
        })
        .await?;
        // MySQL does not say it of a table partitioned by KEY ().
        let partitioned = partitioned || !self.mariadb();
        sequences.sort();
        Ok((partitioned, (!sequences.is_empty()).then(|| sequences.join(", "))))
    }

    /// Columns of tables; the names of those of views are handed back.
    async fn columns(&mut self) -> Result<BTreeMap<Text, Vec<Text>>, DbError> {
        let database = self.database;
        let mut of_views = BTreeMap::new();
        // The columns of one table are collected here, so that each list is as long as it has to be.
        let mut table = Text::new("");
        let mut columns: Vec<Column> = Vec::new();
        self.each(sql::COLUMNS, |schema, row| {
            let dialect = schema.dialect;
            if row.name(0) != table {
                settle(schema, table, &mut columns, &mut of_views);
                table = row.name(0);
            }
            let (ty, extra) = (normalise::column_type(&row.string(4)), row.string(6));
            let generated = row.text(7).filter(|text| !text.is_empty()).map(|text| Generated {
                expression: Text::from(expr::canonical(&normalise::decoded(&text), database)),
                stored: normalise::has_word(&extra, "STORED") || normalise::has_word(&extra, "PERSISTENT"),
            });
            let default = match generated {
                Some(_) => None,
                None => normalise::default_value(dialect, row.text(2).as_deref(), &extra, &ty, database),
            };
            columns.push(Column {
                name: row.name(1),
                nullable: row.is(3, "YES"),
                default: default.map(Text::from),
                on_update: normalise::on_update(&extra).map(Text::from),
                generated,
                collation: row.text(5).map(|name| Text::from(normalise::collation(&name))),
                comment: row.filled(8),
                auto_increment: normalise::has_word(&extra, "auto_increment"),
                invisible: normalise::has_word(&extra, "INVISIBLE"),
                ty: Text::from(ty),
            });
        })
        .await?;
        settle(&mut self.schema, table, &mut columns, &mut of_views);
        Ok(of_views)
    }

    async fn indexes(&mut self) -> Result<(), DbError> {
        let database = self.database;
        let statement = if self.mariadb() {
            sql::INDEXES_MARIADB
        } else {
            sql::INDEXES_MYSQL
        };
        self.each(statement, |schema, row| {
            let Some(table) = schema.tables.get_mut(&row.name(0)) else {
                return;
            };
            let kind = match (row.string(1).as_str(), row.string(6).as_str()) {
                (PRIMARY, _) => IndexKind::Primary,
                (_, "FULLTEXT") => IndexKind::Fulltext,
                (_, "SPATIAL") => IndexKind::Spatial,
                _ if row.number(2) == 0 => IndexKind::Unique,
                _ => IndexKind::Plain,
            };
            // Of a plain index MariaDB 11.8 says HASH where one was asked for and InnoDB has none.
            let hashed = kind == IndexKind::Unique && table.engine != "MEMORY";
            let index = table.indexes.entry(row.name(1)).or_insert_with(|| Index {
                kind,
                parts: Vec::new(),
                hash: row.is(6, "HASH") && hashed,
                invisible: row.is(8, "YES"),
                comment: row.filled(7),
            });
            let plain = !matches!(kind, IndexKind::Fulltext | IndexKind::Spatial);
            index.parts.reserve_exact(1);
            index.parts.push(Part {
                key: match row.text(9) {
                    Some(expression) => {
                        let expression = normalise::decoded(&expression);
                        Key::Expression(Text::from(expr::canonical(&expression, database)))
                    }
                    None => Key::Column(row.name(3)),
                },
                prefix: row.text(5).filter(|_| plain).and_then(|text| text.parse().ok()),
                descending: row.is(4, "D"),
            });
        })
        .await
    }

    async fn foreign_keys(&mut self) -> Result<(), DbError> {
        let database = self.database;
        self.each(sql::FOREIGN_KEYS, |schema, row| {
            let Some(table) = schema.tables.get_mut(&row.name(1)) else {
                return;
            };
            let key = table
                .foreign_keys
                .entry(row.name(2))
                .or_insert_with(|| ForeignKey {
                    columns: Vec::new(),
                    table: Text::new(""),
                    references: Vec::new(),
                    on_delete: Default::default(),
                    on_update: Default::default(),
                });
            if row.is(0, "rule") {
                key.on_update = normalise::action(&row.string(4));
                key.on_delete = normalise::action(&row.string(5));
                return;
            }
            let (parent_database, parent) = (row.string(5), row.string(6));
            key.table = match parent_database == database {
                true => Text::from(parent),
                false => Text::from(ddl::foreign_table(&parent_database, &parent)),
            };
            key.columns.push(row.name(4));
            key.references.push(row.name(7));
        })
        .await
    }

    async fn checks(&mut self) -> Result<(), DbError> {
        let database = self.database;
        let statement = if self.mariadb() {
            sql::CHECKS_MARIADB
        } else {
            sql::CHECKS_MYSQL
        };
        self.each(statement, |schema, row| {
            if let Some(table) = schema.tables.get_mut(&row.name(0)) {
                let check = Check {
                    clause: Text::from(expr::canonical(&normalise::decoded(&row.string(2)), database)),
                    not_enforced: row.is(3, "NO"),
                    of_column: row.is(3, "Column"),
                };
                table.checks.insert(row.name(1), check);
            }
        })
        .await
    }

    /// Views, triggers, routines with their parameters, events.
    async fn programs(&mut self, view_columns: &BTreeMap<Text, Vec<Text>>) -> Result<(), DbError> {
        let database = self.database;
        self.each(sql::PROGRAMS, |schema, row| {
            let body = row
                .text(3)
                .filter(|text| !text.is_empty())
                .map(|text| Text::from(normalise::body(&text)));
            match row.string(0).as_str() {
                "view" => {
                    let definition = row.text(3).filter(|text| !text.is_empty());
                    let columns = view_columns.get(&row.name(1)).map_or(&[][..], Vec::as_slice);
                    let definition =
                        definition.map(|text| expr::with_columns(&expr::canonical(&text, database), columns));
                    let view = View {
                        definition: definition.map(Text::from),
                        check_option: row
                            .filled(4)
                            .filter(|option| *option != "NONE")
                            .map(|option| Text::from(option.to_ascii_lowercase())),
                        invoker: row.is(5, "INVOKER"),
                    };
                    schema.views.insert(row.name(1), view);
                }
                "trigger" => {
                    if let Some(table) = schema.tables.get_mut(&row.name(2)) {
                        let when = format!("{} {}", row.string(4), row.string(5)).to_ascii_lowercase();
                        table.triggers.insert(
                            row.name(1),
                            Trigger {
                                when: Text::from(when),
                                body,
                            },
                        );
                    }
                }
                "routine" => read_routine(schema, &row, body),
                "parameter" => read_parameter(schema, &row),
                "event" => {
                    schema.events.insert(row.name(1), read_event(&row, body));
                }
                _ => {}
            }
        })
        .await
    }

    async fn partitions(&mut self) -> Result<(), DbError> {
        let database = self.database;
        self.each(sql::PARTITIONS, |schema, row| {
            let Some(table) = schema.tables.get_mut(&row.name(0)) else {
                return;
            };
            let canonical = |at: usize| {
                row.text(at)
                    .filter(|text| !text.is_empty())
                    .map(|text| Text::from(expr::canonical(&normalise::decoded(&text), database)))
            };
            let partitioning = table.partitioning.get_or_insert_with(|| Partitioning {
                method: Text::from(row.string(2).to_ascii_lowercase()),
                expression: canonical(3),
                subpartitions: None,
                partitions: Vec::new(),
            });
            let name = row.name(1);
            if partitioning
                .partitions
                .last()
                .is_none_or(|last| last.name != name)
            {
                partitioning.partitions.push(Partition {
                    name,
                    values: canonical(4),
                });
            }
            if let Some(method) = row.text(5) {
                let expression = canonical(6).map_or("", Text::as_str);
                let text = format!("{method} ({expression}) SUBPARTITIONS {}", row.number(7));
                partitioning.subpartitions = Some(Text::from(text));
            }
        })
        .await
    }
}

/// Gives a table its columns; of a view's only the names are kept.
fn settle(
    schema: &mut Schema,
    table: Text,
    columns: &mut Vec<Column>,
    of_views: &mut BTreeMap<Text, Vec<Text>>,
) {
    if let Some(table) = schema.tables.get_mut(&table) {
        // The rows of two tables whose names differ in case only come mixed.
        match table.columns.is_empty() {
            true => table.columns = columns.as_slice().to_vec(),
            false => table.columns.extend_from_slice(columns),
        }
    } else {
        let names = columns.iter().map(|column| column.name);
        of_views.entry(table).or_default().extend(names);
    }
    columns.clear();
}

fn read_routine(schema: &mut Schema, row: &Cells, body: Option<Text>) {
    let function = row.is(2, "FUNCTION");
    let routine = Routine {
        parameters: Vec::new(),
        returns: function.then(|| Text::from(normalise::column_type(&row.string(9)))),
        body,
        deterministic: row.is(4, "YES"),
        data_access: row
            .filled(5)
            .filter(|access| *access != "CONTAINS SQL")
            .map(|access| Text::from(access.to_ascii_lowercase())),
        invoker: row.is(6, "INVOKER"),
        comment: row.filled(7),
    };
    let map = if function {
        &mut schema.functions
    } else {
        &mut schema.procedures
    };
    map.insert(row.name(1), routine);
}

fn read_parameter(schema: &mut Schema, row: &Cells) {
    let function = row.is(2, "FUNCTION");
    let map = if function {
        &mut schema.functions
    } else {
        &mut schema.procedures
    };
    if let Some(routine) = map.get_mut(&row.name(1)) {
        let mode = row.text(4).filter(|_| !function);
        let text = normalise::parameter(mode.as_deref(), &row.string(5), &row.string(6));
        routine.parameters.push(Text::from(text));
    }
}

fn read_event(row: &Cells, body: Option<Text>) -> Event {
    let schedule = match row.text(4) {
        Some(at) => format!("at '{at}'"),
        None => {
            // A value of several parts comes in its quotes.
            let value = row.string(5);
            let unit = row.string(6).to_ascii_lowercase();
            let ends = row
                .text(9)
                .map_or(String::new(), |ends| format!(" ends '{ends}'"));
            format!("every '{}' {unit}{ends}", value.trim_matches('\''))
        }
    };
    Event {
        schedule: Text::from(schedule),
        body,
        disabled: !row.is(2, "ENABLED"),
        preserve: row.is(8, "PRESERVE"),
        comment: row.filled(7),
    }
}
