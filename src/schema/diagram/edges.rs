//! Orthogonal edge routing within one component: horizontal through the gaps between the boxes of a
//! column, vertical in the channels between two columns, so that no link crosses a box. Links that
//! leave the same port share their route as far as possible, like the branches of a tree.

use std::collections::BTreeMap;

use super::coordinates::{BOX_GAP, BoxColumns, spread};
use super::geometry::{Bends, Frame, LinkEnd};
use super::graph::Link;

/// Distance between two parallel links.
const LANE: f64 = 8.0;
/// Distance of a link from a box it passes.
const CLEARANCE: f64 = 10.0;
/// Space for the end marks at both sides of a channel.
const STUB: f64 = 26.0;

/// A column that a link passes, and the gap it passes through.
type Pass = (usize, usize);

/// The route of a link: the columns and heights of its ends, and the gaps between them.
struct EdgeRoute {
    /// Links with the same trunk share their route.
    trunk: usize,
    from: (usize, f64),
    to: (usize, f64),
    passes: Vec<Pass>,
}

/// The part of a route within one channel.
struct ChannelPiece {
    link: usize,
    channel: usize,
    /// Which pieces are drawn as one.
    trunk: usize,
    from: f64,
    to: f64,
    /// Whether it comes from, and whether it goes to the right side.
    right: (bool, bool),
}

/// One vertical line: the pieces of one trunk in one channel.
#[derive(Default)]
struct VerticalSegment {
    top: f64,
    bottom: f64,
    left: Vec<f64>,
    right: Vec<f64>,
    pieces: Vec<usize>,
}

/// Lays out one component with its corner at the origin: moves its boxes, and returns its size and
/// the bends of its links in their order.
pub(super) fn route_edges(
    mut stacks: BoxColumns,
    links: &[(&Link, [LinkEnd; 2])],
    column_of: &[usize],
    frames: &mut [Frame],
) -> (f64, f64, Vec<Bends>) {
    stacks.align(links, column_of, frames);
    let routes = routes(&stacks, links, column_of, frames);
    make_room(&mut stacks, &routes, frames);
    let lanes = lanes(&stacks, &routes, links, frames);
    let pieces = pieces(&routes, links, &lanes, frames);
    let channels = channels(&pieces, stacks.columns.len());

    let mut bends: Vec<Bends> = vec![Vec::new(); links.len()];
    let (mut x, mut right) = (0.0, 0.0f64);
    for (column, segments) in stacks.columns.iter().zip(&channels) {
        let wide = column.iter().map(|at| frames[*at].width).fold(0.0, f64::max);
        column.iter().for_each(|at| frames[*at].x = x);
        x += wide;
        right = right.max(x);
        for (track, segment) in segments {
            let line = x + STUB + *track as f64 * LANE;
            right = right.max(line);
            for at in &segment.pieces {
                bends[pieces[*at].link].push((line, pieces[*at].to));
            }
        }
        let tracks = segments.iter().map(|(track, _)| track + 1).max().unwrap_or(1);
        x += STUB * 2.0 + (tracks - 1) as f64 * LANE;
    }
    for (bends, route) in bends.iter_mut().zip(&routes) {
        if route.from.0 > route.to.0 {
            bends.reverse();
        }
    }
    let heights = bends.iter().flatten().map(|(_, y)| (*y, *y));
    let boxes = stacks.columns.iter().flatten();
    let (top, bottom) = boxes
        .map(|at| (frames[*at].y, frames[*at].y + frames[*at].height))
        .chain(heights)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(top, bottom), (y, end)| {
            (top.min(y), bottom.max(end))
        });
    stacks
        .columns
        .iter()
        .flatten()
        .for_each(|at| frames[*at].y -= top);
    bends.iter_mut().flatten().for_each(|bend| bend.1 -= top);
    (right, bottom - top, bends)
}

