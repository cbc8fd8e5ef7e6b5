//! The rule: which bookings get a conversation, which conversation is linked, what covers what.
//!
//! A conversation *matches* (property, guest, host) when it is about the property and both take
//! part; where guest and host are one, when that user is the only participant, since any other
//! conversation of the host would match. A booking is covered by a conversation with its
//! booking_id or by a matching one. The server finds, range by range, the bookings that are not
//! covered ([`CANDIDATES`]); [`Decider`] then goes through them in order of their ids.

use std::collections::HashSet;

use super::plan::Range;
use super::schema::Hints;
use crate::cli::create_conversations::CreateConversationsArgs;
use crate::db::Query;

/// The first booking of each (property, guest, host) that no conversation has as its booking.
const FIRST_OF_EACH_GROUP: &str = "\
SELECT MIN(b.id) AS id, b.property_id, b.guest_id, b.host_id, 1 AS place \
FROM bookings AS b {bookings_by_property} \
LEFT JOIN conversations AS k {conversations_by_booking} ON k.booking_id = b.id \
WHERE {range} AND {chosen} AND b.guest_id IS NOT NULL AND b.host_id IS NOT NULL AND k.id IS NULL \
GROUP BY b.property_id, b.guest_id, b.host_id";

/// Every booking that no conversation has as its booking, and its place in its (property, guest, host).
const EACH_BOOKING: &str = "\
SELECT b.id, b.property_id, b.guest_id, b.host_id, \
ROW_NUMBER() OVER (PARTITION BY b.property_id, b.guest_id, b.host_id ORDER BY b.id) AS place \
FROM bookings AS b {bookings_by_property} \
LEFT JOIN conversations AS k {conversations_by_booking} ON k.booking_id = b.id \
WHERE {range} AND {chosen} AND b.guest_id IS NOT NULL AND b.host_id IS NOT NULL AND k.id IS NULL";

/// The guest's conversations about the property, for a range of whole properties: their
/// conversations are read once for all bookings. The LIMIT, which limits nothing, keeps the
/// optimizer from merging the derived table and reading them again for each booking.
const MATCHES_OF_PROPERTIES: &str = "\
LEFT JOIN (\
SELECT c.property_id, c.id, c.booking_id, p.user_id \
FROM conversations AS c {conversations_by_property} \
STRAIGHT_JOIN conversation_participants AS p ON p.conversation_id = c.id \
WHERE c.property_id BETWEEN {first} AND {last} LIMIT 9223372036854775807\
) AS m ON g.place = 1 AND m.property_id = g.property_id AND m.user_id = g.guest_id";

/// The same for a part of one property's bookings: looked up guest by guest, since reading all
/// of a large property's conversations for each part of it would take longer with every part.
const MATCHES_OF_GUESTS: &str = "\
LEFT JOIN conversation_participants AS q {participants_by_user} ON g.place = 1 AND q.user_id = g.guest_id \
LEFT JOIN conversations AS m ON m.id = q.conversation_id AND m.property_id = g.property_id";

/// Bookings of a range that may need something done, in order of their ids, each with the number
/// of its matching conversations, how many of those have a booking, and one of them.
const CANDIDATES: &str = "\
SELECT g.id, g.property_id, g.guest_id, g.host_id, \
COUNT(CASE WHEN h.user_id IS NOT NULL AND o.user_id IS NULL THEN 1 END) AS matching, \
COUNT(CASE WHEN h.user_id IS NOT NULL AND o.user_id IS NULL THEN m.booking_id END) AS booked, \
MIN(CASE WHEN h.user_id IS NOT NULL AND o.user_id IS NULL THEN m.id END) AS conversation_id \
FROM ({bookings}) AS g {matches} \
LEFT JOIN conversation_participants AS h ON h.conversation_id = m.id AND h.user_id = g.host_id \
LEFT JOIN conversation_participants AS o \
ON g.guest_id = g.host_id AND o.conversation_id = m.id AND o.user_id <> g.guest_id \
GROUP BY g.id, g.property_id, g.guest_id, g.host_id \
{having} ORDER BY g.id";

/// Leaves out the covered where one conversation covers all bookings of a group.
const UNCOVERED: &str = "HAVING matching = 0 OR (matching = 1 AND booked = 0)";

/// How many chosen bookings a range has, and how many of them lack guest or host.
const TOTALS: &str = "\
SELECT COUNT(*), COUNT(CASE WHEN b.guest_id IS NULL OR b.host_id IS NULL THEN 1 END) \
FROM bookings AS b {bookings_by_property} WHERE {range} AND {chosen}";

/// How many bookings are chosen, and how many of them have no property.
const CHOSEN: &str = "\
SELECT COUNT(*), COUNT(CASE WHEN b.property_id IS NULL THEN 1 END) FROM bookings AS b WHERE {chosen}";

