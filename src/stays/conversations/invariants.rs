//! The invariants of all data. Each is one statement that reads its tables once, by index.

use std::time::Instant;

use crate::db::row::{get, text};
use crate::db::{DbError, Row, Session};
use crate::report::{Check, CheckStatus, Progress};
use crate::stays::sampled_rows::SampledRows;

const GROUP: &str = "invariants";

/// A rule, and the statement that finds what breaks it.
struct Invariant {
    name: &'static str,
    /// Gives one column, a line that describes an offender.
    offenders: &'static str,
    bad: &'static str,
    /// The status of the check when it is broken.
    status: CheckStatus,
    /// The advice about rows that break it.
    advice: &'static str,
}

/// The count of the offenders and the first five, in one pass without sorting or keeping them.
fn counted(offenders: &str) -> String {
    format!(
        "SELECT COUNT(*), SUBSTRING_INDEX(GROUP_CONCAT(line SEPARATOR '\\n'), '\\n', {}) FROM ({offenders}) found",
        SampledRows::SHOWN
    )
}

/// Messages whose conversation does not exist.
const ORPHAN_MESSAGES: &str = "SELECT CONCAT('message ', m.id, ' of conversation ', m.conversation_id) AS line \
     FROM messages m LEFT JOIN conversations c ON c.id = m.conversation_id WHERE c.id IS NULL";

/// Participants whose conversation or user does not exist.
const ORPHAN_PARTICIPANTS: &str = "SELECT CONCAT('user ', t.user_id, ' in conversation ', t.conversation_id) AS line \
     FROM conversation_participants t LEFT JOIN conversations c ON c.id = t.conversation_id \
     LEFT JOIN users u ON u.id = t.user_id WHERE c.id IS NULL OR u.id IS NULL";

/// Conversations with fewer than two participants, but for a host's booking with themselves and for
/// messages to oneself. CASE keeps the look-ups of the latter to the few with one participant.
const LONELY: &str = "SELECT CONCAT('conversation ', c.id, \
     IF(c.booking_id IS NULL, '', CONCAT(' of booking ', c.booking_id))) AS line FROM conversations c \
     LEFT JOIN bookings b ON b.id = c.booking_id \
     WHERE CASE (SELECT COUNT(*) FROM conversation_participants t WHERE t.conversation_id = c.id) \
     WHEN 0 THEN 1 \
     WHEN 1 THEN CASE WHEN b.guest_id = b.host_id THEN 0 \
       WHEN (SELECT 1 FROM messages s WHERE s.conversation_id = c.id LIMIT 1) IS NULL THEN 1 \
       WHEN (SELECT 1 FROM messages s WHERE s.conversation_id = c.id \
         AND COALESCE(s.sender_id = s.recipient_id, 0) = 0 LIMIT 1) IS NULL THEN 0 ELSE 1 END \
     ELSE 0 END = 1";

/// Bookings that neither have a conversation of their own nor share one of guest and host at the
/// same property. CASE keeps the order: the look-up by booking settles most rows, and the guest's
/// conversations, which are few, the rest (as two NOT EXISTS, MySQL 9.7 joins all participants first).
const UNCOVERED_BOOKINGS: &str = "SELECT CONCAT('booking ', b.id, ' (', b.status, ') of guest ', b.guest_id) AS line \
     FROM bookings b WHERE b.status IN ('pending', 'confirmed', 'completed') \
     AND CASE WHEN (SELECT 1 FROM conversations own WHERE own.booking_id = b.id LIMIT 1) IS NOT NULL THEN 0 \
     WHEN (SELECT 1 FROM conversation_participants g \
       STRAIGHT_JOIN conversations c ON c.id = g.conversation_id AND c.property_id = b.property_id \
       STRAIGHT_JOIN conversation_participants h ON h.conversation_id = c.id AND h.user_id = b.host_id \
       WHERE g.user_id = b.guest_id LIMIT 1) IS NOT NULL THEN 0 ELSE 1 END = 1";

/// Bookings with more than one conversation of their own.
const TWICE_COVERED: &str = "SELECT CONCAT('booking ', booking_id, ': ', COUNT(*), ' conversations') AS line \
     FROM conversations WHERE booking_id IS NOT NULL GROUP BY booking_id HAVING COUNT(*) > 1";

/// Conversations whose booking is of another property.
const WRONG_PROPERTY: &str = "SELECT CONCAT('conversation ', c.id, ' (property ', c.property_id, \
     ') of booking ', b.id, ' (property ', b.property_id, ')') AS line FROM conversations c \
     JOIN bookings b ON b.id = c.booking_id WHERE c.property_id <> b.property_id";

