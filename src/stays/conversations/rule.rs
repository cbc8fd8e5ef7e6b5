//! The rule: which bookings get a conversation, which conversation is linked, what covers what.
//!
//! A conversation *matches* (property, guest, host) when it is about the property and both take
//! part; where guest and host are one, when that user is the only participant, since any other
//! conversation of the host would match. A booking is covered by a conversation with its
//! booking_id or by a matching one. The server finds, range by range, the bookings that are not
//! covered ([`CANDIDATES`]); [`Decider`] then goes through them in order of their ids.

use std::collections::{HashMap, HashSet};

use super::plan::Range;
use super::schema::Hints;
use crate::db::Query;

/// The bookings of a range by property and pair of guest and host (in either role: the same
/// conversations match): how many, and the first that no conversation has as its booking (NULL when there is none, or when guest or host is missing). The subquery's
/// LIMIT keeps it an index look-up: without it MariaDB may read all conversations once a range.
const GROUPS: &str = "\
SELECT MIN(CASE WHEN b.guest_id IS NOT NULL AND b.host_id IS NOT NULL AND {own} IS NULL THEN b.id END) AS id, \
b.property_id, MIN(b.guest_id) AS guest_id, MAX(b.host_id) AS host_id, COUNT(*) AS bookings, \
MAX(b.guest_id IS NULL OR b.host_id IS NULL) AS incomplete, 1 AS place \
FROM bookings AS b {bookings_by_property} \
WHERE {range} AND {chosen} \
GROUP BY b.property_id, LEAST(b.guest_id, b.host_id), GREATEST(b.guest_id, b.host_id)";

/// Every booking of a range by itself, in the same shape; `place` counts the ones without a
/// conversation of each property and pair from 1.
const SINGLES: &str = "\
SELECT a.id, a.property_id, a.guest_id, a.host_id, 1 AS bookings, \
a.guest_id IS NULL OR a.host_id IS NULL AS incomplete, \
ROW_NUMBER() OVER (PARTITION BY a.property_id, LEAST(a.guest_id, a.host_id), GREATEST(a.guest_id, a.host_id) \
ORDER BY a.id IS NULL, a.id) AS place \
FROM (\
SELECT CASE WHEN b.guest_id IS NOT NULL AND b.host_id IS NOT NULL AND {own} IS NULL THEN b.id END AS id, \
b.property_id, b.guest_id, b.host_id \
FROM bookings AS b {bookings_by_property} \
WHERE {range} AND {chosen}\
) AS a";

/// A conversation that has the booking as its own.
const OWN: &str = "(\
SELECT k.id FROM conversations AS k {conversations_by_booking} WHERE k.booking_id = b.id LIMIT 1)";

/// The guest's conversations about the property, for a range of whole properties: their
/// conversations are read once for all bookings. The LIMIT, which limits nothing, keeps the
/// optimizer from merging the derived table and reading them again for each booking.
const MATCHES_OF_PROPERTIES: &str = "\
LEFT JOIN (\
SELECT c.property_id, c.id, c.booking_id, p.user_id \
FROM conversations AS c {conversations_by_property} \
STRAIGHT_JOIN conversation_participants AS p ON p.conversation_id = c.id \
WHERE c.property_id BETWEEN {first} AND {last} LIMIT 9223372036854775807\
) AS m ON g.id IS NOT NULL AND g.place = 1 AND m.property_id = g.property_id AND m.user_id = g.guest_id";

/// The same for a part of one property's bookings: looked up guest by guest, since reading all
/// of a large property's conversations for each part of it would take longer with every part.
const MATCHES_OF_GUESTS: &str = "\
LEFT JOIN conversation_participants AS q {participants_by_user} \
ON g.id IS NOT NULL AND g.place = 1 AND q.user_id = g.guest_id \
LEFT JOIN conversations AS m ON m.id = q.conversation_id AND m.property_id = g.property_id";

