//! The write effects of a statement: the tables it writes, directly and through views, triggers, functions and
//! procedures, and whether a ROLLBACK undoes all of them.
//!
//! Every table that may be written must be known to be transactional. A hidden one is not known.

use std::collections::{HashMap, HashSet};

use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session};
use crate::schema::introspect::hides_triggers;
use crate::sql::effects as sql_effects;
use crate::sql::{Classification, Effects, ObjectName, SessionLeftovers, StatementClass, mentions};

const TABLE: &str =
    "SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
const VIEW: &str =
    "SELECT VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
const TRIGGERS: &str = "SELECT ACTION_STATEMENT, EVENT_MANIPULATION FROM information_schema.TRIGGERS \
  WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ?";
const ROUTINES: &str = "SELECT ROUTINE_TYPE, ROUTINE_DEFINITION FROM information_schema.ROUTINES \
  WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ?";
const VIEWS: &str = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?";
const PARAMETERS: &str = "SELECT PARAMETER_NAME, PARAMETER_MODE FROM information_schema.PARAMETERS \
  WHERE SPECIFIC_SCHEMA = ? AND SPECIFIC_NAME = ? AND PARAMETER_NAME IS NOT NULL";
const NAMES: &str = "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?";
/// Engines that keep transactions, in lower case.
const TRANSACTIONAL: [&str; 4] = ["innodb", "rocksdb", "ndbcluster", "tokudb"];
/// Maximum number of objects examined for one statement; with more, its effects count as unknown.
const MAX_OBJECTS: usize = 200;

/// The write effects of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteEffects {
    /// The reason why a ROLLBACK may not undo all of it; `None` if it does.
    pub why: Option<String>,
    /// Statements in stored programs that commit, each with the database of its names.
    pub commits: Vec<(String, String)>,
    /// Whether it may change rows.
    pub writes: bool,
    /// The number of dynamic statements in stored programs.
    pub dynamic: usize,
    /// Whether parts of it may run more than once.
    pub loops: bool,
    /// The bodies of the stored programs that run for it.
    pub bodies: Vec<String>,
    /// What these may leave in the session.
    pub leaves: SessionLeftovers,
    /// Whether a procedure has parameters that return a value.
    pub returns: bool,
}

impl WriteEffects {
    /// Whether a ROLLBACK undoes all of it.
    pub fn undoable(&self) -> bool {
        self.why.is_none() && self.commits.is_empty() && self.dynamic == 0
    }

    /// The one statement that commits, if there is no other lasting effect.
    pub fn only_change(&self) -> Option<&(String, String)> {
        let alone = self.why.is_none() && !self.writes && !self.loops && self.dynamic == 0;
        self.commits.first().filter(|_| alone && self.commits.len() == 1)
    }

    /// Whether one dynamic statement is the only lasting effect.
    pub fn only_text(&self) -> bool {
        self.why.is_none() && !self.writes && !self.loops && self.dynamic == 1 && self.commits.is_empty()
    }
}

/// The write effects of statements, cached until one of them may have changed a definition.
#[derive(Debug, Default)]
pub struct WriteEffectsByStatement {
    of: HashMap<String, WriteEffects>,
    routines: HashMap<String, HashSet<String>>,
    views: HashMap<String, HashSet<String>>,
    hides_triggers: HashMap<String, bool>,
}

/// An object still to be examined.
enum PendingObject {
    /// A table or view, and the events on it: INSERT, UPDATE, DELETE, or all of them if unknown.
    Written(ObjectName, &'static [&'static str]),
    /// A table or view that is only read: the functions that a view calls run.
    Read(ObjectName),
    Called(ObjectName),
}

const INSERT: &[&str] = &["INSERT"];
const UPDATE: &[&str] = &["UPDATE"];
const DELETE: &[&str] = &["DELETE"];
const ALL: &[&str] = &["INSERT", "UPDATE", "DELETE"];

impl WriteEffectsByStatement {
    /// Clears the cache after a statement that may have changed definitions.
    pub fn forget(&mut self) {
        self.of.clear();
        self.routines.clear();
        self.views.clear();
    }