/// The rule's statements for one run: its filters and the server's index names filled in.
#[derive(Debug, Clone)]
pub struct Rule {
    per_booking: bool,
    chosen: String,
    hints: Hints,
}

impl Rule {
    /// The statements for the bookings that `args` chooses.
    pub fn new(args: &CreateConversationsArgs, hints: Hints) -> Rule {
        let statuses: Vec<String> = args
            .status
            .iter()
            .map(|status| format!("'{}'", status.name()))
            .collect();
        let mut chosen = format!("b.status IN ({})", statuses.join(", "));
        if let Some(since) = args.since {
            chosen.push_str(&format!(" AND b.created_at >= '{since}'"));
        }
        if let Some(property) = args.property {
            chosen.push_str(&format!(" AND b.property_id = {property}"));
        }
        Rule {
            per_booking: args.per_booking,
            chosen,
            hints,
        }
    }

    /// Asks for a range's [`Candidate`]s.
    pub fn candidates(&self, range: &Range) -> Query {
        let bookings = if self.per_booking {
            EACH_BOOKING
        } else {
            FIRST_OF_EACH_GROUP
        };
        let matches = if range.is_part() {
            MATCHES_OF_GUESTS
        } else {
            MATCHES_OF_PROPERTIES
        };
        let having = if self.per_booking { "" } else { UNCOVERED };
        let sql = CANDIDATES
            .replace("{bookings}", bookings)
            .replace("{matches}", matches)
            .replace("{having}", having);
        self.filled(&sql, Some(range))
    }

    /// Asks for a range's number of chosen bookings, and of those without guest or host.
    pub fn totals(&self, range: &Range) -> Query {
        self.filled(TOTALS, Some(range))
    }

    /// Asks for the number of chosen bookings, and of those without property.
    pub fn chosen(&self) -> Query {
        self.filled(CHOSEN, None)
    }

    /// One who decides about a whole run or range.
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

/// A booking without a conversation of its own, as [`CANDIDATES`] reports it:
/// id, property, guest, host, matching conversations, those with a booking, one of them.
pub type CandidateRow = (i64, i64, i64, i64, u64, u64, Option<i64>);

/// A booking that may need a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The booking.
    pub booking: i64,
    /// Its property.
    pub property: i64,
    /// Whether its guest is its host.
    pub alone: bool,
    /// The only matching conversation, if there is one and it has no booking.
    pub linkable: Option<i64>,
}

impl From<CandidateRow> for Candidate {
    fn from((booking, property, guest, host, matching, booked, conversation): CandidateRow) -> Self {
        Candidate {
            booking,
            property,
            alone: guest == host,
            linkable: conversation.filter(|_| matching == 1 && booked == 0),
        }
    }
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It gets a new conversation.
    Create,
    /// This conversation becomes that of the booking.
    Link(i64),
    /// It is covered after all, by a conversation that an earlier booking has just been linked to.
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
    /// What becomes of the next candidate.
    pub fn next(&mut self, candidate: &Candidate) -> Action {
        let action = match candidate.linkable {
            Some(conversation) if !self.claimed.contains(&conversation) => Action::Link(conversation),
            Some(_) if !self.per_booking => return Action::Covered,
            _ => Action::Create,
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
mod tests {
    use super::{Action, Candidate, Decider};
    use std::collections::HashSet;

    fn decide(per_booking: bool, limit: u64, linkable: &[Option<i64>]) -> Vec<Action> {
        let mut decider = Decider {
            per_booking,
            left: limit,
            claimed: HashSet::new(),
        };
        let candidate = |(booking, &linkable)| Candidate {
            booking: booking as i64,
            property: 1,
            alone: false,
            linkable,
        };
        linkable
            .iter()
            .enumerate()
            .map(candidate)
            .map(|candidate| decider.next(&candidate))
            .collect()
    }

    #[test]
    fn the_earliest_booking_takes_a_conversation_that_two_groups_match() {
        let shared = [Some(7), None, Some(7), Some(8)];
        assert_eq!(
            decide(false, 9, &shared),
            [Action::Link(7), Action::Create, Action::Covered, Action::Link(8)]
        );
        assert_eq!(
            decide(true, 9, &shared),
            [Action::Link(7), Action::Create, Action::Create, Action::Link(8)]
        );
    }

    #[test]
    fn the_limit_counts_changes_only() {
        let shared = [Some(7), Some(7), None, None];
        assert_eq!(
            decide(false, 2, &shared),
            [Action::Link(7), Action::Covered, Action::Create, Action::Left]
        );
    }

    #[test]
    fn only_a_single_conversation_without_booking_is_linkable() {
        let candidate = |matching, booked| Candidate::from((1, 2, 3, 4, matching, booked, Some(5))).linkable;
        assert_eq!(candidate(1, 0), Some(5));
        assert_eq!(candidate(1, 1), None);
        assert_eq!(candidate(2, 0), None);
        assert!(Candidate::from((1, 2, 3, 3, 0, 0, None)).alone);
    }
}
