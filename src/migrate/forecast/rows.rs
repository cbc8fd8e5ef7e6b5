//! Asks the rows of a live table whether a statement will fail because of them: NULL under NOT NULL, equal values under
//! a unique index, references to no row, values that do not fit. Reads only, each question within a time limit.

use std::time::{Duration, Instant};

use super::faults::fault;
use super::{KnownObject, ObjectKey, PredictedError, SchemaForecast, altered};
use crate::db::server::{mariadb, mysql};
use crate::db::{DbError, ErrorKind, Query, codes, quote_name, quote_qualified};
use crate::migrate::online_ddl::SessionSettings;
use crate::sql::{
    AlterAction, Classification, ColumnDef, ForeignKeyDef, IndexDef, IndexType, ObjectEffect, ObjectKind,
    StatementClass, TableDef, integer_bits, mentions,
};

/// Time limit of one question.
const LIMIT: Duration = Duration::from_secs(5);
/// Time after which a plan asks no more.
const LIMIT_OF_PLAN: Duration = Duration::from_secs(30);

/// What the rows say to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowAnswer {
    /// The statement does not depend on them.
    NotAsked,
    /// They do not make it fail.
    Fits,
    /// They make it fail.
    Fails(PredictedError),
    /// There was not enough time, or an earlier statement of the plan changes them.
    Unknown,
}

/// A query that finds a row only if the statement fails, and the error.
struct RowQuestion {
    sql: String,
    fails: PredictedError,
}