    /// What `statement`, which is `found`, reaches, run in `database`; tables of the session's own are `temporary`.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn of(
        &mut self,
        session: &mut Session,
        database: &str,
        statement: &str,
        found: &Classification,
        temporary: impl Fn(&str) -> bool,
    ) -> Result<WriteEffects, DbError> {
        let mut own = sql_effects(statement);
        if !found.opaque {
            // The commits of the statement itself are handled by the caller.
            own.commits.clear();
        }
        // What the statement itself leaves in the session is learned from it.
        own.leaves = SessionLeftovers::default();
        let events = events(found, statement);
        // Many statements differ in their values only.
        let key = format!(
            "{database}\0{events:?}\0{:?}\0{:?}\0{:?}",
            own.writes, own.calls, own.reads
        );
        let plain = own.commits.is_empty() && own.dynamic == 0;
        if plain && let Some(effects) = self.of.get(&key) {
            return Ok(effects.clone());
        }
        let mut effects = WriteEffects::default();
        let mut seen = HashSet::new();
        let mut todo = Vec::new();
        add(&mut todo, &mut effects, own, database, events);
        while let Some(next) = todo.pop() {
            let (name, use_of_it) = match &next {
                PendingObject::Written(name, _) => (name.clone(), 0),
                PendingObject::Called(name) => (name.clone(), 1),
                PendingObject::Read(name) => (name.clone(), 2),
            };
            if let PendingObject::Read(name) = &next
                && (temporary(&name.name) || !self.is_view(session, name).await?)
            {
                continue;
            }
            if !seen.insert((use_of_it, name)) {
                continue;
            }
            if seen.len() > MAX_OBJECTS {
                effects.why = Some("it uses too many tables and programs to check".to_owned());
            }
            if effects.why.is_some() {
                break;
            }
            match next {
                PendingObject::Written(name, events) if !temporary(&name.name) => {
                    self.table(session, &name, events, &mut effects, &mut todo)
                        .await?;
                }
                PendingObject::Written(..) => {}
                PendingObject::Read(name) => {
                    let definition = view_definition(session, &name).await?;
                    if let Some(definition) = definition {
                        let schema = name.schema.as_deref().unwrap_or_default();
                        let found = sql_effects(&definition);
                        todo.extend(
                            found
                                .calls
                                .into_iter()
                                .map(|call| PendingObject::Called(qualified(call, schema))),
                        );
                        todo.extend(
                            found
                                .reads
                                .into_iter()
                                .map(|table| PendingObject::Read(qualified(table, schema))),
                        );
                    }
                }
                PendingObject::Called(name) => {
                    if self.is_routine(session, &name).await? {
                        program(session, &name, &mut effects, &mut todo).await?;
                    }
                }
            }
        }
        if plain && self.of.len() < MAX_OBJECTS {
            self.of.insert(key, effects.clone());
        }
        Ok(effects)
    }

    /// Whether a function or procedure of that name exists.
    async fn is_routine(&mut self, session: &mut Session, name: &ObjectName) -> Result<bool, DbError> {
        let schema = name.schema.as_deref().unwrap_or_default();
        if !self.routines.contains_key(schema) {
            let names = session
                .rows::<String>(Query::new(NAMES).bind(schema))
                .await?
                .into_iter()
                .map(|name| name.to_lowercase())
                .collect();
            self.routines.insert(schema.to_owned(), names);
        }
        Ok(self.routines[schema].contains(&name.name.to_lowercase()))
    }

    /// Whether it is a view.
    async fn is_view(&mut self, session: &mut Session, name: &ObjectName) -> Result<bool, DbError> {
        let schema = name.schema.as_deref().unwrap_or_default();
        if !self.views.contains_key(schema) {
            let names = session
                .rows::<String>(Query::new(VIEWS).bind(schema))
                .await?
                .into_iter()
                .map(|name| name.to_lowercase())
                .collect();
            self.views.insert(schema.to_owned(), names);
        }
        Ok(self.views[schema].contains(&name.name.to_lowercase()))
    }

    async fn table(
        &mut self,
        session: &mut Session,
        name: &ObjectName,
        events: &'static [&'static str],
        effects: &mut WriteEffects,
        todo: &mut Vec<PendingObject>,
    ) -> Result<(), DbError> {
        let schema = name.schema.as_deref().unwrap_or_default();
        let row = session
            .first::<Row>(Query::new(TABLE).bind(schema).bind(&name.name))
            .await?;
        let Some(row) = row else {
            // An alias, or a missing table: the server will report it.
            return Ok(());
        };
        let kind: String = get(&row, 0).unwrap_or_default();
        if kind.ends_with("VIEW") {
            match view_definition(session, name).await? {
                Some(definition) => {
                    let tables = from(&definition).into_iter();
                    todo.extend(tables.map(|table| PendingObject::Written(qualified(table, schema), events)));
                    let calls = sql_effects(&definition).calls.into_iter();
                    todo.extend(calls.map(|call| PendingObject::Called(qualified(call, schema))));
                }
                None => {
                    effects.why = Some(format!(
                        "the tables behind the view {} are not visible",
                        name.name
                    ))
                }
            }
            return Ok(());
        }
        let engine: String = get(&row, 1).unwrap_or_default();
        if !TRANSACTIONAL.contains(&engine.to_lowercase().as_str()) {
            let engine = if engine.is_empty() {
                "an unknown engine"
            } else {
                &engine
            };
            effects.why = Some(format!(
                "{} is a table of {engine}, which has no transactions",
                name.name
            ));
            return Ok(());
        }
        let rows = session
            .rows::<Row>(Query::new(TRIGGERS).bind(schema).bind(&name.name))
            .await?;
        for row in &rows {
            let event: String = get(row, 1).unwrap_or_default();
            if events.iter().any(|own| own.eq_ignore_ascii_case(&event)) {
                let body: String = get(row, 0).unwrap_or_default();
                add(todo, effects, sql_effects(&body), schema, ALL);
                effects.bodies.push(body);
            }
        }
        if self.hides_triggers(session, schema).await? {
            effects.why = Some(format!(
                "{} may have triggers that this account cannot see: it lacks TRIGGER",
                name.name
            ));
        }
        Ok(())
    }

    async fn hides_triggers(&mut self, session: &mut Session, schema: &str) -> Result<bool, DbError> {
        if let Some(hides) = self.hides_triggers.get(schema) {
            return Ok(*hides);
        }
        let hides = hides_triggers(session, schema).await?;
        self.hides_triggers.insert(schema.to_owned(), hides);
        Ok(hides)
    }
}

