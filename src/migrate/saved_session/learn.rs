//! Learns what the statements of a migration leave in the session.

use mysql_async::consts::{ColumnFlags, ColumnType};

use super::{MAX_TOTAL, MAX_VALUE, MOMENTARY, PreparedIn, SavedSession, SavedValue, SessionWatch};
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session, quote_name};
use crate::hex;
use crate::sql::session::{HandlerUse, Prepared, deallocates, handles, prepares};
use crate::sql::{
    Classification, ObjectEffect, ObjectKind, SessionLeftovers, StatementClass, assigned_variables,
};

/// The value of a system variable: a number or a string, whatever its declared type.
fn system_value(row: &Row) -> SavedValue {
    match row.as_ref(0) {
        None | Some(crate::db::Value::NULL) => SavedValue::Null,
        _ => {
            let text: String = get(row, 0).unwrap_or_default();
            match row.columns_ref().first().map(|column| column.column_type()) {
                Some(ColumnType::MYSQL_TYPE_LONG | ColumnType::MYSQL_TYPE_LONGLONG) => SavedValue::Int(text),
                Some(ColumnType::MYSQL_TYPE_DOUBLE | ColumnType::MYSQL_TYPE_NEWDECIMAL) => {
                    SavedValue::Decimal(text)
                }
                _ => SavedValue::Text(
                    hex::encode(text.as_bytes()),
                    "utf8mb4".to_owned(),
                    "utf8mb4_bin".to_owned(),
                ),
            }
        }
    }
}

fn user_value(row: &Row, first: usize) -> Option<SavedValue> {
    let column = row.columns_ref().get(first)?;
    let digits: String = get(row, first + 1)?;
    let number = || get::<String>(row, first);
    Some(match column.column_type() {
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_INT24
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_LONGLONG => match column.flags().contains(ColumnFlags::UNSIGNED_FLAG) {
            true => SavedValue::Unsigned(number()?),
            false => SavedValue::Int(number()?),
        },
        ColumnType::MYSQL_TYPE_FLOAT | ColumnType::MYSQL_TYPE_DOUBLE => SavedValue::Double(number()?),
        ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => SavedValue::Decimal(number()?),
        _ => SavedValue::Text(digits, get(row, first + 2)?, get(row, first + 3)?),
    })
}

impl SavedSession {
    /// Saves the session state left by a statement, number `number` of its file.
    ///
    /// # Errors
    /// A query failed.
    pub async fn learn(
        &mut self,
        session: &mut Session,
        statement: &str,
        found: &Classification,
        number: u32,
    ) -> Result<(), DbError> {
        for object in &found.objects {
            let key = object.name.name.to_lowercase();
            match object.effect {
                ObjectEffect::Create if found.temporary => drop(self.temporary.insert(key, number)),
                ObjectEffect::Drop if object.kind == ObjectKind::Table => drop(self.temporary.remove(&key)),
                _ => {}
            }
        }
        if found.verb == "HANDLER" {
            self.learn_handler(statement, number);
        }
        if found.class == StatementClass::Session || found.verb == "SET" {
            if found.verb == "USE" {
                self.database = session
                    .first::<Option<String>>(Query::new("SELECT DATABASE()").shielded())
                    .await?
                    .flatten();
            }
            if let Some((name, source)) = prepares(statement) {
                // Read it before the variable can change again, and a string as the server reads it.
                let source = match source {
                    Prepared::Text { written, .. } => Some(written),
                    Prepared::Variable(variable) => Some(format!("@{}", quote_name(&variable))),
                    Prepared::Expression => None,
                };
                let text = match source {
                    Some(source) => {
                        let query = Query::new(format!("SELECT {source}"));
                        session.first::<Option<String>>(query.shielded()).await?.flatten()
                    }
                    None => None,
                };
                self.forget_prepared(&name);
                if let Some(text) = text {
                    let place = PreparedIn {
                        database: self.database.clone(),
                        sql_mode: self.system.get("sql_mode").cloned(),
                    };
                    if place != PreparedIn::default() {
                        self.prepared_in.insert(name.clone(), place);
                    }
                    self.prepared.insert(name, text);
                }
            }
            if let Some(name) = deallocates(statement) {
                self.forget_prepared(&name);
            }
            self.learn_system(session, assigned_variables(statement), statement)
                .await?;
        }
        Ok(())
    }

