//! Fingerprints of a statement's objects, before it runs and when its migration is resumed.
//!
//! Before a statement that commits implicitly the snapshot is recorded with the intent; [`super::recovery`]
//! compares it with the objects when the migration is resumed.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::recovery::Evidence;
use super::server_instance::ServerInstance;
use super::table_identity::TableIdentity;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Server, Session, quote_name};
use crate::hex;
use crate::sql::{Classification, ObjectEffect, ObjectKind, ObjectName};

/// The state of a statement's objects, and whatever else the next run needs to judge the statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectSnapshot {
    /// The session's database, for unqualified names.
    pub database: String,
    /// The text that EXECUTE ran.
    pub ran: Option<String>,
    /// The reason, if it is known beforehand, why the schema cannot show whether the statement took effect.
    pub why: Option<String>,
    /// The statement's objects in the order of [`slots`], or the `watched` tables.
    pub looks: Vec<ObjectState>,
    /// Tables that dynamic SQL in a procedure may change.
    pub watched: Option<Vec<ObjectName>>,
    /// Whether the procedure has committed.
    pub committed: bool,
    /// The server instance; read only if a table's identity is needed.
    pub instance: Option<ServerInstance>,
    /// Recorded by the first version of dbtool: only the existence of objects can be compared.
    pub presence_only: bool,
}

/// The state of one object: a fingerprint of its definition, and for a table its identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectState {
    /// Fingerprint of the definition; `-` for a missing object, `hidden` for one that this account may not see.
    pub print: String,
    /// The table's identity; read only if it is needed.
    pub identity: Option<TableIdentity>,
    /// Whether the table has no rows; read only if it is needed.
    pub empty: bool,
    /// Whether it is a table of InnoDB; not recorded.
    pub innodb: bool,
}

const ABSENT: &str = "-";
const HIDDEN: &str = "hidden";
/// The longest text of EXECUTE that is recorded, in bytes; the column holds 64 KiB.
const MAX_RECORDED_TEXT: usize = 32 << 10;

impl ObjectState {
    /// Whether the object exists.
    pub fn present(&self) -> bool {
        self.print != ABSENT
    }

    /// Whether it exists and this account may not see its definition.
    pub fn hidden(&self) -> bool {
        self.print == HIDDEN
    }
}

impl ObjectSnapshot {
    /// Parses a record of an earlier run.
    pub fn parse(text: &str) -> ObjectSnapshot {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        if !value.is_object() {
            let prints = text.split(',').filter(|print| !print.is_empty());
            let look = |print: &str| ObjectState {
                print: print.to_owned(),
                ..ObjectState::default()
            };
            return ObjectSnapshot {
                looks: prints.map(look).collect(),
                presence_only: true,
                ..ObjectSnapshot::default()
            };
        }
        let string = |value: &Value| value.as_str().map(str::to_owned);
        let looks = value["objects"].as_array().into_iter().flatten();
        ObjectSnapshot {
            database: string(&value["database"]).unwrap_or_default(),
            ran: string(&value["ran"]),
            why: string(&value["why"]),
            looks: looks
                .map(|look| ObjectState {
                    print: string(&look[0]).unwrap_or_default(),
                    identity: look[1].as_str().map(TableIdentity::parse),
                    ..ObjectState::default()
                })
                .collect(),
            watched: value["watched"].as_array().map(|names| {
                let name = |pair: &Value| ObjectName {
                    schema: string(&pair[0]),
                    name: string(&pair[1]).unwrap_or_default(),
                };
                names.iter().map(name).collect()
            }),
            committed: value["committed"].as_bool().unwrap_or_default(),
            instance: string(&value["server"]).map(|server| ServerInstance {
                server,
                since: value["since"].as_i64(),
            }),
            presence_only: false,
        }
    }

    /// The text to record.
    pub fn to_text(&self) -> String {
        let looks: Vec<Value> = self
            .looks
            .iter()
            .map(|look| json!([look.print, look.identity.as_ref().map(TableIdentity::to_text)]))
            .collect();
        let mut value = json!({ "database": self.database, "objects": looks });
        match &self.ran {
            Some(ran) if ran.len() > MAX_RECORDED_TEXT => {
                value["objects"] = json!([]);
                value["why"] = json!("the text that was executed is too long to be recorded");
            }
            Some(ran) => value["ran"] = json!(ran),
            None => {}
        }
        if let Some(watched) = &self.watched {
            let pairs = watched.iter().map(|name| json!([name.schema, name.name]));
            value["watched"] = json!(pairs.collect::<Vec<_>>());
            value["committed"] = json!(self.committed);
        }
        if let Some(instance) = &self.instance {
            value["server"] = json!(instance.server);
            value["since"] = json!(instance.since);
        }
        if let Some(why) = &self.why {
            value["why"] = json!(why);
        }
        value.to_string()
    }

    /// Whether the objects are the same as in `other`.
    pub fn looks_as(&self, other: &ObjectSnapshot) -> bool {
        let alone = |snapshot: &ObjectSnapshot| ObjectSnapshot {
            looks: snapshot.looks.clone(),
            ..ObjectSnapshot::default()
        };
        alone(self).to_text() == alone(other).to_text()
    }