/// What a range has to be decided about, in order of the bookings' ids: a booking, its property,
/// guest and host, how many bookings it stands for, how many conversations match, how many of
/// those have a booking, and one of them. The row without a booking comes first and sums up the
/// bookings that need nothing; its last column counts those of them without guest or host.
const CANDIDATES: &str = "\
SELECT g.id, MIN(g.property_id), MIN(g.guest_id), MIN(g.host_id), \
CAST(CASE WHEN g.id IS NULL THEN SUM(g.bookings) ELSE MAX(g.bookings) END AS UNSIGNED), \
COUNT(CASE WHEN h.user_id IS NOT NULL AND o.user_id IS NULL THEN 1 END), \
COUNT(CASE WHEN h.user_id IS NOT NULL AND o.user_id IS NULL THEN m.booking_id END), \
MIN(CASE WHEN h.user_id IS NOT NULL AND o.user_id IS NULL THEN m.id END), \
CAST(SUM(CASE WHEN g.incomplete THEN g.bookings ELSE 0 END) AS UNSIGNED) \
FROM ({bookings}) AS g {matches} \
LEFT JOIN conversation_participants AS h ON h.conversation_id = m.id AND h.user_id = g.host_id \
LEFT JOIN conversation_participants AS o \
ON g.guest_id = g.host_id AND o.conversation_id = m.id AND o.user_id <> g.guest_id \
GROUP BY g.id ORDER BY g.id";

/// The participants missing from conversations of chosen bookings that have all it takes: the
/// conversation, its booking, the user, the property it is about, the booking's guest and host, and who
/// else takes part.
const INCOMPLETE: &str = "\
SELECT k.id, b.id, CASE s.side WHEN 0 THEN b.guest_id ELSE b.host_id END AS missing_id, \
k.property_id, b.guest_id, b.host_id, \
(SELECT GROUP_CONCAT(o.user_id) FROM conversation_participants AS o \
WHERE o.conversation_id = k.id AND o.user_id NOT IN (b.guest_id, b.host_id)) AS others \
FROM {from} \
STRAIGHT_JOIN (SELECT 0 AS side UNION ALL SELECT 1) AS s ON s.side = 0 OR b.host_id <> b.guest_id \
LEFT JOIN conversation_participants AS p \
ON p.conversation_id = k.id AND p.user_id = CASE s.side WHEN 0 THEN b.guest_id ELSE b.host_id END \
WHERE {within} AND p.user_id IS NULL AND b.property_id IS NOT NULL \
AND b.guest_id IS NOT NULL AND b.host_id IS NOT NULL AND {chosen} ORDER BY k.id, s.side";

/// Goes along the conversations.
const BY_CONVERSATION: &str = "\
conversations AS k FORCE INDEX (PRIMARY) STRAIGHT_JOIN bookings AS b ON b.id = k.booking_id";

/// Goes along the bookings of a property.
const BY_PROPERTY: &str = "\
bookings AS b {bookings_by_property} STRAIGHT_JOIN conversations AS k {conversations_by_booking} ON k.booking_id = b.id";

/// The moment from which bookings are too new, as the session writes times.
pub const TOO_NEW_FROM: &str = "SELECT CAST(NOW() - INTERVAL {seconds} SECOND AS CHAR)";

/// The number of chosen bookings.
const CHOSEN: &str = "SELECT COUNT(*) FROM bookings AS b WHERE {chosen}";

/// The number of chosen bookings without a property.
const WITHOUT_PROPERTY: &str = "SELECT COUNT(*) FROM bookings AS b WHERE b.property_id IS NULL AND {chosen}";

/// The rule's statements for one run: its filters and the server's index names filled in.
#[derive(Debug, Clone)]
pub struct Rule {
    per_booking: bool,
    chosen: String,
    /// The same filters for bookings that are too new.
    too_new: Option<String>,
    property: Option<i64>,
    hints: Hints,
}

/// The bookings that get a conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct BookingFilter {
    /// With one of these statuses.
    pub statuses: Vec<&'static str>,
    /// Created on this day or later, as `2025-01-31`.
    pub since: Option<String>,
    /// Of this property only.
    pub property: Option<i64>,
    /// Give each booking its own conversation, even where guest and host have one about the property.
    pub per_booking: bool,
}

