//! Predicts which objects will exist when a statement runs, and the definitions of tables then.
//!
//! The live database is queried once for each name; then the statements of the plan are simulated: what they
//! create, drop and rename, USE, IF EXISTS, temporary tables. After a statement whose effects are not in its text
//! (CALL, EXECUTE) nothing is certain any more, and no error is predicted.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::online_ddl::{Charsets, LiveTable, SessionSettings};
use crate::cancel::Cancel;
use crate::db::codes;
use crate::db::row::get;
use crate::db::server::{mariadb, mysql};
use crate::db::{DbError, Query, Row, Server, Session, quote_name};
use crate::sql::{
    AlterAction, Classification, Object, ObjectEffect, ObjectKind, ObjectName, StatementClass, TableDef,
    used_database,
};

/// A table's size as the server estimates it, its engine, and whether it is a table.
const TABLE: &str = "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH, ENGINE, TABLE_TYPE FROM information_schema.TABLES \
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
/// Columns of a table that foreign keys refer to.
const REFERENCED: &str = "SELECT REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
  WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME = ?";
/// The number of instant column changes of a table; needs PROCESS.
const VERSIONS: &str =
    "SELECT TOTAL_ROW_VERSIONS FROM information_schema.INNODB_TABLES WHERE NAME = CONCAT(?, '/', ?)";
/// The session's variables.
const SETTINGS: &str = "SELECT @@foreign_key_checks, @@sql_mode, @@lower_case_table_names";
/// Whether every ALTER TABLE copies; MariaDB has no such variable since 11.5.
const COPIES: &str = "SELECT @@old_alter_table";
/// Character sets.
const CHARSETS: &str =
    "SELECT CHARACTER_SET_NAME, DEFAULT_COLLATE_NAME, MAXLEN FROM information_schema.CHARACTER_SETS";
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

    /// Predicts the error of a statement, if it is certain.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn fault(
        &mut self,
        statement: &str,
        found: &Classification,
    ) -> Result<Option<PredictedError>, DbError> {
        if found.opaque || found.class == StatementClass::Dml && !names_a_table(statement, found) {
            return Ok(None);
        }
        // One RENAME may move several tables through names that the same statement frees.
        let mut freed: Vec<ObjectKey> = Vec::new();
        let mut taken: Vec<ObjectKey> = Vec::new();
        for object in &found.objects {
            if object.kind == ObjectKind::Table && self.is_temporary(&object.name) || found.temporary {
                continue;
            }
            let key = self.key(object.kind, &object.name);
            if taken.contains(&key) {
                freed.push(key);
            } else {
                let fault = self.object_fault(object).await?.filter(|_| !found.idempotent);
                if fault.is_some() {
                    return Ok(fault);
                }
                freed.push(key);
            }
            if let ObjectEffect::Rename(to) = &object.effect {
                let to_key = self.key(object.kind, to);
                let there = self.is_there(object.kind, to).await? == Some(true);
                if there && !freed.contains(&to_key) && to_key != self.key(object.kind, &object.name) {
                    return Ok(Some(fault(
                        codes::ER_TABLE_EXISTS_ERROR,
                        format!("table {} exists already", to.name),
                    )));
                }
                freed.retain(|key| *key != to_key);
                taken.push(to_key);
            }
        }
        let Some(table) = altered(found).filter(|name| !self.is_temporary(name)).cloned() else {
            return Ok(None);
        };
        if found.idempotent || self.blind {
            return Ok(None);
        }
        Ok(self
            .table(&table)
            .await?
            .and_then(|table| column_fault(&found.actions, &table.def)))
    }

    async fn object_fault(&mut self, object: &Object) -> Result<Option<PredictedError>, DbError> {
        let Some(there) = self.is_there(object.kind, &object.name).await? else {
            return Ok(None);
        };
        let name = &object.name.name;
        let kind = object.kind.keyword().to_lowercase();
        Ok(match (&object.effect, there) {
            (ObjectEffect::Create, true) => Some(fault(
                exists(object.kind),
                format!("{kind} {name} exists already"),
            )),
            (ObjectEffect::Create, false) | (_, true) => None,
            (ObjectEffect::Drop, false) => Some(fault(
                self.dropped(object.kind),
                format!("{kind} {name} does not exist"),
            )),
            (_, false) => Some(fault(
                missing(object.kind),
                format!("{kind} {name} does not exist"),
            )),
        })
    }

    fn dropped(&self, kind: ObjectKind) -> u16 {
        match kind {
            ObjectKind::Table => codes::ER_BAD_TABLE_ERROR,
            ObjectKind::View => self
                .server
                .flavor
                .pick(mysql::MISSING_VIEW, mariadb::MISSING_VIEW),
            ObjectKind::Database => codes::ER_DB_DROP_EXISTS,
            other => missing(other),
        }
    }

    /// Simulates a statement.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn follow(&mut self, statement: &str, found: &Classification) -> Result<(), DbError> {
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