/// The gaps that each link passes: those with the least vertical distance, and among these the one
/// nearest to the link's start, so that links stay together as long as possible.
fn routes(
    stacks: &BoxColumns,
    links: &[(&Link, [LinkEnd; 2])],
    column_of: &[usize],
    frames: &[Frame],
) -> Vec<EdgeRoute> {
    let gaps: Vec<Vec<(f64, f64)>> = (0..stacks.columns.len())
        .map(|column| stacks.gaps(column, frames))
        .collect();
    let route = |(link, [parent, child]): &(&Link, [LinkEnd; 2])| {
        let from = (column_of[link.parent.0], frames[link.parent.0].y + parent.dy);
        let to = (column_of[link.child.0], frames[link.child.0].y + child.dy);
        let between: Vec<usize> = if from.0 < to.0 {
            (from.0 + 1..to.0).collect()
        } else {
            (to.0 + 1..from.0).rev().collect()
        };
        let mut y = from.1;
        let mut passes = Vec::with_capacity(between.len());
        for column in between {
            let through = |(low, high): &(f64, f64)| y.clamp(low + CLEARANCE, high - CLEARANCE);
            let cost = |at: &usize| {
                let there = through(&gaps[column][*at]);
                ((there - y).abs() + (there - to.1).abs(), (there - y).abs())
            };
            let gap = (0..gaps[column].len())
                .min_by(|one, other| {
                    let (one, other) = (cost(one), cost(other));
                    one.0
                        .round()
                        .total_cmp(&other.0.round())
                        .then(one.1.total_cmp(&other.1))
                })
                .unwrap_or(0);
            y = through(&gaps[column][gap]);
            passes.push((column, gap));
        }
        EdgeRoute {
            trunk: parent.port,
            from,
            to,
            passes,
        }
    };
    links.iter().map(route).collect()
}

/// The trunks that pass each gap.
fn trunks_by_gap(routes: &[EdgeRoute]) -> BTreeMap<Pass, Vec<(usize, usize)>> {
    let mut out: BTreeMap<Pass, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, route) in routes.iter().enumerate() {
        for pass in &route.passes {
            let trunks = out.entry(*pass).or_default();
            if trunks.iter().all(|(trunk, _)| *trunk != route.trunk) {
                trunks.push((route.trunk, at));
            }
        }
    }
    out
}

/// Widens the gaps that many links pass.
fn make_room(stacks: &mut BoxColumns, routes: &[EdgeRoute], frames: &mut [Frame]) {
    for ((column, gap), trunks) in trunks_by_gap(routes) {
        let boxes = stacks.columns[column].len();
        if gap > 0 && gap < boxes {
            let needed = CLEARANCE * 2.0 + (trunks.len() - 1) as f64 * LANE;
            stacks.room[column][gap - 1] = needed.max(BOX_GAP);
        }
    }
    for column in 0..stacks.columns.len() {
        stacks.stack(column, frames, |frames, at| frames[at].y);
    }
}

/// The height at which each trunk passes each gap.
fn lanes(
    stacks: &BoxColumns,
    routes: &[EdgeRoute],
    links: &[(&Link, [LinkEnd; 2])],
    frames: &[Frame],
) -> BTreeMap<(Pass, usize), f64> {
    let mut out = BTreeMap::new();
    for ((column, gap), mut trunks) in trunks_by_gap(routes) {
        let (low, high) = stacks.gaps(column, frames)[gap];
        let origin = |(_, at): &(usize, usize)| frames[links[*at].0.parent.0].y + links[*at].1[0].dy;
        trunks.sort_by(|one, other| origin(one).total_cmp(&origin(other)).then(one.cmp(other)));
        let desired: Vec<f64> = trunks
            .iter()
            .map(|trunk| origin(trunk).clamp(low + CLEARANCE, (high - CLEARANCE).max(low + CLEARANCE)))
            .collect();
        let spread = spread(&desired, &vec![LANE; desired.len()]);
        let first = spread.first().copied().unwrap_or_default();
        let last = spread.last().copied().unwrap_or_default();
        // All of them fit; they are only shifted together.
        let moved = (low + CLEARANCE - first).max(0.0) - (last - (high - CLEARANCE)).max(0.0);
        for ((trunk, _), y) in trunks.iter().zip(spread) {
            out.insert(((column, gap), *trunk), (y + moved).round());
        }
    }
    out
}