    /// Reads the state of a statement's objects; unqualified names belong to `database`. `before` the
    /// statement, this may wait up to a second ([`TableIdentity::look`]).
    ///
    /// # Errors
    /// The connection failed; a missing or hidden object is not an error.
    pub async fn take(
        session: &mut Session,
        server: &Server,
        statement: &str,
        found: &Classification,
        database: &str,
        before: bool,
    ) -> Result<ObjectSnapshot, DbError> {
        let mut looks = Vec::new();
        let evidence = Evidence::from_statement(statement, found);
        for (kind, name) in slots(found) {
            let name = qualified(name, database);
            let mut look = look_at(session, kind, &name).await?;
            if kind == ObjectKind::Table && look.present() {
                if found.verb.ends_with("SEQUENCE") {
                    look.print = format!("{}:{}", look.print, next_value(session, &name).await?);
                }
                if evidence.needs_table_identity() {
                    let settle = before.then_some(evidence);
                    look.identity = Some(TableIdentity::look(session, server, &name, settle).await?);
                }
                look.empty = evidence == Evidence::Rows && !before && is_empty(session, &name).await?;
            }
            looks.push(look);
        }
        let witnessed = looks.iter().any(|look| look.identity.is_some());
        let instance = match witnessed {
            true => Some(ServerInstance::look(session, server).await?),
            false => None,
        };
        Ok(ObjectSnapshot {
            database: database.to_owned(),
            looks,
            instance,
            ..ObjectSnapshot::default()
        })
    }
}

/// Maximum number of tables watched for one CALL.
const MAX_WATCHED: usize = 50;
/// The tables of a database.
const TABLES: &str = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?";

impl ObjectSnapshot {
    /// Reads the state of every table that dynamic SQL in a procedure may change: those whose names occur in
    /// the call or in the `bodies`.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn watch(
        session: &mut Session,
        call: &str,
        bodies: &[String],
        database: &str,
    ) -> Result<ObjectSnapshot, DbError> {
        let mut snapshot = ObjectSnapshot {
            database: database.to_owned(),
            ..ObjectSnapshot::default()
        };
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .collect()
        };
        let mut names: Vec<String> = bodies.iter().flat_map(|body| words(body)).collect();
        if names.iter().any(|word| word == "call") {
            snapshot.why = Some("it may call another procedure".to_owned());
        }
        names.extend(words(call));
        let mut watched = Vec::new();
        let mut tables = session.stream(Query::new(TABLES).bind(database)).await?;
        while let Some(name) = tables.next_as::<String>().await? {
            if names.contains(&name.to_lowercase()) {
                watched.push(ObjectName {
                    schema: Some(database.to_owned()),
                    name,
                });
            }
        }
        if watched.len() > MAX_WATCHED {
            snapshot.why = Some("it may change too many tables to check".to_owned());
        } else {
            snapshot.looks = ObjectSnapshot::watch_again(session, &watched).await?.looks;
            snapshot.watched = Some(watched);
        }
        Ok(snapshot)
    }

    /// Reads the state of the tables that an earlier run watched.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn watch_again(
        session: &mut Session,
        watched: &[ObjectName],
    ) -> Result<ObjectSnapshot, DbError> {
        let mut snapshot = ObjectSnapshot::default();
        for name in watched {
            snapshot
                .looks
                .push(look_at(session, ObjectKind::Table, name).await?);
        }
        Ok(snapshot)
    }
}

/// The objects of a statement: each one touched, and after a renamed one its new name.
pub fn slots(found: &Classification) -> Vec<(ObjectKind, &ObjectName)> {
    let mut slots = Vec::new();
    for object in &found.objects {
        slots.push((object.kind, &object.name));
        if let ObjectEffect::Rename(to) = &object.effect {
            slots.push((object.kind, to));
        }
    }
    slots
}

/// The name with its database.
pub fn qualified(name: &ObjectName, database: &str) -> ObjectName {
    ObjectName {
        schema: Some(name.schema.clone().unwrap_or_else(|| database.to_owned())),
        name: name.name.clone(),
    }
}

fn quoted(name: &ObjectName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", quote_name(schema), quote_name(&name.name)),
        None => quote_name(&name.name),
    }
}

