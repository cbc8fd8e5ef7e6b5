//! Reads the definers of a database's programs.

use crate::db::{DbError, Query, Session};
use crate::schema::lint::Defined;

/// The definers of views, triggers, routines and events.
const DEFINERS: &str = "\
    SELECT 'view', CAST(table_name AS CHAR), CAST(definer AS CHAR) AS definer FROM information_schema.views \
     WHERE table_schema = ? \
    UNION ALL SELECT 'trigger', CAST(trigger_name AS CHAR), CAST(definer AS CHAR) FROM information_schema.triggers \
     WHERE trigger_schema = ? \
    UNION ALL SELECT LOWER(CAST(routine_type AS CHAR)), CAST(routine_name AS CHAR), CAST(definer AS CHAR) \
      FROM information_schema.routines WHERE routine_schema = ? \
    UNION ALL SELECT 'event', CAST(event_name AS CHAR), CAST(definer AS CHAR) FROM information_schema.events \
     WHERE event_schema = ? \
    ORDER BY 1, 2";

/// The programs visible to the account, with their definers.
///
/// # Errors
/// The statement failed.
pub(crate) async fn read(session: &mut Session, database: &str) -> Result<Vec<Defined>, DbError> {
    let mut query = Query::new(DEFINERS);
    for _ in 0..4 {
        query = query.bind(database);
    }
    let rows: Vec<(String, String, String)> = session.rows(query).await?;
    let defined = rows
        .into_iter()
        .map(|(kind, name, definer)| Defined { kind, name, definer });
    Ok(defined.collect())
}
