//! The error with which a statement will fail, where that can be known.

use super::{ObjectKey, PredictedError, SchemaForecast, altered};
use crate::db::server::{mariadb, mysql};
use crate::db::{DbError, codes};
use crate::sql::{AlterAction, Classification, Object, ObjectEffect, ObjectKind, StatementClass, TableDef};

pub(super) fn fault(code: u16, what: String) -> PredictedError {
    PredictedError { code, what }
}

/// The error number for an object that exists already.
pub(super) fn exists(kind: ObjectKind) -> u16 {
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

pub(super) fn replaces(statement: &str) -> bool {
    let mut words = statement.split_whitespace().map(str::to_ascii_uppercase);
    words.next().as_deref() == Some("CREATE") && words.next().as_deref() == Some("OR")
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

impl SchemaForecast<'_> {
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

    pub(super) fn dropped(&self, kind: ObjectKind) -> u16 {
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
}
