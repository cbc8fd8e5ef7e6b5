//! Which tables of a large schema belong together: groups with many links inside and few
//! between them, found by merging greedily while the modularity grows.

use std::collections::BTreeMap;

use super::scene::Scene;

/// A cluster of more tables than this is no help to the eye.
const LARGEST: usize = 24;

/// The clusters, as indices of boxes in their order.
pub(super) fn clusters(scene: &Scene) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = (0..scene.boxes.len()).map(|at| vec![at]).collect();
    let mut degrees = vec![0.0f64; groups.len()];
    let mut between: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for link in scene.links.iter().filter(|link| link.child.0 != link.parent.0) {
        let (one, other) = (link.child.0.min(link.parent.0), link.child.0.max(link.parent.0));
        *between.entry((one, other)).or_default() += 1.0;
        degrees[one] += 1.0;
        degrees[other] += 1.0;
    }
    let all: f64 = between.values().sum::<f64>().max(1.0);
    loop {
        let gain = |(pair, links): (&(usize, usize), &f64)| {
            let (one, other) = *pair;
            (
                links / all - degrees[one] * degrees[other] / (2.0 * all * all),
                *pair,
            )
        };
        let fits = |pair: &(usize, usize)| groups[pair.0].len() + groups[pair.1].len() <= LARGEST;
        // Of equal gains the first pair wins, so that the same schema always gives the same picture.
        let best = between
            .iter()
            .filter(|(pair, _)| fits(pair))
            .map(gain)
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((_, (one, other))) = best.filter(|(gain, _)| *gain > 0.0) else {
            break;
        };
        let moved = std::mem::take(&mut groups[other]);
        groups[one].extend(moved);
        degrees[one] += std::mem::take(&mut degrees[other]);
        let old = std::mem::take(&mut between);
        for ((a, b), links) in old {
            let rename = |at: usize| if at == other { one } else { at };
            let (a, b) = (rename(a), rename(b));
            if a != b {
                *between.entry((a.min(b), a.max(b))).or_default() += links;
            }
        }
    }
    groups.retain(|group| !group.is_empty());
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups
}
