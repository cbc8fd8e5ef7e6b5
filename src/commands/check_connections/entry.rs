//! Getting in: at once where the server has room; where it has none, what this host knows comes first.

use std::path::Path;
use std::time::Duration;

use super::local_outcome::LocalOutcome;
use crate::context::Context;
use crate::db::{DbError, ErrorKind, Session};
use crate::exit::Exit;
use crate::report::Format;

/// How long a server that has no room is tried, unless told.
const WAIT: Duration = Duration::from_secs(5);

/// A way in, or what is known from outside.
pub enum Entry {
    /// A connection.
    In(Session),
    /// The server has no room, and says so in this way.
    Out(Box<LocalOutcome>, DbError),
}

/// Opens a connection. When the server has no room, shows what this host knows of its clients and tries
/// on for `wait`.
///
/// # Errors
/// No connection could be had for another reason than lack of room, or the run was cancelled.
pub async fn enter(context: &Context, wait: Option<Duration>, file: Option<&Path>) -> Result<Entry, DbError> {
    let wait = wait.unwrap_or(WAIT.min(context.config.acquire_timeout.value));
    let refusal = match context.db.brief_session_at_once().await {
        Ok(session) => return Ok(Entry::In(session)),
        Err(error) => error,
    };
    if !refusal.is_lack_of_room() {
        let may_pass = matches!(refusal.kind(), ErrorKind::Connect | ErrorKind::NoSlot);
        let failed = if !may_pass || refusal.code().is_some() {
            refusal
        } else {
            match context.db.brief_session_within(wait).await {
                Ok(session) => return Ok(Entry::In(session)),
                Err(error) => error,
            }
        };
        // Whoever watches by metrics learns from them that the server is away.
        if context.report.format() == Format::Prometheus && failed.exit() == Exit::Connect {
            return Ok(Entry::Out(
                Box::new(LocalOutcome::new(context, &failed, file)),
                failed,
            ));
        }
        return Err(failed);
    }
    let mut outcome = LocalOutcome::new(context, &refusal, file);
    // Whoever reads text reads it now; other formats are one document at the end.
    if context.report.format() == Format::Text && file.is_none() {
        context.report.emit(&outcome);
        outcome.set_shown();
    }
    match context.db.brief_session_within(wait).await {
        Ok(session) => Ok(Entry::In(session)),
        Err(error) if error.may_pass() => Ok(Entry::Out(Box::new(outcome), error)),
        Err(error) => Err(error),
    }
}