impl SchemaForecast<'_> {
    /// Asks the rows about a statement.
    ///
    /// # Errors
    /// The connection failed, or the run was cancelled.
    pub async fn ask_rows(&mut self, statement: &str, found: &Classification) -> Result<RowAnswer, DbError> {
        let Some(name) = altered(found).filter(|name| !self.is_temporary(name)).cloned() else {
            return Ok(RowAnswer::NotAsked);
        };
        // ALTER IGNORE drops the rows that do not fit.
        if mentions(statement, "IGNORE") {
            return Ok(RowAnswer::NotAsked);
        }
        let key = self.key(ObjectKind::Table, &name);
        if self.made.contains(&key) && !self.rows_change {
            return Ok(RowAnswer::NotAsked);
        }
        let Some(table) = self.table(&name).await? else {
            return Ok(RowAnswer::NotAsked);
        };
        let (_, schema, plain) = key.clone();
        let settings = self.settings.clone();
        let subject = Subject {
            name: plain.clone(),
            quoted: quote_qualified(&schema, &plain),
            def: &table.def,
            settings: &settings,
            null_error: self
                .server
                .flavor
                .pick(mysql::NULL_UNDER_NOT_NULL, mariadb::NULL_UNDER_NOT_NULL),
        };
        let mut questions = subject.questions(&found.actions);
        let mut unknown = self.rows_change || self.blind || self.changed.contains(&key);
        for action in &found.actions {
            let AlterAction::AddForeignKey(foreign) = action else {
                continue;
            };
            let Some(parent) = foreign
                .table
                .as_ref()
                .filter(|_| self.settings.checks_foreign_keys)
            else {
                continue;
            };
            let parent_key = self.key(ObjectKind::Table, parent);
            unknown |= self.changed.contains(&parent_key);
            let known = self.look(ObjectKind::Table, parent).await?;
            if let (KnownObject::Table(..), (_, schema, parent)) = (known, parent_key) {
                questions.extend(subject.orphans(foreign, &quote_qualified(&schema, &parent)));
            }
        }
        if questions.is_empty() {
            return Ok(RowAnswer::NotAsked);
        }
        if unknown {
            return Ok(RowAnswer::Unknown);
        }
        self.ask(questions).await
    }

    async fn ask(&mut self, questions: Vec<RowQuestion>) -> Result<RowAnswer, DbError> {
        let mut answer = RowAnswer::Fits;
        for question in questions {
            if self.asked_for > LIMIT_OF_PLAN {
                return Ok(RowAnswer::Unknown);
            }
            let started = Instant::now();
            let query = Query::new(question.sql).timeout(Some(LIMIT));
            let row = self.session.first::<u64>(query).await;
            self.asked_for += started.elapsed();
            match row {
                Ok(Some(_)) => return Ok(RowAnswer::Fails(question.fails)),
                Ok(None) => {}
                // No time, no privilege, or a table that the server cannot read.
                Err(error) if error.code().is_some() || matches!(error.kind(), ErrorKind::Timeout { .. }) => {
                    answer = RowAnswer::Unknown;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(answer)
    }

    /// Notes which tables a statement changes: the live rows say nothing of them any more.
    pub(super) fn note_changed(&mut self, found: &Classification) {
        // Triggers and cascades may change rows of any table.
        self.rows_change |= found.opaque || found.class == StatementClass::Dml;
        let mut keys: Vec<ObjectKey> = Vec::new();
        for object in &found.objects {
            let key = self.key(object.kind, &object.name);
            if object.effect == ObjectEffect::Create {
                self.made.insert(key.clone());
            }
            keys.push(key);
            if let ObjectEffect::Rename(to) = &object.effect {
                keys.push(self.key(object.kind, to));
            }
        }
        self.changed.extend(keys);
    }
}

/// The table that a statement changes.
struct Subject<'a> {
    name: String,
    quoted: String,
    def: &'a TableDef,
    settings: &'a SessionSettings,
    null_error: u16,
}

impl Subject<'_> {
    fn questions(&self, actions: &[AlterAction]) -> Vec<RowQuestion> {
        let mut questions = Vec::new();
        for action in actions {
            match action {
                AlterAction::ModifyColumn { name, def, .. } => {
                    if let Some((_, old)) = self.def.column(name) {
                        questions.extend(self.values(name, old, def));
                    }
                }
                AlterAction::AddIndex(index) if !changes_a_column_of(actions, index) => {
                    questions.extend(self.index(index));
                }
                _ => {}
            }
        }
        questions
    }

    fn question(&self, condition: &str, code: u16, what: String) -> RowQuestion {
        RowQuestion {
            sql: format!("SELECT 1 FROM {} WHERE {condition} LIMIT 1", self.quoted),
            fails: fault(code, what),
        }
    }

    /// Whether the values of a column fit its new definition.
    fn values(&self, name: &str, old: &ColumnDef, new: &ColumnDef) -> Vec<RowQuestion> {
        let mut questions = Vec::new();
        // Without a strict mode values are changed until they fit.
        let computed = old.generated.is_some() || new.generated.is_some();
        if !self.settings.strict || computed || new.auto_increment {
            return questions;
        }
        let column = quote_name(name);
        let whole = format!("{}.{name}", self.name);
        // TIMESTAMP has a meaning of its own for NULL.
        if new.not_null && !old.not_null && new.data_type.name != "timestamp" {
            let what = format!("rows have NULL in {whole}");
            questions.push(self.question(&format!("{column} IS NULL"), self.null_error, what));
        }
        let (from, to) = (&old.data_type, &new.data_type);
        if old.is_text() == new.is_text()
            && matches!(
                (from.name.as_str(), to.name.as_str()),
                ("char" | "varchar", "char" | "varchar")
            )
            && let (Some(now), Some(then)) = (from.args.first(), to.args.first())
            && then < now
        {
            // Whether spaces at the end may be cut depends on the server: they are not counted.
            let condition = format!("CHAR_LENGTH(RTRIM({column})) > {then}");
            let what = format!("values of {whole} have more than {then} characters");
            questions.push(self.question(&condition, codes::WARN_DATA_TRUNCATED, what));
        }
        if let (Some(now), Some(then)) = (range(from), range(to))
            && (then.0 > now.0 || then.1 < now.1)
        {
            let condition = format!("{column} < {} OR {column} > {}", then.0, then.1);
            let what = format!("values of {whole} are out of the range of {}", to.text());
            questions.push(self.question(&condition, codes::ER_WARN_DATA_OUT_OF_RANGE, what));
        }
        questions
    }

    /// Whether the rows have different values in the columns of a new unique index.
    fn index(&self, index: &IndexDef) -> Vec<RowQuestion> {
        if !matches!(index.kind, IndexType::Unique | IndexType::Primary) {
            return Vec::new();
        }
        let (mut values, mut filled, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let mut questions = Vec::new();
        for part in &index.parts {
            let known = part.column.as_deref().and_then(|column| self.def.column(column));
            // An expression, or a column that the same statement adds.
            let (Some(column), Some((_, def))) = (&part.column, known) else {
                return Vec::new();
            };
            let quoted = quote_name(column);
            filled.push(format!("{quoted} IS NOT NULL"));
            values.push(match part.prefix {
                Some(length) => format!("LEFT({quoted}, {length})"),
                None => quoted.clone(),
            });
            names.push(column.clone());
            if index.kind == IndexType::Primary && !def.not_null && self.settings.strict {
                let what = format!("rows have NULL in {}.{column}", self.name);
                questions.push(self.question(&format!("{quoted} IS NULL"), self.null_error, what));
            }
        }
        if values.is_empty() {
            return questions;
        }
        questions.push(RowQuestion {
            sql: format!(
                "SELECT 1 FROM {} WHERE {} GROUP BY {} HAVING COUNT(*) > 1 LIMIT 1",
                self.quoted,
                filled.join(" AND "),
                values.join(", ")
            ),
            fails: fault(
                codes::ER_DUP_ENTRY,
                format!(
                    "rows of {} have equal values in ({})",
                    self.name,
                    names.join(", ")
                ),
            ),
        });
        questions
    }

    /// Whether each row refers to one of `parent`.
    fn orphans(&self, key: &ForeignKeyDef, parent: &str) -> Option<RowQuestion> {
        let known = key.columns.iter().all(|column| self.def.column(column).is_some());
        if !known || key.columns.is_empty() || key.columns.len() != key.references.len() {
            return None;
        }
        let child = |column: &str| format!("child.{}", quote_name(column));
        let pairs = key.columns.iter().zip(&key.references);
        let joined: Vec<String> = pairs
            .map(|(column, other)| format!("{} = parent.{}", child(column), quote_name(other)))
            .collect();
        let filled: Vec<String> = key
            .columns
            .iter()
            .map(|column| format!("{} IS NOT NULL", child(column)))
            .collect();
        Some(RowQuestion {
            sql: format!(
                "SELECT 1 FROM {} AS child WHERE {} AND NOT EXISTS (SELECT 1 FROM {parent} AS parent WHERE {}) LIMIT 1",
                self.quoted,
                filled.join(" AND "),
                joined.join(" AND ")
            ),
            fails: fault(
                codes::ER_NO_REFERENCED_ROW_2,
                format!(
                    "rows of {} have values in ({}) that {} does not have",
                    self.name,
                    key.columns.join(", "),
                    key.table.as_ref().map_or("", |table| table.name.as_str())
                ),
            ),
        })
    }
}

/// Whether the same statement changes a column of the index.
fn changes_a_column_of(actions: &[AlterAction], index: &IndexDef) -> bool {
    actions.iter().any(|action| match action {
        AlterAction::ModifyColumn { name, to, .. } => {
            index.covers(name) || to.as_ref().is_some_and(|to| index.covers(to))
        }
        AlterAction::DropColumn(name) => index.covers(name),
        AlterAction::Convert { .. } => true,
        _ => false,
    })
}

/// The smallest and the largest value of an integer type.
fn range(data_type: &crate::sql::DataType) -> Option<(i128, i128)> {
    let bits = integer_bits(&data_type.name)?;
    Some(match data_type.unsigned {
        true => (0, (1_i128 << bits) - 1),
        false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::range;
    use crate::sql::DataType;

    #[test]
    fn integer_types_have_their_ranges() {
        let of = |name: &str, unsigned| {
            range(&DataType {
                name: name.to_owned(),
                unsigned,
                ..DataType::default()
            })
        };
        assert_eq!(of("tinyint", false), Some((-128, 127)));
        assert_eq!(of("bigint", true), Some((0, i128::from(u64::MAX))));
        assert_eq!(of("decimal", false), None);
    }
}
