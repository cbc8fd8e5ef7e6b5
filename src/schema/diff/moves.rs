//! Smallest set of objects to move to reach a given order (longest increasing subsequence).

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::model::Symbol;

/// The fewest names to move so that all names with a `position` are in the `expected` order, each with its
/// predecessor.
pub(super) fn moved(
    expected: impl Iterator<Item = Symbol>,
    position: impl Fn(Symbol) -> Option<usize>,
) -> BTreeMap<Symbol, Option<Symbol>> {
    let common: Vec<(Symbol, usize)> = expected
        .filter_map(|name| Some((name, position(name)?)))
        .collect();
    let positions: Vec<usize> = common.iter().map(|(_, position)| *position).collect();
    let staying = longest_increasing(&positions);
    let moving = (0..common.len()).filter(|at| !staying.contains(at));
    moving
        .map(|at| (common[at].0, at.checked_sub(1).map(|before| common[before].0)))
        .collect()
}

/// The indices of a longest increasing subsequence of `values`.
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
