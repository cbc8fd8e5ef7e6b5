//! Conversations of a booking that lack its guest, its host, or both, as an interrupted script leaves them.
//!
//! They are repaired before the other bookings are looked at, since a repaired conversation may cover
//! them. What is found is looked up again with the conversations locked: whoever adds a participant
//! needs a shared lock on the conversation (a foreign key's check takes one), so that two runs at once
//! add nothing twice and count only what they changed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use super::range::Counts;
use super::rule::{Repairs, Rule};
use crate::batch::{Backoff, Throttle};
use crate::context::Context;
use crate::db::{DbError, Query, Session};
use crate::run_lease::Guard;

/// Conversations looked at in one go.
const ROWS: u64 = 10_000;

/// The next conversations with a booking: the last of them.
const NEXT: &str = "SELECT MAX(id) FROM (SELECT id FROM conversations WHERE id > {after} AND booking_id IS NOT NULL \
     ORDER BY id LIMIT {rows}) AS ahead";

/// Keeps the conversations as they are until the transaction ends.
const LOCK: &str = "SELECT COUNT(*) FROM conversations WHERE id IN ({ids}) FOR UPDATE";

/// The repairs made, or in a dry run the repairs to make.
#[derive(Debug, Default)]
pub struct Repaired {
    /// Bookings whose conversations were incomplete.
    pub bookings: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Transactions tried again after a conflict.
    pub retries: u64,
    /// Time spent waiting for a lower load.
    pub paused: Duration,
    /// Of a run that changes nothing: the repaired conversations.
    pub repairs: Repairs,
}

impl Repaired {
    /// As the beginning of a run's counts.
    pub fn counts(&self) -> Counts {
        Counts {
            repaired: self.bookings,
            transactions: self.transactions,
            retries: self.retries,
            ..Counts::default()
        }
    }
}

/// How conversations are repaired.
#[derive(Debug, Clone, Copy)]
pub struct RepairOptions<'a> {
    /// The most bookings whose conversations are repaired.
    pub limit: u64,
    /// Whether to count the repairs without making them.
    pub dry_run: bool,
    /// Keeps runs apart in a cluster.
    pub guard: Option<&'a Guard>,
}

/// A participant that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Missing {
    conversation: i64,
    booking: i64,
    user: i64,
    /// The property that the conversation is about.
    about: Option<i64>,
    /// Everybody who takes part once it is repaired.
    people: Vec<i64>,
}

/// A row of [`Rule::incomplete`].
pub type Columns = (i64, i64, i64, Option<i64>, i64, i64, Option<String>);

impl From<Columns> for Missing {
    fn from((conversation, booking, user, about, guest, host, others): Columns) -> Missing {
        let others = others.unwrap_or_default();
        let mut people: Vec<i64> = others.split(',').filter_map(|id| id.parse().ok()).collect();
        people.extend([guest, host]);
        Missing {
            conversation,
            booking,
            user,
            about,
            people,
        }
    }
}

/// Repairs the conversations of chosen bookings, or counts the repairs, and notes it in `repaired` as it goes.
///
/// # Errors
/// A statement fails, conflicts do not end, or the run is cancelled.
pub async fn run(
    ctx: &Context,
    session: &mut Session,
    rule: &Rule,
    throttle: &mut Throttle,
    options: RepairOptions<'_>,
    repaired: &mut Repaired,
) -> anyhow::Result<()> {
    let limit = options.limit;
    let mut after = i64::MIN;
    while repaired.bookings < limit {
        repaired.paused += throttle.wait(ctx, session).await?;
        let last = match rule.property() {
            // Its bookings lead to their conversations at once.
            Some(_) => Some(i64::MAX),
            None => {
                let next = NEXT
                    .replace("{after}", &after.to_string())
                    .replace("{rows}", &ROWS.to_string());
                let row: Option<(Option<i64>,)> = session.first(Query::new(next).timeout(None)).await?;
                row.and_then(|(last,)| last)
            }
        };
        let Some(last) = last else { break };
        let within = format!("k.id > {after} AND k.id <= {last}");
        let found = find(session, rule, &within, limit - repaired.bookings).await?;
        if options.dry_run {
            repaired.bookings += bookings(&found);
            for missing in found.chunk_by(|one, other| one.conversation == other.conversation) {
                if let Some(property) = missing[0].about {
                    let added: Vec<i64> = missing.iter().map(|missing| missing.user).collect();
                    repaired.repairs.add(property, &missing[0].people, &added);
                }
            }
        } else if !found.is_empty() {
            repair(ctx, session, rule, &found, options.guard, repaired).await?;
        }
        if rule.property().is_some() {
            break;
        }
        after = last;
    }
    Ok(())
}

fn bookings(found: &[Missing]) -> u64 {
    let bookings: BTreeSet<i64> = found.iter().map(|missing| missing.booking).collect();
    bookings.len() as u64
}

/// The participants missing from the conversations of at most `limit` bookings.
async fn find(session: &mut Session, rule: &Rule, within: &str, limit: u64) -> Result<Vec<Missing>, DbError> {
    let mut found: Vec<Missing> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut rows = session.stream(rule.incomplete(within)).await?;
    while let Some(row) = rows.next_as::<Columns>().await? {
        let missing = Missing::from(row);
        if seen.contains(&missing.booking) || (seen.len() as u64) < limit {
            seen.insert(missing.booking);
            found.push(missing);
        }
    }
    Ok(found)
}

/// Adds the participants in one transaction, again after a conflict.
async fn repair(
    ctx: &Context,
    session: &mut Session,
    rule: &Rule,
    found: &[Missing],
    guard: Option<&Guard>,
    repaired: &mut Repaired,
) -> Result<(), DbError> {
    let ids: BTreeSet<i64> = found.iter().map(|missing| missing.conversation).collect();
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let ids = ids.join(",");
    let mut backoff = Backoff::default();
    loop {
        match attempt(session, rule, &ids, guard).await {
            Ok(bookings) => {
                repaired.bookings += bookings;
                repaired.transactions += 1;
                repaired.retries += u64::from(backoff.attempts());
                return Ok(());
            }
            Err(error) if error.is_lock_conflict() || error.is_missing_parent() => {
                session.execute("ROLLBACK").await?;
                let Some(pause) = backoff.pause() else {
                    return Err(error);
                };
                ctx.cancel.sleep(pause).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn attempt(
    session: &mut Session,
    rule: &Rule,
    ids: &str,
    guard: Option<&Guard>,
) -> Result<u64, DbError> {
    session.execute("START TRANSACTION").await?;
    if let Some(guard) = guard {
        guard.write(session).await?;
    }
    session
        .execute(Query::new(LOCK.replace("{ids}", ids)).timeout(None))
        .await?;
    let found = find(session, rule, &format!("k.id IN ({ids})"), u64::MAX).await?;
    if !found.is_empty() {
        let mut sql =
            String::from("INSERT INTO conversation_participants (conversation_id, user_id) VALUES ");
        for (index, missing) in found.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = write!(sql, "{comma}({},{})", missing.conversation, missing.user);
        }
        session.execute(Query::new(sql).timeout(None)).await?;
    }
    session.execute("COMMIT").await?;
    Ok(bookings(&found))
}
