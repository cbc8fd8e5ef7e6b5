//! One image written and read back in a transaction that is rolled back.

use super::image::Image;
use super::limits::Limit;
use super::target::Target;
use crate::context::Context;
use crate::db::row::get;
use crate::db::{DbError, ErrorKind, Query, Row, Session, quote_name};

const BEGIN: &str = "START TRANSACTION";
const ROLLBACK: &str = "ROLLBACK";
/// The image grows in a variable of the session, so that no client need hold all of it: piece by
/// piece into a part and part by part into the whole, which the server copies each time.
const CLEAR: &str = "SET @dbtool_image = '', @dbtool_part = ''";
const APPEND: &str = "SET @dbtool_part = CONCAT(@dbtool_part, ?)";
const APPEND_PART: &str = "SET @dbtool_image = CONCAT(@dbtool_image, @dbtool_part), @dbtool_part = ''";
/// Pieces in a part.
const PART: usize = 32;
/// NULL when CONCAT went past max_allowed_packet (manual, "String Functions").
const GROWN: &str = "SELECT LENGTH(@dbtool_image)";
const FORGET: &str = "SET @dbtool_image = NULL, @dbtool_part = NULL, @dbtool_back = NULL";
/// A piece of the value that was read back, without reading the whole row again for each piece.
const READ_BACK: &str = "SELECT SUBSTRING(@dbtool_back, ?, ?)";

/// The result of one trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrialResult {
    /// Read back as it was written.
    Survived,
    /// Accepted, but another value was read back, of this many bytes.
    Spoilt(u64),
    /// Not accepted.
    Refused(Limit),
}

/// Sends images to the server, over a connection that is renewed when the server closes it.
pub(crate) struct Tester<'a> {
    context: &'a Context,
    session: Option<Session>,
    target: &'a Target,
    /// max_allowed_packet of the session.
    packet: u64,
}

impl<'a> Tester<'a> {
    /// A tester that begins with `session`.
    pub fn new(context: &'a Context, session: Session, target: &'a Target, packet: u64) -> Self {
        Tester {
            context,
            session: Some(session),
            target,
            packet,
        }
    }

    async fn session(&mut self) -> Result<&mut Session, DbError> {
        if self.session.is_none() {
            self.session = Some(self.context.db.session().await?);
        }
        // It was just put there.
        self.session
            .as_mut()
            .ok_or_else(|| DbError::new(ErrorKind::NoSlot, "no connection", ""))
    }

    /// Writes `image`, reads it back, rolls back. With `whole` it goes in one statement and comes
    /// back in one value, as the application does it; otherwise both in pieces.
    pub async fn run(&mut self, image: &Image, whole: bool) -> anyhow::Result<TrialResult> {
        let (context, target) = (self.context, self.target);
        context.cancel.check()?;
        // The driver would refuse it too, but give up the connection without a goodbye.
        if whole && image.uri_length() + target.overhead() > self.packet {
            return Ok(TrialResult::Refused(Limit::Packet));
        }
        let session = self.session().await?;
        let result = if whole {
            write_whole(session, target, image).await
        } else {
            write_in_pieces(session, target, image).await
        };
        match result {
            Ok(result) => {
                session.execute(Query::new(ROLLBACK).shielded()).await?;
                Ok(result)
            }
            Err(error) => {
                // The server may have closed the connection, and has if it said so by 1153.
                self.session = None;
                let lost = error.downcast_ref::<DbError>().cloned();
                let limit = limit_of(error, whole)?;
                if let Some(lost) = lost.filter(|error| matches!(error.kind(), ErrorKind::Lost { .. })) {
                    self.ensure_server_is_there(lost).await?;
                }
                Ok(TrialResult::Refused(limit))
            }
        }
    }

    /// A lost connection says something about the image only if the server is still there.
    async fn ensure_server_is_there(&mut self, lost: DbError) -> Result<(), DbError> {
        self.session = self.context.db.try_session().await?;
        self.session.as_ref().map(|_| ()).ok_or(lost)
    }
}

/// The limit that a failed write met; other failures are returned unchanged. `whole`: the image went in one
/// packet, which something on the way may have cut.
fn limit_of(error: anyhow::Error, whole: bool) -> anyhow::Result<Limit> {
    let Some(known) = error.downcast_ref::<DbError>() else {
        return Err(error);
    };
    let words = known.what().to_string();
    Ok(match (known.code(), known.kind()) {
        _ if known.is_too_long_for_column() => Limit::Column,
        _ if known.is_too_large_for_packet() => Limit::Packet,
        _ if known.is_too_large_row() && words.contains("redo log") => Limit::Redo,
        // Not about size: the INSERT itself is not allowed or not possible.
        _ if known.is_denied() || known.is_read_only() || known.is_read_only_transaction() => {
            return Err(error);
        }
        _ if known.is_missing_value() || known.is_missing_parent() => return Err(error),
        (Some(_), ErrorKind::Statement) => Limit::Other(words),
        (_, ErrorKind::Lost { .. }) if words.contains("max_allowed_packet") => Limit::Packet,
        (None, ErrorKind::Lost { .. }) if whole => Limit::Other(format!(
            "{words}; a proxy or firewall on the way may cut packets of this size"
        )),
        _ => return Err(error),
    })
}