/// Splits the routes into their pieces within channels; a channel is to the right of the column with its number.
fn pieces(
    routes: &[EdgeRoute],
    links: &[(&Link, [LinkEnd; 2])],
    lanes: &BTreeMap<(Pass, usize), f64>,
    frames: &[Frame],
) -> Vec<ChannelPiece> {
    let mut out = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        let (link, [parent, child]) = &links[at];
        let mut from = frames[link.parent.0].y + parent.dy;
        let last = frames[link.child.0].y + child.dy;
        let forward = route.from.0 < route.to.0;
        let level = route.from.0 == route.to.0;
        let heights = route
            .passes
            .iter()
            .map(|pass| lanes.get(&(*pass, route.trunk)).copied());
        let mut channel = if forward || level {
            route.from.0
        } else {
            route.from.0.saturating_sub(1)
        };
        for to in heights.chain([Some(last)]) {
            let to = to.unwrap_or(from);
            if level || (from - to).abs() > 0.5 {
                out.push(ChannelPiece {
                    link: at,
                    channel,
                    // A link that turns back shares its route with no other.
                    trunk: if level { usize::MAX - at } else { route.trunk },
                    from,
                    to,
                    right: (!forward && !level, forward),
                });
            }
            from = to;
            channel = if forward {
                channel + 1
            } else {
                channel.saturating_sub(1)
            };
        }
    }
    out
}

/// The vertical lines of each channel, with the number of each line's track.
fn channels(pieces: &[ChannelPiece], columns: usize) -> Vec<Vec<(usize, VerticalSegment)>> {
    let mut segments: Vec<BTreeMap<(usize, i64), VerticalSegment>> = Vec::new();
    segments.resize_with(columns, BTreeMap::new);
    for (at, piece) in pieces.iter().enumerate() {
        let (top, bottom) = (piece.from.min(piece.to), piece.from.max(piece.to));
        let segment = segments[piece.channel]
            .entry((piece.trunk, piece.from as i64))
            .or_insert_with(|| VerticalSegment {
                top,
                bottom,
                ..VerticalSegment::default()
            });
        (segment.top, segment.bottom) = (segment.top.min(top), segment.bottom.max(bottom));
        for (y, right) in [(piece.from, piece.right.0), (piece.to, piece.right.1)] {
            if right {
                &mut segment.right
            } else {
                &mut segment.left
            }
            .push(y);
        }
        segment.pieces.push(at);
    }
    segments
        .into_iter()
        .map(|channel| tracks(channel.into_values().collect()))
        .collect()
}

/// Number of crossings if `left` is drawn to the left of `right`.
fn crossings(left: &VerticalSegment, right: &VerticalSegment) -> usize {
    let within = |one: &VerticalSegment, y: &f64| *y >= one.top && *y <= one.bottom;
    let there = left.right.iter().filter(|y| within(right, y)).count();
    let back = right.left.iter().filter(|y| within(left, y)).count();
    there + back
}

/// Assigns a track to each line, each at the position that adds the fewest crossings.
fn tracks(mut lines: Vec<VerticalSegment>) -> Vec<(usize, VerticalSegment)> {
    lines.sort_by(|one, other| {
        one.top
            .total_cmp(&other.top)
            .then(one.bottom.total_cmp(&other.bottom))
    });
    let mut order: Vec<VerticalSegment> = Vec::new();
    for line in lines {
        let mut cost: usize = order.iter().map(|other| crossings(&line, other)).sum();
        let mut best = (cost, 0);
        for (at, other) in order.iter().enumerate() {
            cost = cost + crossings(other, &line) - crossings(&line, other);
            if cost < best.0 {
                best = (cost, at + 1);
            }
        }
        order.insert(best.1, line);
    }
    let mut out: Vec<(usize, VerticalSegment)> = Vec::new();
    for line in order {
        let beside =
            |other: &VerticalSegment| line.top < other.bottom + LANE && other.top < line.bottom + LANE;
        let track = out
            .iter()
            .filter(|(_, other)| beside(other))
            .map(|(track, _)| track + 1)
            .max()
            .unwrap_or(0);
        out.push((track, line));
    }
    out
}
