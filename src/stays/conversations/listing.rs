//! A user's list as the application shows it, checked against an independent count.

use std::time::{Duration, Instant};

use super::query_plan;
use crate::context::Context;
use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session};
use crate::report::{Check, CheckStatus, count, duration, plural};
use crate::stays::check_report::CheckReport;
use crate::stays::sampled_rows::SampledRows;

/// A user's conversations as the application shows them: title (the property's, or the other
/// participants' names), last message (by time, of two at the same time the one with the higher id),
/// unread count, participants. Archived conversations are left out. `?` is the user.
macro_rules! listing {
    ($($further:literal)?) => {
        concat!(
            "SELECT c.id, \
             COALESCE(p.title, (SELECT GROUP_CONCAT(CONCAT(u.first_name, ' ', u.last_name) ORDER BY u.id SEPARATOR ', ') \
               FROM conversation_participants o JOIN users u ON u.id = o.user_id \
               WHERE o.conversation_id = c.id AND o.user_id <> me.user_id)), \
             m.id, LEFT(m.message, 200), DATE_FORMAT(m.created_at, '%Y-%m-%d %H:%i:%s'), \
             (SELECT COUNT(*) FROM messages n WHERE n.conversation_id = c.id AND n.is_read = 0 \
               AND NOT (n.sender_id <=> me.user_id) AND (n.recipient_id = me.user_id OR n.recipient_id IS NULL)), \
             (SELECT COUNT(*) FROM conversation_participants t JOIN users w ON w.id = t.user_id \
               WHERE t.conversation_id = c.id) \
             FROM conversation_participants me \
             JOIN conversations c ON c.id = me.conversation_id \
             LEFT JOIN properties p ON p.id = c.property_id \
             LEFT JOIN messages m ON m.id = (SELECT l.id FROM messages l WHERE l.conversation_id = c.id \
               ORDER BY l.created_at DESC, l.id DESC LIMIT 1) \
             WHERE me.user_id = ? AND me.archived_at IS NULL ",
            $($further,)?
            "ORDER BY COALESCE(m.created_at, c.created_at) DESC, c.id DESC"
        )
    };
}

/// All conversations of a user, the newest first.
pub(crate) const LISTING: &str = listing!();

/// One conversation (the second `?`) of a user as the list shows it.
pub(crate) const LISTING_OF_ONE: &str = listing!("AND c.id = ? ");

/// The same facts counted another way: conversations, sum of the last messages' ids, unread
/// messages, archived conversations. Each `?` is the user.
const CROSS_CHECK: &str = "SELECT \
     (SELECT COUNT(*) FROM conversation_participants WHERE user_id = ? AND archived_at IS NULL), \
     (SELECT COALESCE(SUM((SELECT MAX(l.id) FROM messages l WHERE l.conversation_id = a.conversation_id \
       AND l.created_at <=> (SELECT MAX(t.created_at) FROM messages t WHERE t.conversation_id = a.conversation_id))), 0) \
       FROM conversation_participants a WHERE a.user_id = ? AND a.archived_at IS NULL), \
     (SELECT COUNT(*) FROM conversation_participants a JOIN messages n ON n.conversation_id = a.conversation_id \
       WHERE a.user_id = ? AND a.archived_at IS NULL AND n.is_read = 0 \
       AND NOT (n.sender_id <=> a.user_id) AND (n.recipient_id = a.user_id OR n.recipient_id IS NULL)), \
     (SELECT COUNT(*) FROM conversation_participants WHERE user_id = ? AND archived_at IS NOT NULL)";

/// Both queries see the same moment, whatever the application writes meanwhile.
const SNAPSHOT: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// Ends the snapshot.
const END_SNAPSHOT: &str = "COMMIT";

const GROUP: &str = "listing";

/// One line of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub id: u64,
    pub title: Option<String>,
    pub last_id: Option<u64>,
    pub last_message: Option<String>,
    pub last_at: Option<String>,
    pub unread: u64,
    pub participants: u64,
}

impl Listed {
    pub fn from_row(row: &Row) -> Self {
        Listed {
            id: get(row, 0).unwrap_or_default(),
            title: text(row, 1),
            last_id: get(row, 2),
            last_message: text(row, 3),
            last_at: text(row, 4),
            unread: get(row, 5).unwrap_or_default(),
            participants: get(row, 6).unwrap_or_default(),
        }
    }
}

/// The lists of all users listed, in numbers.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    users: u64,
    conversations: u64,
    archived: u64,
    untitled: SampledRows,
    unknown: SampledRows,
    miscounted: SampledRows,
    misplaced: SampledRows,
    misread: SampledRows,
    slowest: Option<(Duration, u64)>,
    took: Duration,
    /// The first lines of the first user's list, to show and to compare with the API's.
    pub shown: Vec<Listed>,
}

/// The most lines of one list that are kept; applications use shorter pages.
pub(crate) const KEPT: usize = 200;

/// The first [`KEPT`] lines of the user's list, and whether these are all.
pub(crate) async fn head(session: &mut Session, user: u64) -> Result<(Vec<Listed>, bool), DbError> {
    let mut lines = Vec::new();
    let mut stream = session.stream(Query::new(LISTING).bind(user)).await?;
    while let Some(row) = stream.next().await? {
        if lines.len() == KEPT {
            return Ok((lines, false));
        }
        lines.push(Listed::from_row(&row));
    }
    Ok((lines, true))
}

