//! Assigns the vertical coordinate of each box of a component: level with the boxes it is linked to, as
//! far as the order of its column and the space between two boxes permit.

use super::geometry::{Frame, LinkEnd};
use super::graph::Link;

/// Space between two boxes of a column.
pub(super) const BOX_GAP: f64 = 28.0;
/// Number of passes over the columns, forward and back.
const SWEEPS: usize = 6;

/// The columns of a component, with the space required below each box.
pub(super) struct BoxColumns {
    pub(super) columns: Vec<Vec<usize>>,
    pub(super) room: Vec<Vec<f64>>,
}

/// Positions closest to the desired ones (isotonic fit) that keep their order and are at least `room`
/// apart: positions that are too close form a block, which is centred on their mean.
pub(super) fn spread(desired: &[f64], room: &[f64]) -> Vec<f64> {
    let mut offsets = vec![0.0; desired.len()];
    for at in 1..desired.len() {
        offsets[at] = offsets[at - 1] + room[at - 1];
    }
    // Blocks of neighbours that touch: the sum of their desired positions, and their number.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (desire, offset) in desired.iter().zip(&offsets) {
        let mut block = (desire - offset, 1);
        while let Some(last) = blocks.last()
            && last.0 / last.1 as f64 >= block.0 / block.1 as f64
        {
            block = (block.0 + last.0, block.1 + last.1);
            blocks.pop();
        }
        blocks.push(block);
    }
    let starts = blocks
        .iter()
        .flat_map(|(sum, count)| std::iter::repeat_n(sum / *count as f64, *count));
    starts
        .zip(&offsets)
        .map(|(start, offset)| start + offset)
        .collect()
}

impl BoxColumns {
    pub(super) fn new(columns: Vec<Vec<usize>>) -> BoxColumns {
        let room = columns.iter().map(|column| vec![BOX_GAP; column.len()]).collect();
        BoxColumns { columns, room }
    }

    /// Assigns a vertical coordinate to all boxes.
    pub(super) fn align(&self, links: &[(&Link, [LinkEnd; 2])], column_of: &[usize], frames: &mut [Frame]) {
        // The boxes that each box is linked to, and the vertical offset between the ends of the link.
        let mut near: Vec<(usize, usize, f64)> = Vec::new();
        for (link, [parent, child]) in links {
            let (from, to) = (link.parent.0, link.child.0);
            if from != to {
                near.push((from, to, child.dy - parent.dy));
                near.push((to, from, parent.dy - child.dy));
            }
        }
        near.sort_by_key(|neighbour| (neighbour.0, neighbour.1));
        for column in 0..self.columns.len() {
            self.stack(column, frames, |frames, at| frames[at].y);
        }
        let count = self.columns.len();
        for sweep in 0..=SWEEPS {
            let toward = |other: usize, own: usize, forward: bool| {
                sweep == SWEEPS || if forward { other < own } else { other > own }
            };
            let order = (0..count)
                .map(|at| (at, true))
                .chain((0..count).rev().map(|at| (at, false)));
            for (column, forward) in order {
                self.stack(column, frames, |frames, at| {
                    let first = near.partition_point(|neighbour| neighbour.0 < at);
                    let own = || near[first..].iter().take_while(|neighbour| neighbour.0 == at);
                    let chosen = || own().filter(|neighbour| toward(column_of[neighbour.1], column, forward));
                    let mean = |list: &mut dyn Iterator<Item = &(usize, usize, f64)>| {
                        let (sum, count) = list.fold((0.0, 0usize), |(sum, count), neighbour| {
                            (sum + frames[neighbour.1].y + neighbour.2, count + 1)
                        });
                        (count > 0).then(|| sum / count as f64)
                    };
                    mean(&mut chosen())
                        .or_else(|| mean(&mut own()))
                        .unwrap_or(frames[at].y)
                });
            }
        }
    }

    /// Sets the vertical coordinates of one column.
    pub(super) fn stack(&self, column: usize, frames: &mut [Frame], desire: impl Fn(&[Frame], usize) -> f64) {
        let boxes = &self.columns[column];
        let desired: Vec<f64> = boxes.iter().map(|at| desire(frames, *at)).collect();
        let room: Vec<f64> = boxes
            .iter()
            .zip(&self.room[column])
            .map(|(at, room)| frames[*at].height + room)
            .collect();
        for (at, y) in boxes.iter().zip(spread(&desired, &room)) {
            frames[*at].y = y.round();
        }
    }

    /// The gaps of a column, from above its first box to below its last.
    pub(super) fn gaps(&self, column: usize, frames: &[Frame]) -> Vec<(f64, f64)> {
        let boxes = &self.columns[column];
        let tops = boxes.iter().map(|at| frames[*at].y).chain([f64::INFINITY]);
        let bottoms = boxes.iter().map(|at| frames[*at].y + frames[*at].height);
        [f64::NEG_INFINITY].into_iter().chain(bottoms).zip(tops).collect()
    }
}
