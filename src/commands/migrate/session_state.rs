//! Leaves the session after a migration as it was before.
//!
//! A migration's SET must not reach the next one: a run that resumes at that next one has another session,
//! and would end differently from an uninterrupted run. Resetting the connection would give up the lock.

use crate::db::{DbError, Session, quote_name};
use crate::migrations::Outline;

/// What a migration's session statements change, as it was before.
#[derive(Debug, Default)]
pub struct Restore {
    statements: Vec<String>,
}

impl Restore {
    /// Looks at the variables that a script assigns, before it runs.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn prepare(
        session: &mut Session,
        database: &str,
        outline: &Outline,
    ) -> Result<Restore, DbError> {
        let mut restore = Restore::default();
        for name in &outline.variables {
            // The server keeps the value itself: its type and NULL stay what they are.
            let kept = quote_name(&format!("dbtool_before_{name}"));
            let name = quote_name(name);
            match session.execute(format!("SET @{kept} = @@SESSION.{name}")).await {
                Ok(_) => restore.statements.push(format!("SET SESSION {name} = @{kept}")),
                // No such variable, or one without a session value: its own statement will say so.
                Err(error) if error.code().is_some() => {}
                Err(error) => return Err(error),
            }
        }
        if outline.uses_database {
            restore.statements.push(format!("USE {}", quote_name(database)));
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
