//! Which tables of a large schema belong together: groups with many links inside and few
//! between them, found by merging greedily while the modularity grows.

use std::collections::{BTreeMap, BTreeSet};

use super::scene::Scene;

/// A cluster of more tables than this is no help to the eye.
const LARGEST: usize = 20;

/// Groups that are to be merged, and how strongly they hang together.
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
    fn new(scene: &Scene) -> Groups {
        let count = scene.boxes.len();
        let pairs: BTreeSet<(usize, usize)> = scene
            .links
            .iter()
            .map(|link| (link.parent.0, link.child.0))
            .filter(|(parent, child)| parent != child)
            .collect();
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
            // That two tables both refer to `users` says little about either.
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

    /// The pair whose merging gains most. Of equal gains the first pair wins, so that the same
    /// schema always gives the same picture.
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

/// The clusters, as indices of boxes in their order; those of one table come last.
pub(super) fn clusters(scene: &Scene) -> Vec<Vec<usize>> {
    let mut groups = Groups::new(scene);
    while let Some((one, other)) = groups.best() {
        groups.merge(one, other);
    }
    let mut out = groups.members;
    out.retain(|group| !group.is_empty());
    out.iter_mut().for_each(|group| group.sort_unstable());
    out.sort_by_key(|group| (group.len() == 1, group[0]));
    out
}
