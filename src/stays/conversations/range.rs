//! One range: one short transaction.
//!
//! The properties of the range are locked first. Whoever adds a conversation needs a shared lock
//! on its property (a foreign key's check takes one), so between the lock and the commit nobody
//! else adds one: neither another backfill nor the application. Under READ COMMITTED each
//! statement after the lock sees everything that was committed before it was granted. In a cluster, where such a
//! lock is one server's own, each transaction first writes the row of a [`Guard`].

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::plan::Range;
use super::rule::{Action, Candidate, Columns, Found, Repairs, Rule};
use crate::batch::Backoff;
use crate::context::Context;
use crate::db::{DbError, ErrorKind, Query, Session};
use crate::run_lease::Guard;

/// Settings of a session that changes data: statements see what is committed, and waiting for a
/// lock ends soon, to be tried again.
pub const SETTINGS: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 5, SESSION lock_wait_timeout = 5",
];

const BEGIN: &str = "START TRANSACTION";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// Locks the properties of a range, existing ones only, in order of their ids.
const LOCK_PROPERTIES: &str =
    "SELECT COUNT(*) FROM properties WHERE id BETWEEN {first} AND {last} FOR UPDATE";

/// The new conversations. A plain VALUES list and not INSERT … SELECT: the latter would hold the
/// table's AUTO-INC lock while it selects (innodb_autoinc_lock_mode 1, the default of MariaDB),
/// and with it every other insert.
const INSERT_CONVERSATIONS: &str = "INSERT INTO conversations (property_id, booking_id) VALUES ";

/// Both participants of each new conversation, or the one. New are those of the range with an id
/// from the first one the server gave out for [`INSERT_CONVERSATIONS`] on: the lock keeps out others.
const INSERT_PARTICIPANTS: &str = "\
INSERT INTO conversation_participants (conversation_id, user_id) \
SELECT c.id, CASE s.side WHEN 0 THEN b.guest_id ELSE b.host_id END \
FROM conversations AS c FORCE INDEX (PRIMARY) \
STRAIGHT_JOIN bookings AS b ON b.id = c.booking_id \
STRAIGHT_JOIN (SELECT 0 AS side UNION ALL SELECT 1) AS s ON s.side = 0 OR b.host_id <> b.guest_id \
WHERE c.id >= {from} AND c.property_id BETWEEN {first} AND {last}";

/// Gives conversations their bookings; their place in people's lists, by updated_at, stays.
const LINK: &str = "\
UPDATE conversations SET updated_at = updated_at, booking_id = CASE id {cases} END \
WHERE id IN ({ids}) AND booking_id IS NULL";

/// Bookings of hosts at their own properties that a result names.
const NAMED: usize = 10;

/// The changes made, or in a dry run the changes to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Chosen bookings gone through.
    pub bookings: u64,
    /// Conversations created.
    pub created: u64,
    /// Conversations linked to a booking.
    pub linked: u64,
    /// Bookings whose conversations got the participants they lacked.
    pub repaired: u64,
    /// Bookings without guest or host.
    pub without_people: u64,
    /// Bookings left uncovered because of the limit.
    pub left: u64,
    /// Conversations created with one participant, since guest and host are one.
    pub alone: u64,
    /// The first such bookings.
    pub alone_bookings: Vec<i64>,
    /// Transactions committed.
    pub transactions: u64,
    /// Transactions tried again after a conflict.
    pub retries: u64,
    /// The longest transaction, from the moment it had its locks.
    pub longest: Duration,
}

impl Counts {
    /// Bookings that had a conversation, or got one together with an earlier booking.
    pub fn covered(&self) -> u64 {
        self.bookings
            .saturating_sub(self.created + self.linked + self.repaired + self.without_people + self.left)
    }

    /// Conversations created, linked or repaired.
    pub fn changed(&self) -> u64 {
        self.created + self.linked + self.repaired
    }

    /// Adds another range's counts.
    pub fn add(&mut self, other: &Counts) {
        self.bookings += other.bookings;
        self.created += other.created;
        self.linked += other.linked;
        self.repaired += other.repaired;
        self.without_people += other.without_people;
        self.left += other.left;
        self.alone += other.alone;
        self.alone_bookings.extend(&other.alone_bookings);
        self.alone_bookings.sort_unstable();
        self.alone_bookings.truncate(NAMED);
        self.transactions += other.transactions;
        self.retries += other.retries;
        self.longest = self.longest.max(other.longest);
    }
}

/// The changes to write for a range: at most as many as the range is large.
#[derive(Debug, Default)]
struct Work {
    counts: Counts,
    /// `(property, booking),…` of the conversations to create.
    values: String,
    /// Participants of those.
    participants: u64,
    /// (conversation, booking) to link.
    links: Vec<(i64, i64)>,
}

/// Counts what a run would do in a range, when it has made the `repairs`.
///
/// # Errors
/// The range cannot be read.
pub async fn count(
    session: &mut Session,
    rule: &Rule,
    range: &Range,
    limit: u64,
    repairs: &Repairs,
) -> Result<Counts, DbError> {
    find(session, rule, range, limit, Some(repairs))
        .await
        .map(|work| work.counts)
}