async fn look_at(session: &mut Session, kind: ObjectKind, name: &ObjectName) -> Result<ObjectState, DbError> {
    let target = match kind {
        ObjectKind::Database => quote_name(&name.name),
        _ => quoted(name),
    };
    let definition = session
        .first::<Row>(format!("SHOW CREATE {} {target}", kind.keyword()))
        .await;
    let mut look = ObjectState::default();
    look.print = match definition {
        Ok(Some(row)) => {
            // Triggers, routines and events have their sql_mode before the definition.
            let column = match kind {
                ObjectKind::Table | ObjectKind::View | ObjectKind::Database => 1,
                ObjectKind::Trigger | ObjectKind::Procedure | ObjectKind::Function => 2,
                ObjectKind::Event => 3,
            };
            match get::<String>(&row, column) {
                Some(text) => {
                    look.innodb = text.contains("ENGINE=InnoDB");
                    let text = match kind {
                        ObjectKind::Table => without_name(&without_counter(&text)),
                        _ => text,
                    };
                    hex::encode(&Sha256::digest(text.as_bytes())[..8])
                }
                None => HIDDEN.to_owned(),
            }
        }
        Ok(None) => ABSENT.to_owned(),
        Err(error) if error.is_missing_object() => ABSENT.to_owned(),
        Err(error) if error.code().is_some() => HIDDEN.to_owned(),
        Err(error) => return Err(error),
    };
    Ok(look)
}

/// The stored next value of a sequence.
async fn next_value(session: &mut Session, name: &ObjectName) -> Result<String, DbError> {
    let query = format!("SELECT next_not_cached_value FROM {}", quoted(name));
    match session.first::<i64>(query).await {
        Ok(value) => Ok(value.unwrap_or_default().to_string()),
        Err(error) if error.code().is_some() => Ok(HIDDEN.to_owned()),
        Err(error) => Err(error),
    }
}

async fn is_empty(session: &mut Session, name: &ObjectName) -> Result<bool, DbError> {
    match session
        .first::<u8>(format!("SELECT 1 FROM {} LIMIT 1", quoted(name)))
        .await
    {
        Ok(row) => Ok(row.is_none()),
        Err(error) if error.code().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}

/// A table's definition without its next AUTO_INCREMENT value, which every insert changes.
fn without_counter(definition: &str) -> String {
    const OPTION: &str = " AUTO_INCREMENT=";
    match definition.rfind(OPTION) {
        Some(at) => {
            let tail = definition[at + OPTION.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{}{tail}", &definition[..at])
        }
        None => definition.to_owned(),
    }
}

/// A table's definition without its name and without the names of constraints that a rename changes too
/// (`t_ibfk_1`, `t_chk_1`).
fn without_name(definition: &str) -> String {
    let body = definition.find('(').map_or(definition, |at| &definition[at..]);
    let lines = body.lines().map(|line| {
        let renamed = line.trim_start().strip_prefix("CONSTRAINT `").and_then(|rest| {
            let (name, tail) = rest.split_once("` ")?;
            let (_, number) = name.rsplit_once("_ibfk_").or(name.rsplit_once("_chk_"))?;
            let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            numbered.then_some(tail)
        });
        renamed.unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{ObjectSnapshot, ObjectState, TableIdentity, without_counter, without_name};

    #[test]
    fn the_counter_is_no_part_of_a_definition() {
        let table = |counter: &str| {
            format!(
                "CREATE TABLE `t` (`id` int AUTO_INCREMENT) ENGINE=InnoDB{counter} DEFAULT CHARSET=utf8mb4"
            )
        };
        assert_eq!(without_counter(&table(" AUTO_INCREMENT=17")), table(""));
        assert_eq!(without_counter(&table("")), table(""));
    }

    #[test]
    fn a_renamed_table_has_the_same_definition() {
        let table = |name: &str| {
            format!(
                "CREATE TABLE `{name}` (\n  `id` int,\n  CONSTRAINT `{name}_ibfk_1` FOREIGN KEY (`id`) REFERENCES `x` (`id`),\n  CONSTRAINT `own` CHECK (`id` > 1)\n) ENGINE=InnoDB"
            )
        };
        assert_eq!(without_name(&table("a")), without_name(&table("b")));
        assert!(without_name(&table("a")).contains("`own`"));
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_recorded() {
        let snapshot = ObjectSnapshot {
            database: "a\"b".to_owned(),
            ran: Some("ALTER TABLE `t` ADD a INT".to_owned()),
            why: None,
            looks: vec![
                ObjectState {
                    print: "12ab".to_owned(),
                    identity: Some(TableIdentity {
                        ids: Some("5".to_owned()),
                        created: Some(7),
                        renaming_renews: true,
                        partitions: Vec::new(),
                    }),
                    ..ObjectState::default()
                },
                ObjectState {
                    print: "-".to_owned(),
                    ..ObjectState::default()
                },
            ],
            watched: Some(vec![crate::sql::ObjectName {
                schema: Some("d".to_owned()),
                name: "t".to_owned(),
            }]),
            committed: true,
            instance: Some(super::ServerInstance {
                server: "ab".to_owned(),
                since: Some(5),
            }),
            presence_only: false,
        };
        assert_eq!(ObjectSnapshot::parse(&snapshot.to_text()), snapshot);
        let old = ObjectSnapshot::parse("12ab,-");
        assert_eq!((old.looks.len(), old.presence_only), (2, true));
        assert!(!old.looks[1].present());
        let long = ObjectSnapshot {
            ran: Some("x".repeat(70_000)),
            ..ObjectSnapshot::default()
        };
        assert!(ObjectSnapshot::parse(&long.to_text()).why.is_some());
    }
}