impl Rule {
    /// The statements for the bookings that `filter` selects, without those created after `too_new_from`.
    pub fn new(filter: &BookingFilter, too_new_from: Option<&str>, hints: Hints) -> Rule {
        let statuses: Vec<String> = filter
            .statuses
            .iter()
            .map(|status| format!("'{status}'"))
            .collect();
        let mut chosen = format!("b.status IN ({})", statuses.join(", "));
        if let Some(since) = &filter.since {
            chosen.push_str(&format!(" AND b.created_at >= '{since}'"));
        }
        if let Some(property) = filter.property {
            chosen.push_str(&format!(" AND b.property_id = {property}"));
        }
        let too_new = too_new_from.map(|from| format!("{chosen} AND b.created_at > '{from}'"));
        if let Some(from) = too_new_from {
            chosen.push_str(&format!(
                " AND (b.created_at IS NULL OR b.created_at <= '{from}')"
            ));
        }
        Rule {
            per_booking: filter.per_booking,
            chosen,
            too_new,
            property: filter.property,
            hints,
        }
    }

    /// The only property, if one was asked for.
    pub fn property(&self) -> Option<i64> {
        self.property
    }

    /// Asks for the participants missing from conversations of chosen bookings; `within` limits the conversations `k`.
    pub fn incomplete(&self, within: &str) -> Query {
        let from = match self.property {
            Some(_) => BY_PROPERTY,
            None => BY_CONVERSATION,
        };
        self.filled(
            &INCOMPLETE.replace("{from}", from).replace("{within}", within),
            None,
        )
    }

    /// Asks for the number of bookings that would be chosen if they were older; `None` when no age is asked for.
    pub fn too_new(&self) -> Option<Query> {
        let condition = self.too_new.as_ref()?;
        Some(Query::new(CHOSEN.replace("{chosen}", condition)).timeout(None))
    }

    /// Asks for a range's [`Candidate`]s.
    pub fn candidates(&self, range: &Range) -> Query {
        let bookings = if self.per_booking { SINGLES } else { GROUPS };
        let matches = if range.is_part() {
            MATCHES_OF_GUESTS
        } else {
            MATCHES_OF_PROPERTIES
        };
        let sql = CANDIDATES
            .replace("{bookings}", bookings)
            .replace("{matches}", matches)
            .replace("{own}", OWN);
        self.filled(&sql, Some(range))
    }

    /// Asks for the number of chosen bookings.
    pub fn chosen(&self) -> Query {
        self.filled(CHOSEN, None)
    }

    /// Asks for the number of chosen bookings without property.
    pub fn without_property(&self) -> Query {
        self.filled(WITHOUT_PROPERTY, None)
    }

    /// A decider for a whole run or range.
    pub fn decider(&self, limit: u64) -> Decider {
        Decider {
            per_booking: self.per_booking,
            left: limit,
            claimed: HashSet::new(),
        }
    }

    fn filled(&self, sql: &str, range: Option<&Range>) -> Query {
        let mut sql = self.hints.fill(sql).replace("{chosen}", &self.chosen);
        if let Some(range) = range {
            sql = sql
                .replace("{range}", &range.condition("b"))
                .replace("{first}", &range.first.to_string())
                .replace("{last}", &range.last.to_string());
        }
        Query::new(sql).timeout(None)
    }
}

/// A row of [`Rule::candidates`].
pub type Columns = (
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    u64,
    u64,
    u64,
    Option<i64>,
    u64,
);

/// What a range holds, piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Bookings that need nothing, and how many of them have no guest or no host.
    Settled(u64, u64),
    /// A booking to decide about, and how many bookings it stands for, itself included.
    Candidate(Candidate, u64),
}

/// What a run that changes nothing has to know about the conversations that another would have repaired.
#[derive(Debug, Default)]
pub struct Repairs {
    /// Who would take part, by the property.
    people: HashMap<i64, Vec<Vec<i64>>>,
    /// How many conversations about a property would no longer be those of this user alone.
    no_longer_alone: HashMap<(i64, i64), u64>,
    conversations: usize,
}