fn fault(code: u16, what: String) -> PredictedError {
    PredictedError { code, what }
}

/// The error number for an object that exists already.
fn exists(kind: ObjectKind) -> u16 {
    match kind {
        ObjectKind::Table | ObjectKind::View => codes::ER_TABLE_EXISTS_ERROR,
        ObjectKind::Trigger => codes::ER_TRG_ALREADY_EXISTS,
        ObjectKind::Procedure | ObjectKind::Function => codes::ER_SP_ALREADY_EXISTS,
        ObjectKind::Event => codes::ER_EVENT_ALREADY_EXISTS,
        ObjectKind::Database => codes::ER_DB_CREATE_EXISTS,
    }
}

/// The error number for a missing object.
fn missing(kind: ObjectKind) -> u16 {
    match kind {
        ObjectKind::Table | ObjectKind::View => codes::ER_NO_SUCH_TABLE,
        ObjectKind::Trigger => codes::ER_TRG_DOES_NOT_EXIST,
        ObjectKind::Procedure | ObjectKind::Function => codes::ER_SP_DOES_NOT_EXIST,
        ObjectKind::Event => codes::ER_EVENT_DOES_NOT_EXIST,
        ObjectKind::Database => codes::ER_BAD_DB_ERROR,
    }
}

/// Whether the object of a statement that changes rows is a table's name: not an alias, not a common table expression.
fn names_a_table(statement: &str, found: &Classification) -> bool {
    let begins = |word: &str| {
        let text = statement.trim_start();
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    match found.verb.as_str() {
        "INSERT" | "REPLACE" => begins(&found.verb),
        // DELETE FROM t, without USING and without a list of aliases.
        "DELETE" => {
            let upper = statement.to_ascii_uppercase();
            begins("DELETE FROM") && !upper.contains("USING") && !upper.contains("JOIN")
        }
        "UPDATE" => begins("UPDATE"),
        _ => false,
    }
}

fn replaces(statement: &str) -> bool {
    let mut words = statement.split_whitespace().map(str::to_ascii_uppercase);
    words.next().as_deref() == Some("CREATE") && words.next().as_deref() == Some("OR")
}

/// The table that a statement's actions change.
pub fn altered(found: &Classification) -> Option<&ObjectName> {
    if found.actions.is_empty() || !found.maintained.is_empty() {
        return None;
    }
    let object = found.objects.first()?;
    matches!(object.effect, ObjectEffect::Alter | ObjectEffect::Rename(_)).then_some(&object.name)
}

/// The error of an ALTER TABLE that adds an existing column or index, or changes a missing one.
fn column_fault(actions: &[AlterAction], table: &TableDef) -> Option<PredictedError> {
    let mut after = table.clone();
    let gone = |name: &str, index: bool| {
        actions.iter().any(|action| match action {
            AlterAction::DropColumn(other) | AlterAction::RenameColumn(other, _) => {
                !index && other.eq_ignore_ascii_case(name)
            }
            AlterAction::ModifyColumn {
                name: other,
                to: Some(_),
                ..
            } => !index && other.eq_ignore_ascii_case(name),
            AlterAction::DropIndex(other)
            | AlterAction::DropConstraint(other)
            | AlterAction::RenameIndex(other, _) => index && other.eq_ignore_ascii_case(name),
            _ => false,
        })
    };
    for action in actions {
        let absent = |name: &str| after.column(name).is_none();
        let found = match action {
            AlterAction::AddColumn { name, .. } if !absent(name) && !gone(name, false) => Some(fault(
                codes::ER_DUP_FIELDNAME,
                format!("column {name} exists already"),
            )),
            AlterAction::DropColumn(name) if table.column(name).is_none() && absent(name) => Some(fault(
                codes::ER_CANT_DROP_FIELD_OR_KEY,
                format!("column {name} does not exist"),
            )),
            AlterAction::ModifyColumn { name, .. }
            | AlterAction::RenameColumn(name, _)
            | AlterAction::ColumnDefault(name)
                if table.column(name).is_none() && absent(name) =>
            {
                Some(fault(
                    codes::ER_BAD_FIELD_ERROR,
                    format!("column {name} does not exist"),
                ))
            }
            AlterAction::DropIndex(name) if table.index(name).is_none() => Some(fault(
                codes::ER_CANT_DROP_FIELD_OR_KEY,
                format!("index {name} does not exist"),
            )),
            AlterAction::RenameIndex(name, _) if table.index(name).is_none() => Some(fault(
                codes::ER_KEY_DOES_NOT_EXITS,
                format!("index {name} does not exist"),
            )),
            AlterAction::AddIndex(index) => match index.name.as_deref() {
                Some("PRIMARY") if after.index("PRIMARY").is_some() && !gone("PRIMARY", true) => Some(fault(
                    codes::ER_MULTIPLE_PRI_KEY,
                    "the table has a primary key".to_owned(),
                )),
                Some(name) if after.index(name).is_some() && !gone(name, true) && name != "PRIMARY" => Some(
                    fault(codes::ER_DUP_KEYNAME, format!("index {name} exists already")),
                ),
                _ => None,
            },
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        after.apply(action);
    }
    None
}

/// The result of a query that an older server may refuse: `None` then.
fn optional<T>(answer: Result<T, DbError>) -> Result<Option<T>, DbError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn charsets(session: &mut Session, server: &Server) -> Result<Charsets, DbError> {
    let rows = session.rows::<Row>(Query::new(CHARSETS)).await?;
    let text = |row: &Row, index| get::<String>(row, index).unwrap_or_default().to_lowercase();
    let mut list: Vec<(String, String, u64)> = rows
        .iter()
        .map(|row| (text(row, 0), text(row, 1), get(row, 2).unwrap_or(4)))
        .collect();
    for (name, collation, _) in &mut list {
        if name == "utf8" {
            *name = "utf8mb3".to_owned();
            *collation = collation.replacen("utf8_", "utf8mb3_", 1);
        }
    }
    let query = server
        .flavor
        .pick(mysql::DEFAULT_COLLATIONS, mariadb::DEFAULT_COLLATIONS);
    let defaults = optional(session.first::<Option<String>>(Query::new(query)).await)?
        .flatten()
        .flatten();
    for pair in defaults.unwrap_or_default().to_lowercase().split(',') {
        let (name, collation) = pair.split_once('=').unwrap_or(("utf8mb4", pair));
        if let Some(entry) = list
            .iter_mut()
            .find(|(charset, _, _)| charset == name && !collation.is_empty())
        {
            entry.1 = collation.to_owned();
        }
    }
    Ok(Charsets { list })
}

async fn live_table(
    session: &mut Session,
    server: &Server,
    schema: &str,
    name: &str,
) -> Result<Option<LiveTable>, DbError> {
    let show = format!("SHOW CREATE TABLE {}.{}", quote_name(schema), quote_name(name));
    let Some(row) = optional(session.first::<Row>(Query::new(show)).await)?.flatten() else {
        return Ok(None);
    };
    let Some(def) = get::<String>(&row, 1).and_then(|text| TableDef::parse(&text)) else {
        return Ok(None);
    };
    let rows = session
        .rows::<Row>(Query::new(REFERENCED).bind(schema).bind(name))
        .await?;
    let referenced = rows
        .iter()
        .filter_map(|row| get::<String>(row, 0))
        .map(|name| name.to_lowercase());
    let referenced = referenced.collect();
    let mut versions_are_used_up = false;
    if let Some(most) = server.max_row_versions() {
        let versions = session
            .first::<Option<u64>>(Query::new(VERSIONS).bind(schema).bind(name))
            .await;
        versions_are_used_up = optional(versions)?
            .flatten()
            .flatten()
            .is_some_and(|versions| versions >= most);
    }
    Ok(Some(LiveTable {
        def,
        referenced,
        versions_are_used_up,
    }))
}

/// Reads the state of a name from the server.
async fn live(
    session: &mut Session,
    kind: ObjectKind,
    schema: &str,
    name: &str,
) -> Result<KnownObject, DbError> {
    if matches!(kind, ObjectKind::Table | ObjectKind::View) {
        let row = session
            .first::<Row>(Query::new(TABLE).bind(schema).bind(name))
            .await?;
        return Ok(match row {
            Some(row) if get::<String>(&row, 3).is_some_and(|kind| kind.contains("VIEW")) => {
                KnownObject::View
            }
            Some(row) => {
                let size = TableSize {
                    rows: get(&row, 0).unwrap_or_default(),
                    bytes: get(&row, 1).unwrap_or_default(),
                };
                KnownObject::Table(size, None)
            }
            None => KnownObject::Missing,
        });
    }
    let sql = match kind {
        ObjectKind::Trigger => {
            "SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? AND TRIGGER_NAME = ?"
        }
        ObjectKind::Event => {
            "SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? AND EVENT_NAME = ?"
        }
        ObjectKind::Procedure => {
            "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ? AND ROUTINE_TYPE = 'PROCEDURE'"
        }
        ObjectKind::Function => {
            "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ? AND ROUTINE_TYPE = 'FUNCTION'"
        }
        // A database of another account is not visible.
        _ => return Ok(KnownObject::Unknown),
    };
    let row = session
        .first::<u64>(Query::new(sql).bind(schema).bind(name))
        .await?;
    Ok(if row.is_some() {
        KnownObject::Other
    } else {
        KnownObject::Missing
    })
}
