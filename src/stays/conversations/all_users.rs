//! Lists the conversations of all users, or of a sample of them.

use super::listing::Listings;
use crate::context::Context;
use crate::db::row::get;
use crate::db::{DbError, Query, Row, Session};

/// The number of users with conversations.
const USERS: &str = "SELECT COUNT(DISTINCT user_id) FROM conversation_participants";

/// A range of the users with conversations: those after `?`.
const NEXT_USERS: &str =
    "SELECT DISTINCT user_id FROM conversation_participants WHERE user_id > ? ORDER BY user_id LIMIT 500";

/// A sample of users, the same each time.
const SAMPLE: &str = "SELECT user_id FROM (SELECT DISTINCT user_id FROM conversation_participants) everyone \
     ORDER BY CRC32(user_id), user_id LIMIT ?";

/// Lists the conversations of `sample` users, or of all.
pub(crate) async fn list(
    context: &Context,
    session: &mut Session,
    sample: Option<u32>,
) -> Result<Listings, DbError> {
    let mut listings = Listings::default();
    let sample = match sample {
        Some(sample) => Some(ids(session, Query::new(SAMPLE).bind(sample)).await?),
        None => None,
    };
    let total = match &sample {
        Some(sample) => sample.len() as u64,
        None => session
            .first::<Row>(USERS)
            .await?
            .and_then(|row| get(&row, 0))
            .unwrap_or_default(),
    };
    let progress = context.report.progress(Some(total), "users");
    let whole_sample = sample.is_some();
    let mut range = match sample {
        Some(sample) => sample,
        None => ids(session, Query::new(NEXT_USERS).bind(0_u64)).await?,
    };
    while let Some(last) = range.last().copied() {
        for user in range {
            listings.add(session, user).await?;
            progress.inc(1);
        }
        if whole_sample {
            break;
        }
        range = ids(session, Query::new(NEXT_USERS).bind(last)).await?;
    }
    Ok(listings)
}

async fn ids(session: &mut Session, query: Query) -> Result<Vec<u64>, DbError> {
    Ok(session
        .rows::<Row>(query)
        .await?
        .iter()
        .filter_map(|row| get(row, 0))
        .collect())
}