async fn write_in_pieces(
    session: &mut Session,
    target: &Target,
    image: &Image,
) -> anyhow::Result<TrialResult> {
    session.execute(CLEAR).await?;
    let mut pieces = image.pieces()?;
    let mut number = 0;
    while let Some(piece) = pieces.recv().await {
        session.execute(Query::new(APPEND).bind(piece?)).await?;
        number += 1;
        if number % PART == 0 {
            session.execute(APPEND_PART).await?;
        }
    }
    session.execute(APPEND_PART).await?;
    let grown = session
        .first::<Row>(GROWN)
        .await?
        .and_then(|row| get::<u64>(&row, 0));
    if grown != Some(image.uri_length()) {
        session.execute(FORGET).await?;
        return Ok(TrialResult::Refused(Limit::Packet));
    }
    session.execute(BEGIN).await?;
    let inserted = session.execute(target.insert("@dbtool_image")).await;
    session.execute(FORGET).await?;
    let id = inserted?.last_insert_id.unwrap_or_default();
    compare_in_pieces(session, target, image, id).await
}

async fn compare_in_pieces(
    session: &mut Session,
    target: &Target,
    image: &Image,
    id: u64,
) -> anyhow::Result<TrialResult> {
    let (table, key, column) = (
        quote_name(&target.table),
        quote_name(&target.key),
        quote_name(&target.column),
    );
    let length = session
        .first::<Row>(
            Query::new(format!(
                "SELECT CHAR_LENGTH({column}) FROM {table} WHERE {key} = ?"
            ))
            .bind(id),
        )
        .await?
        .and_then(|row| get::<u64>(&row, 0))
        .unwrap_or_default();
    if length != image.uri_length() {
        return Ok(TrialResult::Spoilt(length));
    }
    let keep = format!(
        "SET @dbtool_back = (SELECT CAST(CONVERT({column} USING utf8mb4) AS BINARY) FROM {table} WHERE {key} = ?)"
    );
    session.execute(Query::new(keep).bind(id)).await?;
    let survived = is_read_back(session, image).await?;
    session.execute(FORGET).await?;
    Ok(if survived {
        TrialResult::Survived
    } else {
        TrialResult::Spoilt(length)
    })
}

/// Whether the value that was read back is the image, byte for byte.
async fn is_read_back(session: &mut Session, image: &Image) -> anyhow::Result<bool> {
    let mut from = 1_u64;
    let mut pieces = image.pieces()?;
    while let Some(piece) = pieces.recv().await {
        let piece = piece?;
        let query = Query::new(READ_BACK).bind(from).bind(piece.len() as u64);
        let read = session
            .first::<Row>(query)
            .await?
            .and_then(|row| get::<Vec<u8>>(&row, 0));
        if read.as_deref() != Some(&piece) {
            return Ok(false);
        }
        from += piece.len() as u64;
    }
    Ok(true)
}

async fn write_whole(session: &mut Session, target: &Target, image: &Image) -> anyhow::Result<TrialResult> {
    let around = target.insert("''");
    let length = usize::try_from(image.uri_length())? + around.len();
    // One allocation of the exact size: the driver makes two more copies of it on its way out.
    let mut statement = String::with_capacity(length);
    let (before, after) = around.rsplit_once('\'').unwrap_or((&around, ""));
    statement.push_str(before);
    let mut pieces = image.pieces()?;
    while let Some(piece) = pieces.recv().await {
        // Base64 and the prefix are ASCII and hold nothing to escape.
        statement.push_str(std::str::from_utf8(&piece?)?);
    }
    statement.push('\'');
    statement.push_str(after);
    session.execute(BEGIN).await?;
    let id = session
        .execute(statement)
        .await?
        .last_insert_id
        .unwrap_or_default();
    let read = format!(
        "SELECT {} FROM {} WHERE {} = ?",
        quote_name(&target.column),
        quote_name(&target.table),
        quote_name(&target.key)
    );
    let value = session
        .first::<Row>(Query::new(read).bind(id))
        .await?
        .and_then(|mut row| row.take_opt::<Vec<u8>, _>(0)?.ok())
        .unwrap_or_default();
    let mut rest = value.as_slice();
    let mut pieces = image.pieces()?;
    while let Some(piece) = pieces.recv().await {
        match rest.strip_prefix(piece?.as_slice()) {
            Some(after) => rest = after,
            None => return Ok(TrialResult::Spoilt(value.len() as u64)),
        }
    }
    Ok(if rest.is_empty() {
        TrialResult::Survived
    } else {
        TrialResult::Spoilt(value.len() as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let error = |kind| anyhow::Error::from(DbError::new(kind, "words", ""));
        assert!(
            matches!(limit_of(error(ErrorKind::Lost { sent: true }), true), Ok(Limit::Other(words)) if words.contains("proxy"))
        );
        // No packet of the piecewise way is large.
        assert!(limit_of(error(ErrorKind::Lost { sent: true }), false).is_err());
        assert!(limit_of(error(ErrorKind::NoSlot), true).is_err());
        assert!(limit_of(anyhow::anyhow!("else"), true).is_err());
    }
}