impl Repairs {
    /// As many conversations are remembered: more than an interrupted script leaves.
    const MOST: usize = 50_000;

    /// Remembers a conversation about `property` that would have these `people`, of whom `added` are missing.
    pub fn add(&mut self, property: i64, people: &[i64], added: &[i64]) {
        if self.conversations >= Self::MOST {
            return;
        }
        self.conversations += 1;
        self.people.entry(property).or_default().push(people.to_vec());
        let mut before = people.iter().filter(|user| !added.contains(user));
        if let (Some(user), None) = (before.next(), before.next()) {
            *self.no_longer_alone.entry((property, *user)).or_default() += 1;
        }
    }

    /// The conversations that would match a candidate.
    pub fn matching(&self, candidate: &Candidate) -> Matching {
        let Some((guest, host)) = candidate.people else {
            return candidate.matching;
        };
        let matches = |people: &Vec<i64>| match guest == host {
            true => people.iter().all(|user| *user == guest),
            false => people.contains(&guest) && people.contains(&host),
        };
        let people = self.people.get(&candidate.property);
        if people.is_some_and(|conversations| conversations.iter().any(matches)) {
            return Matching::Other;
        }
        let lost = match guest == host {
            true => self.no_longer_alone.get(&(candidate.property, guest)),
            false => None,
        };
        match (lost, candidate.found) {
            (None, _) => candidate.matching,
            (Some(lost), (found, _)) if found <= *lost => Matching::None,
            // All that would be lost have a booking.
            (Some(lost), (found, booked)) if found == lost + 1 && booked <= *lost => {
                Matching::Unbooked(-candidate.booking)
            }
            _ => Matching::Other,
        }
    }
}

/// A booking without a conversation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The booking.
    pub booking: i64,
    /// Its property.
    pub property: i64,
    /// Whether its guest is its host.
    pub alone: bool,
    /// Its guest and host, where both are known.
    pub people: Option<(i64, i64)>,
    /// The number of matching conversations, and the number of those with a booking.
    pub found: (u64, u64),
    /// What matches it.
    pub matching: Matching,
}

/// The conversations that match a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// There is none.
    None,
    /// There is only this one, and it has no booking.
    Unbooked(i64),
    /// There is one with a booking, or more than one.
    Other,
}

impl From<Columns> for Found {
    fn from(
        (booking, property, guest, host, bookings, matching_count, booked, conversation, incomplete): Columns,
    ) -> Found {
        let (Some(booking), Some(property)) = (booking, property) else {
            return Found::Settled(bookings, incomplete);
        };
        let matching = match (matching_count, booked, conversation) {
            (0, _, _) => Matching::None,
            (1, 0, Some(conversation)) => Matching::Unbooked(conversation),
            _ => Matching::Other,
        };
        let candidate = Candidate {
            booking,
            property,
            alone: guest == host,
            people: guest.zip(host),
            found: (matching_count, booked),
            matching,
        };
        Found::Candidate(candidate, bookings)
    }
}

/// The decision about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It gets a new conversation.
    Create,
    /// This conversation becomes that of the booking.
    Link(i64),
    /// A conversation covers it.
    Covered,
    /// It would get one, but the limit is reached.
    Left,
}

/// Goes through candidates in order of their ids and decides.
#[derive(Debug)]
pub struct Decider {
    per_booking: bool,
    left: u64,
    /// Conversations linked by an earlier candidate: one with three participants may match two groups.
    claimed: HashSet<i64>,
}

impl Decider {
    /// Decides about the next candidate.
    pub fn next(&mut self, candidate: &Candidate) -> Action {
        let action = match candidate.matching {
            Matching::Unbooked(conversation) if !self.claimed.contains(&conversation) => {
                Action::Link(conversation)
            }
            Matching::None => Action::Create,
            _ if self.per_booking => Action::Create,
            _ => return Action::Covered,
        };
        if self.left == 0 {
            return Action::Left;
        }
        self.left -= 1;
        if let Action::Link(conversation) = action {
            self.claimed.insert(conversation);
        }
        action
    }
}

#[cfg(test)]
mod tests;
