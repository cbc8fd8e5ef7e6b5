//! A conversation's whole life in a transaction that is rolled back.

use std::time::{Duration, Instant};

use super::listing::{LISTING_OF_ONE, Listed, speed};
use crate::db::row::{get, text};
use crate::db::{DbError, Done, ErrorKind, Query, Row, Session};
use crate::report::{Check, CheckStatus};

const GROUP: &str = "write round trip, rolled back";

/// Tables that would keep what a rollback should undo.
const NOT_TRANSACTIONAL: &str = "SELECT GROUP_CONCAT(CONCAT(table_name, ' (', engine, ')') SEPARATOR ', ') \
     FROM information_schema.tables WHERE table_schema = DATABASE() AND engine <> 'InnoDB' \
     AND table_name IN ('conversations', 'conversation_participants', 'messages')";

/// Someone to write to: any other user.
const PARTNER: &str = "SELECT id FROM users WHERE id <> ? ORDER BY id LIMIT 1";

/// Something to write about: any property.
const PROPERTY: &str = "SELECT id, title FROM properties ORDER BY id LIMIT 1";

const BEGIN: &str = "START TRANSACTION";
const CREATE: &str = "INSERT INTO conversations (property_id, booking_id) VALUES (?, NULL)";
const JOIN: &str = "INSERT INTO conversation_participants (conversation_id, user_id) VALUES (?, ?), (?, ?)";
const POST: &str =
    "INSERT INTO messages (conversation_id, sender_id, recipient_id, message) VALUES (?, ?, ?, ?)";
const READ: &str = "UPDATE messages SET is_read = 1, read_at = CURRENT_TIMESTAMP \
     WHERE conversation_id = ? AND recipient_id = ? AND is_read = 0";
const ARCHIVE: &str = "UPDATE conversation_participants SET archived_at = CURRENT_TIMESTAMP WHERE conversation_id = ? AND user_id = ?";
const DELETE: &str = "DELETE FROM conversations WHERE id = ?";
const ROLLBACK: &str = "ROLLBACK";

/// Rows of one conversation in all three tables. Each `?` is the conversation.
const LEFT_OVER: &str = "SELECT (SELECT COUNT(*) FROM conversations WHERE id = ?), \
     (SELECT COUNT(*) FROM conversation_participants WHERE conversation_id = ?), \
     (SELECT COUNT(*) FROM messages WHERE conversation_id = ?)";

/// What a wrong character set or a missing escape would spoil.
const MESSAGE: &str = "dbtool: Grüße, 東京 🏠, it's \"quoted\" \\ and 100 %";

/// The life of one conversation: what is known about it, and the checks so far.
struct Trip<'a> {
    session: &'a mut Session,
    checks: Vec<Check>,
    slow: Option<Duration>,
    user: u64,
    partner: u64,
    conversation: u64,
}

/// Creates, posts, reads, archives and deletes as `user`, then rolls back.
pub(crate) async fn run(
    session: &mut Session,
    user: u64,
    slow: Option<Duration>,
) -> Result<Vec<Check>, DbError> {
    let skipped = |reason: String| {
        Ok(vec![
            Check::new(GROUP, "write", CheckStatus::Skipped).message(reason),
        ])
    };
    let engines = session.first::<Row>(NOT_TRANSACTIONAL).await?;
    if let Some(tables) = engines.as_ref().and_then(|row| text(row, 0)) {
        return skipped(format!("a rollback would not undo writes to {tables}"));
    }
    let partner = session
        .first::<Row>(Query::new(PARTNER).bind(user))
        .await?
        .and_then(|row| get::<u64>(&row, 0));
    let property = session.first::<Row>(PROPERTY).await?;
    let (Some(partner), Some(property)) = (partner, property) else {
        return skipped("it takes two users and a property".into());
    };
    let (property, title) = (
        get::<u64>(&property, 0).unwrap_or_default(),
        text(&property, 1).unwrap_or_default(),
    );
    let mut trip = Trip {
        session,
        checks: Vec::new(),
        slow,
        user,
        partner,
        conversation: 0,
    };
    trip.session.execute(BEGIN).await?;
    let lived = trip.live(property, &title).await;
    let rolled_back = trip.session.execute(Query::new(ROLLBACK).shielded()).await;
    match lived {
        Ok(()) => {}
        // A statement the server refuses is a finding about the application's schema or rights.
        Err(error) if error.kind() == ErrorKind::Statement && error.code().is_some() => {
            let mut check = Check::new(GROUP, "every step is accepted", CheckStatus::Failed)
                .message(error.what().to_string());
            check
                .details
                .push("next: --read-only skips this if the account may not write".into());
            trip.checks.push(check);
        }
        Err(error) => return Err(error),
    }
    trip.nothing_left(&rolled_back?).await?;
    Ok(trip.checks)
}

