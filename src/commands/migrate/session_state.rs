//! Leaves the session after a migration as it was before.
//!
//! A migration's SET must not reach the next one: a run that resumes at that next one has another session,
//! and would end differently from an uninterrupted run. Resetting the connection would give up the lock.

use crate::db::{DbError, Query, Row, Session, Value, quote_name};
use crate::sql::{Class, Statement, assigned_variables, classify};

use super::history::get;

/// What a migration's session statements change, as it was before.
#[derive(Debug, Default)]
pub struct Restore {
    statements: Vec<Query>,
}

impl Restore {
    /// Looks at the variables that `statements` assign, before they run.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn prepare(
        session: &mut Session,
        database: &str,
        statements: &[Statement<'_>],
    ) -> Result<Restore, DbError> {
        let mut names: Vec<String> = Vec::new();
        let mut uses = false;
        for statement in statements {
            let found = classify(statement.text);
            if found.class == Class::Session {
                uses |= found.verb == "USE";
                names.extend(assigned_variables(statement.text));
            }
        }
        names.sort();
        names.dedup();
        let mut restore = Restore::default();
        for name in names {
            let value = session
                .first::<Row>(format!("SELECT @@SESSION.{}", quote_name(&name)))
                .await;
            match value {
                Ok(row) => {
                    let value: Value = row.and_then(|row| get(&row, 0)).unwrap_or(Value::NULL);
                    let set = format!("SET SESSION {} = ", quote_name(&name));
                    // Bound values cannot be used here: some variables take only a literal.
                    restore.statements.push(Query::new(set + &value.as_sql(true)));
                }
                // No such variable, or one without a session value: its own statement will say so.
                Err(error) if error.code().is_some() => {}
                Err(error) => return Err(error),
            }
        }
        if uses {
            restore
                .statements
                .push(Query::new(format!("USE {}", quote_name(database))));
        }
        Ok(restore)
    }

    /// Sets everything back.
    ///
    /// # Errors
    /// A variable does not take its former value.
    pub async fn run(self, session: &mut Session) -> Result<(), DbError> {
        for statement in self.statements {
            session.execute(statement).await?;
        }
        Ok(())
    }
}
