//! Predicts which objects will exist when a statement runs, and the definitions of tables then.
//!
//! The live database is queried once for each name; then the statements of the plan are simulated: what they
//! create, drop and rename, USE, IF EXISTS, temporary tables. After a statement whose effects are not in its text
//! (CALL, EXECUTE) nothing is certain any more, and no error is predicted.

mod faults;
mod live;
mod rows;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use faults::replaces;
use live::{charsets, live, live_table, optional};
use serde::{Deserialize, Serialize};

pub use rows::RowAnswer;

use super::online_ddl::{LiveTable, SessionSettings};
use crate::cancel::Cancel;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Server, Session};
use crate::sql::{
    Classification, Object, ObjectEffect, ObjectKind, ObjectName, StatementClass, TableDef, used_database,
};

/// The session's variables.
const SETTINGS: &str = "SELECT @@foreign_key_checks, @@sql_mode, @@lower_case_table_names";
/// Whether every ALTER TABLE copies; MariaDB has no such variable since 11.5.
const COPIES: &str = "SELECT @@old_alter_table";
/// MySQL 8 caches a table's size for a day; a plan needs the current one. MariaDB has no such variable.
const FRESH_SIZES: &str = "SET SESSION information_schema_stats_expiry = 0";

/// A table's size.
#[derive(Debug, Clone, Default)]
pub struct TableSize {
    /// Estimated rows.
    pub rows: u64,
    /// Estimated bytes of rows and indexes.
    pub bytes: u64,
}

/// The error with which a statement will fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PredictedError {
    /// The server's error number.
    pub code: u16,
    /// The message.
    pub what: String,
}

/// The known state of a name.
#[derive(Debug, Clone, Default)]
enum KnownObject {
    /// It does not exist.
    Missing,
    /// It may exist or not.
    #[default]
    Unknown,
    /// A table; its definition once it was read.
    Table(TableSize, Option<Box<LiveTable>>),
    /// A view.
    View,
    /// A trigger, a routine, an event.
    Other,
}

type ObjectKey = (ObjectKind, String, String);

/// The objects of the server after the statements simulated so far.
pub struct SchemaForecast<'a> {
    cancel: &'a Cancel,
    session: &'a mut Session,
    server: &'a Server,
    /// The database the migrations are for.
    home: &'a str,
    /// The database of unqualified names.
    current: String,
    lower_case: bool,
    /// The objects of the server under the names that were compared with it.
    live: HashMap<String, KnownObject>,
    known: HashMap<ObjectKey, KnownObject>,
    temporary: Vec<String>,
    /// A statement ran whose effects are not in its text.
    blind: bool,
    /// Names that were read after it: they may no longer exist.
    unsure: HashSet<ObjectKey>,
    /// The statements are simulated on an empty database; the server is not asked for objects.
    on_empty_server: bool,
    /// The session's settings at the start of a migration, and now.
    start: SessionSettings,
    settings: SessionSettings,
    /// Objects that the simulated statements change: their live rows say nothing any more.
    changed: HashSet<ObjectKey>,
    /// Tables that the simulated statements create: no live rows are theirs.
    made: HashSet<ObjectKey>,
    /// A simulated statement writes rows.
    rows_change: bool,
    /// Time that questions to the rows have taken.
    asked_for: Duration,
}

