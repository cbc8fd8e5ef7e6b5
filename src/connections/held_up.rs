//! Who holds up a statement of this program, in the words of the trees of locks.

use super::gather::{gather_clients, gather_locks};
use super::model::{Connection, Facts};
use crate::context::Context;
use crate::db::{DbError, Server, Session};
use crate::report::plural;

/// How many candidates are named.
const NAMED: usize = 3;

/// What the connection `waiter` of this program waits for and who holds it up, asked through another connection while
/// it waits: `a metadata lock of app.t, held by 12 app@10.0.0.7 (4711 node), …`. `None` if it does not wait.
///
/// # Errors
/// No connection is free now, or a statement failed.
pub async fn held_up(ctx: &Context, waiter: u64) -> Result<Option<HeldUp>, DbError> {
    let mut session = ctx.db.brief_session_at_once().await?;
    let server = ctx.db.server().await?;
    let facts = gather_locks(ctx, &server, &mut session).await?;
    Ok(facts.held_up(waiter))
}

/// A statement that waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp {
    /// The lock, and who holds it.
    pub text: String,
    /// The connections that hold it, where the server tells.
    pub by: Vec<u64>,
}

/// Who may have held up a statement that has failed by now, asked through its own connection.
pub async fn candidates(ctx: &Context, server: &Server, session: &mut Session, database: &str) -> String {
    match gather_locks(ctx, server, session).await {
        Ok(facts) => facts.candidates(session.id(), Some(database)),
        Err(error) => format!("its holder could not be asked for: {error}"),
    }
}

/// A connection, as far as this account may see it: `connection 12 app@10.0.0.7 (4711 dbtool), Query 3 s: SELECT …`.
///
/// # Errors
/// The connection failed.
pub async fn described(
    ctx: &Context,
    server: &Server,
    session: &mut Session,
    id: u64,
) -> Result<String, DbError> {
    let facts = gather_clients(ctx, server, session).await?;
    Ok(if facts.connections.iter().any(|one| one.id == id) {
        format!("connection {}", facts.described(id))
    } else {
        format!("connection {id} (another account's, not visible to this one)")
    })
}

impl Facts {
    fn held_up(&self, waiter: u64) -> Option<HeldUp> {
        let wanted = self.wanted_by(waiter)?;
        let by = self.roots_of(waiter);
        let text = match by.is_empty() {
            true => format!("{wanted}; {}", self.candidates(waiter, None)),
            false => format!("{wanted}, held by {}", self.list(&by)),
        };
        Some(HeldUp { text, by })
    }

    /// Connections that may hold a lock, where the server does not tell which does.
    fn candidates(&self, waiter: u64, database: Option<&str>) -> String {
        let database = database.or_else(|| {
            let waits = self.connections.iter().find(|one| one.id == waiter);
            waits?.database.as_deref()
        });
        let others = self
            .clients()
            .filter(|one| one.id != waiter && !one.own && !one.waits_for_metadata());
        let may_hold = |one: &&Connection| match self.sees_transactions {
            true => one.transaction.is_some(),
            // Without PROCESS an account sees its own connections only, and not their transactions.
            false => one.database.as_deref() == database,
        };
        let mut found: Vec<&Connection> = others.filter(may_hold).collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.weight()));
        let ids: Vec<u64> = found.iter().map(|one| one.id).collect();
        let unseen = match self.sees_transactions {
            true => "",
            false => "; GRANT PROCESS ON *.* TO this user shows more",
        };
        match ids.is_empty() {
            true if self.sees_transactions => "no transaction that could hold it is open any more".to_owned(),
            true => format!("its holder is not visible to this account{unseen}"),
            false => {
                let (verb, list) = (
                    if ids.len() == 1 {
                        "the only candidate is"
                    } else {
                        "candidates are"
                    },
                    self.list(&ids),
                );
                format!("the server does not tell who holds it; {verb} {list}{unseen}")
            }
        }
    }

    fn list(&self, ids: &[u64]) -> String {
        let mut parts: Vec<String> = ids
            .iter()
            .take(NAMED)
            .map(|id| format!("connection {}", self.described(*id)))
            .collect();
        if ids.len() > NAMED {
            parts.push(plural((ids.len() - NAMED) as u64, "more connection"));
        }
        parts.join("; ")
    }
}