impl Trip<'_> {
    async fn live(&mut self, property: u64, title: &str) -> Result<(), DbError> {
        let started = Instant::now();
        let done = self.session.execute(Query::new(CREATE).bind(property)).await?;
        self.conversation = done.last_insert_id.unwrap_or_default();
        let (conversation, user, partner) = (self.conversation, self.user, self.partner);
        let join = Query::new(JOIN)
            .bind(conversation)
            .bind(user)
            .bind(conversation)
            .bind(partner);
        let joined = self.session.execute(join).await?.affected;
        self.check(
            "create a conversation of two",
            started,
            conversation > 0 && joined == 2,
            || format!("id {conversation}, {joined} participants"),
        );

        let started = Instant::now();
        let post = Query::new(POST)
            .bind(conversation)
            .bind(partner)
            .bind(user)
            .bind(MESSAGE);
        self.session.execute(post).await?;
        let listed = self.listed().await?;
        self.check(
            "a posted message is listed, word for word and unread",
            started,
            expected(&listed, title, 1),
            || format!("listed as {listed:?}"),
        );

        let started = Instant::now();
        let read = self
            .session
            .execute(Query::new(READ).bind(conversation).bind(user))
            .await?
            .affected;
        let listed = self.listed().await?;
        self.check(
            "read, it is unread no more",
            started,
            read == 1 && expected(&listed, title, 0),
            || format!("{read} marked as read, listed as {listed:?}"),
        );

        let started = Instant::now();
        self.session
            .execute(Query::new(ARCHIVE).bind(conversation).bind(user))
            .await?;
        let listed = self.listed().await?;
        self.check("archived, it leaves the list", started, listed.is_none(), || {
            format!("listed as {listed:?}")
        });

        let started = Instant::now();
        self.session
            .execute(Query::new(DELETE).bind(conversation))
            .await?;
        let left = self.left_over().await?;
        self.check(
            "deleted, its messages and participants go with it",
            started,
            left == [0; 3],
            || format!("left: {left:?} of conversations, participants, messages"),
        );
        Ok(())
    }

    fn check(&mut self, name: &str, started: Instant, good: bool, bad: impl FnOnce() -> String) {
        let took = started.elapsed();
        if good {
            self.checks.push(speed(GROUP, name, "", took, self.slow, &[]));
        } else {
            self.checks.push(
                Check::new(GROUP, name, CheckStatus::Failed)
                    .message(bad())
                    .took(took),
            );
        }
    }

    async fn listed(&mut self) -> Result<Option<Listed>, DbError> {
        let query = Query::new(LISTING_OF_ONE).bind(self.user).bind(self.conversation);
        Ok(self
            .session
            .first::<Row>(query)
            .await?
            .map(|row| Listed::from_row(&row)))
    }

    async fn left_over(&mut self) -> Result<[u64; 3], DbError> {
        let id = self.conversation;
        let row = self
            .session
            .first::<Row>(Query::new(LEFT_OVER).bind(id).bind(id).bind(id))
            .await?;
        Ok(row.map_or([0; 3], |row| {
            [0, 1, 2].map(|index| get(&row, index).unwrap_or_default())
        }))
    }

    async fn nothing_left(&mut self, rolled_back: &Done) -> Result<(), DbError> {
        let started = Instant::now();
        let left = self.left_over().await?;
        // Warning 1196: some changed tables could not be rolled back.
        let clean = left == [0; 3] && rolled_back.warnings == 0;
        self.check("rolled back, nothing is left", started, clean, || {
            format!(
                "left: {left:?} of conversations, participants, messages; {} warnings",
                rolled_back.warnings
            )
        });
        if let Some(check) = self.checks.last_mut().filter(|_| clean) {
            check.message = "only AUTO_INCREMENT numbers have moved on".into();
        }
        Ok(())
    }
}

fn expected(listed: &Option<Listed>, title: &str, unread: u64) -> bool {
    listed.as_ref().is_some_and(|listed| {
        listed.title.as_deref() == Some(title)
            && listed.last_message.as_deref() == Some(MESSAGE)
            && listed.unread == unread
            && listed.participants == 2
    })
}