impl<'a> SchemaForecast<'a> {
    /// A forecast before any statement.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn new(
        cancel: &'a Cancel,
        session: &'a mut Session,
        server: &'a Server,
        home: &'a str,
    ) -> Result<SchemaForecast<'a>, DbError> {
        if server.has_cached_table_sizes() {
            // A server without the variable has no cache.
            optional(session.execute(FRESH_SIZES).await)?;
        }
        let mut start = SessionSettings::default();
        let mut lower_case = false;
        if let Some(row) = session.first::<Row>(Query::new(SETTINGS)).await? {
            start.checks_foreign_keys = get::<u64>(&row, 0) != Some(0);
            start.set_mode(get::<String>(&row, 1).as_deref());
            lower_case = get::<u64>(&row, 2) != Some(0);
        }
        let copies = optional(session.first::<Option<String>>(Query::new(COPIES)).await)?;
        let copies = copies
            .flatten()
            .flatten()
            .unwrap_or_default()
            .to_ascii_uppercase();
        start.copies = matches!(copies.as_str(), "1" | "ON" | "COPY");
        start.charsets = charsets(session, server).await?;
        Ok(SchemaForecast {
            cancel,
            session,
            server,
            home,
            current: home.to_owned(),
            lower_case,
            known: HashMap::new(),
            temporary: Vec::new(),
            blind: false,
            live: HashMap::new(),
            unsure: HashSet::new(),
            on_empty_server: false,
            settings: start.clone(),
            start,
            changed: HashSet::new(),
            made: HashSet::new(),
            rows_change: false,
            asked_for: Duration::ZERO,
        })
    }

    /// Simulates the statements on an empty server.
    pub fn on_empty_server(mut self) -> Self {
        self.on_empty_server = true;
        self
    }

    /// Tables, views and columns that the simulated statements create in the home database and the live one lacks.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn lacking(&mut self) -> Result<Vec<String>, DbError> {
        let home = self.plain_name(self.home);
        let mut names: Vec<(String, KnownObject)> = Vec::new();
        for ((kind, schema, name), known) in &self.known {
            if *kind == ObjectKind::Table && *schema == home {
                names.push((name.clone(), known.clone()));
            }
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        let mut lacking = Vec::new();
        for (name, wanted) in names {
            if !self.live.contains_key(&name) {
                let mut found = live(self.session, ObjectKind::Table, &home, &name).await?;
                if let KnownObject::Table(_, table) = &mut found {
                    let definition = live_table(self.session, self.server, &home, &name).await?;
                    *table = definition.map(Box::new);
                }
                self.live.insert(name.clone(), found);
            }
            match (&wanted, &self.live[&name]) {
                (KnownObject::Table(..), KnownObject::Missing) => lacking.push(format!("table {name}")),
                (KnownObject::View, KnownObject::Missing) => lacking.push(format!("view {name}")),
                (KnownObject::Table(_, Some(wanted)), KnownObject::Table(_, Some(table))) => {
                    let absent = wanted
                        .def
                        .columns
                        .iter()
                        .filter(|(column, _)| table.def.column(column).is_none());
                    lacking.extend(absent.map(|(column, _)| format!("column {name}.{column}")));
                }
                _ => {}
            }
        }
        Ok(lacking)
    }

    /// Whether the statements so far leave a table or a view in the home database.
    pub fn leaves_something(&self) -> bool {
        let home = self.plain_name(self.home);
        let is_there = |known: &KnownObject| matches!(known, KnownObject::Table(..) | KnownObject::View);
        let mut known = self.known.iter();
        known.any(|((kind, schema, _), known)| {
            *kind == ObjectKind::Table && *schema == home && is_there(known)
        })
    }

    /// Fails once the run is interrupted.
    ///
    /// # Errors
    /// The run is interrupted.
    pub fn check_cancelled(&self) -> Result<(), DbError> {
        Ok(self.cancel.check()?)
    }

    /// Starts the next migration in a new session.
    pub fn begin_migration(&mut self) {
        self.current = self.home.to_owned();
        self.settings = self.start.clone();
        self.temporary.clear();
    }

    /// The session's settings at this point.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// The size of a table, if it exists.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn size(&mut self, name: &ObjectName) -> Result<Option<TableSize>, DbError> {
        Ok(match self.look(ObjectKind::Table, name).await? {
            KnownObject::Table(size, _) => Some(size),
            _ => None,
        })
    }

    /// The definition of a table, if it exists.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn table(&mut self, name: &ObjectName) -> Result<Option<LiveTable>, DbError> {
        let KnownObject::Table(size, table) = self.look(ObjectKind::Table, name).await? else {
            return Ok(None);
        };
        if let Some(table) = table {
            return Ok(Some(*table));
        }
        let (_, schema, table) = self.key(ObjectKind::Table, name);
        if self.on_empty_server {
            return Ok(None);
        }
        let table = live_table(self.session, self.server, &schema, &table).await?;
        let known = KnownObject::Table(size, table.clone().map(Box::new));
        self.known.insert(self.key(ObjectKind::Table, name), known);
        Ok(table)
    }

    /// Simulates a statement.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn follow(&mut self, statement: &str, found: &Classification) -> Result<(), DbError> {
        self.note_changed(found);
        if found.opaque {
            self.lose_sight();
            return Ok(());
        }
        if found.class == StatementClass::Session || found.class == StatementClass::Transaction {
            if let Some(database) = used_database(statement) {
                self.current = database;
            }
            self.settings.follow(statement);
            return Ok(());
        }
        if let Some(table) = altered(found).cloned()
            && !self.is_temporary(&table)
            && let Some(mut now) = self.table(&table).await?
        {
            for action in &found.actions {
                now.def.apply(action);
            }
            let size = self.size(&table).await?.unwrap_or_default();
            self.known.insert(
                self.key(ObjectKind::Table, &table),
                KnownObject::Table(size, Some(Box::new(now))),
            );
        }
        let mut renamed = Vec::new();
        for object in &found.objects {
            self.follow_object(statement, found, object, &mut renamed).await?;
        }
        for (key, known) in renamed {
            self.settle(key, known);
        }
        Ok(())
    }

    async fn follow_object(
        &mut self,
        statement: &str,
        found: &Classification,
        object: &Object,
        renamed: &mut Vec<(ObjectKey, KnownObject)>,
    ) -> Result<(), DbError> {
        let key = self.key(object.kind, &object.name);
        let plain = self.plain(&object.name);
        match &object.effect {
            ObjectEffect::Create if found.temporary => self.temporary.push(plain),
            ObjectEffect::Drop if self.is_temporary(&object.name) => {
                self.temporary.retain(|name| *name != plain)
            }
            ObjectEffect::Create => {
                let kept = found.idempotent && !replaces(statement);
                if kept && self.is_there(object.kind, &object.name).await? != Some(false) {
                    return Ok(());
                }
                let known = match object.kind {
                    ObjectKind::Table => {
                        let def = TableDef::parse(statement).map(|def| LiveTable {
                            def,
                            ..LiveTable::default()
                        });
                        KnownObject::Table(TableSize::default(), def.map(Box::new))
                    }
                    ObjectKind::View => KnownObject::View,
                    _ => KnownObject::Other,
                };
                self.settle(self.shared(key), known);
            }
            ObjectEffect::Drop if object.kind == ObjectKind::Database => {
                let dropped = object.name.name.clone();
                self.known.retain(|(_, schema, _), _| *schema != dropped);
                self.blind |= dropped == self.current;
            }
            ObjectEffect::Drop => {
                self.settle(self.shared(key), KnownObject::Missing);
            }
            ObjectEffect::Rename(to) if object.kind == ObjectKind::Table => {
                // With its definition: under the new name the server cannot be asked for it.
                self.table(&object.name).await?;
                let known = match renamed.iter().position(|(other, _)| *other == key) {
                    Some(index) => renamed.remove(index).1,
                    None => self.look(ObjectKind::Table, &object.name).await?,
                };
                self.settle(key, KnownObject::Missing);
                renamed.push((self.key(ObjectKind::Table, to), known));
            }
            ObjectEffect::Rename(to) => {
                self.settle(key, KnownObject::Missing);
                renamed.push((self.key(object.kind, to), KnownObject::Other));
            }
            ObjectEffect::Alter | ObjectEffect::Truncate | ObjectEffect::Write => {}
        }
        Ok(())
    }

    /// Simulates a statement that may or may not have taken effect.
    pub fn follow_unsettled(&mut self, found: &Classification) {
        self.note_changed(found);
        if found.opaque {
            self.lose_sight();
        }
        for object in &found.objects {
            let key = self.key(object.kind, &object.name);
            self.known.insert(self.shared(key), KnownObject::Unknown);
            if let ObjectEffect::Rename(to) = &object.effect {
                self.known.insert(self.key(object.kind, to), KnownObject::Unknown);
            }
        }
    }

    /// From here on only objects that the statements themselves create are certain.
    pub fn lose_sight(&mut self) {
        self.known.clear();
        self.unsure.clear();
        self.blind = true;
    }

    /// Records the new state of a name.
    fn settle(&mut self, key: ObjectKey, known: KnownObject) {
        self.unsure.remove(&key);
        self.known.insert(key, known);
    }

    /// Whether an object exists; `None` if that is not certain.
    async fn is_there(&mut self, kind: ObjectKind, name: &ObjectName) -> Result<Option<bool>, DbError> {
        let known = self.look(kind, name).await?;
        if self.unsure.contains(&self.key(kind, name)) {
            return Ok(None);
        }
        Ok(match known {
            KnownObject::Unknown => None,
            KnownObject::Missing => Some(false),
            KnownObject::Table(..) | KnownObject::View | KnownObject::Other => Some(true),
        })
    }

    async fn look(&mut self, kind: ObjectKind, name: &ObjectName) -> Result<KnownObject, DbError> {
        let key = self.key(kind, name);
        let key = self.shared(key);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let (_, schema, object) = &key;
        let mut known = match self.on_empty_server {
            true => KnownObject::Missing,
            false => live(self.session, kind, schema, object).await?,
        };
        // In another database an object may exist that this account may not see.
        let elsewhere = *schema != self.plain_name(self.home);
        if matches!(known, KnownObject::Missing) && (self.blind || elsewhere) {
            known = KnownObject::Unknown;
        }
        if self.blind && !matches!(known, KnownObject::Table(..)) {
            known = KnownObject::Unknown;
        }
        if self.blind {
            self.unsure.insert(key.clone());
        }
        self.known.insert(key, known.clone());
        Ok(known)
    }

    fn is_temporary(&self, name: &ObjectName) -> bool {
        self.temporary.contains(&self.plain(name))
    }

    fn plain(&self, name: &ObjectName) -> String {
        let schema = name.schema.as_deref().unwrap_or(&self.current);
        self.plain_name(&format!("{schema}.{}", name.name))
    }

    fn plain_name(&self, name: &str) -> String {
        if self.lower_case {
            name.to_lowercase()
        } else {
            name.to_owned()
        }
    }

    fn key(&self, kind: ObjectKind, name: &ObjectName) -> ObjectKey {
        let schema = name.schema.as_deref().unwrap_or(&self.current);
        let object = match kind {
            ObjectKind::Table | ObjectKind::View | ObjectKind::Database => self.plain_name(&name.name),
            // Manual, "Identifier Case Sensitivity": routines and events are compared without case, triggers as
            // tables are.
            ObjectKind::Trigger => self.plain_name(&name.name),
            _ => name.name.to_lowercase(),
        };
        match kind {
            ObjectKind::Database => (kind, String::new(), object),
            _ => self.shared((kind, self.plain_name(schema), object)),
        }
    }

    /// Tables and views share one namespace.
    fn shared(&self, (kind, schema, name): ObjectKey) -> ObjectKey {
        match kind {
            ObjectKind::View => (ObjectKind::Table, schema, name),
            kind => (kind, schema, name),
        }
    }
}

/// The table that a statement's actions change.
pub fn altered(found: &Classification) -> Option<&ObjectName> {
    if found.actions.is_empty() || !found.maintained.is_empty() {
        return None;
    }
    let object = found.objects.first()?;
    matches!(object.effect, ObjectEffect::Alter | ObjectEffect::Rename(_)).then_some(&object.name)
}
