//! Selects the next bookings: ranges along (property, booking).
//!
//! Whether a booking is covered depends on the other bookings of its property, so properties are
//! never split between workers. A range has whole properties; one with more bookings than a range
//! may have is leased to one worker, which goes through it in parts, in order of the bookings' ids.

use super::schema::Hints;
use crate::batch::keyset;
use crate::db::{DbError, Session};

/// Properties a range may span, per booking it may have: bounds the property rows it locks
/// where few properties are ever booked.
const SPAN: u64 = 4;

/// Bookings of a range: of whole properties, or some of one property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First property.
    pub first: i64,
    /// Last property, included.
    pub last: i64,
    /// Of a part of one property: after this booking, up to and including that one.
    part: Option<(i64, i64)>,
}

impl Range {
    /// Whether it is a part of one property's bookings.
    pub fn is_part(&self) -> bool {
        self.part.is_some()
    }

    /// As an SQL condition on the bookings called `alias`.
    pub fn condition(&self, alias: &str) -> String {
        let mut sql = format!("{alias}.property_id BETWEEN {} AND {}", self.first, self.last);
        if let Some((after, last)) = self.part {
            sql.push_str(&format!(" AND {alias}.id > {after} AND {alias}.id <= {last}"));
        }
        sql
    }
}

/// A property that one worker goes through in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    property: i64,
    after: i64,
}

/// Gives ranges to the workers, which share it, until all properties are done.
#[derive(Debug)]
pub struct Plan {
    after: i64,
    /// The only property, if one was asked for.
    only: Option<i64>,
    whole: bool,
    bookings: String,
}

impl Plan {
    /// All properties, or `only` one. With `whole`, none is ever split: for runs that change nothing.
    pub fn new(only: Option<i64>, whole: bool, hints: &Hints) -> Plan {
        Plan {
            after: i64::MIN,
            only,
            whole,
            bookings: hints
                .fill("bookings AS b {bookings_by_property}")
                .replace(" AS b", ""),
        }
    }

    /// The next range of about `rows` bookings; `None` when there is none left. `lease` is the
    /// worker's own: a property it has not gone through yet comes first.
    ///
    /// # Errors
    /// The bookings cannot be read.
    pub async fn next(
        &mut self,
        session: &mut Session,
        rows: u64,
        lease: &mut Option<Lease>,
    ) -> Result<Option<Range>, DbError> {
        if let Some(held) = *lease {
            return part(session, &self.bookings, rows, held, lease).await.map(Some);
        }
        let within = match self.only {
            Some(property) => format!("property_id = {property}"),
            None => "TRUE".to_owned(),
        };
        let ahead: Option<(Option<i64>, Option<i64>)> = session
            .first(keyset(&self.bookings, "property_id", &within, self.after, rows))
            .await?;
        let Some((Some(first), following)) = ahead else {
            return Ok(None);
        };
        let range = whole_properties(first, following, rows);
        self.after = range.map_or(first, |range| range.last);
        match range {
            Some(range) => Ok(Some(range)),
            None if self.whole => Ok(Some(Range {
                first,
                last: first,
                part: None,
            })),
            None => {
                let held = Lease {
                    property: first,
                    after: i64::MIN,
                };
                part(session, &self.bookings, rows, held, lease).await.map(Some)
            }
        }
    }
}

/// The range that begins with property `first` when `following` is the property of the booking
/// that would be one too many; `None` when that is still the first one.
fn whole_properties(first: i64, following: Option<i64>, rows: u64) -> Option<Range> {
    let furthest = first.saturating_add_unsigned(rows.saturating_mul(SPAN));
    let last = match following {
        Some(property) if property == first => return None,
        Some(property) => furthest.min(property - 1),
        None => furthest,
    };
    Some(Range {
        first,
        last,
        part: None,
    })
}

/// The next part of a leased property, and the rest of the lease.
async fn part(
    session: &mut Session,
    bookings: &str,
    rows: u64,
    held: Lease,
    lease: &mut Option<Lease>,
) -> Result<Range, DbError> {
    let within = format!("property_id = {}", held.property);
    let ahead: Option<(Option<i64>, Option<i64>)> = session
        .first(keyset(bookings, "id", &within, held.after, rows))
        .await?;
    let last = ahead
        .and_then(|(_, following)| following)
        .map_or(i64::MAX, |following| following - 1);
    *lease = (last < i64::MAX).then_some(Lease {
        property: held.property,
        after: last,
    });
    Ok(Range {
        first: held.property,
        last: held.property,
        part: Some((held.after, last)),
    })
}

#[cfg(test)]
mod tests {
    use super::{Range, whole_properties};

    #[test]
    fn a_range_ends_before_the_property_that_would_be_too_much() {
        for (first, following, rows, expected) in [
            (1, Some(5), 100, Some(4)),
            (1, Some(2), 100, Some(1)),
            (1, Some(1), 100, None),
            (1, None, 100, Some(401)),
            (1, Some(1_000_000), 100, Some(401)),
            (i64::MAX - 1, None, 100, Some(i64::MAX)),
        ] {
            assert_eq!(
                whole_properties(first, following, rows).map(|range| range.last),
                expected
            );
        }
    }

    #[test]
    fn conditions_name_both_ends() {
        let whole = Range {
            first: 3,
            last: 9,
            part: None,
        };
        assert_eq!(whole.condition("b"), "b.property_id BETWEEN 3 AND 9");
        let part = Range {
            first: 3,
            last: 3,
            part: Some((10, 20)),
        };
        assert_eq!(
            part.condition("b"),
            "b.property_id BETWEEN 3 AND 3 AND b.id > 10 AND b.id <= 20"
        );
    }
}
