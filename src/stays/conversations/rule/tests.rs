use super::Matching::{None, Other, Unbooked};
use super::{Action, Candidate, Decider, Matching};
use std::collections::HashSet;

fn decide(per_booking: bool, limit: u64, matching: &[Matching]) -> Vec<Action> {
    let mut decider = Decider {
        per_booking,
        left: limit,
        claimed: HashSet::new(),
    };
    let candidate = |(booking, &matching)| Candidate {
        booking: booking as i64,
        property: 1,
        alone: false,
        people: Option::None,
        found: (0, 0),
        matching,
    };
    matching
        .iter()
        .enumerate()
        .map(candidate)
        .map(|candidate| decider.next(&candidate))
        .collect()
}

#[test]
fn the_earliest_booking_takes_a_conversation_that_two_groups_match() {
    let found = [Unbooked(7), None, Unbooked(7), Unbooked(8), Other];
    let shared = [
        Action::Link(7),
        Action::Create,
        Action::Covered,
        Action::Link(8),
        Action::Covered,
    ];
    assert_eq!(decide(false, 9, &found), shared);
    let own = [
        Action::Link(7),
        Action::Create,
        Action::Create,
        Action::Link(8),
        Action::Create,
    ];
    assert_eq!(decide(true, 9, &found), own);
}

#[test]
fn the_limit_counts_changes_only() {
    let found = [Unbooked(7), Unbooked(7), None, None];
    assert_eq!(
        decide(false, 2, &found),
        [Action::Link(7), Action::Covered, Action::Create, Action::Left]
    );
}
