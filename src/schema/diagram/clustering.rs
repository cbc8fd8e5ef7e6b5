//! Divides the tables of a large schema into clusters with many links inside and few between them, by
//! greedy merging as long as the modularity increases.

use std::collections::{BTreeMap, BTreeSet};

/// Largest number of tables in a cluster; larger ones are hard to read.
const LARGEST: usize = 20;

/// Groups of tables and their link weights.
struct Groups {
    members: Vec<Vec<usize>>,
    degrees: Vec<f64>,
    between: BTreeMap<(usize, usize), f64>,
    near: Vec<BTreeSet<usize>>,
    all: f64,
}

fn ordered(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

impl Groups {
    fn new(count: usize, links: impl Iterator<Item = (usize, usize)>) -> Groups {
        let pairs: BTreeSet<(usize, usize)> = links.filter(|(parent, child)| parent != child).collect();
        let mut children = vec![0.0f64; count];
        pairs.iter().for_each(|(parent, _)| children[*parent] += 1.0);
        let mut groups = Groups {
            members: (0..count).map(|at| vec![at]).collect(),
            degrees: vec![0.0; count],
            between: BTreeMap::new(),
            near: vec![BTreeSet::new(); count],
            all: 0.0,
        };
        for (parent, child) in pairs {
            // Two tables that both refer to `users` are not necessarily related.
            let weight = 1.0 / children[parent].sqrt();
            groups.add(parent, child, weight);
            groups.degrees[parent] += weight;
            groups.degrees[child] += weight;
            groups.all += weight;
        }
        groups
    }

    fn add(&mut self, one: usize, other: usize, weight: f64) {
        *self.between.entry(ordered(one, other)).or_default() += weight;
        self.near[one].insert(other);
        self.near[other].insert(one);
    }

    /// The pair whose merging increases the modularity most. Of equal gains the first pair wins, so
    /// that the same schema always gives the same diagram.
    fn best(&self) -> Option<(usize, usize)> {
        let fits = |one: usize, other: usize| self.members[one].len() + self.members[other].len() <= LARGEST;
        let mut best = (0.0, None);
        for ((one, other), weight) in &self.between {
            let by_chance = self.degrees[*one] * self.degrees[*other] / (2.0 * self.all);
            if weight - by_chance > best.0 && fits(*one, *other) {
                best = (weight - by_chance, Some((*one, *other)));
            }
        }
        best.1
    }

    fn merge(&mut self, one: usize, other: usize) {
        let moved = std::mem::take(&mut self.members[other]);
        self.members[one].extend(moved);
        self.degrees[one] += std::mem::take(&mut self.degrees[other]);
        for third in std::mem::take(&mut self.near[other]) {
            self.near[third].remove(&other);
            let weight = self.between.remove(&ordered(other, third)).unwrap_or_default();
            if third != one {
                self.add(one, third, weight);
            }
        }
    }
}

/// The clusters of `count` boxes with these links (parent, child), as sorted indices of boxes; clusters
/// of one table are last.
pub(super) fn clusters(count: usize, links: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut groups = Groups::new(count, links);
    while let Some((one, other)) = groups.best() {
        groups.merge(one, other);
    }
    let mut out = groups.members;
    out.retain(|group| !group.is_empty());
    out.iter_mut().for_each(|group| group.sort_unstable());
    out.sort_by_key(|group| (group.len() == 1, group[0]));
    out
}