/// The events of a statement on the table it names first.
fn events(found: &Classification, statement: &str) -> &'static [&'static str] {
    match (found.class, found.verb.as_str()) {
        (StatementClass::Dml, "INSERT") if !mentions(statement, "DUPLICATE") => INSERT,
        (StatementClass::Dml, "UPDATE") => UPDATE,
        (StatementClass::Dml, "DELETE") => DELETE,
        _ => ALL,
    }
}

/// A view's definition, if it is visible.
async fn view_definition(session: &mut Session, name: &ObjectName) -> Result<Option<String>, DbError> {
    let schema = name.schema.as_deref().unwrap_or_default();
    let definition = session
        .first::<Option<String>>(Query::new(VIEW).bind(schema).bind(&name.name))
        .await?;
    Ok(definition.flatten().filter(|definition| !definition.is_empty()))
}

fn qualified(name: ObjectName, schema: &str) -> ObjectName {
    ObjectName {
        schema: Some(name.schema.unwrap_or_else(|| schema.to_owned())),
        name: name.name,
    }
}

/// Adds the effects of a piece of SQL.
fn add(
    todo: &mut Vec<PendingObject>,
    effects: &mut WriteEffects,
    found: Effects,
    schema: &str,
    events: &'static [&'static str],
) {
    effects.loops |= found.loops;
    effects.writes |= !found.writes.is_empty();
    effects.dynamic += found.dynamic;
    effects.leaves.extend(found.leaves);
    effects
        .commits
        .extend(found.commits.into_iter().map(|text| (text, schema.to_owned())));
    todo.extend(
        found
            .writes
            .into_iter()
            .map(|name| PendingObject::Written(qualified(name, schema), events)),
    );
    todo.extend(
        found
            .calls
            .into_iter()
            .map(|name| PendingObject::Called(qualified(name, schema))),
    );
    todo.extend(
        found
            .reads
            .into_iter()
            .map(|name| PendingObject::Read(qualified(name, schema))),
    );
}