/// Does a range in one transaction, again after a conflict. Also returns how long it took.
///
/// # Errors
/// A statement fails, or conflicts do not end.
pub async fn backfill(
    ctx: &Context,
    session: &mut Session,
    rule: &Rule,
    range: &Range,
    limit: u64,
    guard: Option<&Guard>,
) -> Result<(Counts, Duration), DbError> {
    let mut backoff = Backoff::default();
    loop {
        let error = match attempt(session, rule, range, limit, guard).await {
            Ok(Some((mut counts, elapsed))) => {
                counts.retries = u64::from(backoff.attempts());
                counts.transactions = 1;
                counts.longest = elapsed;
                return Ok((counts, elapsed));
            }
            Ok(None) => None,
            Err(error) if error.is_lock_conflict() || error.is_missing_parent() => Some(error),
            Err(error) => return Err(error),
        };
        session.execute(ROLLBACK).await?;
        let Some(pause) = backoff.pause() else {
            return Err(error.unwrap_or_else(|| {
                DbError::new(
                    ErrorKind::Statement,
                    format!(
                        "conversations of the properties {} to {} keep changing",
                        range.first, range.last
                    ),
                    "run the command again when the application is less busy: it goes on where it stopped",
                )
            }));
        };
        ctx.cancel.sleep(pause).await?;
    }
}

/// One attempt; `None` when somebody else changed what was found before it was written.
async fn attempt(
    session: &mut Session,
    rule: &Rule,
    range: &Range,
    limit: u64,
    guard: Option<&Guard>,
) -> Result<Option<(Counts, Duration)>, DbError> {
    session.execute(BEGIN).await?;
    if let Some(guard) = guard {
        guard.write(session).await?;
    }
    session.execute(of_range(LOCK_PROPERTIES, range)).await?;
    let locked = Instant::now();
    let mut work = find(session, rule, range, limit, None).await?;
    if !work.values.is_empty() {
        let sql = format!("{INSERT_CONVERSATIONS}{}", work.values);
        let done = session.execute(Query::new(sql).timeout(None)).await?;
        let from = done.last_insert_id.unwrap_or_default();
        let sql = of_range(INSERT_PARTICIPANTS, range).replace("{from}", &from.to_string());
        let added = session.execute(Query::new(sql).timeout(None)).await?.affected;
        if done.affected != work.counts.created || added != work.participants {
            return Ok(None);
        }
    }
    if !work.links.is_empty() {
        work.counts.linked = session.execute(link(&work.links)).await?.affected;
        if work.counts.linked != work.links.len() as u64 {
            return Ok(None);
        }
    }
    session.execute(COMMIT).await?;
    Ok(Some((work.counts, locked.elapsed())))
}

/// Finds and decides, and notes what to write; with `dry`, the repairs that another run would
/// have made by now, it only counts.
async fn find(
    session: &mut Session,
    rule: &Rule,
    range: &Range,
    limit: u64,
    dry: Option<&Repairs>,
) -> Result<Work, DbError> {
    let mut work = Work::default();
    let mut decider = rule.decider(limit);
    let mut rows = session.stream(rule.candidates(range)).await?;
    while let Some(row) = rows.next_as::<Columns>().await? {
        match Found::from(row) {
            Found::Settled(bookings, incomplete) => {
                work.counts.bookings += bookings;
                work.counts.without_people += incomplete;
            }
            Found::Candidate(mut candidate, bookings) => {
                work.counts.bookings += bookings;
                if let Some(repairs) = dry {
                    candidate.matching = repairs.matching(&candidate);
                }
                let action = decider.next(&candidate);
                if action == Action::Left {
                    work.counts.left += bookings;
                } else {
                    work.note(&candidate, action, dry.is_none());
                }
            }
        }
    }
    Ok(work)
}

impl Work {
    fn note(&mut self, candidate: &Candidate, action: Action, write: bool) {
        match action {
            Action::Covered | Action::Left => {}
            Action::Link(conversation) => {
                self.counts.linked += 1;
                if write {
                    self.links.push((conversation, candidate.booking));
                }
            }
            Action::Create => {
                self.counts.created += 1;
                self.participants += if candidate.alone { 1 } else { 2 };
                if candidate.alone {
                    self.counts.alone += 1;
                    if self.counts.alone_bookings.len() < NAMED {
                        self.counts.alone_bookings.push(candidate.booking);
                    }
                }
                if write {
                    let comma = if self.values.is_empty() { "" } else { "," };
                    // Writing to a String cannot fail.
                    let _ = write!(
                        self.values,
                        "{comma}({},{})",
                        candidate.property, candidate.booking
                    );
                }
            }
        }
    }
}

fn of_range(sql: &str, range: &Range) -> String {
    sql.replace("{first}", &range.first.to_string())
        .replace("{last}", &range.last.to_string())
}

fn link(links: &[(i64, i64)]) -> Query {
    let mut cases = String::new();
    let mut ids = String::new();
    for (conversation, booking) in links {
        let comma = if ids.is_empty() { "" } else { "," };
        let _ = write!(cases, "WHEN {conversation} THEN {booking} ");
        let _ = write!(ids, "{comma}{conversation}");
    }
    Query::new(LINK.replace("{cases}", &cases).replace("{ids}", &ids)).timeout(None)
}
