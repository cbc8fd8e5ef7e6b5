//! The user whose conversations are listed.

use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session};

/// A user by email address.
const USER_BY_EMAIL: &str = "SELECT id, email FROM users WHERE email = ?";

/// A user by id.
const USER_BY_ID: &str = "SELECT id, email FROM users WHERE id = ?";

/// The user with the most conversations; any user when there are none.
const BUSIEST: &str = "SELECT u.id, u.email FROM users u JOIN (SELECT user_id, COUNT(*) AS taken_part \
     FROM conversation_participants GROUP BY user_id ORDER BY taken_part DESC, user_id LIMIT 1) b ON b.user_id = u.id";

/// Any user.
const ANY_USER: &str = "SELECT id, email FROM users ORDER BY id LIMIT 1";

/// A user of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The id.
    pub id: u64,
    /// The email address.
    pub email: String,
}

/// The user with this id or email address; `None` when there is no such user.
pub(crate) async fn named(session: &mut Session, wanted: &str) -> Result<Option<User>, DbError> {
    let query = match wanted.parse::<u64>().is_ok() {
        true => USER_BY_ID,
        false => USER_BY_EMAIL,
    };
    user(session, Query::new(query).bind(wanted)).await
}

/// The user with the most conversations; any user when there are no conversations; `None` when there is no user.
pub(crate) async fn busiest(session: &mut Session) -> Result<Option<User>, DbError> {
    match user(session, Query::new(BUSIEST)).await? {
        Some(busiest) => Ok(Some(busiest)),
        None => user(session, Query::new(ANY_USER)).await,
    }
}

async fn user(session: &mut Session, query: Query) -> Result<Option<User>, DbError> {
    let row = session.first::<Row>(query).await?;
    Ok(row.map(|row| User {
        id: get(&row, 0).unwrap_or_default(),
        email: text(&row, 1).unwrap_or_default(),
    }))
}