impl Listings {
    /// Lists the conversations of `user` alone.
    pub async fn of(session: &mut Session, user: u64) -> Result<Self, DbError> {
        let mut listings = Listings::default();
        listings.add(session, user).await?;
        Ok(listings)
    }

    /// Lists the conversations of `user`.
    pub async fn add(&mut self, session: &mut Session, user: u64) -> Result<(), DbError> {
        session.execute(SNAPSHOT).await?;
        let started = Instant::now();
        let (mut lines, mut last_ids, mut unread) = (0_u64, 0_u128, 0_u64);
        let mut stream = session.stream(Query::new(LISTING).bind(user)).await?;
        while let Some(row) = stream.next().await? {
            let line = Listed::from_row(&row);
            lines += 1;
            last_ids += u128::from(line.last_id.unwrap_or_default());
            unread += line.unread;
            if line.title.as_deref().is_none_or(|title| title.trim().is_empty()) {
                self.untitled
                    .add(|| format!("conversation {} of user {user}", line.id));
            }
            if line.participants == 0 {
                self.unknown
                    .add(|| format!("conversation {} of user {user}", line.id));
            }
            if self.users == 0 && self.shown.len() < KEPT {
                self.shown.push(line);
            }
        }
        let took = started.elapsed();
        let cross = Query::new(CROSS_CHECK)
            .bind(user)
            .bind(user)
            .bind(user)
            .bind(user);
        if let Some(row) = session.first::<Row>(cross).await? {
            self.compare(&row, user, lines, last_ids, unread);
        }
        session.execute(END_SNAPSHOT).await?;
        self.users += 1;
        self.conversations += lines;
        self.took += took;
        if self.slowest.is_none_or(|(slowest, _)| took > slowest) {
            self.slowest = Some((took, user));
        }
        Ok(())
    }

    fn compare(&mut self, row: &Row, user: u64, lines: u64, last_ids: u128, unread: u64) {
        let expected = get::<u64>(row, 0).unwrap_or_default();
        if expected != lines {
            self.miscounted
                .add(|| format!("user {user}: {lines} listed, {expected} not archived"));
        }
        // A sum is DECIMAL: it arrives as text.
        if text(row, 1).and_then(|sum| sum.parse::<u128>().ok()) != Some(last_ids) {
            self.misplaced.add(|| format!("user {user}"));
        }
        let expected = get::<u64>(row, 2).unwrap_or_default();
        if expected != unread {
            self.misread
                .add(|| format!("user {user}: {unread} by conversation, {expected} in all"));
        }
        self.archived += get::<u64>(row, 3).unwrap_or_default();
    }

    /// The checks of the group, with the plan of the slowest user's query.
    pub async fn finish(
        self,
        context: &Context,
        session: &mut Session,
        slow: Option<Duration>,
        report: &mut CheckReport,
    ) -> Result<Vec<Listed>, DbError> {
        let seen = format!(
            "{} of {}",
            plural(self.conversations, "conversation"),
            plural(self.users, "user")
        );
        let took = self.took;
        report.member("users_listed", self.users);
        report.member("conversations_listed", self.conversations);
        let mut push = |check: Check| report.checks.push(check);
        push(
            self.untitled
                .check(
                    GROUP,
                    "every conversation has a title",
                    &seen,
                    "without property and without another participant",
                )
                .took(took),
        );
        push(self.unknown.check(
            GROUP,
            "participants are known users",
            &seen,
            "without a participant who exists",
        ));
        push(self.misplaced.check(
            GROUP,
            "the last message is the newest, of two at one time the one with the higher id",
            &seen,
            "users whose list shows another",
        ));
        push(
            self.misread
                .check(GROUP, "unread counts add up", &seen, "users whose counts do not"),
        );
        push(self.miscounted.check(
            GROUP,
            "archived conversations are left out, all others listed",
            &format!("{seen}, {} archived", count(self.archived)),
            "users with a wrong number of lines",
        ));
        push(query_plan::indexes(session).await?);
        let Some((slowest, user)) = self.slowest else {
            return Ok(self.shown);
        };
        context.cancel.check()?;
        let steps = query_plan::explain(
            session,
            Query::new(format!("EXPLAIN FORMAT=TRADITIONAL {LISTING}")).bind(user),
        )
        .await?;
        push(query_plan::full_scans(GROUP, &steps));
        push(speed(
            GROUP,
            "the list is fast",
            &format!("user {user}"),
            slowest,
            slow,
            &steps,
        ));
        Ok(self.shown)
    }
}

/// A check that a query of the application took no longer than allowed; with its plan if it did.
pub(crate) fn speed(
    group: &str,
    name: &str,
    subject: &str,
    took: Duration,
    slow: Option<Duration>,
    steps: &[query_plan::Step],
) -> Check {
    let (status, message) = match slow.filter(|limit| took > *limit) {
        None => (CheckStatus::Passed, subject.to_string()),
        Some(limit) => {
            let subject = if subject.is_empty() {
                String::new()
            } else {
                format!("{subject}: ")
            };
            let message = format!(
                "{subject}{}, over {} (--slow-ms)",
                duration(took),
                duration(limit)
            );
            (CheckStatus::Failed, message)
        }
    };
    let mut check = Check::new(group, name, status).message(message).took(took);
    if status == CheckStatus::Failed {
        check.details = steps.iter().map(query_plan::Step::line).collect();
    }
    check
}