async fn program(
    session: &mut Session,
    name: &ObjectName,
    effects: &mut WriteEffects,
    todo: &mut Vec<PendingObject>,
) -> Result<(), DbError> {
    let schema = name.schema.as_deref().unwrap_or_default();
    let rows = session
        .rows::<Row>(Query::new(ROUTINES).bind(schema).bind(&name.name))
        .await?;
    for row in &rows {
        match get::<String>(row, 1) {
            Some(body) => {
                let mut found = sql_effects(&body);
                if !found.leaves.variables.is_empty() || get::<String>(row, 0).as_deref() == Some("PROCEDURE")
                {
                    let parameters = session
                        .rows::<(String, Option<String>)>(
                            Query::new(PARAMETERS).bind(schema).bind(&name.name),
                        )
                        .await?;
                    effects.returns |= parameters
                        .iter()
                        .any(|(_, mode)| mode.as_deref().is_some_and(|mode| mode != "IN"));
                    found
                        .leaves
                        .variables
                        .retain(|name| !parameters.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)));
                }
                add(todo, effects, found, schema, ALL);
                effects.bodies.push(body);
            }
            None => {
                effects.why = Some(format!(
                    "the body of {} is not visible to this account",
                    name.name
                ))
            }
        }
    }
    Ok(())
}

/// The tables behind FROM and JOIN in a view's definition, which the server writes with every name qualified.
fn from(definition: &str) -> Vec<ObjectName> {
    // UPDATE … SET reads its list of tables in the same way.
    let mut tables = Vec::new();
    let upper = definition.to_ascii_uppercase();
    let mut at = 0;
    while let Some(found) = upper[at..].find("FROM ") {
        at += found + "FROM ".len();
        let end = upper[at..]
            .find(" WHERE ")
            .map_or(definition.len(), |end| at + end);
        if definition.is_char_boundary(at) && definition.is_char_boundary(end) {
            let list = format!("UPDATE {}", &definition[at..end]);
            tables.extend(sql_effects(&list).writes);
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::{events, from};

    #[test]
    fn the_tables_behind_a_view_are_found() {
        let names = |text: &str| {
            let names: Vec<String> = from(text)
                .into_iter()
                .map(|name| format!("{}.{}", name.schema.unwrap_or_default(), name.name))
                .collect();
            names.join(" ")
        };
        assert_eq!(names("select `d`.`m`.`x` AS `x` from `d`.`m`"), "d.m");
        assert_eq!(
            names("select 1 from (`d`.`a` join `e`.`b` on(`d`.`a`.`i` = `e`.`b`.`i`)) where `d`.`a`.`x` > 1"),
            "d.a e.b"
        );
    }

    #[test]
    fn a_statement_fires_its_own_triggers_only() {
        let events = |text: &str| events(&crate::sql::classify(text), text);
        assert_eq!(events("INSERT INTO t VALUES (1)"), ["INSERT"]);
        assert_eq!(
            events("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1").len(),
            3
        );
        assert_eq!(events("REPLACE INTO t VALUES (1)").len(), 3);
        assert_eq!(events("UPDATE t SET a = 1"), ["UPDATE"]);
        assert_eq!(events("WITH x AS (SELECT 1) DELETE FROM t"), ["DELETE"]);
    }
}
