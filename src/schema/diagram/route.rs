//! The ways of a part's links: level through the gaps between the boxes of a column, upright in
//! the channels between two columns, so that none runs through a box. Links that come from the
//! same place share their way as far as they go together, like the branches of a tree.

use std::collections::BTreeMap;

use super::align::{BETWEEN, Stacks, spread};
use super::place::{End, Frame};
use super::scene::Link;

/// Distance of two links that run side by side.
const LANE: f64 = 8.0;
/// Distance of a link from a box that it passes.
const CLEAR: f64 = 10.0;
/// Room for the marks at both sides of a channel.
const STUB: f64 = 26.0;

/// The corners of a link's way: upright at this x, to this y.
pub(super) type Turns = Vec<(f64, f64)>;

/// Where a link passes a column: through which gap.
type Pass = (usize, usize);

/// A link's end, its column, and what it passes between.
struct Way {
    /// Which links share their way.
    trunk: usize,
    from: (usize, f64),
    to: (usize, f64),
    passes: Vec<Pass>,
}

/// Part of a way within a channel.
struct Piece {
    link: usize,
    channel: usize,
    /// Which pieces are drawn as one.
    trunk: usize,
    from: f64,
    to: f64,
    /// Whether it comes from, and whether it goes to the right side.
    right: (bool, bool),
}

/// Pieces of one trunk in one channel: one upright line.
#[derive(Default)]
struct Upright {
    top: f64,
    bottom: f64,
    left: Vec<f64>,
    right: Vec<f64>,
    pieces: Vec<usize>,
}

/// Lays one part out with its corner at the origin: moves its boxes, returns the size, and the
/// turns of its links in their order.
pub(super) fn route(
    mut stacks: Stacks,
    links: &[(&Link, [End; 2])],
    column_of: &[usize],
    frames: &mut [Frame],
) -> (f64, f64, Vec<Turns>) {
    stacks.align(links, column_of, frames);
    let ways = ways(&stacks, links, column_of, frames);
    make_room(&mut stacks, &ways, frames);
    let lanes = lanes(&stacks, &ways, links, frames);
    let pieces = pieces(&ways, links, &lanes, frames);
    let channels = channels(&pieces, stacks.columns.len());

    let mut turns: Vec<Turns> = vec![Vec::new(); links.len()];
    let (mut x, mut right) = (0.0, 0.0f64);
    for (column, uprights) in stacks.columns.iter().zip(&channels) {
        let wide = column.iter().map(|at| frames[*at].width).fold(0.0, f64::max);
        column.iter().for_each(|at| frames[*at].x = x);
        x += wide;
        right = right.max(x);
        for (track, upright) in uprights {
            let line = x + STUB + *track as f64 * LANE;
            right = right.max(line);
            for at in &upright.pieces {
                turns[pieces[*at].link].push((line, pieces[*at].to));
            }
        }
        let tracks = uprights.iter().map(|(track, _)| track + 1).max().unwrap_or(1);
        x += STUB * 2.0 + (tracks - 1) as f64 * LANE;
    }
    for (turns, way) in turns.iter_mut().zip(&ways) {
        if way.from.0 > way.to.0 {
            turns.reverse();
        }
    }
    let heights = turns.iter().flatten().map(|(_, y)| (*y, *y));
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
    turns.iter_mut().flatten().for_each(|turn| turn.1 -= top);
    (right, bottom - top, turns)
}

/// The gaps that each link passes: those with the least to go up and down, and of these the
/// nearest to where it comes from, so that links stay together for long.
fn ways(stacks: &Stacks, links: &[(&Link, [End; 2])], column_of: &[usize], frames: &[Frame]) -> Vec<Way> {
    let gaps: Vec<Vec<(f64, f64)>> = (0..stacks.columns.len())
        .map(|column| stacks.gaps(column, frames))
        .collect();
    let way = |(link, [parent, child]): &(&Link, [End; 2])| {
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
            let through = |(low, high): &(f64, f64)| y.clamp(low + CLEAR, high - CLEAR);
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
        Way {
            trunk: parent.plug,
            from,
            to,
            passes,
        }
    };
    links.iter().map(way).collect()
}

/// The trunks that pass each gap.
fn passing(ways: &[Way]) -> BTreeMap<Pass, Vec<(usize, usize)>> {
    let mut out: BTreeMap<Pass, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, way) in ways.iter().enumerate() {
        for pass in &way.passes {
            let trunks = out.entry(*pass).or_default();
            if trunks.iter().all(|(trunk, _)| *trunk != way.trunk) {
                trunks.push((way.trunk, at));
            }
        }
    }
    out
}

/// Widens the gaps that many links pass.
fn make_room(stacks: &mut Stacks, ways: &[Way], frames: &mut [Frame]) {
    for ((column, gap), trunks) in passing(ways) {
        let boxes = stacks.columns[column].len();
        if gap > 0 && gap < boxes {
            let needed = CLEAR * 2.0 + (trunks.len() - 1) as f64 * LANE;
            stacks.room[column][gap - 1] = needed.max(BETWEEN);
        }
    }
    for column in 0..stacks.columns.len() {
        stacks.stack(column, frames, |frames, at| frames[at].y);
    }
}