/// Messages sent by someone who takes no part in the conversation.
const STRANGE_SENDERS: &str = "SELECT CONCAT('message ', m.id, ' from user ', m.sender_id, \
     ' in conversation ', m.conversation_id) AS line FROM messages m \
     LEFT JOIN conversation_participants t ON t.conversation_id = m.conversation_id AND t.user_id = m.sender_id \
     WHERE m.sender_id IS NOT NULL AND t.user_id IS NULL";

/// Unread messages for someone who takes no part and will never read them.
const STRANGE_UNREAD: &str = "SELECT CONCAT('message ', m.id, ' for user ', m.recipient_id, \
     ' in conversation ', m.conversation_id) AS line FROM messages m \
     LEFT JOIN conversation_participants t ON t.conversation_id = m.conversation_id AND t.user_id = m.recipient_id \
     WHERE m.is_read = 0 AND m.recipient_id IS NOT NULL AND t.user_id IS NULL";

/// Conversations whose two newest messages have the same time. The newest time comes from the
/// index (conversation_id, created_at) without reading the messages.
const TIES: &str = "SELECT CONCAT('conversation ', x.conversation_id, ' at ', x.newest) AS line FROM \
     (SELECT conversation_id, MAX(created_at) AS newest FROM messages GROUP BY conversation_id) x \
     WHERE (SELECT COUNT(*) FROM messages m WHERE m.conversation_id = x.conversation_id \
     AND m.created_at = x.newest) > 1";

const INVARIANTS: [Invariant; 9] = [
    Invariant {
        name: "every message belongs to a conversation",
        offenders: ORPHAN_MESSAGES,
        bad: "messages without their conversation",
        status: CheckStatus::Failed,
        advice: "foreign key checks were off when they were written: `dbtool check-schema` shows whether the key is there",
    },
    Invariant {
        name: "every participant exists",
        offenders: ORPHAN_PARTICIPANTS,
        bad: "participants without their conversation or user",
        status: CheckStatus::Failed,
        advice: "foreign key checks were off when they were written: `dbtool check-schema` shows whether the key is there",
    },
    Invariant {
        name: "every conversation has two participants",
        offenders: LONELY,
        bad: "conversations with fewer",
        status: CheckStatus::Failed,
        advice: "`dbtool create-conversations` adds the guest and host of a conversation's booking; a deleted user leaves \
                 others behind, which the application shows without a partner",
    },
    Invariant {
        name: "every booking has a conversation",
        offenders: UNCOVERED_BOOKINGS,
        bad: "bookings (pending, confirmed, completed) without",
        status: CheckStatus::Failed,
        advice: "`dbtool create-conversations` makes them",
    },
    Invariant {
        name: "no booking has two conversations of its own",
        offenders: TWICE_COVERED,
        bad: "bookings with more than one",
        status: CheckStatus::Failed,
        advice: "messages are spread over them: move them to the oldest and delete the others",
    },
    Invariant {
        name: "a conversation and its booking are of one property",
        offenders: WRONG_PROPERTY,
        bad: "conversations of another property than their booking",
        status: CheckStatus::Failed,
        advice: "the booking's property is the right one",
    },
    Invariant {
        name: "senders take part in the conversation",
        offenders: STRANGE_SENDERS,
        bad: "messages from users who do not",
        status: CheckStatus::Failed,
        advice: "add the sender to conversation_participants, or they cannot see what they wrote",
    },
    Invariant {
        name: "unread messages are for participants",
        offenders: STRANGE_UNREAD,
        bad: "unread messages for users who do not take part",
        status: CheckStatus::Failed,
        advice: "they count as unread for ever: add the recipient to conversation_participants or mark them read",
    },
    Invariant {
        name: "one message is the last",
        offenders: TIES,
        bad: "conversations whose newest messages have the same time",
        status: CheckStatus::Warned,
        advice: "ORDER BY created_at DESC alone shows now this one, now that one: order by created_at DESC, id DESC",
    },
];

/// The number of checks.
pub(crate) const COUNT: u64 = INVARIANTS.len() as u64;

/// Runs them all.
pub(crate) async fn run(
    session: &mut Session,
    progress: &Progress,
    checks: &mut Vec<Check>,
) -> Result<(), DbError> {
    for invariant in &INVARIANTS {
        progress.message(invariant.name);
        let started = Instant::now();
        let row = session.first::<Row>(counted(invariant.offenders)).await?;
        let offenders = row.as_ref().map(read).unwrap_or_default();
        let broken = offenders.count > 0;
        let mut check = offenders
            .check_as(invariant.status, GROUP, invariant.name, "", invariant.bad)
            .took(started.elapsed());
        if broken {
            check.details.push(format!("next: {}", invariant.advice));
        }
        checks.push(check);
        progress.inc(1);
    }
    Ok(())
}

fn read(row: &Row) -> SampledRows {
    SampledRows {
        count: get(row, 0).unwrap_or_default(),
        samples: text(row, 1)
            .unwrap_or_default()
            .lines()
            .map(str::to_string)
            .collect(),
    }
}
