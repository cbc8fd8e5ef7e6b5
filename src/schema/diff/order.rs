//! What has to move for things to stand in another order.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::model::Text;

/// The names that have to move for all that have a `place` to stand as in `wanted`, as few as
/// possible, each with the one that comes before it.
pub(super) fn moved(
    wanted: impl Iterator<Item = Text>,
    place: impl Fn(Text) -> Option<usize>,
) -> BTreeMap<Text, Option<Text>> {
    let common: Vec<(Text, usize)> = wanted.filter_map(|name| Some((name, place(name)?))).collect();
    let places: Vec<usize> = common.iter().map(|(_, place)| *place).collect();
    let staying = longest_increasing(&places);
    let moving = (0..common.len()).filter(|at| !staying.contains(at));
    moving
        .map(|at| (common[at].0, at.checked_sub(1).map(|before| common[before].0)))
        .collect()
}

/// The positions of a longest increasing run within `values`, not necessarily next to each other.
fn longest_increasing(values: &[usize]) -> BTreeSet<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; values.len()];
    for at in 0..values.len() {
        let place = tails.partition_point(|tail| values[*tail] < values[at]);
        before[at] = place.checked_sub(1).map(|place| tails[place]);
        if place == tails.len() {
            tails.push(at);
        } else {
            tails[place] = at;
        }
    }
    let mut out = BTreeSet::new();
    let mut next = tails.last().copied();
    while let Some(at) = next {
        out.insert(at);
        next = before[at];
    }
    out
}