/// The height at which each trunk passes each gap.
fn lanes(
    stacks: &Stacks,
    ways: &[Way],
    links: &[(&Link, [End; 2])],
    frames: &[Frame],
) -> BTreeMap<(Pass, usize), f64> {
    let mut out = BTreeMap::new();
    for ((column, gap), mut trunks) in passing(ways) {
        let (low, high) = stacks.gaps(column, frames)[gap];
        let origin = |(_, at): &(usize, usize)| frames[links[*at].0.parent.0].y + links[*at].1[0].dy;
        trunks.sort_by(|one, other| origin(one).total_cmp(&origin(other)).then(one.cmp(other)));
        let wished: Vec<f64> = trunks
            .iter()
            .map(|trunk| origin(trunk).clamp(low + CLEAR, (high - CLEAR).max(low + CLEAR)))
            .collect();
        let spread = spread(&wished, &vec![LANE; wished.len()]);
        let first = spread.first().copied().unwrap_or_default();
        let last = spread.last().copied().unwrap_or_default();
        // All of them fit; they are only moved together.
        let moved = (low + CLEAR - first).max(0.0) - (last - (high - CLEAR)).max(0.0);
        for ((trunk, _), y) in trunks.iter().zip(spread) {
            out.insert(((column, gap), *trunk), (y + moved).round());
        }
    }
    out
}

/// Cuts the ways into their pieces within channels; a channel is right of the column of its number.
fn pieces(
    ways: &[Way],
    links: &[(&Link, [End; 2])],
    lanes: &BTreeMap<(Pass, usize), f64>,
    frames: &[Frame],
) -> Vec<Piece> {
    let mut out = Vec::new();
    for (at, way) in ways.iter().enumerate() {
        let (link, [parent, child]) = &links[at];
        let mut from = frames[link.parent.0].y + parent.dy;
        let last = frames[link.child.0].y + child.dy;
        let forth = way.from.0 < way.to.0;
        let level = way.from.0 == way.to.0;
        let heights = way
            .passes
            .iter()
            .map(|pass| lanes.get(&(*pass, way.trunk)).copied());
        let mut channel = if forth || level {
            way.from.0
        } else {
            way.from.0.saturating_sub(1)
        };
        for to in heights.chain([Some(last)]) {
            let to = to.unwrap_or(from);
            if level || (from - to).abs() > 0.5 {
                out.push(Piece {
                    link: at,
                    channel,
                    // What turns back does not share.
                    trunk: if level { usize::MAX - at } else { way.trunk },
                    from,
                    to,
                    right: (!forth && !level, forth),
                });
            }
            from = to;
            channel = if forth {
                channel + 1
            } else {
                channel.saturating_sub(1)
            };
        }
    }
    out
}

/// The upright lines of each channel, with the number of the track of each.
fn channels(pieces: &[Piece], columns: usize) -> Vec<Vec<(usize, Upright)>> {
    let mut uprights: Vec<BTreeMap<(usize, i64), Upright>> = Vec::new();
    uprights.resize_with(columns, BTreeMap::new);
    for (at, piece) in pieces.iter().enumerate() {
        let (top, bottom) = (piece.from.min(piece.to), piece.from.max(piece.to));
        let upright = uprights[piece.channel]
            .entry((piece.trunk, piece.from as i64))
            .or_insert_with(|| Upright {
                top,
                bottom,
                ..Upright::default()
            });
        (upright.top, upright.bottom) = (upright.top.min(top), upright.bottom.max(bottom));
        for (y, right) in [(piece.from, piece.right.0), (piece.to, piece.right.1)] {
            if right {
                &mut upright.right
            } else {
                &mut upright.left
            }
            .push(y);
        }
        upright.pieces.push(at);
    }
    uprights
        .into_iter()
        .map(|channel| tracks(channel.into_values().collect()))
        .collect()
}

/// How many crossings there are when the one line is left of the other.
fn crossings(left: &Upright, right: &Upright) -> usize {
    let within = |one: &Upright, y: &f64| *y >= one.top && *y <= one.bottom;
    let there = left.right.iter().filter(|y| within(right, y)).count();
    let back = right.left.iter().filter(|y| within(left, y)).count();
    there + back
}

/// Gives each line a track: each is put where it adds least crossings.
fn tracks(mut lines: Vec<Upright>) -> Vec<(usize, Upright)> {
    lines.sort_by(|one, other| {
        one.top
            .total_cmp(&other.top)
            .then(one.bottom.total_cmp(&other.bottom))
    });
    let mut order: Vec<Upright> = Vec::new();
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
    let mut out: Vec<(usize, Upright)> = Vec::new();
    for line in order {
        let beside = |other: &Upright| line.top < other.bottom + LANE && other.top < line.bottom + LANE;
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