    /// Saves what stored programs may have left in the session, after statement `number`.
    ///
    /// # Errors
    /// A query failed.
    pub async fn learn_leftovers(
        &mut self,
        session: &mut Session,
        leaves: &SessionLeftovers,
        number: u32,
    ) -> Result<(), DbError> {
        let variables = leaves
            .variables
            .iter()
            .filter(|name| *name != "timestamp")
            .cloned();
        self.learn_system(session, variables.collect(), "").await?;
        for name in &leaves.prepared {
            self.forget_prepared(name);
        }
        for table in &leaves.temporary {
            let key = table.name.to_lowercase();
            let target = match &table.schema {
                Some(schema) => format!("{}.{}", quote_name(schema), quote_name(&table.name)),
                None => quote_name(&table.name),
            };
            let query = Query::new(format!("SHOW CREATE TABLE {target}")).shielded();
            let definition = match session.first::<Row>(query).await {
                Ok(row) => row.and_then(|row| get::<String>(&row, 1)),
                Err(error) if error.code().is_some() => None,
                Err(error) => return Err(error),
            };
            match definition.is_some_and(|definition| definition.starts_with("CREATE TEMPORARY")) {
                true => drop(self.temporary.entry(key).or_insert(number)),
                false => drop(self.temporary.remove(&key)),
            }
        }
        Ok(())
    }

    fn forget_prepared(&mut self, name: &str) {
        self.prepared.remove(name);
        self.prepared_in.remove(name);
    }

    fn learn_handler(&mut self, statement: &str, number: u32) {
        match handles(statement) {
            Some((name, HandlerUse::Open)) => drop(self.handlers.insert(name, number)),
            Some((name, HandlerUse::Close)) => drop(self.handlers.remove(&name)),
            _ => {}
        }
    }

    async fn learn_system(
        &mut self,
        session: &mut Session,
        names: Vec<String>,
        statement: &str,
    ) -> Result<(), DbError> {
        for name in names {
            if MOMENTARY.contains(&name.as_str()) {
                continue;
            }
            // MariaDB before 11.1 knows the isolation by its old name only.
            let old = name.replace("transaction_", "tx_");
            for name in [name, old] {
                let query = format!("SELECT @@SESSION.{}", quote_name(&name));
                match session.first::<Row>(Query::new(query).shielded()).await {
                    Ok(Some(row)) => {
                        if name == "timestamp" && statement.to_ascii_uppercase().contains("DEFAULT") {
                            self.system.remove(&name);
                        } else {
                            self.system.insert(name, system_value(&row));
                        }
                        break;
                    }
                    Ok(None) => {}
                    // A global variable, or one of another name.
                    Err(error) if error.code().is_some() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Saves the variables that the file reads.
    ///
    /// # Errors
    /// A query failed.
    pub async fn look(&mut self, session: &mut Session, watch: &SessionWatch) -> Result<(), DbError> {
        if watch.is_empty() {
            return Ok(());
        }
        let mut columns = vec!["LAST_INSERT_ID()".to_owned()];
        for name in &watch.user {
            let name = format!("@{}", quote_name(name));
            columns.push(format!(
                "IF(LENGTH({name}) > {MAX_VALUE}, NULL, {name}), HEX(IF(LENGTH({name}) > {MAX_VALUE}, NULL, {name})), \
                 CHARSET({name}), COLLATION({name}), LENGTH({name})"
            ));
        }
        let query = Query::new(format!("SELECT {}", columns.join(", "))).shielded();
        let Some(row) = session.first::<Row>(query).await? else {
            return Ok(());
        };
        self.last_insert_id = get(&row, 0).unwrap_or_default();
        self.user.clear();
        self.too_long.clear();
        let mut total = 0;
        for (name, first) in watch.user.iter().zip((1..).step_by(5)) {
            let length: usize = get(&row, first + 4).unwrap_or_default();
            total += length;
            if length > MAX_VALUE || total > MAX_TOTAL {
                self.too_long.insert(name.clone());
            } else if let Some(value) = user_value(&row, first) {
                self.user.insert(name.clone(), value);
            }
        }
        Ok(())
    }
}
